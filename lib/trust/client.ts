/**
 * Opens a site: from a pinned key to documents that may be believed. The order is that of The Update Framework's client
 * (https://theupdateframework.github.io/specification/, "Detailed client workflow"): root chain, timestamp, bins, documents.
 *
 * Nothing is parsed before the signature over it holds, and every signature must be made by a key of the right role for
 * the very type, path and hash that was asked for. A serial counts only when a config key has signed a bin with it: who
 * steals the timestamp key can neither mix publications nor bring back an old one, only extend the current one.
 *
 * Pure but for the `fetch` it is given. It stores nothing: the caller keeps `state` and, for a site that is down later,
 * `files`; opening those again is done with a `fetch` that reads them and `allowExpired`.
 *
 * @module
 */
import { type Bytes, sha256Hex, text } from "../bytes.ts";
import { RefusedError } from "../errors.ts";
import { type DocumentType, type Facts, isInstant, parseComment, ROLE_OF } from "./comment.ts";
import {
  type Bin,
  type BinEntry,
  binPrefix,
  keysOf,
  laterInstant,
  type Listed,
  MAX_BIN_BYTES,
  MAX_LISTED_BYTES,
  MAX_ROOT_BYTES,
  MAX_ROOT_VERSION,
  MAX_TIMESTAMP_BYTES,
  parseBin,
  parseRoot,
  parseTimestamp,
  type Root,
  ROOT_PATH,
  rootDigest,
  rootPath,
  type Timestamp,
  TIMESTAMP_PATH,
} from "./freshness.ts";
import {
  keyIdHex,
  MAX_SIGNATURE_BYTES,
  parseSignature,
  type PublicKey,
  verify,
} from "./minisign.ts";

/** Biggest signed document; these are parsed as a whole. */
export const MAX_DOCUMENT_BYTES = 4 * 1024 * 1024;

/**
 * Gets a file of the site, at most `maxBytes` of it; a longer one may be cut or refused.
 * Throws a UserError when it is missing or the site can't be reached.
 */
export type Fetch = (path: string, maxBytes: number) => Promise<Bytes>;

/** What a client remembers from one opening to the next. Lower values are never accepted again. */
export interface TrustState {
  /** Highest version of root.json accepted; 0 = none. */
  readonly rootVersion: number;
  /** Digest of that version ({@linkcode rootDigest}): a key replaced since can't start another chain. */
  readonly rootDigest?: string;
  /** Highest serial accepted; 0 = none. */
  readonly serial: number;
  /** Latest time of issue accepted; a lower bound of now. "" = none. */
  readonly issued: string;
}

/** The state of a client that has never opened a site. */
export const NO_STATE: TrustState = { rootVersion: 0, serial: 0, issued: "" };

/** What {@linkcode openSite} needs. */
export interface OpenOptions {
  /** The key that version 1 of root.json is signed with. */
  pinned: PublicKey;
  state: TrustState;
  now: Date;
  fetch: Fetch;
  /** Accept a timestamp that has expired (the view says so); for documents that were accepted before. */
  allowExpired?: boolean;
}

/** A site whose root, timestamp and first bin hold. */
export interface SiteView {
  readonly timestamp: Timestamp;
  readonly root: Root;
  /** To be stored once the caller has what it needs from this publication. */
  readonly state: TrustState;
  readonly expired: boolean;
  /** Every verified file so far by path, signatures included. */
  readonly files: ReadonlyMap<string, Bytes>;
  /** Whether the publication holds this path. */
  lists(path: string): Promise<boolean>;
  /**
   * The bytes of a document: listed, of the listed size and hash, signed by a key of its type's role for this type and path.
   *
   * @throws {RefusedError} naming the check that failed.
   */
  get(path: string, type: DocumentType): Promise<Bytes>;
  /** The bytes of a file that bears no signature of its own (`.age`): of the listed size and hash. */
  getHashed(path: string): Promise<Bytes>;
  /** Checks a signature that came inside a file, e.g. in decrypted instructions, and gives its facts. */
  verifyInner(payload: Uint8Array, minisig: string, type: DocumentType, path: string): Facts;
}

/**
 * Opens a site.
 *
 * @throws {RefusedError} with check "signature", "key", "algorithm", "malformed", "type", "path", "hash", "size", "schema",
 * "serial", "expired" or "root-version"; what `fetch` throws comes through.
 */
