/**
 * Builds the site: a fleet becomes the signed files that its nodes read. Pure and repeatable: time, serial, signer and
 * encryption are inputs, and what was encrypted before is taken from the cache while nothing in it has changed.
 *
 * @module
 */
import { type Bytes, sha256Hex, text, utf8 } from "../lib/bytes.ts";
import { type DocumentType, ROLE_OF } from "../lib/trust/comment.ts";
import {
  type Bin,
  binPath,
  binPrefix,
  canonicalJson,
  type Listed,
  type Timestamp,
  TIMESTAMP_PATH,
} from "../lib/trust/freshness.ts";
import type { SignDocument } from "../lib/trust/keyring.ts";
import { publishedRoots, type RootChain } from "../lib/trust/root_sign.ts";
import {
  type Envelope,
  type GlobalDocument,
  type Instructions,
  type NodeDocument,
  parseInstructions,
  type PostbootIndex,
  SITE_PATHS,
} from "./document.ts";
import { type Fleet, type FleetNode, publicConfig, wholeConfig } from "./fleet.ts";
import { errorPage, indexPage } from "./page.ts";

/** Documents that one bin may list before bins are split by one more hex digit. */
export const DOCUMENTS_PER_BIN = 1000;

/** Ciphertext from an earlier build. */
export interface Encrypted {
  /** What was encrypted, to whom, signed by whom: SHA-256 in hex. */
  key: string;
  /** Serial inside; a site with a lower one can't use it. */
  serial: number;
  ciphertext: Bytes;
}

/** What {@linkcode buildSite} needs beside the fleet. */
export interface BuildOptions {
  serial: number;
  /** UTC times to the second, e.g. "2026-11-22T20:00:00Z". */
  issued: string;
  expires: string;
  roots: RootChain;
  /** Signs for this very serial and time of issue. */
  sign: SignDocument;
  encrypt: (recipients: readonly string[], plaintext: Bytes) => Promise<Bytes>;
  /** Earlier ciphertext by node. */
  cache?: ReadonlyMap<string, Encrypted>;
}

/** What {@linkcode buildSite} made. */
export interface BuiltSite {
  /** Path to content in the order of publication: content, signatures, bins; the timestamp last. */
  files: Map<string, Bytes>;
  /** Ciphertext by node, for the next build. */
  cache: Map<string, Encrypted>;
  /** Plaintext of what was encrypted now, by node. For checks; never to be stored. */
  envelopes: Map<string, Envelope>;
}

/** Builds all files of the site. @throws {RefusedError} when a node could not read its own instructions. */
export async function buildSite(fleet: Fleet, options: BuildOptions): Promise<BuiltSite> {
  const signed = new Map<string, { type: DocumentType; bytes: Bytes }>();
  const add = (path: string, type: DocumentType, value: unknown) =>
    signed.set(path, { type, bytes: canonicalJson(value) });
  const { notes, config } = fleet.global;
  add(SITE_PATHS.global, "global", { notes, config } satisfies GlobalDocument);
  for (const node of fleet.nodes) {
    add(SITE_PATHS.node(node.name), "node", nodeDocument(fleet, node));
  }
  for (const tag of [...fleet.tags.keys()].sort()) {
    const names = fleet.nodes.filter((node) => node.tags.includes(tag)).map(({ name }) => name);
    add(SITE_PATHS.tagNodes(tag), "tag", names);
  }

  const cache = new Map<string, Encrypted>();
  const envelopes = new Map<string, Envelope>();
  const index: PostbootIndex = {};
  for (const node of fleet.nodes) {
    const { encrypted, envelope } = await instruct(fleet, node, options);
    cache.set(node.name, encrypted);
    if (envelope) envelopes.set(node.name, envelope);
    index[node.name] = { path: SITE_PATHS.postboot(node.name), ...listed(encrypted.ciphertext) };
  }
  add(SITE_PATHS.postbootIndex, "postboot-index", index);

  const content = new Map<string, Bytes>();
  content.set("index.html", indexPage(fleet, options));
  content.set("error.html", errorPage());
  for (const [path, { bytes }] of signed) content.set(path, bytes);
  for (const [name, { ciphertext }] of cache) content.set(SITE_PATHS.postboot(name), ciphertext);

  const bins = makeBins([
    ...[...signed].map(([path, { bytes }]) => [path, listed(bytes)] as const),
    ...Object.values(index).map(({ path, ...facts }) => [path, facts] as const),
  ]);
  const timestamp: Timestamp = {
    serial: options.serial,
    issued: options.issued,
    expires: options.expires,
    bins: [...bins].map(([prefix, bytes]) => ({ prefix, path: binPath(prefix), ...listed(bytes) })),
  };

  const files = new Map(content);
  const publish = (path: string, type: DocumentType, bytes: Bytes) => {
    files.set(path, bytes);
    files.set(`${path}.minisig`, utf8(options.sign(ROLE_OF[type], bytes, type, path)));
  };
  for (const [path, { type, bytes }] of signed) publish(path, type, bytes);
  for (const [path, bytes] of publishedRoots(options.roots)) files.set(path, bytes);
  for (const [prefix, bytes] of bins) publish(binPath(prefix), "bin", bytes);
  publish(TIMESTAMP_PATH, "timestamp", canonicalJson(timestamp));
  return { files, cache, envelopes };
}

function nodeDocument(fleet: Fleet, node: FleetNode): NodeDocument {
  const { name, recipient, sshHostKey, tags, notes } = node;
  return { name, recipient, sshHostKey, tags, notes, config: publicConfig(fleet, node) };
}

/** A node's instructions, encrypted: from the cache where they are the same, else made anew. */
async function instruct(
  fleet: Fleet,
  node: FleetNode,
  options: BuildOptions,
): Promise<{ encrypted: Encrypted; envelope?: Envelope }> {
  const { serial, issued } = options;
  const config = wholeConfig(fleet, node);
  const signers = options.roots.files.at(-1)?.root.roles.config ?? [];
  const key = sha256Hex(
    canonicalJson({ node: node.name, recipient: node.recipient, config, signers }),
  );
  const known = options.cache?.get(node.name);
  if (known && known.key === key && known.serial <= serial) return { encrypted: known };

  const instructions: Instructions = { type: "postboot", node: node.name, serial, issued, config };
  const payload = canonicalJson(instructions);
  parseInstructions(payload, node.name);
  const path = SITE_PATHS.postboot(node.name);
  const minisig = options.sign(ROLE_OF.postboot, payload, "postboot", path);
  const envelope: Envelope = { payload: text(payload), minisig };
  const ciphertext = await options.encrypt([node.recipient], canonicalJson(envelope));
  return { encrypted: { key, serial, ciphertext }, envelope };
}

/** Bins by prefix, each small enough; bins without documents are left out. */
function makeBins(documents: readonly (readonly [string, Listed])[]): Map<string, Bytes> {
  let digits = 0;
  while (documents.length > DOCUMENTS_PER_BIN * 16 ** digits) digits++;
  const bins = new Map<string, Bin>();
  for (const [path, facts] of documents) {
    const prefix = binPrefix(path, digits);
    const bin = bins.get(prefix) ?? { documents: {} };
    bin.documents[path] = facts;
    bins.set(prefix, bin);
  }
  return new Map(
    [...bins.keys()].sort().map((prefix) => [prefix, canonicalJson(bins.get(prefix))]),
  );
}

function listed(bytes: Bytes): Listed {
  return { sha256: sha256Hex(bytes), size: bytes.length };
}
