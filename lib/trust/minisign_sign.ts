/**
 * minisign secret keys and signing, compatible with the C program (https://jedisct1.github.io/minisign/, "Secret key
 * format"): keys plain or encrypted with a passphrase (scrypt), prehashed signatures with trusted comments.
 *
 * Refused: legacy signatures, scrypt parameters beyond what the C program writes. Never part of the agent.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import {
  createPrivateKey,
  createPublicKey,
  type KeyObject,
  randomBytes,
  sign as signEd25519,
} from "node:crypto";
import { blake2b } from "@noble/hashes/blake2.js";
import { scryptAsync } from "@noble/hashes/scrypt.js";
import { encodeBase64 } from "@std/encoding/base64";
import { type Bytes, concat, equal, utf8 } from "../bytes.ts";
import { UserError } from "../errors.ts";
import {
  checkComment,
  commentProblem,
  decodeExactly,
  MAX_TRUSTED_COMMENT_BYTES,
  prehash,
  type PublicKey,
  signatureComment,
  splitLines,
  TRUSTED_PREFIX,
  UNTRUSTED_PREFIX,
  verifyDigest,
} from "./minisign.ts";

/** Longest trusted comment that is signed, in bytes. */
const MAX_TRUSTED = MAX_TRUSTED_COMMENT_BYTES - TRUSTED_PREFIX.length;

/** What is wrong with a trusted comment that is to be signed; undefined for one that is right. */
export function trustedCommentProblem(comment: string): string | undefined {
  return commentProblem(comment, MAX_TRUSTED);
}

/** A secret key, decrypted. Never printed or logged. */
export interface SecretKey {
  readonly keyId: Bytes;
  /** The Ed25519 seed, 32 bytes. */
  readonly seed: Bytes;
  /** The public half, 32 bytes. */
  readonly key: Bytes;
}

/** Cost of the key derivation as libsodium counts it. */
export interface KdfCost {
  /** Operations limit. */
  readonly ops: number;
  /** Memory limit in bytes. */
  readonly memory: number;
}

/** What the C program uses: 1 GiB of memory and some seconds. */
export const SENSITIVE_COST: KdfCost = { ops: 33_554_432, memory: 1_073_741_824 };

/** Longest secret key file that is read. */
export const MAX_SECRET_KEY_BYTES = 4 * 1024;

const ALGORITHM = "Ed";
const KDF_SCRYPT = "Sc";
const KDF_NONE = "\0\0";
const CHECKSUM = "B2";
/** alg 2, kdf 2, checksum alg 2, salt 32, ops 8, memory 8, key id 8, seed 32, public key 32, checksum 32. */
const FILE_BYTES = 158;
const SALT_AT = 6;
const OPS_AT = 38;
const MEMORY_AT = 46;
const SECRET_AT = 54;
const SECRET_BYTES = 104;
const DEFAULT_COMMENT = "minisign encrypted secret key";

/** DER of a PKCS #8 private key for Ed25519 up to the 32 seed bytes (RFC 8410, section 7). */
const PKCS8_PREFIX = new Uint8Array(
  [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20],
);

/** A new key with a random id. */
export function generateKey(): SecretKey {
  return secretKey(new Uint8Array(randomBytes(8)), new Uint8Array(randomBytes(32)));
}

/** The secret key with this id (8 bytes) and Ed25519 seed (32 bytes). */
export function secretKey(keyId: Bytes, seed: Bytes): SecretKey {
  const jwk = createPublicKey(privateKeyObject(seed)).export({ format: "jwk" });
  const key = new Uint8Array(Buffer.from(jwk.x ?? "", "base64url"));
  return { keyId, seed, key };
}

/** The public half of a key. */
export function publicKeyOf(secret: SecretKey): PublicKey {
  return { keyId: secret.keyId, key: secret.key };
}

/** Whether the secret key file `text` needs a passphrase. @throws {UserError} when it is no secret key file. */
export function isEncrypted(text: string): boolean {
  return readFields(text).kdf === KDF_SCRYPT;
}

