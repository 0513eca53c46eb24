/**
 * The releases that a site announces: found in a folder of built images, judged by their manifests, put below
 * `psyopsOS/os/<version>/` and listed in `psyopsOS/os-update.json`.
 *
 * Published of an image: the boot slot, an ISO, compressed disk images, SBOMs, the manifest. A raw disk image stays
 * behind: it is mostly holes, and it is the ISO or the slot that travels.
 *
 * @module
 */
import { complaintOf } from "../../lib/complaint.ts";
import {
  MANIFEST,
  type Manifest,
  MAX_MANIFEST_BYTES,
  parseManifest,
} from "../../lib/documents/manifest.ts";
import {
  contradiction,
  type OsUpdate,
  type Release,
  type ReleaseFile,
  RELEASES_PATH,
  type UpdatePolicy,
} from "../../lib/documents/os_update.ts";
import { RefusedError, UserError } from "../../lib/errors.ts";
import type { Host } from "../../lib/host.ts";
import { formatInstant } from "../../lib/instant.ts";
import { UnreadableError } from "../../lib/schema/read.ts";
import { formatComment, isSitePath } from "../../lib/trust/comment.ts";
import type { Keyring } from "../../lib/trust/keyring.ts";
import { MAX_SIGNATURE_BYTES, type PublicKey, verifyDigest } from "../../lib/trust/minisign.ts";
import { type FileHashes, hashFile } from "./file_hashes.ts";

/** The channel there is when nothing is said of channels. */
export const DEFAULT_CHANNEL = "stable";

/** A release and where its files lie now. */
export interface FoundRelease extends Release {
  /** Version of the agent in it, where its manifest tells. */
  agent?: string;
  /** Names of the packages that are installed in it. */
  packages: ReadonlySet<string>;
  /** Site path of each file to its place on this machine, and its BLAKE2b-512 for the signature. */
  sources: Map<string, { place: string; digest: Uint8Array }>;
}

/**
 * The releases in `dir`: each `<version>/manifest.json` (or `<version>/<arch>/manifest.json`) with the files beside it.
 * Sorted by build time and version, oldest first. A missing folder holds none.
 *
 * @throws {UserError} when a file is not what its manifest says.
 */
export async function findReleases(
  host: Host,
  dir: string,
  hashes: FileHashes,
): Promise<FoundRelease[]> {
  const found: FoundRelease[] = [];
  for (const name of await host.readDir(dir)) {
    for (const below of [name, `${name}/x86_64`, `${name}/aarch64`]) {
      if ((await host.stat(`${dir}/${below}/${MANIFEST}`))?.kind !== "file") continue;
      const release = await readRelease(host, dir, below, hashes);
      const twin = found.find(({ version, arch }) =>
        version === release.version && arch === release.arch
      );
      if (twin) {
        throw new UserError(
          `use ${dir}/${below}`,
          `another folder holds ${release.version} for ${release.arch}`,
        );
      }
      found.push(release);
    }
  }
  return found.sort(byAge);
}

function byAge(a: Release, b: Release): number {
  return a.built !== b.built ? (a.built < b.built ? -1 : 1) : a.version < b.version ? -1 : 1;
}

/**
 * The releases that are on the site already, and those that come with this publication.
 *
 * @throws {UserError} when a version that is published would get other bytes: nodes and caches hold on to the old ones.
 */
export function joinReleases(
  published: readonly FoundRelease[],
  coming: readonly FoundRelease[],
): FoundRelease[] {
  const all = [...published];
  for (const release of coming) {
    const { version, arch } = release;
    const known = all.findIndex((one) => one.version === version && one.arch === arch);
    if (known < 0) {
      all.push(release);
      continue;
    }
    for (const { path, sha256 } of all[known]!.files) {
      const now = release.files.find((one) => one.path === path);
      if (!now || now.sha256 === sha256) continue;
      throw new UserError(
        `publish ${now.path}`,
        `version ${version} is published with other bytes`,
        { hint: "give the new build a version of its own" },
      );
    }
    all[known] = release;
  }
  return all.sort(byAge);
}

