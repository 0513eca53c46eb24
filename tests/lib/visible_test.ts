import { assertEquals } from "@std/assert";
import { visible } from "../../lib/visible.ts";

Deno.test("visible() writes out what moves a cursor, turns writing or ends a line unseen", () => {
  assertEquals(visible("\x1b]0;mine\x07\x9b2J\x7f"), "\\u001b]0;mine\\u0007\\u009b2J\\u007f");
  assertEquals(visible("a\rb\x00c\u2028d"), "a\\u000db\\u0000c\\u2028d");
  assertEquals(
    visible("\u202egnp.exe \u2066x\u2069 \ufeff"),
    "\\u202egnp.exe \\u2066x\\u2069 \\ufeff",
  );
  assertEquals(visible("\ud800 \u{e0041}"), "\\ud800 \\udb40\\udc41");
});

Deno.test("visible() leaves ordinary text, its lines and tabs as they are", () => {
  for (const text of ["", "a\n\tb  c", "Grüße, 世界, 👩‍🚀, می‌خواهم", "\\u001b"]) {
    assertEquals(visible(text), text);
  }
  assertEquals(visible(visible("\x1b[2J")), visible("\x1b[2J"));
});

Deno.test("visible() keeps JSON what it is", () => {
  const value = { name: "\u202e\x9bm\x1b[31m", more: ["\u2028", "\x7f"] };
  assertEquals(JSON.parse(visible(JSON.stringify(value, null, 2))), value);
});
