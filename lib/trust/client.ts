/**
 * Opens a site: from a pinned key to documents that may be believed. After The Update Framework's client
 * (https://theupdateframework.github.io/specification/, "Detailed client workflow"): root chain, timestamp, bins,
 * documents. tests/README.md says row by row where this is the same and where not.
 *
 * timestamp.json contains its own signatures (freshness.ts says why), so it is parsed before they are checked, strictly
 * and within bounds. Until then only its root version is used, to find the keys to check them with. Everything else is
 * parsed only after its signature, or the signed hash of it, was verified. Every signature must be made by a key of the
 * right role for exactly the type, path and hash that was asked for.
 *
 * A serial counts only with a config key's signature over it and the hashes of all bins. A thief of the timestamp key
 * can therefore neither mix publications, nor bring back an old one, nor move clocks; the thief can only keep the
 * current publication current, for a year at most.
 *
 * Pure except for the given `fetch`. Nothing is stored: the caller keeps `state` and, for times when the site is down,
 * `files`. To open those files again, it passes a `fetch` that reads them and sets `allowExpired`. What an honest root
 * chain takes back is told by `onKeyDropped`, even when the rest of that publication is refused.
 *
 * @module
 */
import { type Bytes, utf8 } from "../bytes.ts";
import { isInstant, laterInstant } from "../instant.ts";
import { MAX_DOCUMENT_BYTES } from "../limits.ts";
import { type DocumentType, type Facts, ROLE_OF } from "./comment.ts";
import {
  type BinEntry,
  binPath,
  binPrefix,
  keysOf,
  lastExpiry,
  type Listed,
  MAX_BIN_BYTES,
  MAX_LISTED_BYTES,
  MAX_TIMESTAMP_BYTES,
  parseBin,
  parseSignedDocument,
  parseTimestamp,
  publicationId,
  publicationStatement,
  type Root,
  rootDigest,
  storedPath,
  type Timestamp,
  TIMESTAMP_PATH,
  timestampStatement,
} from "./freshness.ts";
import {
  MAX_SIGNATURE_BYTES,
  parseSignature,
  type PublicKey,
  signatureComment,
} from "./minisign.ts";
import { floorOf, type TrustState, vouchedTime, walkRoots } from "./roots.ts";
import { CLOCK, later, whyExpired } from "../known_time.ts";
import {
  checkListed,
  type Fetch,
  fetchBounded,
  type FetchSigned,
  refusal,
  signatureText,
  type Signed,
  verifyBound,
} from "./verified.ts";

/** What {@linkcode openSite} needs. */
export interface OpenOptions {
  /** The key that version 1 of the root document is signed with. */
  pinned: PublicKey;
  state: TrustState;
  /** The time by a clock that no publication has set. */
  now: Date;
  /** Where `now` comes from, for messages; default {@linkcode CLOCK}. */
  nowFrom?: string;
  /** Milliseconds since `state.issued` was learned: by now it is so much later at least. Default 0. */
  sinceIssuedMs?: number;
  fetch: Fetch;
  /** Accept a timestamp that has expired (the view says so); for documents that were accepted before. */
  allowExpired?: boolean;
  /**
   * Told once the root chain is verified, when it has dropped a config key that may have vouched for `state`: what is left
   * of `state` then. Nothing that was accepted before may be used any longer, whatever comes of this publication.
   */
  onKeyDropped?: (left: TrustState) => void;
}

