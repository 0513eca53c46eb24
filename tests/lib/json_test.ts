import { assertEquals } from "@std/assert";
import { text } from "../../lib/bytes.ts";
import { canonicalJson } from "../../lib/json.ts";

Deno.test("canonicalJson() sorts keys at every depth and keeps lists", () => {
  const value = { b: [2, 1, { d: 1, c: null }], a: "ä" };
  assertEquals(
    text(canonicalJson(value)),
    '{\n  "a": "ä",\n  "b": [\n    2,\n    1,\n    {\n      "c": null,\n      "d": 1\n    }\n  ]\n}\n',
  );
});
