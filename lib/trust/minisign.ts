/**
 * minisign signatures: parsing and verification, compatible with the C program
 * (https://jedisct1.github.io/minisign/, "Signature format", "Public key format").
 *
 * Supported: Ed25519 public keys, prehashed signatures (algorithm "ED", BLAKE2b-512), trusted comments.
 * Refused though the C program takes it: legacy signatures (algorithm "Ed", which make the verifier hold the whole file),
 * base64 that is not canonical, control characters and line separators in comments, zero bytes and carriage returns that
 * end no line, comments that are no UTF-8, text (but no blank lines) past the last line. Wherever else one of the two
 * refuses, both do: a test of both says so.
 * Nothing of a signature, not even its trusted comment, is handed out before both its signatures hold.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { createHash, createPublicKey, type KeyObject, verify as verifyEd25519 } from "node:crypto";
import { decodeBase64, encodeBase64 } from "@std/encoding/base64";
import { encodeHex } from "@std/encoding/hex";
import { type Bytes, concat, equal, utf8 } from "../bytes.ts";
import { RefusedError, UserError } from "../errors.ts";
import { isKeyPoint, isOfSmallOrder, POINT_BYTES } from "./ed25519_point.ts";

/** Longest untrusted comment line, prefix included: the C program reads it into 1024 bytes, with its line end and a zero. */
export const MAX_COMMENT_BYTES = 1022;
/** Longest trusted comment line, prefix included: the C program reads it into 8192 bytes. */
export const MAX_TRUSTED_COMMENT_BYTES = 8190;
/** Longest `.minisig` file that is read. */
export const MAX_SIGNATURE_BYTES = 16 * 1024;
/** Longest public key file that is read. */
export const MAX_PUBLIC_KEY_BYTES = 4 * 1024;

export const UNTRUSTED_PREFIX = "untrusted comment: ";
export const TRUSTED_PREFIX = "trusted comment: ";

const KEY_ALGORITHM = "Ed";
const PREHASHED = "ED";
const KEY_ID_BYTES = 8;
const SIGNATURE_BYTES = 64;
const DIGEST_BYTES = 64;

/** DER of a SubjectPublicKeyInfo for Ed25519 up to the 32 key bytes (RFC 8410, section 4). */
const SPKI_PREFIX = new Uint8Array([0x30, 0x2a, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 3, 0x21, 0]);

/** A public key: 8 bytes of random id, 32 bytes of Ed25519 key. */
export interface PublicKey {
  readonly keyId: Bytes;
  readonly key: Bytes;
}

/** The fields of a `.minisig` file. Nothing here is trustworthy before {@linkcode verify} has returned. */
export interface Signature {
  readonly untrustedComment: string;
  readonly keyId: Bytes;
  readonly signature: Bytes;
  readonly trustedComment: string;
  readonly globalSignature: Bytes;
}

/** What a signature that holds says. */
export interface Verified {
  readonly trustedComment: string;
  /** The one of the given keys that made it. */
  readonly key: PublicKey;
}

/**
 * Parses a public key: the text of a key file (comment line and key line) or its bare key line.
 *
 * @throws {UserError} when it is neither.
 */
export function parsePublicKey(text: string): PublicKey {
  const fail = (state: string) => new UserError("read the minisign public key", state);
  if (text.length > MAX_PUBLIC_KEY_BYTES) {
    throw fail(`it is longer than ${MAX_PUBLIC_KEY_BYTES} bytes`);
  }
  const lines = splitLines(text);
  const last = lines[lines.length - 1] ?? "";
  if (lines.length > 2) throw fail("expected a comment line and a key line");
  if (lines.length === 2 && !fitsLine(text, 0, MAX_COMMENT_BYTES)) {
    throw fail("its comment line is too long");
  }
  const bytes = decodeExactly(last, 2 + KEY_ID_BYTES + POINT_BYTES);
  if (!bytes || ascii(bytes.subarray(0, 2)) !== KEY_ALGORITHM) {
    throw fail("its key line is not an Ed25519 key of minisign");
  }
  const key = bytes.slice(2 + KEY_ID_BYTES);
  if (!isKeyPoint(key)) throw fail("its key is no point of Ed25519 that could sign anything");
  return { keyId: bytes.slice(2, 2 + KEY_ID_BYTES), key };
}

