/**
 * The lab repository: a real, signed apk repository made on the spot from the machine's Debian packages
 * and upstream's deno, for machines that reach no Alpine mirror. Packages bear Alpine's names where the
 * image asks for them; their descriptions say what they really are.
 * Needs: apt and dpkg-deb with package lists (no root), Debian 12.
 *
 * @module
 */
import { type ApkSigningKey, buildIndex, buildPackageAndRecord } from "../apk/build.ts";
import { sha256Hex, utf8 } from "../bytes.ts";
import { UserError } from "../errors.ts";
import type { Host } from "../host.ts";
import type { Architecture } from "../schema/fields.ts";
import { projectFolder, sourceDigest } from "../sources.ts";
import {
  type CachedGroup,
  type CachedPackage,
  filesThere,
  readState,
  type RepositoryState,
} from "./cache.ts";
import {
  aptListsStamp,
  type Deb,
  debGraph,
  debianArchitecture,
  fetchDebs,
  readDeb,
  resolveDebs,
} from "./debian.ts";
import { publicPem, signingKey } from "./key.ts";
import { deno, DENO_VERSION, denoProgram, type RunningDeno } from "./packages/deno.ts";
import { withLibraries } from "./packages/library.ts";
import { type KernelFlavour, kernelMetaPackage, linux } from "./packages/linux.ts";
import { type Draft, OWN_BUILDDATE } from "./packages/recipe.ts";
import { USERLAND, userlandDrafts } from "./userland.ts";

/** Options of {@linkcode labRepository}. */
export interface LabRepositoryOptions {
  /** Keeps downloads, the signing key and the repository between runs. */
  cacheDir: string;
  /** apk's name of the architecture, default x86_64; it has to be the machine's own. */
  arch?: Architecture;
  /** Kernels to offer, default only "virt": the generic one is large. */
  flavours?: readonly KernelFlavour[];
  /** The deno that runs this; used as it is when it has the wanted version. */
  runningDeno?: RunningDeno;
  /** Version of deno in the repository, default {@linkcode DENO_VERSION}. */
  denoVersion?: string;
  /** Told what is being done, in words. */
  onStage?: (stage: string) => void;
}

/** A repository that an apk client can use. */
export interface LabRepository {
  /** Folder to use as the repository's URL; holds `<arch>/APKINDEX.tar.gz`. */
  dir: string;
  arch: string;
  /** File name of the public key in /etc/apk/keys. */
  keyName: string;
  publicKeyPem: string;
}

const DEBIAN_ARCH = { x86_64: "amd64", aarch64: "arm64" } as const;
/** deno asks for these, and no Debian package above has to. */
const LIBRARY_ROOTS = ["libc6", "libgcc-s1"];
const LIBRARY_NAME = /^(lib|zlib)/;
/** Bulk is packed fast: the repository lives on this machine only. */
const LEVEL = 1;

/** Makes or refreshes the repository; without changes it takes some milliseconds. */
export async function labRepository(
  host: Host,
  options: LabRepositoryOptions,
): Promise<LabRepository> {
  const job = await prepare(host, options);
  const { dir, arch, key, state } = job;
  const result = {
    dir,
    arch,
    keyName: key.name,
    publicKeyPem: publicPem(key.privateKey),
  };
  const wanted = job.flavours.every((flavour) => state.flavours.includes(flavour));
  const stamp = await runStamp(host, job);
  const index = `${dir}/${arch}/APKINDEX.tar.gz`;
  if (
    wanted && state.stamp === stamp && await host.stat(index) &&
    await filesThere(host, `${dir}/${arch}`, Object.values(state.groups))
  ) {
    return result;
  }
  job.flavours = [...new Set([...state.stamp === stamp ? state.flavours : [], ...job.flavours])];
  const groups = await buildGroups(host, job);
  const packages = Object.values(groups).flatMap((group) => group.packages);
  const records = packages.map(({ record }) => record);
  const description = "psyopsOS lab: made from Debian packages";
  // Pointer last: an index never names a file that is not there yet.
  await host.writeFile(index, buildIndex(records, key, { description, mtime: OWN_BUILDDATE }));
  const next: RepositoryState = { stamp, flavours: job.flavours, groups };
  await host.writeFile(job.statePath, `${JSON.stringify(next)}\n`);
  await removeOthers(host, `${dir}/${arch}`, ["APKINDEX.tar.gz", ...packages.map((p) => p.file)]);
  return result;
}

interface Job {
  cacheDir: string;
  dir: string;
  arch: keyof typeof DEBIAN_ARCH;
  key: ApkSigningKey;
  statePath: string;
  state: RepositoryState;
  flavours: KernelFlavour[];
  runningDeno: RunningDeno | undefined;
  denoVersion: string;
  /** Hash of the code and trees that packages are made with. */
  recipes: string;
  stage: (text: string) => void;
}

async function prepare(host: Host, options: LabRepositoryOptions): Promise<Job> {
  const { cacheDir, arch = "x86_64" } = options;
  const dir = `${cacheDir}/repository`;
  await host.mkdir(`${dir}/${arch}`);
  const statePath = `${cacheDir}/state-${arch}.json`;
  return {
    cacheDir,
    dir,
    arch,
    key: await signingKey(host, cacheDir),
    statePath,
    state: await readState(host, statePath),
    flavours: [...options.flavours ?? ["virt"]],
    runningDeno: options.runningDeno,
    denoVersion: options.denoVersion ?? DENO_VERSION,
    recipes: await sourceDigest(host, await projectFolder(host) ?? "", WRITERS),
    stage: options.onStage ?? (() => {}),
  };
}

