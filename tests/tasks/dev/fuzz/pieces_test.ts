import { assertEquals } from "@std/assert";
import { text, utf8 } from "../../../../lib/bytes.ts";
import {
  type Field,
  inBlocks,
  joined,
  plain,
  struct,
  textPieces,
} from "../../../../tasks/dev/fuzz/pieces.ts";

const at = (at: number, size: number): Field => ({ kind: "number", at, size, form: "u16le" });

Deno.test("struct() lays members out and gives each number and text its field", () => {
  const piece = struct([["u16le", 1], ["bytes", utf8("ab")], ["text", "x", 4], ["u32be", 2]]);
  assertEquals(piece.bytes, utf8("\x01\0abx\0\0\0\0\0\0\x02"));
  assertEquals(
    piece.fields.map((field) => "at" in field ? [field.kind, field.at, field.size] : []),
    [
      ["number", 0, 2],
      ["text", 4, 4],
      ["number", 8, 4],
    ],
  );
});

Deno.test("inBlocks() cuts where fields are, and keeps the rest in one", () => {
  const bytes = new Uint8Array(100).map((_, i) => i);
  const pieces = inBlocks(bytes, 10, [at(2, 2), at(55, 2), at(58, 4), at(98, 2)]);
  assertEquals(pieces.map((piece) => [piece.bytes.length, piece.fields.length]), [
    [10, 1],
    [40, 0],
    // A field across two blocks is left out.
    [10, 1],
    [30, 0],
    [10, 1],
  ]);
  assertEquals(joined(pieces), bytes);
  assertEquals(pieces[2]!.fields, [at(5, 2)]);
});

Deno.test("textPieces() knows words, numbers and base64, and loses nothing", () => {
  const given = `a_b = 12, "é"\n\t${"QUJD".repeat(12)}\n`;
  const pieces = textPieces(given);
  assertEquals(text(joined(pieces)), given);
  const kinds = pieces.filter(({ fields }) => fields.length > 0)
    .map(({ bytes, fields, group }) => [text(bytes).slice(0, 4), fields[0]!.kind, group]);
  assertEquals(kinds, [["a_b", "word", 0], ["12", "digits", 0], ["QUJD", "base64", 1]]);
  assertEquals(joined([plain(utf8("x")), plain(utf8("y"))]), utf8("xy"));
});
