/**
 * JSON as psyopsOS writes it: one spelling for each value, so that what was signed or hashed can be told from what is there.
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
