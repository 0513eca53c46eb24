/**
 * From a nodes directory to a site directory: read the fleet, pick serial and times, build, read the result as a node will,
 * write. The task and the lab both call {@linkcode makeSite}.
 *
 * @module
 */
import { equal } from "../../lib/bytes.ts";
import { uselessKeys } from "../../lib/config/users.ts";
import { RELEASES_PATH } from "../../lib/documents/os_update.ts";
import { SITE_PATHS } from "../../lib/documents/site.ts";
import { RefusedError, UserError } from "../../lib/errors.ts";
import type { Host } from "../../lib/host.ts";
import { formatInstant } from "../../lib/instant.ts";
import type { IdentityFile } from "../../lib/trust/age.ts";
import { encryptQuickly } from "../../lib/trust/age_encrypt.ts";
import {
  expiryOf,
  keysOf,
  MAX_VALIDITY_DAYS,
  parseTimestamp,
  publicationId,
  rootPath,
  TIMESTAMP_PATH,
} from "../../lib/trust/freshness.ts";
import type { Keyring } from "../../lib/trust/keyring.ts";
import { keyIdHex, parseSignature } from "../../lib/trust/minisign.ts";
import { ensureRoots, type RootChain } from "../../lib/trust/root_sign.ts";
import { NO_STATE } from "../../lib/trust/roots.ts";
import { wasRead } from "../fleet/assemble.ts";
import { loadFleet } from "../fleet/fleet.ts";
import { UPDATE_FILE } from "../fleet/fleet_schema.ts";
import { problemText } from "../fleet/yaml_file.ts";
import { buildSite } from "./build.ts";
import { loadCache, loadSignatures, storeCache, storeSignatures } from "./cache.ts";
import { checkSite } from "./check.ts";
import { FileHashes } from "./file_hashes.ts";
import { type HeldBack, heldBack } from "./held_back.ts";
import { KnownNodes } from "./known_nodes.ts";
import { type ImagePackages, lackingLines, lackingOffered, offeredReleases } from "./lacking.ts";
import type { NodeOutputs } from "./node_outputs.ts";
import { type RecipientNews, recipientNews } from "./recipients.ts";
import { announce, findReleases, joinReleases, placeReleases } from "./releases.ts";
import { writeSite, type Written } from "./write.ts";

/** How to go on after a publication whose time has not come yet. */
export const WRONG_CLOCK =
  "set the clock right; if the earlier time was wrong, deno task keys rotate config makes nodes forget it";
/** How long a timestamp holds when nothing else is asked for, in hours. */
export const DEFAULT_EXPIRES_HOURS = 72;
/** Where ciphertext is kept from build to build. */
export const DEFAULT_CACHE = "build/site-cache";

/** What {@linkcode makeSite} needs. */
export interface MakeSiteOptions {
  /** Directory of the fleet's YAML files. */
  nodes: string;
  /** Directory that becomes the site. */
  out: string;
  keyring: Keyring;
  /** Default: seconds since 1970, or one more than the serial that is in `out`, whichever is greater. */
  serial?: number;
  /** Time of issue; default now. */
  issued?: Date;
  /** Default {@linkcode DEFAULT_EXPIRES_HOURS}. */
  expiresHours?: number;
  /** The administrator's age identities; asked for when the fleet's files hold secrets. */
  identities?: () => Promise<IdentityFile>;
  /** Directory of built images to be released with this publication; see {@linkcode findReleases}. */
  releases?: string;
  /** The image that nodes are taken to run while no release is offered. */
  image?: ImagePackages;
  /** Directory of the build cache; default {@linkcode DEFAULT_CACHE}. */
  cache?: string;
  /** Publish though the timestamp expires before now; only tests want that. */
  allowExpired?: boolean;
}