const TREES = `${import.meta.dirname ?? "."}/packages`;
/** Code that decides about the bytes of a package. */
const WRITERS = [
  "lib/lab_packages",
  "lib/apk/build.ts",
  "lib/formats/gzip.ts",
  "lib/formats/tar_pax.ts",
  "lib/formats/tar_write.ts",
];

async function runStamp(host: Host, job: Job): Promise<string> {
  const parts = [job.recipes, job.arch, job.denoVersion, job.key.name, await aptListsStamp(host)];
  return sha256Hex(utf8(parts.join("\n")));
}

async function buildGroups(host: Host, job: Job): Promise<Record<string, CachedGroup>> {
  const debianArch = DEBIAN_ARCH[job.arch];
  if (await debianArchitecture(host) !== debianArch) {
    throw new UserError(`make the lab repository for ${job.arch}`, "the machine is another", {
      hint: "Debian packages are taken for the machine's own architecture only",
    });
  }
  job.stage("asking apt for package versions");
  const metas = job.flavours.map((flavour) => kernelMetaPackage(flavour, debianArch));
  const graph = await debGraph(host, [...USERLAND, ...LIBRARY_ROOTS, ...metas]);
  const kernels = metas.map((meta) => {
    const name = graph.get(meta)?.find((item) => item.startsWith("linux-image-"));
    if (!name) throw new UserError("make the lab repository", `${meta} names no kernel`);
    return name;
  });
  const own: readonly string[] = USERLAND;
  const libraryNames = [...graph.keys()]
    .filter((name) => LIBRARY_NAME.test(name) && !own.includes(name)).sort();
  const debs = await resolveDebs(host, [...USERLAND, ...libraryNames, ...kernels]);
  const pick = (names: readonly string[]) => names.map((name) => debs.get(name)!);

  const debDir = `${job.cacheDir}/debs`;
  job.stage("downloading Debian packages");
  const userland = pick([...USERLAND, ...libraryNames]);
  const fetched = fetchDebs(host, debDir, [...debs.values()]);
  // A failed download shows where it is awaited; until then it must not count as unhandled.
  fetched.catch(() => {});

  const groups: Record<string, CachedGroup> = {};
  groups["deno"] = await group(host, job, "deno", [job.denoVersion], async () => {
    const program = await denoProgram(host, {
      arch: job.arch,
      dir: `${job.cacheDir}/npm`,
      running: job.runningDeno,
      version: job.denoVersion,
    });
    return [withLibraries(deno(program, job.denoVersion))];
  });
  const denoNeeds = soDepends(groups["deno"]);
  await fetched;
  const hashes = (list: readonly Deb[]) => list.map((deb) => `${deb.name} ${deb.sha256}`);
  for (const [i, flavour] of job.flavours.entries()) {
    const [deb] = pick([kernels[i]!]);
    const name = `linux-${flavour}`;
    groups[name] = await group(host, job, name, hashes([deb!]), async () => {
      return [linux(await readDeb(host, debDir, deb!), flavour)];
    });
  }
  const inputs = [...denoNeeds, ...hashes(userland)];
  groups["userland"] = await group(host, job, "userland", inputs, async () => {
    return await userlandDrafts(host, {
      debDir,
      debs,
      scratchDir: job.cacheDir,
      treesDir: TREES,
      libraryNames,
      denoNeeds,
    });
  });
  await removeOthers(host, debDir, [...debs.values()].map(({ file }) => file));
  return groups;
}

/** The group as remembered when its inputs are the same, else made, signed and written. */
async function group(
  host: Host,
  job: Job,
  name: string,
  parts: readonly string[],
  make: () => Promise<Draft[]>,
): Promise<CachedGroup> {
  const inputs = sha256Hex(utf8([job.recipes, job.arch, job.key.name, ...parts].join("\n")));
  const dir = `${job.dir}/${job.arch}`;
  const known = job.state.groups[name];
  if (known?.inputs === inputs && await filesThere(host, dir, [known])) return known;
  job.stage(`packing ${name}`);
  const packages: CachedPackage[] = [];
  for (const { info, scripts, entries } of await make()) {
    const full = { ...info, arch: job.arch };
    const built = buildPackageAndRecord({
      info: full,
      scripts,
      entries,
      key: job.key,
      level: LEVEL,
    });
    const file = `${info.name}-${info.version}.apk`;
    await host.writeFile(`${dir}/${file}`, built.bytes);
    packages.push({ file, size: built.bytes.length, record: built.record });
  }
  return { inputs, packages };
}

function soDepends(group: CachedGroup): string[] {
  const depends = group.packages.flatMap(({ record }) =>
    /^D:(.*)$/m.exec(record)?.[1]?.split(" ") ?? []
  );
  return depends.filter((item) => item.startsWith("so:"));
}

async function removeOthers(host: Host, dir: string, keep: readonly string[]): Promise<void> {
  for (const name of await host.readDir(dir)) {
    if (!keep.includes(name)) await host.remove(`${dir}/${name}`);
  }
}
