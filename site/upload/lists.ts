/**
 * What a publication lists: its timestamp, its bins one by one, and how two publications differ. Bins are named by their
 * hash, so only those that differ are read. Nothing is verified here.
 *
 * @module
 */
import { type Bytes, sha256Hex } from "../../lib/bytes.ts";
import { UserError } from "../../lib/errors.ts";
import {
  type BinEntry,
  binPath,
  type Listed,
  MAX_BIN_BYTES,
  parseBin,
  storedPath,
  type Timestamp,
} from "../../lib/trust/freshness.ts";

/** Reads a file of a site; undefined when it is missing. */
export type ReadFile = (path: string, maxBytes: number) => Promise<Bytes | undefined>;

/** A publication and where its files are read. */
export interface Publication {
  timestamp: Timestamp;
  read: ReadFile;
}

/** What is in one publication and not in another. */
export interface Difference {
  /** Stored files: of documents that are new or changed, and of bins. */
  stored: string[];
  /** Documents that are new or changed, by their plain paths. */
  documents: string[];
}

/** What `ours` has that `theirs` has not; undefined when theirs can't be read. */
export async function difference(
  ours: Publication,
  theirs: Publication,
): Promise<Difference | undefined> {
  const paths = (timestamp: Timestamp) => new Set(timestamp.bins.map(pathOf));
  const ourBins = ours.timestamp.bins.filter((bin) => !paths(theirs.timestamp).has(pathOf(bin)));
  const theirBins = theirs.timestamp.bins.filter((bin) => !paths(ours.timestamp).has(pathOf(bin)));
  const before = new Map<string, Listed>();
  for (const bin of theirBins) {
    const documents = await readBin(theirs, bin);
    if (!documents) return undefined;
    for (const [path, listed] of Object.entries(documents)) before.set(path, listed);
  }
  const stored: string[] = ourBins.map(pathOf);
  const documents: string[] = [];
  for (const bin of ourBins) {
    const listed = await readBin(ours, bin);
    if (!listed) throw damaged(pathOf(bin));
    for (const [path, { sha256 }] of Object.entries(listed)) {
      if (before.get(path)?.sha256 === sha256) continue;
      stored.push(storedPath(path, sha256));
      documents.push(path);
    }
  }
  return { stored, documents };
}

/** The stored files that a publication lists, bins included. @throws {UserError} when a bin is damaged. */
export async function storedFiles(publication: Publication): Promise<string[]> {
  return await collect(publication, (path) => {
    throw damaged(path);
  });
}

/** As {@linkcode storedFiles}, of a publication of which parts may be missing: what is in bins that can't be read is left out. */
export async function storedIn(publication: Publication): Promise<string[]> {
  return await collect(publication, () => {});
}

async function collect(
  publication: Publication,
  onUnreadable: (path: string) => void,
): Promise<string[]> {
  const found: string[] = [];
  for (const bin of publication.timestamp.bins) {
    const documents = await readBin(publication, bin);
    found.push(pathOf(bin));
    if (!documents) onUnreadable(pathOf(bin));
    for (const [path, { sha256 }] of Object.entries(documents ?? {})) {
      found.push(storedPath(path, sha256));
    }
  }
  return found;
}

async function readBin(
  { read }: Publication,
  entry: BinEntry,
): Promise<Record<string, Listed> | undefined> {
  const path = pathOf(entry);
  const bytes = await read(path, MAX_BIN_BYTES);
  if (!bytes || sha256Hex(bytes) !== entry.sha256) return undefined;
  return parseBin(bytes, path, entry.prefix).documents;
}

function damaged(path: string): UserError {
  return new UserError("publish the site", `${path} is damaged`, {
    hint: "deno task site builds it anew",
  });
}

function pathOf({ prefix, sha256 }: BinEntry): string {
  return binPath(prefix, sha256);
}