/** What was published. */
export interface MadeSite extends Written, RecipientNews {
  serial: number;
  issued: string;
  expires: string;
  nodes: string[];
  tags: string[];
  /** Releases that the site holds, "<version> <arch>", oldest first. */
  releases: string[];
  /** Nodes whose instructions were encrypted anew. */
  encrypted: string[];
  /** Private files without a mode, in instructions that were encrypted anew: nodes give them the mode 0600. */
  tightened: { node: string; paths: string[] }[];
  /** SSH keys by which nobody can log in, of the nodes whose files were read: lines of {@linkcode uselessKeys}. */
  useless: { node: string; keys: string[] }[];
  /** What is allowed and as a rule not meant, a line each with its place. */
  warnings: string[];
  /** Nodes that keep what they have until they are updated. */
  heldBack: HeldBack[];
  /** Number of files of the site. */
  files: number;
}

/** Builds, checks and writes a site. Nothing in `out` changes unless all of it is right. */
export async function makeSite(host: Host, options: MakeSiteOptions): Promise<MadeSite> {
  const { out, keyring } = options;
  const hours = options.expiresHours ?? DEFAULT_EXPIRES_HOURS;
  if (!(hours > 0 && hours <= MAX_VALIDITY_DAYS * 24)) {
    throw new UserError(
      "build the site",
      `it must expire within 1 hour to ${MAX_VALIDITY_DAYS} days`,
    );
  }
  const now = options.issued ?? host.now();
  const issued = formatInstant(now);
  const expires = expiryOf(issued, hours);
  const roots = await ensureRoots(host, keyring, { issued });
  const previous = await previousOf(host, out, roots);
  if (previous !== undefined && previous.issued > issued) {
    throw new UserError(
      "build the site",
      `${out} was issued at ${previous.issued}, and the clock says ${issued}`,
      { hint: WRONG_CLOCK },
    );
  }
  const serial = options.serial ??
    Math.max((previous?.serial ?? 0) + 1, Math.floor(now.getTime() / 1000));
  if (!Number.isSafeInteger(serial) || serial < 1) {
    throw new UserError("build the site", "the serial must be a whole number from 1 on");
  }
  if (previous !== undefined && serial < previous.serial) {
    throw new UserError(
      "build the site",
      `${out} has serial ${previous.serial}, nodes would refuse ${serial}`,
    );
  }
  const cacheDir = options.cache ?? DEFAULT_CACHE;
  const known = await KnownNodes.load(host, { cache: cacheDir, out, roots, serial });
  const fleet = await loadFleet<NodeOutputs>(host, options.nodes, {
    identities: options.identities,
    known: (texts) => known.find(texts),
  });
  const sign = await keyring.signSite({ serial, issued });
  const fresh = fleet.nodes.filter(wasRead).map(({ name }) => name);
  const cache = await loadCache(host, cacheDir, fresh);
  const signatures = await loadSignatures(host, cacheDir);
  for (const [name, { document }] of cache) {
    if (document) signatures.set(SITE_PATHS.node(name), document);
  }
  const hashes = await FileHashes.load(host, `${cacheDir}/files`);
  const releases = joinReleases(
    await findReleases(host, `${out}/${RELEASES_PATH}`, hashes),
    options.releases === undefined ? [] : await findReleases(host, options.releases, hashes),
  );
  const osUpdate = announce(releases, fleet.osUpdate, `${options.nodes}/${UPDATE_FILE}`);
  const site = await buildSite(fleet, {
    osUpdate,
    serial,
    issued,
    expires,
    roots,
    sign,
    encrypt: encryptQuickly,
    cache,
    signatures,
  });
  const made = publicationId(parseTimestamp(site.files.get(TIMESTAMP_PATH)!));
  if (previous?.serial === serial && previous.publication !== made) {
    throw new UserError(
      "build the site",
      `${out} has serial ${serial} with other content, nodes that have seen it would refuse this one`,
      { hint: `--serial ${serial + 1}, or leave --serial out` },
    );
  }
  const offered = offeredReleases(releases, osUpdate);
  const lacking = offered.length === 0 && options.image
    ? lackingLines(site.outputs, [options.image])
    : lackingOffered(site.outputs, offered);
  await checkSite(site, fleet, {
    pinned: roots.pinned,
    now: options.allowExpired ? now : host.now(),
    state: NO_STATE,
    bins: known.bins,
  });
  // A node that is known has its document in `out`, with the recipient that its file names.
  const news = await recipientNews(host, out, fleet.nodes.filter(wasRead));
  const placed = await placeReleases(host, releases, out, keyring, issued);
  const written = await writeSite(host, site.files, out, site.kept);
  await hashes.store();
  const names = new Set(fleet.nodes.map(({ name }) => name));
  await storeCache(host, cacheDir, site, cache, names);
  await storeSignatures(host, cacheDir, site.signatures);
  await known.store(fleet.nodes, site.outputs, site.bins);
  return {
    ...written,
    ...news,
    changed: [...placed, ...written.changed],
    releases: releases.map(({ version, arch }) => `${version} ${arch}`),
    serial,
    issued,
    expires,
    nodes: fleet.nodes.map(({ name }) => name),
    tags: fleet.tags,
    encrypted: [...site.envelopes.keys()],
    tightened: fleet.nodes.filter(wasRead).flatMap(({ name: node, tightened: paths }) =>
      paths.length > 0 && site.envelopes.has(node) ? [{ node, paths }] : []
    ),
    useless: fleet.nodes.filter(wasRead).flatMap(({ name: node, whole }) => {
      const keys = uselessKeys(whole.users, now);
      return keys.length > 0 ? [{ node, keys }] : [];
    }),
    warnings: [...fleet.warnings.map(problemText), ...lacking],
    heldBack: heldBack(site.outputs, offered),
    files: site.files.size + site.kept.size,
  };
}

