/**
 * The three kinds of documents that say what is current: root/<n>.json (which keys may sign what), timestamp.json (which
 * publication is current, until when) and the bins (hash and size of every document). After The Update Framework
 * (https://theupdateframework.github.io/specification/), with snapshot and timestamp in one file.
 *
 * Of the files that nodes read, only timestamp.json is ever replaced: all others have a version or a hash in their
 * name. So at any time nodes see either the old site or the new one, whatever a publisher has already uploaded. For the
 * same reason the signatures of timestamp.json are inside it, not in a second file:
 *  - `publication.minisig`, by a config key, over {bins, serial}: what the site holds;
 *  - `minisig`, by a timestamp key, over all the rest: that this is current, until when.
 *
 * Bins have no signature of their own: the doubly signed timestamp.json holds their hashes, and thereby their names.
 *
 * Parsers are strict (unknown keys are refused) and bounded. All but {@linkcode parseTimestamp} take verified bytes.
 *
 * @module
 */
import * as v from "valibot";
import { type Bytes, equal, sha256Hex, utf8 } from "../bytes.ts";
import { RefusedError } from "../errors.ts";
import { formatInstant } from "../instant.ts";
import { canonicalJson } from "../json.ts";
import { instant, sha256 } from "../schema/fields.ts";
import { readDocument } from "../schema/read.ts";
import { isSitePath, type Role } from "./comment.ts";
import { MAX_SIGNATURE_BYTES, parsePublicKey, type PublicKey } from "./minisign.ts";

/** A copy of the newest root document, for people; nodes read {@linkcode rootPath}. */
export const ROOT_PATH = "psyopsOS/root.json";
export const TIMESTAMP_PATH = "psyopsOS/timestamp.json";
/** Path of the root document with this version; every version stays on the site. */
export const rootPath = (version: number): string => `psyopsOS/root/${version}.json`;
/** Path of the bin with this prefix and hash; the only bin of a small site has prefix "". */
export const binPath = (prefix: string, sha256: string): string =>
  versionedPath(`psyopsOS/bins/${prefix || "all"}.json`, sha256);

/** Hex digits of a hash that stand in a file's name: enough that no two versions ever share one. */
export const NAME_DIGITS = 16;

/** `path` with its content's hash before the last dot: a name that never gets other content. */
export function versionedPath(path: string, sha256: string): string {
  const dot = path.lastIndexOf(".");
  return `${path.slice(0, dot)}.${sha256.slice(0, NAME_DIGITS)}${path.slice(dot)}`;
}

/** A document that nodes read beside their instructions (os_update.ts). */
export const OS_UPDATE_PATH = "psyopsOS/os-update.json";

/** Folders in which every file has its content's hash in its name. */
export const VERSIONED_FOLDERS = ["psyopsOS/bins", "psyopsOS/postboot", "psyopsOS/signed"] as const;

/**
 * Where a listed document is stored: at a {@linkcode versionedPath}, so that uploading the next version takes nothing
 * away from nodes that still read this one. For the same reason a signed document is stored in one file with its
 * signature ({@linkcode SignedDocument}). The file at the plain path is a copy for people.
 */
