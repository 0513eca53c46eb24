/**
 * Reads a built site as its nodes will, before it is published: with the verifying client and the document readers
 * that the agent uses.
 *
 * @module
 */
import { type Bytes, equal, sha256Hex, text } from "../../lib/bytes.ts";
import { OS_UPDATE_PATH, parseOsUpdate } from "../../lib/documents/os_update.ts";
import { readInstructions } from "../../lib/documents/read_instructions.ts";
import {
  parseGlobalDocument,
  parseNodeDocument,
  parsePostbootIndex,
  parseTagNodes,
  SITE_PATHS,
} from "../../lib/documents/site.ts";
import { RefusedError, UserError } from "../../lib/errors.ts";
import { canonicalJson } from "../../lib/json.ts";
import { MAX_KEPT_BYTES, MAX_KEPT_FILES } from "../../lib/limits.ts";
import { openSite, type SiteView } from "../../lib/trust/client.ts";
import type { DocumentType } from "../../lib/trust/comment.ts";
import {
  binPrefix,
  ROOT_PATH,
  rootPath,
  storedPath,
  TIMESTAMP_PATH,
} from "../../lib/trust/freshness.ts";
import type { PublicKey } from "../../lib/trust/minisign.ts";
import type { TrustState } from "../../lib/trust/roots.ts";
import type { Fleet } from "../fleet/assemble.ts";
import type { BuiltSite } from "./build.ts";
import type { NodeOutputs } from "./node_outputs.ts";

/** What {@linkcode checkSite} needs beside the site. */
export interface CheckOptions {
  /** The key on the nodes' drives. */
  pinned: PublicKey;
  now: Date;
  /** What a node that has seen the previous publication remembers. */
  state: TrustState;
  /** Hashes of bins that were verified in an earlier build. */
  bins?: ReadonlySet<string>;
}

/**
 * Opens `site` and reads every document of `fleet` in it. The documents of known nodes were read when they were made;
 * for those it is only checked that the site lists exactly them.
 *
 * @throws {RefusedError} naming what a node would refuse.
 */
export async function checkSite(
  site: BuiltSite,
  fleet: Fleet<NodeOutputs>,
  options: CheckOptions,
): Promise<void> {
  const fetch = (path: string): Promise<Bytes> => {
    const bytes = site.files.get(path);
    if (bytes) return Promise.resolve(bytes);
    return Promise.reject(new UserError(`read ${path}`, "the site does not have it"));
  };
  const view = await openSite({ ...options, fetch });
  const get = async (path: string, type: DocumentType): Promise<Bytes> => {
    const bytes = await view.get(path, type);
    // The copy for people and the signature beside it must be the very ones that nodes get.
    const payload = text(await fetch(path));
    const copy = canonicalJson({ payload, minisig: text(await fetch(`${path}.minisig`)) });
    if (view.files.has(storedPath(path, sha256Hex(copy)))) return bytes;
    throw new RefusedError("hash", `accept ${path}`, "it is no copy of what nodes get");
  };
  parseGlobalDocument(await get(SITE_PATHS.global, "global"));
  for (const tag of fleet.tags) {
    parseTagNodes(await get(SITE_PATHS.tagNodes(tag), "tag"), tag);
  }
  if (await view.lists(OS_UPDATE_PATH)) {
    parseOsUpdate(await get(OS_UPDATE_PATH, "os-update"));
  }
  for (const end of ["", ".minisig"]) {
    if (equal(await fetch(ROOT_PATH + end), await fetch(rootPath(view.root.version) + end))) {
      continue;
    }
    throw new RefusedError("root-version", `accept ${ROOT_PATH}`, "it is not the newest root");
  }
  const indexPath = SITE_PATHS.postbootIndex;
  const indexBytes = await fetch(indexPath);
  const indexSignature = text(await fetch(`${indexPath}.minisig`));
  view.verifyInner(indexBytes, indexSignature, "postboot-index", indexPath);
  const index = parsePostbootIndex(indexBytes);
  const wrong = (name: string) =>
    new RefusedError("path", `accept ${indexPath}`, `${name}'s entry is wrong`);
  await checkKnown(view, fleet, options.bins ?? new Set());
  checkKept(site, view, fleet);
  for (const node of fleet.nodes) {
    const { name } = node;
    if ("known" in node) {
      const { sha256 } = node.known.postboot;
      const path = storedPath(SITE_PATHS.postboot(name), sha256);
      if (index[name]?.path === path && index[name].sha256 === sha256) continue;
      throw wrong(name);
    }
    parseNodeDocument(await get(SITE_PATHS.node(name), "node"), name);
    const path = SITE_PATHS.postboot(name);
    const sha256 = sha256Hex(await view.getHashed(path));
    if (index[name]?.path !== storedPath(path, sha256) || index[name].sha256 !== sha256) {
      throw wrong(name);
    }
    const envelope = site.envelopes.get(name);
    if (!envelope) continue;
    // Only the node can decrypt it; all else is what the node does. Of earlier ciphertext it was done when that was made.
    const plaintext = canonicalJson(envelope);
    await readInstructions(view, { name, decrypt: () => Promise.resolve(plaintext) });
  }
}

