/**
 * Points of Ed25519 (RFC 8032) as libsodium takes them, on which the C program minisign stands. The runtime's own
 * verification takes more: keys of small order, for which some signatures hold whatever was signed.
 *
 * @module
 */
import { ed25519 } from "@noble/curves/ed25519.js";
import { encodeHex } from "@std/encoding/hex";

/** Bytes of an encoded point. */
export const POINT_BYTES = 32;

/** The encodings of points of order 1, 2, 4 and 8 without the bit for the sign, those that are not canonical included. */
const SMALL_ORDER: ReadonlySet<string> = new Set([
  "0000000000000000000000000000000000000000000000000000000000000000",
  "0100000000000000000000000000000000000000000000000000000000000000",
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
]);

/** Whether 32 bytes encode a point of small order. Such a point is no key, and no half of a signature. */
export function isOfSmallOrder(point: Uint8Array): boolean {
  return SMALL_ORDER.has(encodeHex(point.with(31, point[31]! & 0x7f)));
}

/** Whether 32 bytes may be a public key: the canonical encoding of a point of the curve, not of small order. */
export function isKeyPoint(bytes: Uint8Array): boolean {
  if (bytes.length !== POINT_BYTES || isOfSmallOrder(bytes)) return false;
  try {
    ed25519.Point.fromBytes(bytes);
    return true;
  } catch {
    // It is not canonical, or there is no such point.
    return false;
  }
}