/**
 * Reads a secret key file; an encrypted one takes some seconds and up to 1 GiB of memory.
 *
 * @throws {UserError} when it is malformed, needs a passphrase, or the passphrase is wrong.
 */
export async function parseSecretKey(text: string, passphrase?: string): Promise<SecretKey> {
  const { bytes, kdf } = readFields(text);
  let secret = bytes.subarray(SECRET_AT, SECRET_AT + SECRET_BYTES);
  if (kdf === KDF_SCRYPT) {
    if (passphrase === undefined) throw fail("it is encrypted and no passphrase is at hand");
    secret = await applyKdf(bytes, secret, passphrase);
    const checksum = secret.subarray(72);
    if (!equal(checksum, secretChecksum(secret))) {
      throw fail("the passphrase is wrong, or the file is damaged");
    }
  }
  const key = secretKey(secret.slice(0, 8), secret.slice(8, 40));
  if (!equal(key.key, secret.subarray(40, 72))) {
    throw fail("its two halves do not belong together, the file is damaged");
  }
  return key;
}

/** Options of {@linkcode formatSecretKey}. */
export interface FormatOptions {
  /** Encrypts the key; without it the file holds the key in the clear. */
  passphrase?: string;
  comment?: string;
  /** Cost of the passphrase, default {@linkcode SENSITIVE_COST}. */
  cost?: KdfCost;
}

/** The text of a secret key file; store it readable by its owner only. */
export async function formatSecretKey(
  key: SecretKey,
  options: FormatOptions = {},
): Promise<string> {
  const comment = checkComment(options.comment ?? DEFAULT_COMMENT);
  const { passphrase, cost = SENSITIVE_COST } = options;
  if (passphrase === "") {
    throw new UserError("encrypt the secret key", "the passphrase is empty");
  }
  const bytes = new Uint8Array(FILE_BYTES);
  const kdf = passphrase === undefined ? KDF_NONE : KDF_SCRYPT;
  bytes.set(utf8(ALGORITHM + kdf + CHECKSUM));
  const plain = concat([key.keyId, key.seed, key.key, new Uint8Array(32)]);
  if (passphrase === undefined) {
    // The C program leaves salt, limits and checksum zero in a key without a passphrase.
    bytes.set(plain, SECRET_AT);
  } else {
    bytes.set(randomBytes(32), SALT_AT);
    const view = new DataView(bytes.buffer);
    view.setBigUint64(OPS_AT, BigInt(cost.ops), true);
    view.setBigUint64(MEMORY_AT, BigInt(cost.memory), true);
    plain.set(secretChecksum(plain), 72);
    bytes.set(await applyKdf(bytes, plain, passphrase), SECRET_AT);
  }
  return `${UNTRUSTED_PREFIX}${comment}\n${encodeBase64(bytes)}\n`;
}

/** Options of {@linkcode sign}. */
export interface SignOptions {
  /** Signed with the data: one line, no control characters. */
  trustedComment: string;
  untrustedComment?: string;
}

/** The text of the `.minisig` file for `data`. */
export function sign(data: Uint8Array, key: SecretKey, options: SignOptions): string {
  return signDigest(prehash(data), key, options);
}

/** {@linkcode sign} for data whose {@linkcode prehash} is known. */
export function signDigest(digest: Uint8Array, key: SecretKey, options: SignOptions): string {
  const trusted = checkComment(options.trustedComment, MAX_TRUSTED);
  const untrusted = checkComment(options.untrustedComment ?? signatureComment(key));
  const { object, publicKey } = preparedOf(key);
  const signature = signEd25519(null, digest, object);
  const globalSignature = signEd25519(null, concat([signature, utf8(trusted)]), object);
  const text = [
    UNTRUSTED_PREFIX + untrusted,
    encodeBase64(concat([utf8("ED"), key.keyId, signature])),
    TRUSTED_PREFIX + trusted,
    encodeBase64(globalSignature),
    "",
  ].join("\n");
  // A fault while signing can give away an Ed25519 key: never hand out a signature that does not hold.
  verifyDigest(digest, text, [publicKey], "the signature just made");
  return text;
}

