import { type Bytes, sha256Hex, text, utf8 } from "../../lib/bytes.ts";
import { UserError } from "../../lib/errors.ts";
import { canonicalJson } from "../../lib/json.ts";
import { type DocumentType, type Role, ROLE_OF } from "../../lib/trust/comment.ts";
import {
  binPath,
  binPrefix,
  parseTimestamp,
  publicationStatement,
  ROOT_PATH,
  rootPath,
  storedPath,
  type Timestamp,
  TIMESTAMP_PATH,
  timestampStatement,
} from "../../lib/trust/freshness.ts";
import { mapRoles, signerOf } from "../../lib/trust/keyring.ts";
import { publicKeyLine } from "../../lib/trust/minisign.ts";
import { publicKeyOf, type SecretKey, secretKey } from "../../lib/trust/minisign_sign.ts";
import type { Fetch } from "../../lib/trust/verified.ts";

/**
 * A small signed site in memory, made from named keys, each part of which a test can replace before it is signed.
 */

/** The same key for the same name, every time. */
export function testKey(name: string): SecretKey {
  const seed = new Uint8Array(32).map((_, i) => name.charCodeAt(i % name.length) + i);
  return secretKey(utf8(name.padEnd(8, ".").slice(0, 8)), seed);
}

/** A key's public line. */
export function keyLine(key: SecretKey): string {
  return publicKeyLine(publicKeyOf(key));
}

/** One version of root.json. */
export interface RootSpec {
  keys: Record<Role, SecretKey>;
  /** Signs it. */
  by: SecretKey;
  version?: number;
}

/** One signed document. */
export interface DocumentSpec {
  type: DocumentType;
  text: string;
  serial?: number;
  /** Its signature; default a good one. */
  minisig?: Bytes;
}

/** What {@linkcode signedSite} makes; everything has a default. */
export interface SiteSpec {
  roots?: RootSpec[];
  serial?: number;
  issued?: string;
  expires?: string;
  digits?: number;
  /** Signed documents. */
  documents?: Record<string, DocumentSpec>;
  /** Files without a signature. */
  hashed?: Record<string, string>;
  /** The root version that the timestamp names; default the newest. */
  root?: number;
  /** Replaces the key of a role while signing. */
  signers?: Partial<Record<Role, SecretKey>>;
}

export const MAIN = testKey("main");
export const ISSUED = "2026-11-22T20:00:00Z";
export const EXPIRES = "2026-11-25T20:00:00Z";
export const NODE_PATH = "psyopsOS/nodes/n1.json";
export const AGE_PATH = "psyopsOS/postboot/n1.age";

/** Root keys that are all `key`. */
export function allRoles(key: SecretKey): Record<Role, SecretKey> {
  return mapRoles(() => key);
}

/** The `.minisig` of `data` with facts that may be wrong on purpose. */
export function minisig(
  key: SecretKey,
  data: Uint8Array,
  type: DocumentType,
  path: string,
  more: { serial?: number; issued?: string } = {},
): Bytes {
  return utf8(signerOf(key).sign(data, { type, path, ...more }));
}

/** What a timestamp says, without its signatures. */
export type Stamp = Omit<Timestamp, "publication" | "minisig">;

/** Signs a timestamp; with facts that may be wrong on purpose. */
export interface Signing {
  config?: SecretKey;
  timestamp?: SecretKey;
  /** A signature of the publication to be used as it is. */
  publication?: string;
  /** Facts of the publication's signature; default those of the timestamp. */
  published?: { serial?: number; issued?: string; type?: DocumentType; path?: string };
  /** Facts of the timestamp's own signature. */
  stamped?: { serial?: number; issued?: string; type?: DocumentType; path?: string };
}

/** The bytes of a signed timestamp. */
export function signedTimestamp(stamp: Stamp, signing: Signing = {}): Bytes {
  const { config = MAIN, timestamp = MAIN } = signing;
  const { serial, issued } = stamp;
  const make = (
    key: SecretKey,
    statement: Bytes,
    facts: NonNullable<Signing["stamped"]> & { type: DocumentType },
  ) => {
    const { type, path = TIMESTAMP_PATH, ...more } = facts;
    return text(minisig(key, statement, type, path, { serial, issued, ...more }));
  };
  const publication = {
    minisig: signing.publication ??
      make(config, publicationStatement(stamp), { type: "publication", ...signing.published }),
  };
  const unsigned = { ...stamp, publication };
  const statement = timestampStatement(unsigned);
  return canonicalJson({
    ...unsigned,
    minisig: make(timestamp, statement, { type: "timestamp", ...signing.stamped }),
  });
}

