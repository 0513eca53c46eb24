/**
 * What the verifying client takes from `node:crypto` and `node:buffer`, for browsers: the page's script is that very
 * client, bundled with this module in their place (site/page/make_script.ts). A function that the client begins to use is
 * missing here until it is added; the bundler says so.
 *
 * WebCrypto would not do: it is asynchronous, it has no BLAKE2b, and a page from plain `http:` has none of it.
 *
 * @module
 */
import { ed25519 } from "@noble/curves/ed25519.js";
import { blake2b } from "@noble/hashes/blake2.js";
import { sha256, sha512 } from "@noble/hashes/sha2.js";
import { encodeBase64 } from "@std/encoding/base64";
import { encodeHex } from "@std/encoding/hex";

const { Point } = ed25519;
const POINT_BYTES = 32;

const HASHES = {
  sha256: () => sha256.create(),
  blake2b512: () => blake2b.create({ dkLen: 64 }),
};
/** Bytes of DER before the key in an Ed25519 SubjectPublicKeyInfo. */
const SPKI_PREFIX_BYTES = 12;

class Hash {
  readonly #hash;

  constructor(name: keyof typeof HASHES) {
    this.#hash = HASHES[name]();
  }

  update(data: Uint8Array): this {
    this.#hash.update(data);
    return this;
  }

  digest(): Uint8Array;
  digest(encoding: "hex" | "base64"): string;
  digest(encoding?: "hex" | "base64"): Uint8Array | string {
    const bytes = this.#hash.digest();
    if (encoding === undefined) return bytes;
    return encoding === "hex" ? encodeHex(bytes) : encodeBase64(bytes);
  }
}

/** An incremental hash: sha256 or blake2b512. */
export function createHash(name: keyof typeof HASHES): Hash {
  return new Hash(name);
}

/** Whether two arrays of one length are the same. */
export function timingSafeEqual(a: Uint8Array, b: Uint8Array): boolean {
  let difference = 0;
  for (let i = 0; i < a.length; i++) difference |= a[i]! ^ b[i]!;
  return difference === 0;
}

/** The raw key of an Ed25519 SubjectPublicKeyInfo. */
export function createPublicKey(given: { key: Uint8Array }): Uint8Array {
  return given.key.subarray(SPKI_PREFIX_BYTES);
}

/**
 * Verifies an Ed25519 signature by RFC 8032 (section 5.1.7), without the factor 8 in its equation: as the agent's runtime does
 * and libsodium, so that nobody can make a signature that holds on the page and on no node.
 */
export function verify(
  _algorithm: null,
  message: Uint8Array,
  key: Uint8Array,
  signature: Uint8Array,
): boolean {
  if (signature.length !== 2 * POINT_BYTES) return false;
  const [half, rest] = [signature.slice(0, POINT_BYTES), signature.slice(POINT_BYTES)];
  const number = numberOf(rest);
  if (number >= Point.Fn.ORDER) return false;
  try {
    const hash = sha512.create().update(half).update(key).update(message).digest();
    const factor = numberOf(hash) % Point.Fn.ORDER;
    const found = Point.BASE.multiplyUnsafe(number).subtract(
      Point.fromBytes(key).multiplyUnsafe(factor),
    ).toBytes();
    return found.every((byte, i) => byte === half[i]);
  } catch {
    // The key is no point.
    return false;
  }
}

/** The number that bytes are, the least first. */
function numberOf(bytes: Uint8Array): bigint {
  return BigInt(`0x${encodeHex(bytes.toReversed())}`);
}

/** Only a wrapper here: a browser has no buffers of its own kind. */
export const Buffer = { from: (data: Uint8Array): Uint8Array => data };
