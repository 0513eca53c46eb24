/**
 * Fields of a tar header block: numbers, names, the checksum.
 *
 * @module
 */
import { text } from "../bytes.ts";
import { UserError } from "../errors.ts";
import { TAR_BLOCK } from "./tar_entry.ts";

/** Makes the error about one entry; `why` completes "entry at offset N …". */
export type BadEntry = (why: string) => UserError;

/** {@linkcode BadEntry} of the entry whose header starts at `offset`. */
export function badEntry(offset: number): BadEntry {
  return (why) => new UserError("read tar", `entry at offset ${offset} ${why}`);
}

/** @throws {UserError} when the sum over the header is not the one it records. */
export function checkChecksum(header: Uint8Array, bad: BadEntry): void {
  let sum = 8 * 0x20;
  for (let i = 0; i < TAR_BLOCK; i++) if (i < 148 || i >= 156) sum += header[i]!;
  if (numberField(header, 148, 8, bad) !== sum) throw bad("has a wrong checksum");
}

/** Text up to the first NUL. */
export function textField(field: Uint8Array, bad: BadEntry): string {
  const end = field.indexOf(0);
  try {
    return text(end < 0 ? field : field.subarray(0, end));
  } catch {
    throw bad("has a name that is not UTF-8");
  }
}

/**
 * A number that counts something: octal digits, or GNU's base-256 when the top bit is set. Negative ones are
 * refused: a negative size would lead a reader back to where it was.
 */
export function numberField(
  header: Uint8Array,
  offset: number,
  length: number,
  bad: BadEntry,
): number {
  const value = signedField(header, offset, length, bad);
  if (value < 0) throw bad("has a negative number");
  return value;
}

/** A time, the one field that may be negative: GNU tar so stores files from before 1970. */
export function signedField(
  header: Uint8Array,
  offset: number,
  length: number,
  bad: BadEntry,
): number {
  const field = header.subarray(offset, offset + length);
  const first = field[0]!;
  if (first & 0x80) {
    // Two's complement; bit 6 of the first byte is the sign.
    let value = first & 0x40 ? -0x80 + (first & 0x7f) : first & 0x3f;
    for (const byte of field.subarray(1)) value = value * 256 + byte;
    if (!Number.isSafeInteger(value)) throw bad("has a number out of range");
    return value;
  }
  const digits = String.fromCharCode(...field).replace(/\0.*$/s, "").trim();
  if (digits === "") return 0;
  if (!/^[0-7]+$/.test(digits)) throw bad("has a malformed number");
  return parseInt(digits, 8);
}

/** The value of a pax record that counts something. */
export function decimal(value: string, bad: BadEntry): number {
  const result = Number(value);
  if (!/^[0-9]+$/.test(value) || !Number.isSafeInteger(result)) {
    throw bad("has a malformed number in its pax header");
  }
  return result;
}

/** The value of a pax time, which may be fractional and negative: whole seconds, rounded down. */
export function seconds(value: string, bad: BadEntry): number {
  const result = Math.floor(Number(value));
  if (!/^-?[0-9]+(\.[0-9]*)?$/.test(value) || !Number.isSafeInteger(result)) {
    throw bad("has a malformed time in its pax header");
  }
  return result;
}
