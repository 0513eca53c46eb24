/**
 * Builds the site: a fleet becomes the signed files that its nodes read. Pure and repeatable: time, serial, signer and
 * encryption are inputs, and what was encrypted before is taken from the cache while nothing in it has changed.
 *
 * @module
 */
import { type Bytes, sha256Hex, text, utf8 } from "../../lib/bytes.ts";
import { agentFor, mergeConfig, packagesFor, wholeEntries } from "../../lib/config/mod.ts";
import { OS_UPDATE_PATH, type OsUpdate } from "../../lib/documents/os_update.ts";
import {
  type Envelope,
  type GlobalDocument,
  type NodeDocument,
  type PostbootIndex,
  SITE_PATHS,
} from "../../lib/documents/site.ts";
import { canonicalJson } from "../../lib/json.ts";
import { type DocumentType, parseComment, ROLE_OF } from "../../lib/trust/comment.ts";
import {
  type Bin,
  type BinEntry,
  binPath,
  binPrefix,
  keysOf,
  type Listed,
  MAX_PREFIX_DIGITS,
  publicationStatement,
  type Root,
  type SignedDocument,
  storedPath,
  type Timestamp,
  TIMESTAMP_PATH,
  timestampStatement,
} from "../../lib/trust/freshness.ts";
import type { SignDocument } from "../../lib/trust/keyring.ts";
import { parseSignature } from "../../lib/trust/minisign.ts";
import { publishedRoots, type RootChain } from "../../lib/trust/root_sign.ts";
import { type Fleet, type FleetNode, wasRead } from "../fleet/assemble.ts";
import { Html } from "../page/html.ts";
import { errorPage, indexPage, nodeLine } from "../page/page.ts";
import { nodeRow } from "../page/rows.ts";
import { instruct } from "./instructions.ts";
import {
  type Encrypted,
  filesOf,
  type KnownSignature,
  listed,
  type NodeOutputs,
} from "./node_outputs.ts";
import { checkSize } from "./size.ts";

/** Documents that one bin may list before bins are split by one more hex digit. */
export const DOCUMENTS_PER_BIN = 1000;

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
  /** What is to be said of OS releases; nothing unless given. */
  osUpdate?: OsUpdate;
  /** Earlier signatures by path: what has not changed keeps its signature. */
  signatures?: ReadonlyMap<string, KnownSignature>;
}

/** What {@linkcode buildSite} made. */
export interface BuiltSite {
  /** Path to content in the order of publication: content, signatures, bins; the timestamp last. */
  files: Map<string, Bytes>;
  /** Files that are on the site already and stay: those of nodes that are known. */
  kept: Map<string, Listed>;
  /** Hashes of the bins. */
  bins: string[];
  /** By node, for the next build. */
  outputs: Map<string, NodeOutputs>;
  /** Ciphertext by node, for the next build. */
  cache: Map<string, Encrypted>;
  /** Signatures by path, for the next build. */
  signatures: Map<string, KnownSignature>;
  /** Plaintext of what was encrypted now, by node. For checks; never to be stored. */
  envelopes: Map<string, Envelope>;
}