export function storedPath(path: string, sha256: string): string {
  const place = path.endsWith(".age") ? path : path.replace(/^psyopsOS\//, "psyopsOS/signed/");
  return versionedPath(place, sha256);
}

export const MAX_ROOT_BYTES = 64 * 1024;
export const MAX_TIMESTAMP_BYTES = 1024 * 1024;
export const MAX_BIN_BYTES = 4 * 1024 * 1024;
/** Biggest file a bin may list for {@linkcode SiteView.get}-style reading; release files are streamed and not listed. */
export const MAX_LISTED_BYTES = 64 * 1024 * 1024;
/** Highest version of the root document; keys that were replaced more often would point to a fault elsewhere. */
export const MAX_ROOT_VERSION = 256;
export const MAX_KEYS_PER_ROLE = 16;
/** Longest prefix of a bin in hex digits: 4096 bins. */
export const MAX_PREFIX_DIGITS = 3;
/**
 * A timestamp must expire within this time after its publication was signed, so that a thief of the timestamp key can't
 * freeze a site for good.
 */
export const MAX_VALIDITY_DAYS = 366;

/** Which keys may sign what. Version N+1 is signed by a root key of version N. */
export interface Root {
  version: number;
  issued: string;
  /** minisign key lines, at least one per role. */
  roles: Record<Role, string[]>;
}

/** Which publication is current. */
export interface Timestamp {
  /** Number of the publication; it never falls. */
  serial: number;
  issued: string;
  expires: string;
  /** Version of the root document whose keys have signed this. */
  root: number;
  bins: BinEntry[];
  /** Signature by a config key over {@linkcode publicationStatement}. */
  publication: { minisig: string };
  /** Signature by a timestamp key over {@linkcode timestampStatement}. */
  minisig: string;
}

/** One bin as the timestamp lists it. */
export interface BinEntry {
  /** First digits of the {@linkcode binPrefix} of the paths in it; the same number of digits for all bins. */
  prefix: string;
  sha256: string;
  size: number;
}

/** The listed documents whose {@linkcode binPrefix} is the bin's. */
export interface Bin {
  documents: Record<string, Listed>;
}

/** One document as a bin lists it: hash and size of what is at its {@linkcode storedPath}. */
export interface Listed {
  sha256: string;
  size: number;
}

/** A document in one file with its signature. */
export interface SignedDocument {
  /** The document's text. */
  payload: string;
  /** Its `.minisig`. */
  minisig: string;
}

const count = (max: number) => v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(max));
const path = v.pipe(v.string(), v.check(isSitePath, "must be a plain relative path"));
const signature = v.pipe(v.string(), v.maxLength(MAX_SIGNATURE_BYTES));
const keys = v.pipe(
  v.array(v.pipe(v.string(), v.check(isKeyLine, "must be a minisign key line"))),
  v.minLength(1),
  v.maxLength(MAX_KEYS_PER_ROLE),
);

const RootSchema = v.strictObject({
  version: count(MAX_ROOT_VERSION),
  issued: instant,
  roles: v.strictObject({ root: keys, config: keys, release: keys, timestamp: keys }),
});

const TimestampSchema = v.pipe(
  v.strictObject({
    serial: count(Number.MAX_SAFE_INTEGER),
    issued: instant,
    expires: instant,
    root: count(MAX_ROOT_VERSION),
    bins: v.pipe(
      v.array(v.strictObject({
        prefix: v.pipe(v.string(), v.regex(new RegExp(`^[0-9a-f]{0,${MAX_PREFIX_DIGITS}}$`))),
        sha256,
        size: count(MAX_BIN_BYTES),
      })),
      v.minLength(1),
      v.maxLength(16 ** MAX_PREFIX_DIGITS),
    ),
    publication: v.strictObject({ minisig: signature }),
    minisig: signature,
  }),
  v.check(({ issued, expires }) => issued < expires, "expires must be after issued"),
  v.check(
    ({ issued, expires }) =>
      Date.parse(expires) - Date.parse(issued) <= MAX_VALIDITY_DAYS * 86_400_000,
    `expires must be at most ${MAX_VALIDITY_DAYS} days after issued`,
  ),
  v.check(
    ({ bins }) => new Set(bins.map((bin) => bin.prefix.length)).size === 1,
    "all prefixes must be of one length",
  ),
  v.check(
    ({ bins }) => new Set(bins.map((bin) => bin.prefix)).size === bins.length,
    "a prefix is listed twice",
  ),
);

const BinSchema = v.strictObject({
  documents: v.record(path, v.strictObject({ sha256, size: count(MAX_LISTED_BYTES) })),
});

const SignedDocumentSchema = v.strictObject({ payload: v.string(), minisig: signature });

/** The root document in `bytes`. @throws {RefusedError} with check "schema". */
export function parseRoot(bytes: Uint8Array, name = ROOT_PATH): Root {
  return readDocument(RootSchema, bytes, name, MAX_ROOT_BYTES);
}

/**
 * The timestamp in `bytes`, not yet verified: its signatures are in it. Only the canonical spelling is accepted, so
 * that the signed bytes can be made again from the parsed timestamp.
 *
 * @throws {RefusedError} with check "schema".
 */
