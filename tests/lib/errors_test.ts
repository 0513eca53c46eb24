import { assertEquals, assertLess } from "@std/assert";
import { errorText } from "../../lib/errors.ts";

Deno.test("errorText() is one line of anything thrown", () => {
  assertEquals(errorText(new Error(" a\r\n\n  b \n c  d\n")), "a b c  d");
  assertEquals(errorText("text"), "text");
  assertEquals(errorText(undefined), "undefined");
});

Deno.test("errorText() takes no time over a million blanks that a server sent", () => {
  const start = performance.now();
  assertEquals(errorText(new Error(`a${" ".repeat(1_000_000)}b`)).length, 1_000_002);
  // Searching for line ends from each blank takes minutes.
  assertLess(performance.now() - start, 5_000);
});