/** Builds all files of the site. @throws {RefusedError} when a node could not read its own instructions. */
export async function buildSite(
  fleet: Fleet<NodeOutputs>,
  options: BuildOptions,
): Promise<BuiltSite> {
  const signed = new Map<string, { type: DocumentType; bytes: Bytes }>();
  const add = (path: string, type: DocumentType, value: unknown) =>
    signed.set(path, { type, bytes: canonicalJson(value) });
  const { notes, config } = fleet.global;
  const shared = wholeEntries(mergeConfig([config]));
  add(SITE_PATHS.global, "global", { notes, config: shared } satisfies GlobalDocument);
  const fresh = fleet.nodes.filter(wasRead);
  const documents = new Map(fresh.map((node) => [node.name, nodeDocument(node)]));
  const needed = new Map(
    fresh.map(({ name, whole }) => [name, { agent: agentFor(whole), needs: packagesFor(whole) }]),
  );
  for (const [name, document] of documents) add(SITE_PATHS.node(name), "node", document);
  for (const tag of fleet.tags) {
    const names = fleet.nodes.filter((node) => node.tags.includes(tag)).map(({ name }) => name);
    add(SITE_PATHS.tagNodes(tag), "tag", names);
  }
  if (options.osUpdate) add(OS_UPDATE_PATH, "os-update", options.osUpdate);

  const cache = new Map<string, Encrypted>();
  const envelopes = new Map<string, Envelope>();
  const index: PostbootIndex = {};
  const instructions = new Map<string, Bytes>();
  const signers = newestRoot(options)?.roles.config ?? [];
  for (const node of fresh) {
    const { encrypted, envelope } = await instruct(node, { ...options, signers });
    cache.set(node.name, encrypted);
    if (envelope) envelopes.set(node.name, envelope);
    const facts = listed(encrypted.ciphertext);
    const path = storedPath(SITE_PATHS.postboot(node.name), facts.sha256);
    index[node.name] = { path, ...facts };
    instructions.set(path, encrypted.ciphertext);
  }
  const shown = new Map(fresh.map((node) => [SITE_PATHS.node(node.name), node.public]));
  const signatures = new Map<string, KnownSignature>();
  const stored = new Map<string, Bytes>();
  for (const [path, { type, bytes }] of signed) {
    const known = signOnce(path, type, bytes, options);
    const { minisig } = known;
    signatures.set(path, known);
    const document = canonicalJson({ payload: text(bytes), minisig } satisfies SignedDocument);
    checkSize(path, document.length, shown.get(path) ?? shared);
    stored.set(path, document);
  }
  const kept = new Map<string, Listed>();
  const outputs = new Map<string, NodeOutputs>();
  const lines: BinLine[] = [];
  for (const node of fleet.nodes) {
    if (!("known" in node)) continue;
    const { name, known } = node;
    outputs.set(name, known);
    for (const [path, facts] of filesOf(name, known)) kept.set(path, facts);
    const path = SITE_PATHS.postboot(name);
    index[name] = { path: storedPath(path, known.postboot.sha256), ...known.postboot };
    lines.push([SITE_PATHS.node(name), known.signed, known.bin]);
    lines.push([path, known.postboot, known.bin]);
  }
  const longest = (path: string) => binPrefix(path, MAX_PREFIX_DIGITS);
  for (const [path, bytes] of stored) lines.push([path, listed(bytes), longest(path)]);
  for (const { name } of fresh) {
    const { sha256, size } = index[name]!;
    const path = SITE_PATHS.postboot(name);
    lines.push([path, { sha256, size }, longest(path)]);
  }
  const bins = makeBins(lines);
  // For people and other programs: nodes need nothing of it, so it is in no bin and a change of one node changes one bin.
  const indexPath = SITE_PATHS.postbootIndex;
  add(indexPath, "postboot-index", index);
  const indexBytes = signed.get(indexPath)!.bytes;
  signatures.set(indexPath, signOnce(indexPath, "postboot-index", indexBytes, options));

  for (const [name, document] of documents) {
    const path = SITE_PATHS.node(name);
    const { serial, minisig } = signatures.get(path)!;
    const { sha256, size } = index[name]!;
    outputs.set(name, {
      serial: Math.max(serial, cache.get(name)!.serial),
      document: listed(signed.get(path)!.bytes),
      signature: listed(utf8(minisig)),
      signed: listed(stored.get(path)!),
      postboot: { sha256, size },
      ...needed.get(name)!,
      bin: binPrefix(path, MAX_PREFIX_DIGITS),
      row: nodeLine(nodeRow(document, parseComment(parseSignature(minisig).trustedComment))).text,
    });
  }
  const files = new Map<string, Bytes>();
  files.set("index.html", makePage(fleet, outputs, options));
  files.set("error.html", errorPage());
  for (const [path, bytes] of stored) files.set(storedPath(path, sha256Hex(bytes)), bytes);
  for (const [path, bytes] of instructions) files.set(path, bytes);
  for (const [path, { bytes }] of signed) {
    files.set(path, bytes);
    files.set(`${path}.minisig`, utf8(signatures.get(path)!.minisig));
  }
  for (const [path, bytes] of publishedRoots(options.roots)) files.set(path, bytes);
  const entries: BinEntry[] = [];
  for (const [prefix, bytes] of bins) {
    const entry = { prefix, ...listed(bytes) };
    entries.push(entry);
    files.set(binPath(prefix, entry.sha256), bytes);
  }
  files.set(TIMESTAMP_PATH, canonicalJson(makeTimestamp(entries, options)));
  return {
    files,
    kept,
    bins: entries.map(({ sha256 }) => sha256),
    outputs,
    cache,
    signatures,
    envelopes,
  };
}

