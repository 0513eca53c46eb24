/**
 * What a build makes of one node: the facts by which the next build knows its files again.
 *
 * @module
 */
import { type Bytes, sha256Hex } from "../../lib/bytes.ts";
import { SITE_PATHS } from "../../lib/documents/site.ts";
import { type Listed, storedPath } from "../../lib/trust/freshness.ts";

/** Ciphertext from an earlier build. */
export interface Encrypted {
  /** What was encrypted, to whom, signed by whom: SHA-256 in hex. */
  key: string;
  /** Serial inside; a site with a lower one can't use it. */
  serial: number;
  ciphertext: Bytes;
}

/** What a build made of a node: the files of the site that are about it alone, and what is told of it elsewhere. */
export interface NodeOutputs {
  /** Highest serial in its signatures. */
  serial: number;
  /** Its public document, the signature beside it, both in one file, and its instructions. */
  document: Listed;
  signature: Listed;
  signed: Listed;
  postboot: Listed;
  /** The smallest agent that understands its instructions. */
  agent: string;
  /** Packages that they need of the image, by the key that does. */
  needs: Readonly<Record<string, readonly string[]>>;
  /** Prefix of the longest kind of the bin that lists it. */
  bin: string;
  /** Its line of the start page. */
  row: string;
}

/** A signature from an earlier build. */
export interface KnownSignature {
  /** Type, path, content and signers: SHA-256 in hex. */
  key: string;
  /** Serial inside; a site with a lower one can't use it. */
  serial: number;
  minisig: string;
}

/** Hash and size of a file. */
export function listed(bytes: Bytes): Listed {
  return { sha256: sha256Hex(bytes), size: bytes.length };
}

/** The four files of the site that come of a node. */
export function filesOf(name: string, outputs: NodeOutputs): [path: string, listed: Listed][] {
  const path = SITE_PATHS.node(name);
  const { document, signature, signed, postboot } = outputs;
  return [
    [path, document],
    [`${path}.minisig`, signature],
    [storedPath(path, signed.sha256), signed],
    [storedPath(SITE_PATHS.postboot(name), postboot.sha256), postboot],
  ];
}