interface Prepared {
  readonly object: KeyObject;
  readonly publicKey: PublicKey;
}

/** Keys as node:crypto wants them; a site has thousands of signatures by the same key. */
const prepared = new WeakMap<SecretKey, Prepared>();

function preparedOf(key: SecretKey): Prepared {
  let found = prepared.get(key);
  if (!found) {
    found = { object: privateKeyObject(key.seed), publicKey: publicKeyOf(key) };
    prepared.set(key, found);
  }
  return found;
}

function privateKeyObject(seed: Uint8Array): KeyObject {
  const der = Buffer.from(concat([PKCS8_PREFIX, seed]));
  return createPrivateKey({ key: der, format: "der", type: "pkcs8" });
}

function fail(state: string): UserError {
  return new UserError("read the minisign secret key", state);
}

function readFields(text: string): { bytes: Bytes; kdf: string } {
  if (text.length > MAX_SECRET_KEY_BYTES) {
    throw fail(`it is longer than ${MAX_SECRET_KEY_BYTES} bytes`);
  }
  const lines = splitLines(text);
  if (lines.length !== 2) throw fail("expected a comment line and a key line");
  const bytes = decodeExactly(lines[1]!, FILE_BYTES);
  const kinds = bytes && String.fromCharCode(...bytes.subarray(0, SALT_AT));
  const kdf = kinds?.slice(2, 4);
  if (!bytes || (kdf !== KDF_SCRYPT && kdf !== KDF_NONE)) {
    throw fail("its key line is not a secret key of minisign");
  }
  if (kinds !== ALGORITHM + kdf + CHECKSUM) throw fail("its algorithms are unknown");
  return { bytes, kdf };
}

/** BLAKE2b-256 over algorithm, key id, seed and public key. */
function secretChecksum(secret: Uint8Array): Uint8Array {
  return blake2b(concat([utf8(ALGORITHM), secret.subarray(0, 72)]), { dkLen: 32 });
}

/** Encrypts or decrypts `secret` with the salt and limits that stand in `file`. */
async function applyKdf(file: Bytes, secret: Uint8Array, passphrase: string): Promise<Bytes> {
  const view = new DataView(file.buffer, file.byteOffset);
  const cost = scryptCost(view.getBigUint64(OPS_AT, true), view.getBigUint64(MEMORY_AT, true));
  const salt = file.subarray(SALT_AT, OPS_AT);
  const stream = await scryptAsync(utf8(passphrase), salt, {
    ...cost,
    dkLen: SECRET_BYTES,
    asyncTick: 100,
  });
  return new Uint8Array(SECRET_BYTES).map((_, i) => secret[i]! ^ stream[i]!);
}

/** libsodium's choice of scrypt parameters for these limits (crypto_pwhash_scryptsalsa208sha256, pickparams). */
function scryptCost(ops: bigint, memory: bigint): { N: number; r: number; p: number } {
  if (ops > BigInt(SENSITIVE_COST.ops) || memory > BigInt(SENSITIVE_COST.memory)) {
    throw fail("its passphrase costs more time or memory than minisign's own keys");
  }
  const r = 8;
  const limit = Math.max(Number(ops), 32_768);
  const bytes = Number(memory);
  const byTime = limit < bytes / 32;
  const maxN = byTime ? Math.floor(limit / (r * 4)) : Math.floor(bytes / (r * 128));
  let log2 = 1;
  while (log2 < 63 && 2 ** log2 <= Math.floor(maxN / 2)) log2++;
  const N = 2 ** log2;
  const p = byTime ? 1 : Math.floor(Math.floor(Math.floor(limit / 4) / N) / r);
  if (p < 1) throw fail("its passphrase's limits make no sense");
  return { N, r, p };
}