/** The start page: what the signed documents say, and when they were signed. */
function makePage(
  fleet: Fleet<NodeOutputs>,
  outputs: ReadonlyMap<string, NodeOutputs>,
  options: BuildOptions,
): Bytes {
  const { serial, issued, expires, roots, osUpdate } = options;
  const newest = newestRoot(options);
  return indexPage({
    serial,
    issued,
    expires,
    pinned: roots.pinned,
    config: newest ? keysOf(newest, "config")[0]! : roots.pinned,
    notes: fleet.global.notes,
    nodes: fleet.nodes.map(({ name }) => new Html(outputs.get(name)!.row)),
    osUpdate,
  });
}

/** The document signature, taken from an earlier build where it is over the same by the same key. */
function signOnce(
  path: string,
  type: DocumentType,
  bytes: Bytes,
  options: BuildOptions,
): KnownSignature {
  const { serial } = options;
  const role = ROLE_OF[type];
  const signers = newestRoot(options)?.roles[role] ?? [];
  const key = sha256Hex(canonicalJson({ path, type, sha256: sha256Hex(bytes), signers }));
  const known = options.signatures?.get(path);
  if (known && known.key === key && known.serial <= serial) return known;
  return { key, serial, minisig: options.sign(role, bytes, type, path) };
}

/** The timestamp over `bins`, with both its signatures. */
function makeTimestamp(bins: BinEntry[], options: BuildOptions): Timestamp {
  const { serial, issued, expires, roots, sign } = options;
  const statement = publicationStatement({ serial, bins });
  const publication = {
    minisig: sign(ROLE_OF.publication, statement, "publication", TIMESTAMP_PATH),
  };
  const root = roots.files.length;
  const timestamp = { serial, issued, expires, root, bins, publication };
  const minisig = sign(
    ROLE_OF.timestamp,
    timestampStatement(timestamp),
    "timestamp",
    TIMESTAMP_PATH,
  );
  return { ...timestamp, minisig };
}

function newestRoot(options: BuildOptions): Root | undefined {
  return options.roots.files.at(-1)?.root;
}

function nodeDocument(node: FleetNode): NodeDocument {
  const { name, recipient, sshHostKey, tags, notes } = node;
  return { name, recipient, sshHostKey, tags, notes, config: node.public };
}

/** A document, and the longest prefix of the bin that it belongs into. */
type BinLine = readonly [path: string, listed: Listed, longest: string];

/** Bins by prefix, each small enough; bins without documents are left out. */
function makeBins(documents: readonly BinLine[]): Map<string, Bytes> {
  let digits = 0;
  while (documents.length > DOCUMENTS_PER_BIN * 16 ** digits) digits++;
  const bins = new Map<string, Bin>();
  for (const [path, facts, longest] of documents) {
    const prefix = longest.slice(0, digits);
    const bin = bins.get(prefix) ?? { documents: {} };
    bin.documents[path] = facts;
    bins.set(prefix, bin);
  }
  return new Map(
    [...bins.keys()].sort().map((prefix) => [prefix, canonicalJson(bins.get(prefix))]),
  );
}
