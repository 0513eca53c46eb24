/**
 * Signatures on package indexes and packages (apk format v2): gzip members in front, each a tar of
 * `.SIGN.<TYPE>.<KEY FILE>` entries, that sign the compressed bytes behind them.
 *
 * Supported: RSA (PKCS#1 v1.5) with SHA-1 (`RSA`, what Alpine signs with), SHA-256 (`RSA256`) and
 * SHA-512 (`RSA512`). Refused: a file without a signature by a known key, keys below 2048 bits, and a
 * file with any bad signature by a known key, even when another one is good. Types and keys that are
 * not known are passed over. Spec: apk-v2(5).
 *
 * @module
 */
import { createPublicKey, type KeyObject, verify } from "node:crypto";
import type { Bytes } from "../bytes.ts";
import { reasonOf, RefusedError, UserError } from "../errors.ts";
import { gunzipStart, gzipMember } from "../formats/gzip.ts";
import { firstTarPath, readTar, type ReadTarOptions } from "../formats/tar.ts";

/** Trusted public keys: PEM text by the file name that signatures give, e.g. `…-6165ee59.rsa.pub`. */
export type KeyFiles = ReadonlyMap<string, string>;

/** One signature as it stands in the file. */
export interface StoredSignature {
  /** As stored, e.g. "RSA256". */
  type: string;
  keyFile: string;
  signature: Bytes;
}

/** A file that carries signatures in front. */
export interface SignedFile {
  signatures: StoredSignature[];
  /** Offset of the first byte behind the signatures. */
  bodyOffset: number;
}

/** Whose signature was found good. */
export interface Signer {
  keyFile: string;
  /** "RSA", "RSA256" or "RSA512". */
  type: string;
}

/** Most signatures on one file. */
export const MAX_SIGNATURES = 16;
/** Most unpacked bytes of one signature member. */
export const MAX_SIGNATURE_BYTES = 64 * 1024;
/** Least size of a trusted RSA key, in bits. */
export const MIN_KEY_BITS = 2048;
/** Most unpacked bytes of a control member. */
export const MAX_CONTROL_BYTES = 32 * 2 ** 20;

const DIGESTS: Readonly<Record<string, string>> = {
  RSA: "sha1",
  RSA256: "sha256",
  RSA512: "sha512",
};

const MARK = ".SIGN.";
/** apk knows its own files by their stored names alone: `./.PKGINFO` is another than `.PKGINFO`. */
export const APK_TAR: ReadTarOptions = { storedPaths: true };

/**
 * Takes the signatures off the front of a file, without judging them. Of what lies behind them only the
 * first few bytes are unpacked, to see that it is no further signature. `what` names the file in errors.
 */
export function splitSignatures(bytes: Bytes, what: string): SignedFile {
  const signatures: StoredSignature[] = [];
  let at = 0;
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) throw refuse("malformed", what, "it is no gzip data");
  while (isSignature(bytes, at, what)) {
    const { data, length } = malformed(what, () => gzipMember(bytes, at, MAX_SIGNATURE_BYTES));
    for (const { path, kind, data: signature } of malformed(what, () => readTar(data, APK_TAR))) {
      const match = /^\.SIGN\.([A-Z0-9]+)\.([^/]+)$/.exec(path);
      if (!match || kind !== "file" || !signature) {
        throw refuse("malformed", what, `${JSON.stringify(path)} among the signatures is none`);
      }
      signatures.push({ type: match[1]!, keyFile: match[2]!, signature });
      if (signatures.length > MAX_SIGNATURES) {
        throw refuse("malformed", what, `more than ${MAX_SIGNATURES} signatures`);
      }
    }
    at += length;
  }
  return { signatures, bodyOffset: at };
}

/**
 * Verifies the signatures over `signed`: every one whose key and type are known must hold, and there
 * must be one. @returns the first of them. @throws {RefusedError} "signature", "key" or "algorithm".
 */
