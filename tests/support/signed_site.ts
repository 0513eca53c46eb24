/**
 * A small signed site in memory, made from named keys, each part of which a test can replace before it is signed.
 */
import { type Bytes, sha256Hex, utf8 } from "../../lib/bytes.ts";
import { UserError } from "../../lib/errors.ts";
import type { Fetch } from "../../lib/trust/client.ts";
import { type DocumentType, type Role, ROLE_OF } from "../../lib/trust/comment.ts";
import {
  binPath,
  binPrefix,
  canonicalJson,
  ROOT_PATH,
  rootPath,
  TIMESTAMP_PATH,
} from "../../lib/trust/freshness.ts";
import { mapRoles, signerOf } from "../../lib/trust/keyring.ts";
import { publicKeyLine } from "../../lib/trust/minisign.ts";
import { publicKeyOf, type SecretKey, secretKey } from "../../lib/trust/minisign_sign.ts";

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

/** What {@linkcode signedSite} makes; everything has a default. */
export interface SiteSpec {
  roots?: RootSpec[];
  serial?: number;
  issued?: string;
  expires?: string;
  digits?: number;
  /** Signed documents. */
  documents?: Record<string, { type: DocumentType; text: string; serial?: number }>;
  /** Files without a signature. */
  hashed?: Record<string, string>;
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
  const publish = (path: string, type: DocumentType, data: Bytes, at = serial) => {
    files.set(path, data);
    const signature = minisig(keys[ROLE_OF[type]], data, type, path, { serial: at, issued });
    files.set(`${path}.minisig`, signature);
  };
  const listed = (data: Bytes) => ({ sha256: sha256Hex(data), size: data.length });
  const bins = new Map<string, Record<string, { sha256: string; size: number }>>();
  const list = (path: string, data: Bytes) => {
    const prefix = binPrefix(path, digits);
    bins.set(prefix, { ...bins.get(prefix), [path]: listed(data) });
  };
  for (const [path, { type, text, serial: at }] of Object.entries(documents)) {
    publish(path, type, utf8(text), at);
    list(path, utf8(text));
  }
  for (const [path, text] of Object.entries(hashed)) {
    files.set(path, utf8(text));
    list(path, utf8(text));
  }
  const entries = [...bins.keys()].sort().map((prefix) => {
    const path = binPath(prefix);
    const data = canonicalJson({ documents: bins.get(prefix) });
    publish(path, "bin", data);
    return { prefix, path, ...listed(data) };
  });
  publish(TIMESTAMP_PATH, "timestamp", canonicalJson({ serial, issued, expires, bins: entries }));
  return files;
}

/** A {@linkcode Fetch} that reads `files` and writes down what was asked for. */
export function fetchFrom(files: ReadonlyMap<string, Bytes>, log: string[] = []): Fetch {
  return (path) => {
    log.push(path);
    const data = files.get(path);
    return data
      ? Promise.resolve(data.slice())
      : Promise.reject(new UserError(`Cannot fetch ${path}: 404`));
  };
}

/** A copy of `data` with one bit changed. */
export function flipBit(data: Uint8Array, at: number, bit = 0): Bytes {
  const copy = new Uint8Array(data);
  copy[at]! ^= 1 << bit;
  return copy;
}
