/**
 * Changes a site in the ways that an attacker or an accident can: bytes, whole files, signatures, JSON fields, older or
 * foreign publications in part or as a whole, and everything that a stolen timestamp key allows.
 *
 * Pure: the same site, pool and random numbers give the same change. Files are shared between sites and never written into.
 *
 * @module
 */
import { type Bytes, concat, text, utf8 } from "../../../lib/bytes.ts";
import { canonicalJson } from "../../../lib/json.ts";
import {
  type DocumentType,
  type Facts,
  isDocumentType,
  ROLE_OF,
} from "../../../lib/trust/comment.ts";
import {
  TIMESTAMP_PATH,
  timestampStatement,
  VERSIONED_FOLDERS,
} from "../../../lib/trust/freshness.ts";
import type { Signer } from "../../../lib/trust/keyring.ts";
import type { Random } from "./random.ts";

/** A site by path. */
export type Files = ReadonlyMap<string, Bytes>;

/** What mutations draw from. */
export interface Pool {
  /** The publication that a client must accept, and nothing else. */
  current: Files;
  /** Other publications, none of which may be accepted: older, expired, of other keys, with other roots. */
  others: readonly Files[];
  /** A stolen timestamp key; left out for a reader that remembers nothing yet, which would rightly believe it. */
  timestamp?: Signer;
  /** Keys that nodes know for another role, or not at all. */
  strangers: readonly Signer[];
}

/** A changed site. */
export interface Mutant {
  files: Map<string, Bytes>;
  /** What was done, for the report. */
  steps: string[];
}

/** Files that cost a careless reader dearly: longer than anything it may take in, nested deeply, with endless keys and words. */
const BOMBS = [
  new Uint8Array(5 * 1024 * 1024).fill(0x20),
  utf8("[".repeat(200_000)),
  utf8(`${"[".repeat(200_000)}${"]".repeat(200_000)}`),
  utf8('{"a":'.repeat(150_000)),
  utf8(`{"${" ".repeat(900_000)}":1}`),
  utf8(`{"${"\\n \\n".repeat(100_000)}":1}`),
  utf8(`{"serial":42,"bins":[${"{},".repeat(300_000)}{}]}`),
  utf8(`{"bins":${"9".repeat(900_000)}}`),
  utf8(`untrusted comment: ${"x ".repeat(8_000)}`),
];
/** A timestamp that is longer was made so. */
const MAX_STAMP_BYTES = 16 * 1024;
/** Most bytes that one splice puts in or takes out. */
const MAX_SPLICE = 64;

/** Folders of what nodes read beside the timestamp. */
const READ = ["psyopsOS/root/", ...VERSIONED_FOLDERS.map((folder) => `${folder}/`)];

type Mutation = (files: Map<string, Bytes>, pool: Pool, random: Random) => string;

/** Each is taken with a chance that is its weight. */
const MUTATIONS: readonly [number, Mutation][] = [
  [6, flipBits],
  [3, splice],
  [2, truncate],
  [1, extend],
  [3, swapFiles],
  [4, replaceFile],
  [3, replaceSignature],
  [1, dropFile],
  [2, replay],
  [3, rewriteComment],
  [4, rewriteTimestamp],
  [2, resignTimestamp],
  [1, resignDocument],
];
const WHEEL = MUTATIONS.flatMap(([weight, mutation]) => Array<Mutation>(weight).fill(mutation));

/** A site with one to three changes. */
export function mutate(pool: Pool, random: Random): Mutant {
  const files = new Map(pool.current);
  const steps: string[] = [];
  const count = random.once(3) ? 1 + random.below(3) : 1;
  for (let i = 0; i < count; i++) steps.push(random.pick(WHEEL)(files, pool, random));
  return { files, steps };
}

function anyPath(files: Files, random: Random): string {
  // What nodes read is changed more often than the copies for people.
  if (random.once(4)) return TIMESTAMP_PATH;
  const paths = [...files.keys()];
  const read = paths.filter((path) => READ.some((folder) => path.startsWith(folder)));
  return random.pick(read.length > 0 && !random.once(3) ? read : paths);
}

function flipBits(files: Map<string, Bytes>, _pool: Pool, random: Random): string {
  const path = anyPath(files, random);
  const data = new Uint8Array(files.get(path) ?? []);
  if (data.length === 0) return `nothing to flip in ${path}`;
  const places: number[] = [];
  for (let i = random.below(3); i >= 0; i--) {
    const at = random.below(data.length);
    data[at]! ^= 1 << random.below(8);
    places.push(at);
  }
  files.set(path, data);
  return `flip a bit of ${path} at ${places.join()}`;
}