export function verifySignatures(
  signatures: readonly StoredSignature[],
  signed: Uint8Array,
  keys: KeyFiles,
  what: string,
): Signer {
  if (signatures.length === 0) throw refuse("signature", what, "it is not signed");
  const known = signatures.filter(({ keyFile }) => keys.has(keyFile));
  if (known.length === 0) {
    const signers = signatures.map(({ keyFile }) => keyFile).join(", ");
    const trusted = [...keys.keys()].join(", ") || "none";
    throw refuse("key", what, `it is signed by ${signers}, trusted are ${trusted}`);
  }
  const judged = known.filter(({ type }) => type in DIGESTS);
  if (judged.length === 0) {
    throw refuse("algorithm", what, `its signature is of the unknown type ${known[0]!.type}`);
  }
  for (const { type, keyFile, signature } of judged) {
    const key = publicKey(keyFile, keys.get(keyFile)!);
    if (!verify(DIGESTS[type]!, signed, key, signature)) {
      throw refuse("signature", what, `its ${type} signature by ${keyFile} is bad`);
    }
  }
  return { keyFile: judged[0]!.keyFile, type: judged[0]!.type };
}

/**
 * Verifies a file whose signatures cover everything behind them, as an index does.
 * @returns the signer and the signed bytes. @throws {RefusedError}
 */
export function verifySignedGzip(
  bytes: Bytes,
  keys: KeyFiles,
  what = "the file",
): Signer & { body: Bytes } {
  const { signatures, bodyOffset } = splitSignatures(bytes, what);
  const body = bytes.subarray(bodyOffset);
  return { ...verifySignatures(signatures, body, keys, what), body };
}

/**
 * Verifies a package's own signatures, which cover its control member; that in turn pins the data.
 * Not needed for a package whose checksum stands in a verified index. @throws {RefusedError}
 */
export function verifyPackageSignature(bytes: Bytes, keys: KeyFiles, what = "the package"): Signer {
  const { signatures, bodyOffset } = splitSignatures(bytes, what);
  const control = malformed(what, () => gzipMember(bytes, bodyOffset, MAX_CONTROL_BYTES));
  const signed = bytes.subarray(bodyOffset, bodyOffset + control.length);
  return verifySignatures(signatures, signed, keys, what);
}

function publicKey(keyFile: string, pem: string): KeyObject {
  let key: KeyObject;
  try {
    key = createPublicKey(pem);
  } catch (cause) {
    throw new RefusedError("key", `use the key ${keyFile}`, "it is no PEM public key", {
      cause,
    });
  }
  const bits = key.asymmetricKeyDetails?.modulusLength ?? 0;
  if (key.asymmetricKeyType !== "rsa" || bits < MIN_KEY_BITS) {
    const state = key.asymmetricKeyType === "rsa" ? `it has ${bits} bits` : "it is no RSA key";
    throw new RefusedError(
      "key",
      `use the key ${keyFile}`,
      `${state}, RSA with at least ${MIN_KEY_BITS} is needed`,
    );
  }
  return key;
}

/**
 * Whether the member at `at` holds signatures: what its first entry is called says so. In front of that entry may
 * stand extended headers, as abuild has them since 3.15 for the times of the file.
 */
function isSignature(bytes: Bytes, at: number, what: string): boolean {
  if (at >= bytes.length) return false;
  const beginning = malformed(what, () => gunzipStart(bytes, at, MAX_SIGNATURE_BYTES));
  return firstTarPath(beginning)?.startsWith(MARK) ?? false;
}

function malformed<T>(what: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    throw malformedError(what, cause);
  }
}

/** What a reader threw as a refusal of `what`; a defect of the reader stays itself. */
export function malformedError(what: string, cause: unknown): unknown {
  // Text that is not UTF-8 gives a TypeError.
  const expected = cause instanceof UserError || cause instanceof TypeError;
  if (!expected || cause instanceof RefusedError) return cause;
  return new RefusedError("malformed", `read ${what}`, reasonOf(cause), {
    cause,
    document: what,
  });
}

function refuse(check: string, what: string, state: string): RefusedError {
  return new RefusedError(check, `trust ${what}`, state, { document: what });
}
