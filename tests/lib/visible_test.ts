import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { printable, visible } from "../../lib/visible.ts";

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

/** Text that is mostly what a terminal takes for something else, cut anywhere, halves of characters among it. */
const foreign = fc.array(
  fc.oneof(
    fc.constantFrom(
      ..."\n\r\t\v\0\x1b\x7f\x85\x9b\xad\u061c\u200b\u200d\u200e\u2028\u2029\u202e\u2066\ufeff",
    ),
    fc.constantFrom("\ud83d", "\ude80", "🚀", "\u{e0041}", "👩‍🚀", "a", " "),
    fc.string({ unit: "binary", maxLength: 3 }),
    fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)),
  ),
  { maxLength: 40 },
).map((pieces) => pieces.join(""));

Deno.test("printable() makes one line of no more than the length, with nothing that a terminal obeys, of any text", () => {
  fc.assert(fc.property(foreign, fc.integer({ min: 1, max: 50 }), (text, max) => {
    const shown = printable(text, max);
    return shown.length <= max && !/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u.test(shown) &&
      shown.isWellFormed() && (shown.endsWith("…") || text.length <= max) &&
      printable(shown, max) === shown;
  }));
});

Deno.test("printable() leaves ordinary text as it is, and shows where something was", () => {
  for (const text of ["", "a  b", "Grüße, 世界, 🚀", "\\u001b"]) {
    assertEquals(printable(text, 40), text);
  }
  assertEquals(printable("a\r\n\tb\u2028c", 40), "a b c");
  assertEquals(printable("\x1b[2J\u202egnp", 40), "?[2J?gnp");
  assertEquals([printable("a\u3164b\u115f", 40), visible("\u3164")], ["a?b?", "\\u3164"]);
  assertEquals(printable("12345", 5), "12345");
  assertEquals(printable("123456", 5), "1234…");
  assertEquals(printable("123🚀56", 5), "123…");
});