/**
 * Checks that each node's drive can keep what the node reads of this publication: timestamp, roots, one bin, instructions.
 * One that could not would be without a configuration when it boots while the site is down.
 *
 * @throws {UserError} that says how much it is.
 */
function checkKept(site: BuiltSite, view: SiteView, fleet: Fleet<NodeOutputs>): void {
  const roots = Array.from({ length: view.root.version }, (_, i) => rootPath(i + 1))
    .flatMap((path) => [path, `${path}.minisig`]);
  const shared = [TIMESTAMP_PATH, ...roots];
  const sharedSize = shared.reduce((sum, path) => sum + site.files.get(path)!.length, 0);
  const digits = view.timestamp.bins[0]!.prefix.length;
  const bins = new Map(view.timestamp.bins.map(({ prefix, size }) => [prefix, size]));
  for (const { name } of fleet.nodes) {
    const path = SITE_PATHS.postboot(name);
    const bin = bins.get(binPrefix(path, digits)) ?? 0;
    const size = sharedSize + bin + site.outputs.get(name)!.postboot.size;
    if (size <= MAX_KEPT_BYTES && shared.length + 2 <= MAX_KEPT_FILES) continue;
    throw new UserError(
      "build the site",
      `${name} reads ${shared.length + 2} files of ${size} bytes together, and its drive keeps ` +
        `${MAX_KEPT_FILES} of ${MAX_KEPT_BYTES}`,
    );
  }
}

/**
 * Checks that the bins list the documents of known nodes. A bin that was verified in an earlier build, and so has the
 * same hash, still lists the same documents. That no other bin takes its place follows from the bins' names, which the
 * client checks.
 */
async function checkKnown(
  view: SiteView,
  fleet: Fleet<NodeOutputs>,
  verified: ReadonlySet<string>,
): Promise<void> {
  const digits = view.timestamp.bins[0]!.prefix.length;
  const hashes = new Map(view.timestamp.bins.map(({ prefix, sha256 }) => [prefix, sha256]));
  for (const node of fleet.nodes) {
    if (!("known" in node)) continue;
    const { name, known } = node;
    const bin = hashes.get(known.bin.slice(0, digits));
    if (bin !== undefined && verified.has(bin)) continue;
    for (
      const [path, { sha256, size }] of [
        [SITE_PATHS.node(name), known.signed],
        [SITE_PATHS.postboot(name), known.postboot],
      ] as const
    ) {
      const listed = await view.listing(path);
      if (listed?.sha256 === sha256 && listed.size === size) continue;
      throw new RefusedError("hash", `accept ${path}`, "the bins do not list what it is");
    }
  }
}
