/**
 * Reads keys of 32 bytes written in Bech32 (BIP 173), as age writes its X25519 keys. Its checksum is verified.
 *
 * Refused: mixed case, other lengths, Bech32m.
 *
 * @module
 */
import type { Bytes } from "../bytes.ts";

const ALPHABET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
const GENERATOR = [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3];
/** 256 bits in groups of 5, and the checksum's 6 groups. */
const GROUPS = 52 + 6;

/** The 32 bytes of `given`, which must begin with `prefix` (lower case) and "1"; undefined when it is no such key. */
export function bech32Key(given: string, prefix: string): Bytes | undefined {
  const lower = given.toLowerCase();
  if (lower !== given && given.toUpperCase() !== given) return undefined;
  if (!lower.startsWith(`${prefix}1`) || lower.length !== prefix.length + 1 + GROUPS) {
    return undefined;
  }
  const groups = [...lower.slice(prefix.length + 1)].map((letter) => ALPHABET.indexOf(letter));
  if (groups.includes(-1)) return undefined;
  const codes = [...prefix].map((letter) => letter.charCodeAt(0));
  const expanded = [...codes.map((code) => code >> 5), 0, ...codes.map((code) => code & 31)];
  if (checksum([...expanded, ...groups]) !== 1) return undefined;
  const bytes = new Uint8Array(32);
  let bits = 0;
  let held = 0;
  let at = 0;
  for (const group of groups.slice(0, -6)) {
    held = (held << 5 | group) & 0xfff;
    bits += 5;
    if (bits < 8) continue;
    bits -= 8;
    bytes[at++] = held >> bits & 0xff;
  }
  // 52 groups hold 260 bits: the last 4 are padding.
  return (held & 0xf) === 0 ? bytes : undefined;
}

function checksum(values: readonly number[]): number {
  let sum = 1;
  for (const value of values) {
    const top = sum >>> 25;
    sum = (sum & 0x1ffffff) << 5 ^ value;
    GENERATOR.forEach((part, i) => {
      if (top >> i & 1) sum ^= part;
    });
  }
  return sum;
}