/** A site whose root and timestamp hold. */
export interface SiteView {
  readonly timestamp: Timestamp;
  readonly root: Root;
  /** To be stored once the caller has what it needs from this publication. */
  readonly state: TrustState;
  readonly expired: boolean;
  /** Every verified file so far by its path on the site, signatures included. */
  readonly files: ReadonlyMap<string, Bytes>;
  /** Whether the publication holds this path. */
  lists(path: string): Promise<boolean>;
  /** What the publication says of this path; undefined when it does not hold it. */
  listing(path: string): Promise<Listed | undefined>;
  /** Every path that the publication holds; fetches all bins. */
  paths(): Promise<string[]>;
  /**
   * The bytes of a document: listed, of the listed size and hash, signed by a key of its type's role for this type and path.
   *
   * @throws {RefusedError} naming the check that failed.
   */
  get(path: string, type: DocumentType): Promise<Bytes>;
  /** As {@linkcode SiteView.get}, with what its signature states. */
  getSigned(path: string, type: DocumentType): Promise<{ data: Bytes; facts: Facts }>;
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
  const { state } = options;
  const files = new Map<string, Bytes>();
  const data = await fetchBounded(options.fetch, TIMESTAMP_PATH, MAX_TIMESTAMP_BYTES);
  const timestamp = parseTimestamp(data);
  const fetchSigned = async (path: string, maxBytes: number): Promise<Signed> => {
    const [data, signature] = await Promise.all([
      fetchBounded(options.fetch, path, maxBytes),
      fetchBounded(options.fetch, `${path}.minisig`, MAX_SIGNATURE_BYTES),
    ]);
    return { path, data, signature: signatureText(signature, path), files };
  };
  const { root, remembered } = await walkRoots(options, timestamp.root, fetchSigned);

  const floor = floorOf(state, remembered, root);
  const chain = { rootVersion: root.version, rootDigest: rootDigest(root) };
  if (floor !== state) options.onKeyDropped?.({ ...floor, ...chain });

  const signed = verifyTimestamp(timestamp, root);
  files.set(TIMESTAMP_PATH, data);
  // Written this way so that a damaged state (NaN) is refused.
  if (!(timestamp.serial >= floor.serial)) {
    throw refusal(
      "serial",
      TIMESTAMP_PATH,
      `its serial is ${timestamp.serial}, but ${floor.serial} was accepted before`,
    );
  }
  const publication = publicationId(timestamp);
  const replaces = timestamp.serial === floor.serial && floor.publication !== undefined &&
    floor.publication !== publication;
  if (replaces) {
    throw refusal(
      "serial",
      TIMESTAMP_PATH,
      `its serial is ${timestamp.serial}, but with other files ${timestamp.serial} was accepted before`,
    );
  }
  // Its own time of issue needs no place here: a timestamp expires after it (checked above).
  const clock = { ms: options.now.getTime(), from: options.nowFrom ?? CLOCK };
  const now = later(clock, vouchedTime(floor, options.sinceIssuedMs));
  const why = whyExpired(timestamp.expires, now);
  if (why !== undefined && !options.allowExpired) throw refusal("expired", TIMESTAMP_PATH, why);
  const issued = laterInstant(signed, isInstant(floor.issued) ? floor.issued : "");
  return new View(
    root,
    timestamp,
    { ...chain, serial: timestamp.serial, issued, publication },
    why !== undefined,
    files,
    options.fetch,
    fetchSigned,
  );
}