async function readRelease(
  host: Host,
  dir: string,
  below: string,
  hashes: FileHashes,
): Promise<FoundRelease> {
  const path = `${dir}/${below}/${MANIFEST}`;
  const fail = (state: string) => new UserError(`use the release ${path}`, state);
  if (((await host.stat(path))?.size ?? 0) > MAX_MANIFEST_BYTES) throw fail("it is too big");
  let manifest: Manifest;
  try {
    manifest = parseManifest(await host.readFile(path));
  } catch (error) {
    if (!(error instanceof UnreadableError)) throw error;
    throw fail(`it is no manifest of an image (${error.state})`);
  }
  const { version, arch, kernel, epoch } = manifest;
  if (below.split("/")[0] !== version) throw fail(`it is of version ${version}`);
  const files: (ReleaseFile & { kind: Kind })[] = [];
  const sources: FoundRelease["sources"] = new Map();
  for (const file of await host.readDir(`${dir}/${below}`)) {
    const kind = kindOf(file);
    if (!kind) continue;
    const source = `${dir}/${below}/${file}`;
    if ((await host.stat(source))?.kind !== "file") continue;
    const facts = await hashes.of(source);
    const stated = manifest.files.find((one) => one.path === file);
    if (stated && (stated.size !== facts.size || stated.sha256 !== facts.sha256)) {
      throw fail(`${file} is not the file it lists`);
    }
    if (!stated && kind === "slot") throw fail(`it does not list ${file}`);
    const sitePath = `${RELEASES_PATH}/${below}/${file}`;
    if (!isSitePath(sitePath)) throw fail(`${file} is no name for a file of the site`);
    files.push({ kind, path: sitePath, size: facts.size, sha256: facts.sha256 });
    sources.set(sitePath, { place: source, digest: facts.digest });
  }
  if (!files.some(({ kind }) => kind === "slot" || kind === "iso")) {
    throw fail("there is neither a boot slot nor an ISO beside it");
  }
  files.sort((a, b) => KINDS.indexOf(a.kind) - KINDS.indexOf(b.kind));
  const built = formatInstant(new Date(epoch * 1000));
  const packages = new Set(
    manifest.packages.filter(({ role }) => role === "installed").map(({ name }) => name),
  );
  const agent = manifest.agent?.version;
  return { version, arch, kernel, built, files, sources, agent, packages };
}

/** What a release may have, in the order in which files are listed. */
const KINDS = ["slot", "iso", "disk", "sbom", "manifest"] as const;
type Kind = typeof KINDS[number];

function kindOf(name: string): Kind | undefined {
  if (name === MANIFEST) return "manifest";
  if (name.endsWith(".slot.tar")) return "slot";
  if (name.endsWith(".iso")) return "iso";
  if (/\.img\.(?:gz|xz|zst)$/.test(name)) return "disk";
  return /(?:^|[._-])(?:sbom|spdx|cdx)\b.*\.json$/.test(name) ? "sbom" : undefined;
}

/**
 * The document that announces `releases` to the channels of `policy`; undefined when there is nothing to announce.
 * Without a policy there is the channel "stable", which has the newest release of each architecture, at once.
 *
 * @throws {UserError} when a channel names a release that is not there. `place` is what the message calls the policy.
 */