/** The error for keys of before a rotation: nodes that have seen the `newer` site would refuse one by root `version`. */
export function olderRoots(doing: string, newer: string, version: number): UserError {
  return new UserError(doing, `${newer}, and the keys here are of version ${version}`, {
    hint:
      "keys were rotated in another checkout: bring its keys folder here, then build the site; nodes that have seen the " +
      "newer roots take nothing from older ones",
  });
}

/** What the next publication must not fall behind. */
interface Previous {
  serial: number;
  issued: string;
  /** {@linkcode publicationId} of it. */
  publication: string;
}

/**
 * The publication in `out`. Undefined when there is no site, or when the key that signed it is no longer a config key:
 * nodes then forget its serial and time too, because a thief of that key may have chosen them.
 */
async function previousOf(
  host: Host,
  out: string,
  roots: RootChain,
): Promise<Previous | undefined> {
  const path = `${out}/${TIMESTAMP_PATH}`;
  const hint = `remove ${out} to begin anew`;
  const found = await host.stat(path);
  if (!found) return undefined;
  // Of a pipe no end would come.
  if (found.kind !== "file") throw new UserError("build the site", `${path} is no file`, { hint });
  try {
    const timestamp = parseTimestamp(await host.readFile(path), path);
    const { serial, issued, publication, root } = timestamp;
    const { version } = roots.files.at(-1)!.root;
    if (root > version && await isOfChain(host, out, roots)) {
      throw olderRoots("build the site", `${out} is of root version ${root}`, version);
    }
    const signer = keyIdHex(parseSignature(publication.minisig, path));
    const current = keysOf(roots.files.at(-1)!.root, "config").map(keyIdHex);
    if (!current.includes(signer)) return undefined;
    return { serial, issued, publication: publicationId(timestamp) };
  } catch (error) {
    if (!(error instanceof RefusedError)) throw error;
    throw new UserError("build the site", error.message, { cause: error, hint });
  }
}

/** Whether the site in `out` begins with the same root document: of another site nothing is gone on with. */
async function isOfChain(host: Host, out: string, { files }: RootChain): Promise<boolean> {
  const path = `${out}/${rootPath(1)}`;
  if ((await host.stat(path))?.kind !== "file") return false;
  return equal(await host.readFile(path), files[0]!.data);
}
