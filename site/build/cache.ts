/**
 * The build cache: each node's ciphertext with the hash of what is in it, so that a node whose instructions have not changed
 * keeps the same bytes, and the signatures of documents, for the same reason. Readable by its owner only: the hashes are of
 * secrets.
 *
 * @module
 */
import * as v from "valibot";
import { decodeBase64, encodeBase64 } from "@std/encoding/base64";
import { isNodeName } from "../../lib/documents/names.ts";
import { SITE_PATHS } from "../../lib/documents/site.ts";
import type { Host } from "../../lib/host.ts";
import { canonicalJson } from "../../lib/json.ts";
import type { BuiltSite } from "./build.ts";
import type { Encrypted, KnownSignature } from "./node_outputs.ts";

const key = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/));
const serial = v.pipe(v.number(), v.safeInteger(), v.minValue(1));
const signatureSchema = v.strictObject({ key, serial, minisig: v.string() });
const signaturesSchema = v.record(v.string(), signatureSchema);
const entrySchema = v.strictObject({
  key,
  serial,
  ciphertext: v.string(),
  document: v.optional(signatureSchema),
});

const NODE_DOCUMENTS = SITE_PATHS.node("").slice(0, -".json".length);
/** Where signatures are; no node can have that name. */
const SIGNATURES = "_signatures.json";

/** A node's ciphertext, and the signature of its public document. */
export interface Cached extends Encrypted {
  document?: KnownSignature;
}

/** Reads the signatures in the cache in `dir`, but for those of nodes; none when they can't be read. */
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

/** Writes the signatures of a build, but for those that {@linkcode storeCache} keeps. */
export async function storeSignatures(
  host: Host,
  dir: string,
  signatures: ReadonlyMap<string, KnownSignature>,
): Promise<void> {
  await host.mkdir(dir, { mode: 0o700 });
  const others = [...signatures].filter(([path]) => !path.startsWith(NODE_DOCUMENTS));
  const text = JSON.stringify(Object.fromEntries(others));
  await host.writeFile(`${dir}/${SIGNATURES}`, text, { mode: 0o600, sync: false });
}

/** Reads what the cache in `dir` has of these nodes; entries that can't be read are left out and made anew. */
export async function loadCache(
  host: Host,
  dir: string,
  names: Iterable<string>,
): Promise<Map<string, Cached>> {
  const cache = new Map<string, Cached>();
  for (const name of names) {
    const file = `${name}.json`;
    try {
      const entry = v.parse(entrySchema, JSON.parse(await host.readTextFile(`${dir}/${file}`)));
      cache.set(name, { ...entry, ciphertext: decodeBase64(entry.ciphertext) });
    } catch {
      continue;
    }
  }
  return cache;
}

/** Writes what is new in a build compared with what was `before`, and removes all nodes but `names`. */
export async function storeCache(
  host: Host,
  dir: string,
  { cache, signatures }: Pick<BuiltSite, "cache" | "signatures">,
  before: ReadonlyMap<string, Cached>,
  names: ReadonlySet<string>,
): Promise<void> {
  await host.mkdir(dir, { mode: 0o700 });
  for (const [name, { key, serial, ciphertext }] of cache) {
    const document = signatures.get(SITE_PATHS.node(name));
    const known = before.get(name);
    const same = known?.key === key && known.serial === serial &&
      known.document?.minisig === document?.minisig;
    if (same) continue;
    const stored = { key, serial, ciphertext: encodeBase64(ciphertext), document };
    await host.writeFile(`${dir}/${name}.json`, canonicalJson(stored), {
      mode: 0o600,
      sync: false,
    });
  }
  for (const file of await host.readDir(dir)) {
    const name = /^(.+)\.json$/.exec(file)?.[1];
    if (name === undefined || !isNodeName(name) || names.has(name)) continue;
    await host.remove(`${dir}/${file}`);
  }
}