export async function openSite(options: OpenOptions): Promise<SiteView> {
  const files = new Map<string, Bytes>();
  const fetchSigned = async (path: string, maxBytes: number): Promise<Signed> => {
    const [data, signature] = await Promise.all([
      fetchBounded(options.fetch, path, maxBytes),
      fetchBounded(options.fetch, `${path}.minisig`, MAX_SIGNATURE_BYTES),
    ]);
    return { path, data, signature: signatureText(signature, path), files };
  };
  const root = await walkRoots(options, fetchSigned);

  const signed = await fetchSigned(TIMESTAMP_PATH, MAX_TIMESTAMP_BYTES);
  const facts = accept(signed, "timestamp", keysOf(root, "timestamp"));
  const timestamp = parseTimestamp(signed.data);
  if (facts.serial !== timestamp.serial || facts.issued !== timestamp.issued) {
    throw refusal("serial", TIMESTAMP_PATH, "its signature is for another serial or time");
  }
  // Written so that a damaged state (NaN) refuses.
  if (!(timestamp.serial >= options.state.serial)) {
    throw refusal(
      "serial",
      TIMESTAMP_PATH,
      `its serial is ${timestamp.serial}, but ${options.state.serial} was accepted before`,
    );
  }
  // A clock that is behind is corrected by what is known to have been issued already.
  const before = isInstant(options.state.issued) ? options.state.issued : "";
  const issued = laterInstant(timestamp.issued, before);
  const now = Math.max(options.now.getTime(), Date.parse(issued));
  const expired = !(now < Date.parse(timestamp.expires));
  if (expired && !options.allowExpired) {
    throw refusal("expired", TIMESTAMP_PATH, `it expired at ${timestamp.expires}`);
  }

  const view = new View(
    root,
    timestamp,
    { rootVersion: root.version, rootDigest: rootDigest(root), serial: timestamp.serial, issued },
    expired,
    files,
    options.fetch,
    fetchSigned,
  );
  await view.bin(timestamp.bins[0]!);
  return view;
}

/** A fetched document with the signature beside it; nothing of it is verified. */
interface Signed {
  readonly path: string;
  readonly data: Bytes;
  readonly signature: string;
  /** Where it goes once it is accepted. */
  readonly files: Map<string, Bytes>;
}

type FetchSigned = (path: string, maxBytes: number) => Promise<Signed>;

/**
 * Walks from the pinned key to the newest root, version by version: each must be signed by a root key of the one before,
 * so a key that was replaced ends the walk for whoever still has it.
 */
async function walkRoots(options: OpenOptions, fetchSigned: FetchSigned): Promise<Root> {
  const { state } = options;
  const newest = await fetchSigned(ROOT_PATH, MAX_ROOT_BYTES);
  const newestKey = parseSignature(newest.signature, ROOT_PATH);
  let trusted: readonly PublicKey[] = [options.pinned];
  for (let version = 1; version <= MAX_ROOT_VERSION; version++) {
    const known = trusted.some((key) => keyIdHex(key) === keyIdHex(newestKey));
    if (known) {
      const root = acceptRoot(newest, trusted);
      if (root.version < version) {
        throw refusal(
          "root-version",
          ROOT_PATH,
          `its version is ${root.version}, older than root/${version - 1}.json`,
        );
      }
      if (root.version === version) return checkRootState(root, ROOT_PATH, state, true);
    }
    const path = rootPath(version);
    let step: Signed;
    try {
      step = await fetchSigned(path, MAX_ROOT_BYTES);
    } catch (error) {
      if (known) throw error;
      const state = `it is signed by key ${keyIdHex(newestKey)}, expected ${
        trusted.map(keyIdHex).join(" or ")
      }, and there is no ${path} that leads from one to the other`;
      throw refusal("key", ROOT_PATH, state, error);
    }
    const root = checkRootState(acceptRoot(step, trusted), path, state, false);
    if (root.version !== version) {
      throw refusal("root-version", path, `its version is ${root.version}, expected ${version}`);
    }
    trusted = keysOf(root, "root");
  }
  throw refusal("root-version", ROOT_PATH, `its version is above ${MAX_ROOT_VERSION}`);
}

function acceptRoot(signed: Signed, trusted: readonly PublicKey[]): Root {
  const facts = verifyBound(signed.data, signed.signature, "root", trusted, signed.path);
  const root = parseRoot(signed.data, signed.path);
  // root.json is a copy of the newest root/<n>.json and may bear that one's signature.
  const paths = [signed.path, rootPath(root.version)];
  if (!paths.includes(facts.path)) {
    throw refusal("path", signed.path, `its signature is for ${facts.path}`);
  }
  keep(signed);
  return root;
}

function checkRootState(root: Root, path: string, state: TrustState, newest: boolean): Root {
  if (newest && !(root.version >= state.rootVersion)) {
    throw refusal(
      "root-version",
      path,
      `its version is ${root.version}, but ${state.rootVersion} was accepted before`,
    );
  }
  const remembered = root.version === state.rootVersion ? state.rootDigest : undefined;
  if (remembered !== undefined && remembered !== rootDigest(root)) {
    throw refusal(
      "root-version",
      path,
      `its keys are not those of the version ${root.version} that was accepted before`,
    );
  }
  return root;
}

class View implements SiteView {
  readonly #bins = new Map<string, Promise<Map<string, Listed>>>();

  constructor(
    readonly root: Root,
    readonly timestamp: Timestamp,
    readonly state: TrustState,
    readonly expired: boolean,
    readonly files: Map<string, Bytes>,
    readonly fetch: Fetch,
    readonly fetchSigned: FetchSigned,
  ) {}