function splice(files: Map<string, Bytes>, _pool: Pool, random: Random): string {
  const path = anyPath(files, random);
  const data = files.get(path) ?? new Uint8Array();
  const at = random.below(data.length + 1);
  const from = random.below(data.length + 1);
  const put = data.subarray(from, from + random.below(MAX_SPLICE));
  const skip = random.below(MAX_SPLICE);
  files.set(path, concat([data.subarray(0, at), put, data.subarray(at + skip)]));
  return `put ${put.length} bytes into ${path} for the ${skip} at ${at}`;
}

function truncate(files: Map<string, Bytes>, _pool: Pool, random: Random): string {
  const path = anyPath(files, random);
  const data = files.get(path) ?? new Uint8Array();
  const size = random.below(data.length + 1);
  files.set(path, data.slice(0, size));
  return `cut ${path} to ${size} bytes`;
}

function extend(files: Map<string, Bytes>, _pool: Pool, random: Random): string {
  const path = anyPath(files, random);
  const data = files.get(path) ?? new Uint8Array();
  if (random.once(2)) {
    const which = random.below(BOMBS.length);
    files.set(path, BOMBS[which]!);
    return `make a bomb of ${path}, number ${which}`;
  }
  files.set(path, concat([data, random.pick([utf8("\n"), utf8("\r\n"), utf8(" "), data])]));
  return `extend ${path}`;
}

function swapFiles(files: Map<string, Bytes>, _pool: Pool, random: Random): string {
  const [a, b] = [anyPath(files, random), anyPath(files, random)];
  const [first, second] = [files.get(a), files.get(b)];
  if (first) files.set(b, first);
  if (second) files.set(a, second);
  return `swap ${a} and ${b}`;
}

function replaceFile(files: Map<string, Bytes>, pool: Pool, random: Random): string {
  const path = anyPath(files, random);
  const which = random.below(pool.others.length);
  const other = pool.others[which]!;
  // Mostly the same path with its signature; sometimes any file at all.
  const from = random.once(3) || !other.has(path) ? random.pick([...other.keys()]) : path;
  files.set(path, other.get(from)!);
  const signature = other.get(`${from}.minisig`);
  if (signature && !random.once(3)) files.set(`${path}.minisig`, signature);
  return `put ${from} of publication ${which} in place of ${path}`;
}

function replaceSignature(files: Map<string, Bytes>, pool: Pool, random: Random): string {
  const paths = [...files.keys()].filter((path) => path.endsWith(".minisig"));
  if (paths.length === 0) return "no signature to replace";
  const path = random.pick(paths);
  const which = random.below(pool.others.length);
  const source = random.once(2) ? files : pool.others[which]!;
  const from = random.pick([...source.keys()].filter((path) => path.endsWith(".minisig")));
  files.set(path, source.get(from)!);
  return `sign ${path} with ${from} of ${source === files ? "the same" : which}`;
}

function dropFile(files: Map<string, Bytes>, _pool: Pool, random: Random): string {
  const path = anyPath(files, random);
  files.delete(path);
  return `remove ${path}`;
}

/** Another publication as a whole, with some files of the current one left. */
function replay(files: Map<string, Bytes>, pool: Pool, random: Random): string {
  const which = random.below(pool.others.length);
  const keep = random.below(4);
  let kept = 0;
  for (const [path, data] of pool.others[which]!) {
    if (keep > 0 && random.below(4) < keep) kept++;
    else files.set(path, data);
  }
  return `replay publication ${which} but for ${kept} files`;
}

/** A fact in a signature's trusted comment: what the global signature is there for. */
function rewriteComment(files: Map<string, Bytes>, _pool: Pool, random: Random): string {
  const paths = [...files.keys()].filter((path) => path.endsWith(".minisig"));
  const path = random.once(2) ? TIMESTAMP_PATH : random.pick(paths);
  const words = /\b(type|path|serial|issued|sha256)=([^ \\\n]+)/g;
  const before = lossyText(files.get(path) ?? new Uint8Array());
  const found = [...before.matchAll(words)];
  if (found.length === 0) return `no comment in ${path}`;
  const match = random.pick(found);
  const other = random.pick(found)[2]!;
  const value = random.pick([other, "1", "root", match[2]! + "0", ""]);
  const start = match.index + match[1]!.length + 1;
  files.set(
    path,
    utf8(before.slice(0, start) + value + before.slice(start + match[2]!.length)),
  );
  return `say ${match[1]}=${value} in ${path}`;
}