/** Checks both signatures in a timestamp; gives the time at which a config key signed the publication. */
function verifyTimestamp(timestamp: Timestamp, root: Root): string {
  const check = (
    statement: Bytes,
    minisig: string,
    type: "timestamp" | "publication",
    what: string,
  ): Facts => {
    const facts = verifyBound(
      statement,
      minisig,
      type,
      keysOf(root, ROLE_OF[type]),
      TIMESTAMP_PATH,
    );
    if (facts.path !== TIMESTAMP_PATH) {
      throw refusal("path", TIMESTAMP_PATH, `${what} is for ${facts.path}`);
    }
    if (facts.serial === timestamp.serial && facts.issued !== undefined) return facts;
    throw refusal("serial", TIMESTAMP_PATH, `${what} is for another serial, or tells no time`);
  };
  const facts = check(
    timestampStatement(timestamp),
    timestamp.minisig,
    "timestamp",
    "its signature",
  );
  // No byte of this file may be changed unnoticed, not even the untrusted comment, which minisign does not sign.
  const { untrustedComment, keyId } = parseSignature(timestamp.minisig, TIMESTAMP_PATH);
  const ends = timestamp.minisig.endsWith("\n") && !timestamp.minisig.includes("\r");
  if (!ends || untrustedComment !== signatureComment({ keyId })) {
    throw refusal("malformed", TIMESTAMP_PATH, "its signature is not written as psyopsOS does");
  }
  if (facts.issued !== timestamp.issued) {
    throw refusal("serial", TIMESTAMP_PATH, "its signature is for another time");
  }
  const { issued = "" } = check(
    publicationStatement(timestamp),
    timestamp.publication.minisig,
    "publication",
    "the signature of its publication",
  );
  if (timestamp.issued < issued || timestamp.expires > lastExpiry(issued)) {
    throw refusal(
      "expired",
      TIMESTAMP_PATH,
      `its times are not within those that the publication of ${issued} allows`,
    );
  }
  return issued;
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

  listing(path: string): Promise<Listed | undefined> {
    return this.#listed(path);
  }

  async paths(): Promise<string[]> {
    const found: string[] = [];
    for (const entry of this.timestamp.bins) found.push(...(await this.#bin(entry)).keys());
    return found;
  }

  async get(path: string, type: DocumentType): Promise<Bytes> {
    return (await this.getSigned(path, type)).data;
  }

  async getSigned(path: string, type: DocumentType): Promise<{ data: Bytes; facts: Facts }> {
    const listed = await this.#expect(path, MAX_DOCUMENT_BYTES);
    const stored = await this.#stored(path, listed);
    const { payload, minisig } = parseSignedDocument(stored, path);
    const data = utf8(payload);
    const facts = this.verifyInner(data, minisig, type, path);
    this.files.set(storedPath(path, listed.sha256), stored);
    return { data, facts };
  }

  async getHashed(path: string): Promise<Bytes> {
    const listed = await this.#expect(path, MAX_LISTED_BYTES);
    const data = await this.#stored(path, listed);
    this.files.set(storedPath(path, listed.sha256), data);
    return data;
  }

  verifyInner(payload: Uint8Array, minisig: string, type: DocumentType, path: string): Facts {
    const facts = verifyBound(payload, minisig, type, keysOf(this.root, ROLE_OF[type]), path);
    if (facts.path !== path) throw refusal("path", path, `its signature is for ${facts.path}`);
    this.#notNewer(facts, path);
    return facts;
  }

  /** A verified bin; fetched once, and again after a failure. */
  #bin(entry: BinEntry): Promise<Map<string, Listed>> {
    const known = this.#bins.get(entry.prefix);
    if (known) return known;
    const loading = this.#loadBin(entry);
    this.#bins.set(entry.prefix, loading);
    loading.catch(() => this.#bins.delete(entry.prefix));
    return loading;
  }

  async #loadBin(entry: BinEntry): Promise<Map<string, Listed>> {
    const path = binPath(entry.prefix, entry.sha256);
    const data = await fetchBounded(this.fetch, path, Math.min(entry.size, MAX_BIN_BYTES));
    checkListed(data, entry, path);
    const bin = parseBin(data, path, entry.prefix);
    this.files.set(path, data);
    return new Map(Object.entries(bin.documents));
  }

  async #listed(path: string): Promise<Listed | undefined> {
    const prefix = binPrefix(path, this.timestamp.bins[0]!.prefix.length);
    const entry = this.timestamp.bins.find((bin) => bin.prefix === prefix);
    return entry && (await this.#bin(entry)).get(path);
  }

  async #expect(path: string, maxBytes: number): Promise<Listed> {
    const listed = await this.#listed(path);
    if (!listed) throw refusal("path", path, "the signed bins do not list it");
    if (listed.size > maxBytes) {
      throw refusal("size", path, `it has ${listed.size} bytes, at most ${maxBytes} are read`);
    }
    return listed;
  }

  /** The listed bytes of a document. */
  async #stored(path: string, listed: Listed): Promise<Bytes> {
    const data = await fetchBounded(this.fetch, storedPath(path, listed.sha256), listed.size, path);
    checkListed(data, listed, path);
    return data;
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