export function parseTimestamp(bytes: Uint8Array, name = TIMESTAMP_PATH): Timestamp {
  const timestamp = readDocument(TimestampSchema, bytes, name, MAX_TIMESTAMP_BYTES);
  if (equal(canonicalJson(timestamp), bytes)) return timestamp;
  throw new RefusedError("schema", `read ${name}`, "it is not written canonically", {
    document: name,
  });
}

/** The bytes that a config key signs: what the publication holds. */
export function publicationStatement({ serial, bins }: Pick<Timestamp, "serial" | "bins">): Bytes {
  return canonicalJson({ serial, bins });
}

/** Identifies what a publication holds, whoever keeps it current and until when: SHA-256, hex. */
export function publicationId(timestamp: Pick<Timestamp, "serial" | "bins">): string {
  return sha256Hex(publicationStatement(timestamp));
}

/** The bytes that a timestamp key signs: all of the timestamp but that signature. */
export function timestampStatement(timestamp: Omit<Timestamp, "minisig">): Bytes {
  const { serial, issued, expires, root, bins, publication } = timestamp;
  return canonicalJson({ serial, issued, expires, root, bins, publication });
}

/** A stored document, whose signature is still to be checked. @throws {RefusedError} with check "schema". */
export function parseSignedDocument(bytes: Uint8Array, name: string): SignedDocument {
  return readDocument(SignedDocumentSchema, bytes, name, MAX_LISTED_BYTES);
}

/** The bin in `bytes`. With `prefix`, paths that don't belong to it are refused. @throws {RefusedError} "schema". */
export function parseBin(bytes: Uint8Array, name = "the bin", prefix = ""): Bin {
  const bin = readDocument(BinSchema, bytes, name, MAX_BIN_BYTES);
  const stray = Object.keys(bin.documents).find((path) =>
    binPrefix(path, prefix.length) !== prefix
  );
  if (stray !== undefined) {
    throw new RefusedError("schema", `read ${name}`, `${stray} does not belong in it`, {
      document: name,
    });
  }
  return bin;
}

/**
 * Prefix of the bin that lists `path`: the first `digits` hex digits of a SHA-256. For a document about one node, the
 * node's name is hashed, so that the node reads a single bin and a change of the node rewrites a single bin. For all
 * others the path is hashed.
 */
export function binPrefix(path: string, digits: number): string {
  if (digits === 0) return "";
  const node = /^psyopsOS\/(?:nodes|postboot)\/([^/]+)\.(?:json|age)$/.exec(path)?.[1];
  return sha256Hex(utf8(node === undefined ? path : `node ${node}`)).slice(0, digits);
}

/** The keys that `role` has in `root`; the same objects each time, since preparing a key costs as much as using it. */
export function keysOf(root: Root, role: Role): readonly PublicKey[] {
  const lines = root.roles[role];
  let keys = parsedKeys.get(lines);
  if (!keys) parsedKeys.set(lines, keys = lines.map(parsePublicKey));
  return keys;
}

const parsedKeys = new WeakMap<readonly string[], readonly PublicKey[]>();

/**
 * Identifies what a root document decides: SHA-256 over its version and its keys in any order. A node remembers it so
 * that a key which was replaced can't rewrite the past; issuing the same keys anew changes nothing.
 */
export function rootDigest(root: Root): string {
  const roles = (["root", "config", "release", "timestamp"] as const)
    .map((role) => [role, root.roles[role].toSorted()]);
  return sha256Hex(utf8(JSON.stringify([root.version, roles])));
}

/** Until when a publication signed at `issued` can be kept current by the timestamp key alone. */
export function lastExpiry(issued: string): string {
  return expiryOf(issued, MAX_VALIDITY_DAYS * 24);
}

/** When a timestamp issued at `issued` and valid for `hours` expires. */
export function expiryOf(issued: string, hours: number): string {
  return formatInstant(new Date(Date.parse(issued) + hours * 3_600_000));
}

function isKeyLine(line: string): boolean {
  try {
    parsePublicKey(line);
    return !line.includes("\n");
  } catch {
    return false;
  }
}