  async lists(path: string): Promise<boolean> {
    return await this.#listed(path) !== undefined;
  }

  async get(path: string, type: DocumentType): Promise<Bytes> {
    const listed = await this.#expect(path, MAX_DOCUMENT_BYTES);
    const signed = await this.fetchSigned(path, listed.size);
    checkListed(signed.data, listed, path);
    const facts = accept(signed, type, keysOf(this.root, ROLE_OF[type]));
    this.#notNewer(facts, path);
    return signed.data;
  }

  async getHashed(path: string): Promise<Bytes> {
    const listed = await this.#expect(path, MAX_LISTED_BYTES);
    const data = await fetchBounded(this.fetch, path, listed.size);
    checkListed(data, listed, path);
    this.files.set(path, data);
    return data;
  }

  verifyInner(payload: Uint8Array, minisig: string, type: DocumentType, path: string): Facts {
    const facts = verifyBound(payload, minisig, type, keysOf(this.root, ROLE_OF[type]), path);
    if (facts.path !== path) throw refusal("path", path, `its signature is for ${facts.path}`);
    this.#notNewer(facts, path);
    return facts;
  }

  /** A verified bin; fetched once, and again after a failure. */
  bin(entry: BinEntry): Promise<Map<string, Listed>> {
    const known = this.#bins.get(entry.prefix);
    if (known) return known;
    const loading = this.#loadBin(entry);
    this.#bins.set(entry.prefix, loading);
    loading.catch(() => this.#bins.delete(entry.prefix));
    return loading;
  }

  async #loadBin(entry: BinEntry): Promise<Map<string, Listed>> {
    const signed = await this.fetchSigned(entry.path, Math.min(entry.size, MAX_BIN_BYTES));
    checkListed(signed.data, entry, entry.path);
    const facts = accept(signed, "bin", keysOf(this.root, "config"));
    if (facts.serial !== this.timestamp.serial) {
      throw refusal(
        "serial",
        entry.path,
        `it is signed for serial ${facts.serial ?? "none"}, expected ${this.timestamp.serial}`,
      );
    }
    const bin: Bin = parseBin(signed.data, entry.path, entry.prefix);
    return new Map(Object.entries(bin.documents));
  }

  async #listed(path: string): Promise<Listed | undefined> {
    const prefix = binPrefix(path, this.timestamp.bins[0]!.prefix.length);
    const entry = this.timestamp.bins.find((bin) => bin.prefix === prefix);
    return entry && (await this.bin(entry)).get(path);
  }

  async #expect(path: string, maxBytes: number): Promise<Listed> {
    const listed = await this.#listed(path);
    if (!listed) throw refusal("path", path, "the signed bins do not list it");
    if (listed.size > maxBytes) {
      throw refusal("size", path, `it has ${listed.size} bytes, at most ${maxBytes} are read`);
    }
    return listed;
  }

  #notNewer(facts: Facts, path: string): void {
    if (facts.serial !== undefined && facts.serial > this.timestamp.serial) {
      throw refusal(
        "serial",
        path,
        `it is signed for serial ${facts.serial}, the site is at ${this.timestamp.serial}`,
      );
    }
  }
}

/** Verifies a signed document, its type and its path, then keeps it; gives the facts of its signature. */
function accept(signed: Signed, type: DocumentType, keys: readonly PublicKey[]): Facts {
  const { path, data, signature } = signed;
  const facts = verifyBound(data, signature, type, keys, path);
  if (facts.path !== path) throw refusal("path", path, `its signature is for ${facts.path}`);
  keep(signed);
  return facts;
}

/** Verifies a signature, and that its comment is for `type` and these bytes. The path is left to the caller. */
function verifyBound(
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

function keep({ path, data, signature, files }: Signed): void {
  files.set(path, data);
  files.set(`${path}.minisig`, new TextEncoder().encode(signature));
}

function checkListed(data: Uint8Array, listed: Listed, path: string): void {
  if (data.length !== listed.size) {
    throw refusal("size", path, `it has ${data.length} bytes, ${listed.size} are listed`);
  }
  if (sha256Hex(data) !== listed.sha256) {
    throw refusal("hash", path, "its hash is not the listed one");
  }
}

async function fetchBounded(fetch: Fetch, path: string, maxBytes: number): Promise<Bytes> {
  const bytes = await fetch(path, maxBytes);
  if (bytes.length <= maxBytes) return bytes;
  throw refusal("size", path, `it is longer than ${maxBytes} bytes`);
}

function signatureText(bytes: Uint8Array, path: string): string {
  try {
    return text(bytes);
  } catch (error) {
    throw refusal("malformed", path, "its signature is no text in UTF-8", error);
  }
}

function refusal(check: string, document: string, state: string, cause?: unknown): RefusedError {
  return new RefusedError(check, `Cannot accept ${document}: ${state}`, { document, cause });
}