/** What the timestamp of `files` says. */
export function timestampOf(files: ReadonlyMap<string, Bytes>): Timestamp {
  return parseTimestamp(files.get(TIMESTAMP_PATH)!);
}

/** A copy of `files` whose timestamp is kept current by the timestamp key alone. */
export function refreshed(
  files: ReadonlyMap<string, Bytes>,
  times: { issued: string; expires: string },
  timestamp: SecretKey = MAIN,
): Map<string, Bytes> {
  const { publication, minisig: _, ...stamp } = timestampOf(files);
  const signing = { timestamp, publication: publication.minisig };
  return new Map(files).set(TIMESTAMP_PATH, signedTimestamp({ ...stamp, ...times }, signing));
}

/** Where `files` have the bytes of a listed document. */
export function placeOf(files: ReadonlyMap<string, Bytes>, path: string): string {
  for (const { prefix, sha256 } of timestampOf(files).bins) {
    const bin = JSON.parse(text(files.get(binPath(prefix, sha256))!)) as {
      documents: Record<string, { sha256: string }>;
    };
    const listed = bin.documents[path];
    if (listed) return storedPath(path, listed.sha256);
  }
  throw new Error(`${path} is not listed`);
}

/** The files of a signed site by path. */
export function signedSite(spec: SiteSpec = {}): Map<string, Bytes> {
  const { serial = 42, issued = ISSUED, expires = EXPIRES, digits = 0 } = spec;
  const documents = spec.documents ?? { [NODE_PATH]: { type: "node", text: '{"name":"n1"}\n' } };
  const hashed = spec.hashed ?? { [AGE_PATH]: "age-encryption.org/v1 …" };
  const roots = spec.roots ?? [{ keys: allRoles(MAIN), by: MAIN }];
  const files = new Map<string, Bytes>();
  roots.forEach(({ keys, by, version: claimed }, i) => {
    const version = claimed ?? i + 1;
    const lines = mapRoles((role) => [keyLine(keys[role])]);
    const data = canonicalJson({ version, issued, roles: lines });
    for (const path of [rootPath(i + 1), ROOT_PATH]) {
      files.set(path, data);
      files.set(`${path}.minisig`, minisig(by, data, "root", rootPath(version), { issued }));
    }
  });
  const keys = { ...roots[roots.length - 1]!.keys, ...spec.signers };
  const listed = (data: Bytes) => ({ sha256: sha256Hex(data), size: data.length });
  const bins = new Map<string, Record<string, { sha256: string; size: number }>>();
  const list = (path: string, data: Bytes) => {
    const prefix = binPrefix(path, digits);
    bins.set(prefix, { ...bins.get(prefix), [path]: listed(data) });
  };
  for (const [path, document] of Object.entries(documents)) {
    const { type, text: payload, serial: at = serial } = document;
    const data = utf8(payload);
    const signature = document.minisig ??
      minisig(keys[ROLE_OF[type]], data, type, path, { serial: at, issued });
    const stored = canonicalJson({ payload, minisig: text(signature) });
    files.set(path, data);
    files.set(`${path}.minisig`, signature);
    files.set(storedPath(path, sha256Hex(stored)), stored);
    list(path, stored);
  }
  for (const [path, text] of Object.entries(hashed)) {
    files.set(storedPath(path, sha256Hex(utf8(text))), utf8(text));
    list(path, utf8(text));
  }
  const entries = [...bins.keys()].sort().map((prefix) => {
    const data = canonicalJson({ documents: bins.get(prefix) });
    const entry = { prefix, ...listed(data) };
    files.set(binPath(prefix, entry.sha256), data);
    return entry;
  });
  const stamp = { serial, issued, expires, root: spec.root ?? roots.length, bins: entries };
  const { config, timestamp } = keys;
  return files.set(TIMESTAMP_PATH, signedTimestamp(stamp, { config, timestamp }));
}

/** A {@linkcode Fetch} that reads `files` and writes down what was asked for. */
export function fetchFrom(files: ReadonlyMap<string, Bytes>, log: string[] = []): Fetch {
  return (path) => {
    log.push(path);
    const data = files.get(path);
    return data
      ? Promise.resolve(data.slice())
      : Promise.reject(new UserError(`fetch ${path}`, "404"));
  };
}

/** A copy of `data` with one bit changed. */
export function flipBit(data: Uint8Array, at: number, bit = 0): Bytes {
  const copy = new Uint8Array(data);
  copy[at]! ^= 1 << bit;
  return copy;
}