/** The bare base64 line of a key, as `minisign -P` takes it. */
export function publicKeyLine(key: PublicKey): string {
  return encodeBase64(concat([utf8(KEY_ALGORITHM), key.keyId, key.key]));
}

/** The text of a public key file. */
export function formatPublicKey(
  key: PublicKey,
  comment = `minisign public key ${keyIdHex(key)}`,
): string {
  return `${UNTRUSTED_PREFIX}${checkComment(comment)}\n${publicKeyLine(key)}\n`;
}

/** The untrusted comment that psyopsOS writes. */
export function signatureComment(key: { readonly keyId: Uint8Array }): string {
  return `signature from minisign key ${keyIdHex(key)}`;
}

/** A key's id as the C program prints it: a little-endian number in upper-case hex, no leading zeros. */
export function keyIdHex(key: { readonly keyId: Uint8Array }): string {
  return encodeHex(key.keyId.toReversed()).toUpperCase().replace(/^0+(?=.)/, "");
}

/**
 * Splits a `.minisig` file into its fields. `name` is what messages call the signed data.
 *
 * @throws {RefusedError} with check "malformed" or "algorithm".
 */
export function parseSignature(text: string, name?: string): Signature {
  const refuse = (state: string, check = "malformed") =>
    new RefusedError(check, `read the signature of ${name ?? "the data"}`, state, {
      document: name,
    });
  if (text.length > MAX_SIGNATURE_BYTES) {
    throw refuse(`it is longer than ${MAX_SIGNATURE_BYTES} bytes`);
  }
  const lines = splitLines(text);
  if (lines.length !== 4) throw refuse(`expected 4 lines, found ${lines.length}`);
  const [untrusted, sigLine, trusted, globalLine] = lines as [string, string, string, string];
  if (!untrusted.startsWith(UNTRUSTED_PREFIX)) {
    throw refuse("line 1 is no untrusted comment");
  }
  if (!trusted.startsWith(TRUSTED_PREFIX)) throw refuse("line 3 is no trusted comment");
  if (!fitsLine(text, 0, MAX_COMMENT_BYTES) || hasControls(untrusted)) {
    throw refuse("the comment in line 1 is too long or holds control characters");
  }
  if (!fitsLine(text, 2, MAX_TRUSTED_COMMENT_BYTES) || hasControls(trusted)) {
    throw refuse("the comment in line 3 is too long or holds control characters");
  }
  const bytes = decodeExactly(sigLine, 2 + KEY_ID_BYTES + SIGNATURE_BYTES);
  if (!bytes) throw refuse("line 2 is no signature");
  const globalSignature = decodeExactly(globalLine, SIGNATURE_BYTES);
  if (!globalSignature) throw refuse("line 4 is no signature");
  const algorithm = ascii(bytes.subarray(0, 2));
  if (algorithm !== PREHASHED) {
    throw refuse(
      algorithm === KEY_ALGORITHM
        ? 'it is a legacy signature (algorithm "Ed"), expected a prehashed one ("ED")'
        : 'its algorithm is unknown, expected "ED"',
      "algorithm",
    );
  }
  return {
    untrustedComment: untrusted.slice(UNTRUSTED_PREFIX.length),
    keyId: bytes.slice(2, 2 + KEY_ID_BYTES),
    signature: bytes.slice(2 + KEY_ID_BYTES),
    trustedComment: trusted.slice(TRUSTED_PREFIX.length),
    globalSignature,
  };
}

/** The digest that is signed: BLAKE2b-512 of `data`, 64 bytes. */
export function prehash(data: Uint8Array): Bytes {
  return new Uint8Array(createHash("blake2b512").update(data).digest());
}

/** {@linkcode prehash} over pieces of a file, so a big one needs little memory. */
export async function prehashChunks(chunks: AsyncIterable<Uint8Array>): Promise<Bytes> {
  const hash = createHash("blake2b512");
  for await (const chunk of chunks) hash.update(chunk);
  return new Uint8Array(hash.digest());
}