export function announce(
  releases: readonly Release[],
  policy: UpdatePolicy | undefined,
  place: string,
): OsUpdate | undefined {
  if (releases.length === 0 && !policy) return undefined;
  const channels: OsUpdate["channels"] = {};
  for (
    const [channel, { version, ...rollout }] of Object.entries(
      policy?.channels ?? { [DEFAULT_CHANNEL]: { version: undefined } },
    )
  ) {
    const versions: OsUpdate["channels"][string]["versions"] = {};
    for (const release of releases) {
      if (version !== undefined && release.version !== version) continue;
      // Oldest first: the newest one stays.
      if (release.files.some(({ kind }) => kind === "slot")) {
        versions[release.arch] = release.version;
      }
    }
    if (version !== undefined && Object.keys(versions).length === 0) {
      throw new UserError(
        `announce ${version} to channel ${channel}`,
        "there is no such release",
        {
          hint: `${place} names it; known are ${
            releases.map((one) => one.version).join(", ") || "none"
          } (--releases DIR brings more)`,
        },
      );
    }
    channels[channel] = { versions, ...rollout };
  }
  const document: OsUpdate = {
    releases: releases.map(({ version, arch, kernel, built, files }) => ({
      version,
      arch,
      kernel,
      built,
      files: files.map(({ kind, path, size, sha256 }) => ({ kind, path, size, sha256 })),
    })),
    channels,
  };
  const problem = contradiction(document);
  if (problem !== undefined) throw new UserError("announce releases", problem);
  return document;
}

/**
 * Brings the files of `releases` into the site at `out`, signatures beside them, before anything announces them. What
 * is there with the right size and a signature of `keys` for the right hash stays as it is; a signature beside the file
 * that comes is taken over. Gives the paths it wrote.
 */
export async function placeReleases(
  host: Host,
  releases: readonly FoundRelease[],
  out: string,
  keyring: Keyring,
  issued: string,
): Promise<string[]> {
  const written: string[] = [];
  const keys = [keyring.publicKeys.release];
  for (const { files, sources } of releases) {
    for (const file of files) {
      const { path, sha256 } = file;
      const { place, digest } = sources.get(path)!;
      const target = `${out}/${path}`;
      await host.mkdir(target.slice(0, target.lastIndexOf("/")));
      if (place !== target && !await isSame(host, target, file)) {
        await copy(host, place, target, file);
        written.push(path);
      }
      if (await isSigned(host, `${target}.minisig`, digest, keys, path)) continue;
      written.push(`${path}.minisig`);
      if (await isSigned(host, `${place}.minisig`, digest, keys, path)) {
        // Signed where it was built: the release key need not be here.
        const signature = await host.readTextFile(`${place}.minisig`);
        await host.writeFile(`${target}.minisig`, signature);
        continue;
      }
      const signer = await keyring.signer("release");
      const comment = formatComment({ type: "release", path, issued, sha256 });
      await host.writeFile(`${target}.minisig`, signer.signDigestWithComment(digest, comment));
    }
  }
  return written;
}

async function isSame(host: Host, path: string, file: ReleaseFile): Promise<boolean> {
  const info = await host.stat(path);
  return info?.kind === "file" && info.size === file.size &&
    (await hashFile(host, path)).sha256 === file.sha256;
}

/** Whether the signature at `path` is for this digest under this name. */
async function isSigned(
  host: Host,
  path: string,
  digest: Uint8Array,
  keys: readonly PublicKey[],
  name: string,
): Promise<boolean> {
  const info = await host.stat(path);
  if (info?.kind !== "file" || info.size > MAX_SIGNATURE_BYTES) return false;
  try {
    const { trustedComment } = verifyDigest(digest, await host.readTextFile(path), keys);
    return trustedComment.includes(` type=release path=${name} `);
  } catch (error) {
    if (error instanceof RefusedError) return false;
    throw error;
  }
}

/** Copies aside first, reads it back, then renames: a reader of the site never sees half a release. */
async function copy(host: Host, from: string, to: string, file: ReleaseFile): Promise<void> {
  const aside = `${to}.next`;
  try {
    const copied = await host.run(["cp", from, aside]);
    if (copied.code !== 0) throw new UserError(`copy ${from} to ${to}`, complaintOf(copied));
    if (!await isSame(host, aside, file)) {
      throw new UserError(`publish ${from}`, "it changed while it was copied");
    }
    await host.rename(aside, to);
  } finally {
    await host.remove(aside);
  }
}
