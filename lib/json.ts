/**
 * JSON as psyopsOS writes it. Each value has exactly one spelling, so that the bytes that were signed or hashed can be
 * made again from a parsed document.
 *
 * @module
 */
import { type Bytes, utf8 } from "./bytes.ts";

/** The bytes of a document as psyopsOS publishes JSON: sorted keys, two blanks, final newline. */
export function canonicalJson(value: unknown): Bytes {
  return utf8(JSON.stringify(value, sortKeys, 2) + "\n");
}

function sortKeys(_key: string, value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  const keys = Object.keys(value);
  // Most are sorted already, and there may be very many.
  if (keys.every((key, i) => i === 0 || keys[i - 1]! < key)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => a < b ? -1 : 1));
}
