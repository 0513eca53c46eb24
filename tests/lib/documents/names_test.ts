import { assertEquals } from "@std/assert";
import { isNodeName, TAG_NAME } from "../../../lib/documents/names.ts";

Deno.test("isNodeName() takes host name labels in lower case", () => {
  for (const name of ["a", "a1", "node-7", "0", "a".repeat(63)]) {
    assertEquals(isNodeName(name), true);
  }
});

Deno.test("isNodeName() refuses what is no label or means something else", () => {
  const bad = [
    "",
    "-a",
    "a-",
    "A",
    "a.b",
    "a_b",
    "a/b",
    "..",
    "a\n",
    "a".repeat(64),
    "ä",
    "global",
  ];
  for (const name of [...bad, "localhost"]) assertEquals(isNodeName(name), false, name);
});

Deno.test("TAG_NAME takes no path", () => {
  for (const name of ["lab", "k3s-server", "zone_1"]) assertEquals(TAG_NAME.test(name), true);
  for (const name of ["", "..", "a/b", "_a", "A", "a\n"]) assertEquals(TAG_NAME.test(name), false);
});
