/**
 * Reads one member of an `ar` archive, which is what a Debian package is. Supports the common format with names of up to
 * 16 characters; refuses nothing but gives nothing for what it does not understand: the caller has checked the hash.
 * Spec: ar(5), deb(5).
 *
 * @module
 */
import type { Bytes } from "../bytes.ts";

const MAGIC = "!<arch>\n";
const HEADER = 60;

/** The member's bytes; undefined when there is none of that name or `bytes` are no archive. */
export function arMember(bytes: Bytes, name: string): Bytes | undefined {
  const text = (from: number, length: number) =>
    String.fromCharCode(...bytes.subarray(from, from + length)).trimEnd();
  if (text(0, MAGIC.length) !== MAGIC.trimEnd()) return undefined;
  for (let at = MAGIC.length; at + HEADER <= bytes.length;) {
    // Digits alone: Number() would take "-60", which leads back to this very header.
    const digits = text(at + 48, 10);
    if (text(at + 58, 2) !== "`" || !/^[0-9]+$/.test(digits)) return undefined;
    const size = Number(digits);
    const start = at + HEADER;
    if (start + size > bytes.length) return undefined;
    // GNU's form ends a name with a slash.
    if (text(at, 16).replace(/\/$/, "") === name) return bytes.subarray(start, start + size);
    at = start + size + size % 2;
  }
  return undefined;
}