/** A field of the timestamp; signed anew by the stolen timestamp key, or left as it was signed. */
function rewriteTimestamp(files: Map<string, Bytes>, pool: Pool, random: Random): string {
  const stamp = parseLoosely(files.get(TIMESTAMP_PATH));
  if (!stamp) return "no timestamp to rewrite";
  const which = random.below(pool.others.length);
  const theirs = parseLoosely(pool.others[which]!.get(TIMESTAMP_PATH)) ?? stamp;
  const field = random.pick([
    "serial",
    "issued",
    "expires",
    "root",
    "bins",
    "publication",
    "minisig",
  ]);
  const numbers = [0, 1, 41, 43, 2 ** 31, Number.MAX_SAFE_INTEGER, -1, 1.5, null];
  const times = ["2026-11-22T20:00:01Z", "2027-11-01T00:00:00Z", "2999-01-01T00:00:00Z", ""];
  const value = random.once(2)
    ? theirs[field]
    : field === "serial" || field === "root"
    ? random.pick(numbers)
    : field === "issued" || field === "expires"
    ? random.pick(times)
    : random.pick<unknown>([[], {}, "", undefined, theirs.minisig]);
  const changed: Record<string, unknown> = { ...stamp, [field]: value };
  const thief = random.once(3)
    ? undefined
    : random.once(4)
    ? random.pick(pool.strangers)
    : pool.timestamp;
  files.set(TIMESTAMP_PATH, thief ? signLoosely(changed, thief) : canonicalJson(changed));
  const signed = !thief
    ? "without a signature"
    : thief === pool.timestamp
    ? "with the stolen key"
    : "with a stranger's key";
  return `change ${field} of the timestamp ${signed}, from publication ${which}`;
}

/** The very same timestamp or another publication's, by a key that is not allowed to, or by the stolen one. */
function resignTimestamp(files: Map<string, Bytes>, pool: Pool, random: Random): string {
  const which = random.below(pool.others.length);
  const stolen = pool.timestamp !== undefined && random.once(2);
  const source = stolen ? pool.others[which]! : files;
  const stamp = parseLoosely(source.get(TIMESTAMP_PATH));
  if (!stamp) return "no timestamp to sign";
  const signer = stolen ? pool.timestamp : random.pick(pool.strangers);
  files.set(TIMESTAMP_PATH, signLoosely(stamp, signer!));
  return stolen
    ? `publish ${which} with the stolen key`
    : "sign the timestamp with a stranger's key";
}

/** A document signed by a key of another role, for its own type and path. */
function resignDocument(files: Map<string, Bytes>, pool: Pool, random: Random): string {
  const paths = [...files.keys()].filter((path) => files.has(`${path}.minisig`));
  if (paths.length === 0) return "no document to sign";
  const path = random.pick(paths);
  const type = /type=([a-z-]+)/.exec(lossyText(files.get(`${path}.minisig`)!))?.[1] ?? "";
  const types = Object.keys(ROLE_OF) as DocumentType[];
  const facts: Omit<Facts, "sha256"> = {
    type: isDocumentType(type) && !random.once(4) ? type : random.pick(types),
    path,
    serial: 42,
  };
  const signer = random.pick(pool.timestamp ? [...pool.strangers, pool.timestamp] : pool.strangers);
  files.set(`${path}.minisig`, utf8(signer.sign(files.get(path)!, facts)));
  return `sign ${path} with a key of another role`;
}

function parseLoosely(bytes: Uint8Array | undefined): Record<string, unknown> | undefined {
  // What is signed here must not be a bomb: it would go off in the mutation.
  if (!bytes || bytes.length > MAX_STAMP_BYTES) return undefined;
  try {
    const value: unknown = JSON.parse(text(bytes));
    return typeof value === "object" && value !== null
      ? value as Record<string, unknown>
      : undefined;
  } catch {
    return undefined;
  }
}

/** Signs a timestamp that may make no sense, as well as its fields allow. */
function signLoosely(stamp: Record<string, unknown>, signer: Signer): Bytes {
  const statement = timestampStatement(
    stamp as unknown as Parameters<typeof timestampStatement>[0],
  );
  const { serial, issued } = stamp;
  try {
    const minisig = signer.sign(statement, {
      type: "timestamp",
      path: TIMESTAMP_PATH,
      serial: serial as number,
      issued: issued as string,
    });
    return canonicalJson({ ...stamp, minisig });
  } catch {
    // Facts that can't stand in a comment: the signer itself says no.
    return canonicalJson(stamp);
  }
}

function lossyText(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
