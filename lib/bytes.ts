/**
 * Byte plumbing that formats and trust code share: concatenation, comparison, hashing, field writing.
 * Pure: no I/O, no clock.
 *
 * @module
 */
import { createHash, timingSafeEqual } from "node:crypto";

/** Bytes backed by an ordinary (not shared) buffer, as WebCrypto and file APIs require. */
export type Bytes = Uint8Array<ArrayBuffer>;

const encoder = new TextEncoder();
const strictDecoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** UTF-8 bytes of `text`. */
export function utf8(text: string): Bytes {
  return encoder.encode(text);
}

/** Text of UTF-8 `bytes`. @throws {TypeError} on malformed UTF-8. */
export function text(bytes: Uint8Array): string {
  return strictDecoder.decode(bytes);
}

/** All `parts` in one new array. */
export function concat(parts: readonly Uint8Array[]): Bytes {
  let size = 0;
  for (const part of parts) size += part.length;
  const out = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** Whether `a` and `b` hold the same bytes; time depends on the length only. */
export function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

/** SHA-256 of `data`, 32 bytes. */
export function sha256(data: Uint8Array): Bytes {
  return new Uint8Array(createHash("sha256").update(data).digest());
}

/** SHA-256 of `data` in lower-case hex, 64 characters. */
export function sha256Hex(data: Uint8Array): string {
  return createHash("sha256").update(data).digest("hex");
}

/** `bytes` padded with zeros up to a multiple of `unit`. */
export function padTo(bytes: Uint8Array, unit: number): Bytes {
  const rest = bytes.length % unit;
  return concat(rest === 0 ? [bytes] : [bytes, new Uint8Array(unit - rest)]);
}
