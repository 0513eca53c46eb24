/**
 * The build cache: each node's ciphertext with the hash of what is in it, so that a node whose instructions have not changed
 * keeps the same bytes, and the signatures of documents, for the same reason. Readable by its owner only: the hashes are of
 * secrets.
 *
 * @module
 */
import * as v from "valibot";
import { decodeBase64, encodeBase64 } from "@std/encoding/base64";
import type { Host } from "../lib/host.ts";
import { isNodeName } from "../lib/identity/names.ts";
import { canonicalJson } from "../lib/trust/freshness.ts";
import type { Encrypted, KnownSignature } from "./build.ts";

const entrySchema = v.strictObject({
  key: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/)),
  serial: v.pipe(v.number(), v.safeInteger(), v.minValue(1)),
  ciphertext: v.string(),
});

/** Where signatures are; no node can have that name. */
const SIGNATURES = "_signatures.json";

const signaturesSchema = v.record(
  v.string(),
  v.strictObject({
    key: entrySchema.entries.key,
    serial: entrySchema.entries.serial,
    minisig: v.string(),
  }),
);

/** Reads the signatures in the cache in `dir`; none when they can't be read. */
export async function loadSignatures(
  host: Host,
  dir: string,
): Promise<Map<string, KnownSignature>> {
  try {
    const entries = v.parse(
      signaturesSchema,
      JSON.parse(await host.readTextFile(`${dir}/${SIGNATURES}`)),
    );
    return new Map(Object.entries(entries));
  } catch {
    return new Map();
  }
}

/** Writes the signatures of a build. */
export async function storeSignatures(
  host: Host,
  dir: string,
  signatures: ReadonlyMap<string, KnownSignature>,
): Promise<void> {
  await host.mkdir(dir, { mode: 0o700 });
  const text = JSON.stringify(Object.fromEntries(signatures));
  await host.writeFile(`${dir}/${SIGNATURES}`, text, { mode: 0o600, sync: false });
}

/** Reads the cache in `dir`; entries that can't be read are left out and made anew. */
export async function loadCache(host: Host, dir: string): Promise<Map<string, Encrypted>> {
  const cache = new Map<string, Encrypted>();
  for (const file of await host.readDir(dir)) {
    const name = /^(.+)\.json$/.exec(file)?.[1];
    if (name === undefined || !isNodeName(name)) continue;
    try {
      const entry = v.parse(entrySchema, JSON.parse(await host.readTextFile(`${dir}/${file}`)));
      cache.set(name, { ...entry, ciphertext: decodeBase64(entry.ciphertext) });
    } catch {
      continue;
    }
  }
  return cache;
}

/** Writes what is new in `cache` compared with `before`, and removes nodes that are gone. */
export async function storeCache(
  host: Host,
  dir: string,
  cache: ReadonlyMap<string, Encrypted>,
  before: ReadonlyMap<string, Encrypted>,
): Promise<void> {
  await host.mkdir(dir, { mode: 0o700 });
  for (const [name, entry] of cache) {
    if (before.get(name) === entry) continue;
    const stored = { ...entry, ciphertext: encodeBase64(entry.ciphertext) };
    await host.writeFile(`${dir}/${name}.json`, canonicalJson(stored), {
      mode: 0o600,
      sync: false,
    });
  }
  for (const name of before.keys()) if (!cache.has(name)) await host.remove(`${dir}/${name}.json`);
}
