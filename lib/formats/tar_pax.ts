/**
 * Pax extended header records: `LENGTH KEY=VALUE\n`, where LENGTH counts the whole record.
 *
 * @module
 */
import { concat, text, utf8 } from "../bytes.ts";
import type { BadEntry } from "./tar_fields.ts";

/** Extended attributes are bytes, not text: kept as one character (0-255) per byte. */
function isBinary(key: string): boolean {
  return key.startsWith("SCHILY.xattr.");
}

const SPACE = 0x20;
const EQUALS = 0x3d;
const NEWLINE = 0x0a;
/** Digits of a record length: more than any header this reader accepts can need. */
const MAX_LENGTH_DIGITS = 8;

function latin1(bytes: Uint8Array): string {
  let out = "";
  for (const byte of bytes) out += String.fromCharCode(byte);
  return out;
}

function fromLatin1(value: string): Uint8Array {
  return Uint8Array.from(value, (char) => char.charCodeAt(0));
}

/** Records of one extended header. @throws {UserError} when malformed, made by `bad`. */
export function parsePax(bytes: Uint8Array, bad: BadEntry): Map<string, string> {
  const records = new Map<string, string>();
  let at = 0;
  while (at < bytes.length) {
    const space = bytes.indexOf(SPACE, at);
    if (space < 0 || space - at > MAX_LENGTH_DIGITS) throw bad("has a pax record without a length");
    const digits = latin1(bytes.subarray(at, space));
    if (!/^[1-9][0-9]*$/.test(digits)) throw bad("has a pax record length that is no number");
    const end = at + Number(digits);
    if (end > bytes.length || end <= space + 1) throw bad("has a pax record of the wrong length");
    if (bytes[end - 1] !== NEWLINE) throw bad("has a pax record without a newline");
    const record = bytes.subarray(space + 1, end - 1);
    const equals = record.indexOf(EQUALS);
    if (equals <= 0) throw bad("has a pax record without a key");
    try {
      const key = text(record.subarray(0, equals));
      const value = record.subarray(equals + 1);
      records.set(key, isBinary(key) ? latin1(value) : text(value));
    } catch {
      throw bad("has a pax record that is not UTF-8");
    }
    at = end;
  }
  return records;
}

/** The extended header with `records` in their order. */
export function formatPax(records: ReadonlyMap<string, string>): Uint8Array {
  const parts: Uint8Array[] = [];
  for (const [key, value] of records) {
    const body = concat([
      utf8(` ${key}=`),
      isBinary(key) ? fromLatin1(value) : utf8(value),
      utf8("\n"),
    ]);
    // The length counts its own digits, so it may have to grow by one.
    let length = body.length + 1;
    while (length !== body.length + String(length).length) {
      length = body.length + String(length).length;
    }
    parts.push(utf8(String(length)), body);
  }
  return concat(parts);
}