/**
 * Verifies the `.minisig` text `signature` of `data` against `keys`. `name` is what messages call the data.
 *
 * @throws {RefusedError} with check "malformed", "algorithm", "key" (made by none of `keys`) or "signature" (the data or
 * the trusted comment is not what was signed).
 */
export function verify(
  data: Uint8Array,
  signature: string,
  keys: readonly PublicKey[],
  name?: string,
): Verified {
  return verifyDigest(prehash(data), signature, keys, name);
}

/** {@linkcode verify} for data whose {@linkcode prehash} is known. */
export function verifyDigest(
  digest: Uint8Array,
  signature: string,
  keys: readonly PublicKey[],
  name?: string,
): Verified {
  if (digest.length !== DIGEST_BYTES) throw new TypeError("A digest of 64 bytes is expected");
  const refuse = (check: string, state: string) =>
    new RefusedError(check, `verify ${name ?? "the data"}`, state, { document: name });
  const parsed = parseSignature(signature, name);
  const candidates = keys.filter((key) => equal(key.keyId, parsed.keyId));
  if (candidates.length === 0) {
    const expected = keys.map(keyIdHex).join(" or ") || "none";
    throw refuse("key", `it is signed by key ${keyIdHex(parsed)}, expected ${expected}`);
  }
  const key = candidates.find((key) => holds(digest, parsed.signature, key));
  if (!key) throw refuse("signature", `the signature of key ${keyIdHex(parsed)} does not hold`);
  const signed = concat([parsed.signature, utf8(parsed.trustedComment)]);
  if (!holds(signed, parsed.globalSignature, key)) {
    throw refuse("signature", `the trusted comment is not what key ${keyIdHex(key)} signed`);
  }
  return { trustedComment: parsed.trustedComment, key };
}

/** What keeps `comment` from being a line of at most `maxBytes` bytes; undefined for one that is right. */
export function commentProblem(comment: string, maxBytes: number): string | undefined {
  const fits = !hasControls(comment) && utf8(comment).length <= maxBytes;
  return fits ? undefined : `it holds control characters or is longer than ${maxBytes} bytes`;
}

/** `comment` when it fits on one line of a key or signature file. @throws {UserError} otherwise. */
export function checkComment(
  comment: string,
  maxBytes = MAX_COMMENT_BYTES - UNTRUSTED_PREFIX.length,
): string {
  const problem = commentProblem(comment, maxBytes);
  if (problem) throw new UserError("use this comment", problem);
  return comment;
}

const keyObjects = new WeakMap<PublicKey, KeyObject>();

function holds(message: Uint8Array, signature: Uint8Array, key: PublicKey): boolean {
  if (isOfSmallOrder(signature.subarray(0, POINT_BYTES))) return false;
  let object = keyObjects.get(key);
  if (!object) {
    const der = concat([SPKI_PREFIX, key.key]);
    object = createPublicKey({ key: Buffer.from(der), format: "der", type: "spki" });
    keyObjects.set(key, object);
  }
  return verifyEd25519(null, message, object, signature);
}

/** Bytes of canonical base64, undefined when `line` is anything else or of another length. */
export function decodeExactly(line: string, length: number): Bytes | undefined {
  if (line.length !== Math.ceil(length / 3) * 4) return undefined;
  try {
    const bytes = decodeBase64(line);
    // Several texts decode to the same bytes when spare bits are ignored: only one of them is accepted.
    return bytes.length === length && encodeBase64(bytes) === line ? bytes : undefined;
  } catch {
    return undefined;
  }
}

/** Lines of a key or signature file. DOS line ends and blank lines at the end are tolerated, as in the C program. */
export function splitLines(text: string): string[] {
  const lines = text.replaceAll("\r\n", "\n").split("\n");
  while (lines.length > 1 && /^[ \t]*$/.test(lines.at(-1)!)) lines.pop();
  return lines;
}

/** Whether line `i` of a file has at most `most` bytes, counted as the C program does: with the first half of a DOS line end. */
function fitsLine(text: string, i: number, most: number): boolean {
  return utf8(text.split("\n", i + 1)[i]!).length <= most;
}

/** Tabs are no control characters here: the C program's own trusted comments hold them. */
function hasControls(line: string): boolean {
  return /[\p{Cc}\u2028\u2029]/u.test(line.replaceAll("\t", ""));
}

function ascii(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}
