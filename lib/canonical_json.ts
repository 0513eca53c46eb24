/**
 * One way to write JSON, so that equal values are equal bytes: keys sorted by code unit, two spaces,
 * a final newline, `undefined` left out.
 *
 * @module
 */
import { type Bytes, utf8 } from "./bytes.ts";

/**
 * The canonical bytes of `value`: null, booleans, finite numbers, strings, arrays and plain objects.
 *
 * @throws {TypeError} on anything JSON can't carry, rather than dropping it.
 */
export function canonicalJson(value: unknown): Bytes {
  return utf8(`${JSON.stringify(sorted(value), null, 2)}\n`);
}

function sorted(value: unknown): unknown {
  if (value === null || typeof value === "string" || typeof value === "boolean") return value;
  if (typeof value === "number" && Number.isFinite(value)) return value;
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object") throw new TypeError(`Cannot write JSON: a ${typeof value}`);
  // Without a prototype, so that a key "__proto__" is a key like any other. Numeric keys come first
  // in every JavaScript object; they do so for every writer alike.
  const out: Record<string, unknown> = Object.create(null);
  for (const [key, item] of Object.entries(value).sort(([a], [b]) => a < b ? -1 : 1)) {
    if (item !== undefined) out[key] = sorted(item);
  }
  return out;
}
