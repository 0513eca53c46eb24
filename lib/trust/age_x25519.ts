/**
 * The arithmetic of age's X25519 stanzas, headers and payloads (https://age-encryption.org/v1), by the crypto library of the
 * runtime: what age_native.ts reads and writes files with. Not part of the agent.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  hkdfSync,
  type KeyObject,
} from "node:crypto";
import { type Bytes, concat } from "../bytes.ts";

/** First line of every file. */
export const AGE_VERSION = "age-encryption.org/v1";
/** Bytes of the tag behind a ciphertext, of a file key, and of the nonce in front of a payload. */
export const TAG_BYTES = 16, FILE_KEY_BYTES = 16, NONCE_BYTES = 16;
/** The nonce under which a file key is sealed, and that of a payload's only chunk: number 0, which is the last. */
export const ZERO_NONCE: Bytes = new Uint8Array(12);
export const ONLY_CHUNK_NONCE: Bytes = new Uint8Array([...new Uint8Array(11), 1]);

/** What stands in front of the 32 bytes of a key in DER. */
const PKCS8 = Buffer.from("302e020100300506032b656e04220420", "hex");
const SPKI = Buffer.from("302a300506032b656e032100", "hex");

/** The secret key of 32 bytes. */
export function x25519Secret(scalar: Uint8Array): KeyObject {
  const key = Buffer.concat([PKCS8, scalar]);
  return createPrivateKey({ key, format: "der", type: "pkcs8" });
}

/** The public key of 32 bytes. */
export function x25519Public(point: Uint8Array): KeyObject {
  return createPublicKey({ key: Buffer.concat([SPKI, point]), format: "der", type: "spki" });
}

/** The public half of a secret key. */
export function publicHalf(secret: KeyObject): KeyObject {
  return createPublicKey(secret as never);
}

/** The 32 bytes of a public key. */
export function pointOf(key: KeyObject): Bytes {
  const der = key.export({ format: "der", type: "spki" });
  return new Uint8Array(der.subarray(der.length - 32));
}

/**
 * What a file key is sealed with, from one side's secret key and the other's public one; `share` is the ephemeral point of the
 * stanza. Undefined for a point of low order: anyone would know the shared secret.
 */
export function wrapKey(
  secret: KeyObject,
  other: KeyObject,
  share: Bytes,
  recipient: Bytes,
): Bytes | undefined {
  let shared: Uint8Array;
  try {
    shared = diffieHellman({ privateKey: secret, publicKey: other });
  } catch {
    // The library rejects such a point.
    return undefined;
  }
  // If it let one through.
  if (shared.every((byte) => byte === 0)) return undefined;
  return derive(shared, concat([share, recipient]), `${AGE_VERSION}/X25519`);
}

/** What the payload behind `nonce` is sealed with. */
export function payloadKey(fileKey: Uint8Array, nonce: Uint8Array): Bytes {
  return derive(fileKey, nonce, "payload");
}

/** The MAC of a header up to and including its last three dashes. */
export function macOf(fileKey: Uint8Array, header: string | Uint8Array): Bytes {
  const key = derive(fileKey, new Uint8Array(), "header");
  const bytes = typeof header === "string" ? Buffer.from(header, "latin1") : header;
  return new Uint8Array(createHmac("sha256", key).update(bytes).digest());
}

/** `plaintext` by ChaCha20-Poly1305, with its tag. */
export function seal(key: Bytes, nonce: Bytes, plaintext: Uint8Array): Bytes {
  const cipher = createCipheriv("chacha20-poly1305", key, nonce, { authTagLength: TAG_BYTES });
  const body = cipher.update(plaintext);
  cipher.final();
  return concat([body, cipher.getAuthTag()]);
}

/** The plaintext of {@linkcode seal}; undefined when the tag is wrong. `sealed` is at least as long as a tag. */
export function open(key: Bytes, nonce: Bytes, sealed: Uint8Array): Bytes | undefined {
  const at = sealed.length - TAG_BYTES;
  const cipher = createDecipheriv("chacha20-poly1305", key, nonce, { authTagLength: TAG_BYTES });
  cipher.setAuthTag(sealed.slice(at));
  try {
    const body = new Uint8Array(cipher.update(sealed.slice(0, at)));
    cipher.final();
    return body;
  } catch {
    return undefined;
  }
}

/** Base64 as age writes it: without padding. */
export function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64").replaceAll("=", "");
}

/** The bytes of canonical base64 without padding; undefined for any other text. */
export function unbase64(given: string): Bytes | undefined {
  const bytes = Buffer.from(given, "base64");
  return base64(bytes) === given ? new Uint8Array(bytes) : undefined;
}

function derive(key: Uint8Array, salt: Uint8Array, info: string): Bytes {
  return new Uint8Array(hkdfSync("sha256", key, salt, info, 32));
}
