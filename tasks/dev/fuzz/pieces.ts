/**
 * Inputs as pieces: headers, records, lines, words, each with the fields in it and how its sums are made right. A mutation by
 * grammar changes fields and pieces, then seals what it has changed, so that the reader gets past the sums.
 *
 * @module
 */
import { type Bytes, concat, utf8 } from "../../../lib/bytes.ts";
import { FORM_BYTES, type NumberForm, writeNumber } from "./numbers.ts";

/** What can be changed in a piece. */
export type Field =
  /** A number at a place. */
  | { kind: "number"; at: number; size: number; form: NumberForm }
  /** A text in a field of fixed size, the rest of it filled with `fill`; `words` are those that mean something there. */
  | { kind: "text"; at: number; size: number; fill: number; words?: readonly string[] }
  /** The whole piece is a word, or a number in digits, of any length. */
  | { kind: "word" | "digits" }
  /** The whole piece is base64 of something with fields of its own. */
  | { kind: "base64"; fields: readonly Field[] };

/** The field of a number. */
export function numberAt(at: number, size: number, form: NumberForm): Field {
  return { kind: "number", at, size, form };
}

/** A part of a file. */
export interface Piece {
  readonly bytes: Bytes;
  readonly fields: readonly Field[];
  /** Makes sums right that the piece holds of itself. Must take bytes of any content and length. */
  readonly seal?: (bytes: Bytes) => void;
  /** Neighbours of the same number belong together, e.g. the words of a line. */
  readonly group?: number;
}

/** A piece with nothing in it to be changed but its bytes. */
export function plain(bytes: Bytes, group?: number): Piece {
  return { bytes, fields: [], ...(group === undefined ? {} : { group }) };
}

/** One thing in a {@linkcode struct}: a number, bytes as they are, or a text in a field of that many bytes. */
export type Member =
  | [form: Exclude<NumberForm, "octal" | "hex" | "decimal">, value: number]
  | [form: "bytes", value: Uint8Array]
  | [form: "text", value: string, size: number];

/** A piece made of `members`, with a field for each number and text. */
export function struct(
  members: readonly Member[],
  more: Pick<Piece, "seal" | "group"> = {},
): Piece {
  const parts: Bytes[] = [];
  const fields: Field[] = [];
  let at = 0;
  for (const member of members) {
    const part = memberBytes(member);
    const size = part.length;
    if (member[0] === "text") fields.push({ kind: "text", at, size, fill: 0 });
    else if (member[0] !== "bytes") fields.push({ kind: "number", at, size, form: member[0] });
    parts.push(part);
    at += size;
  }
  return { bytes: concat(parts), fields, ...more };
}

function memberBytes(member: Member): Bytes {
  if (member[0] === "bytes") return new Uint8Array(member[1]);
  if (member[0] === "text") {
    const out = new Uint8Array(member[2]);
    out.set(utf8(member[1]));
    return out;
  }
  const out = new Uint8Array(FORM_BYTES[member[0]]);
  writeNumber(out, member[0], member[1]);
  return out;
}

/** All pieces in a row. */
export function joined(pieces: readonly Piece[]): Bytes {
  return concat(pieces.map(({ bytes }) => bytes));
}

/** `bytes` in pieces of `size`, with the fields that lie wholly in one of them; what has no field stays one piece. */
export function inBlocks(bytes: Bytes, size: number, fields: readonly Field[]): Piece[] {
  const blocks = new Map<number, Field[]>();
  for (const field of fields) {
    if (!("at" in field)) continue;
    const start = field.at - field.at % size;
    if (field.at + field.size > Math.min(start + size, bytes.length)) continue;
    const inside = blocks.get(start) ?? [];
    inside.push({ ...field, at: field.at - start });
    blocks.set(start, inside);
  }
  const pieces: Piece[] = [];
  let end = 0;
  for (const [start, inside] of [...blocks].sort(([a], [b]) => a - b)) {
    if (start > end) pieces.push(plain(bytes.slice(end, start)));
    end = start + size;
    pieces.push({ bytes: bytes.slice(start, end), fields: inside });
  }
  if (end < bytes.length) pieces.push(plain(bytes.slice(end)));
  return pieces;
}

/** From here on a word of these characters is taken for base64. */
const MIN_BASE64 = 40;

/** A text as pieces: words, numbers, blanks and signs, grouped by lines. `base64` are the fields in what looks like it. */
export function textPieces(text: string, base64: readonly Field[] = []): Piece[] {
  const pieces: Piece[] = [];
  let group = 0;
  const pattern = /[A-Za-z0-9+/]{40,}={0,2}|[0-9]+|[A-Za-z_][A-Za-z0-9_]*|\n|[ \t]+|[^\n]/gu;
  for (const [word] of text.matchAll(pattern)) {
    const bytes = utf8(word);
    if (word.length >= MIN_BASE64) {
      pieces.push({ bytes, group, fields: [{ kind: "base64", fields: base64 }, { kind: "word" }] });
    } else if (/^[0-9]/.test(word)) pieces.push({ bytes, group, fields: [{ kind: "digits" }] });
    else if (/^[A-Za-z_]/.test(word)) pieces.push({ bytes, group, fields: [{ kind: "word" }] });
    else pieces.push({ bytes, group, fields: [] });
    if (word === "\n") group++;
  }
  return pieces;
}
