import { assertEquals, assertThrows } from "@std/assert";
import * as v from "valibot";
import { utf8 } from "../../../lib/bytes.ts";
import { readJson, UnreadableError } from "../../../lib/schema/read.ts";

const SCHEMA = v.object({ a: v.optional(v.unknown()) });
const read = (text: string) => readJson(SCHEMA, utf8(text), 4 * 1024 * 1024);

Deno.test("readJson() refuses nesting that whatever walks it would run out of stack with", () => {
  for (const [open, close] of [["[", "]"], ['{"a":', "}"]] as const) {
    const nested = (levels: number) => `{"a":${open.repeat(levels)}0${close.repeat(levels)}}`;
    assertEquals(Object.keys(read(nested(60))), ["a"]);
    for (const levels of [64, 20_000, 500_000]) {
      assertThrows(() => read(nested(levels)), UnreadableError, "it is nested more than 64 deep");
    }
  }
});
