/**
 * The checks that a file of the site must pass before it is used: a signature by a key of the right role, for exactly
 * the type, path and hash that was asked for, or the size and hash that a bin lists. Part of the client (client.ts).
 *
 * @module
 */
import { type Bytes, sha256Hex, text } from "../bytes.ts";
import { RefusedError } from "../errors.ts";
import { type DocumentType, type Facts, parseComment } from "./comment.ts";
import { verify } from "./minisign.ts";
import type { Listed } from "./freshness.ts";
import type { PublicKey } from "./minisign.ts";

/**
 * Gets a file of the site, at most `maxBytes` of it; a longer one may be cut or refused.
 * Throws a UserError when it is missing or the site can't be reached.
 */
export type Fetch = (path: string, maxBytes: number) => Promise<Bytes>;

/** A fetched document with the signature beside it; nothing of it is verified. */
export interface Signed {
  readonly path: string;
  readonly data: Bytes;
  readonly signature: string;
  /** Where it goes once it is accepted. */
  readonly files: Map<string, Bytes>;
}

export type FetchSigned = (path: string, maxBytes: number) => Promise<Signed>;

/** Verifies a signed document, its type and its path, then keeps it; gives the facts of its signature. */
export function accept(
  signed: Signed,
  type: DocumentType,
  keys: readonly PublicKey[],
  path = signed.path,
): Facts {
  const { data, signature } = signed;
  const facts = verifyBound(data, signature, type, keys, path);
  if (facts.path !== path) throw refusal("path", path, `its signature is for ${facts.path}`);
  keep(signed);
  return facts;
}

/** Verifies a signature, and that its comment is for `type` and these bytes. The path is left to the caller. */
export function verifyBound(
  data: Uint8Array,
  signature: string,
  type: DocumentType,
  keys: readonly PublicKey[],
  path: string,
): Facts {
  const { trustedComment } = verify(data, signature, keys, path);
  let facts: Facts;
  try {
    facts = parseComment(trustedComment);
  } catch (error) {
    throw refusal("malformed", path, "its trusted comment is not one of psyopsOS", error);
  }
  if (facts.type !== type) {
    throw refusal("type", path, `its signature is for type ${facts.type}, expected ${type}`);
  }
  if (facts.sha256 !== sha256Hex(data)) {
    throw refusal("hash", path, "its signature is for another hash");
  }
  return facts;
}

export function keep({ path, data, signature, files }: Signed): void {
  files.set(path, data);
  files.set(`${path}.minisig`, new TextEncoder().encode(signature));
}

export function checkListed(data: Uint8Array, listed: Listed, path: string): void {
  if (data.length !== listed.size) {
    throw refusal("size", path, `it has ${data.length} bytes, ${listed.size} are listed`);
  }
  if (sha256Hex(data) !== listed.sha256) {
    throw refusal("hash", path, "its hash is not the listed one");
  }
}

export async function fetchBounded(
  fetch: Fetch,
  path: string,
  maxBytes: number,
  name = path,
): Promise<Bytes> {
  const bytes = await fetch(path, maxBytes);
  if (bytes.length <= maxBytes) return bytes;
  throw refusal("size", name, `it is longer than ${maxBytes} bytes`);
}

/** A signature file's text, byte for byte: a decoder that puts marks in place of faults would show another comment. */
export function signatureText(bytes: Uint8Array, path: string): string {
  try {
    return text(bytes);
  } catch (error) {
    throw refusal("malformed", path, "its signature is no text in UTF-8", error);
  }
}

export function refusal(
  check: string,
  document: string,
  state: string,
  cause?: unknown,
): RefusedError {
  return new RefusedError(check, `accept ${document}`, state, { document, cause });
}
