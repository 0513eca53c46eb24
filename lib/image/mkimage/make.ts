/**
 * The image engine "mkimage", from options to results: Alpine's own mkimage.sh in a container, judged, and
 * brought back as `<outDir>/<version>/` with ISO, checksums and manifest.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { bundleAgent } from "../../agent_bundle.ts";
import type { IndexRecord } from "../../apk/index.ts";
import type { Lock } from "../../apk/lock.ts";
import { type Repository, UnreachableError } from "../../apk/repository.ts";
import { solve } from "../../apk/solver.ts";
import type { Bytes } from "../../bytes.ts";
import { errorText, UserError } from "../../errors.ts";
import type { Host } from "../../host.ts";
import { type ImageDefinition, parseDefinition } from "../definition.ts";
import { defaultEpoch, versionOf } from "../make.ts";
import { type Manifest, manifestFile, manifestPackage } from "../manifest.ts";
import { readOverlay } from "../overlay.ts";
import { checkLocked, checkRequest, readImageLock } from "../image_lock.ts";
import { replaceFolder } from "../replace_folder.ts";
import { overlayKeys } from "../repository_keys.ts";
import { openSources } from "../sources.ts";
import { type AbuildKey, abuildKey } from "./abuild_key.ts";
import { makeApkovl } from "./apkovl.ts";
import { dropWork, ensureBuilder, isFolder, runBuild, stopIfAborted } from "./build.ts";
import type { ContainerEngine } from "./engine.ts";
import { makePlan, type Place, type Plan, type Templates, workVolume } from "./plan.ts";
import { checkFresh, checkProduct, type Product } from "./product.ts";
import { bootPackages, hostnameOf, mediumPackages } from "./profile.ts";
import type { Stage } from "./stages.ts";
import { workdirKey } from "./workdir_key.ts";

/** Options of {@linkcode prepareBuild}. */
export interface MkimageOptions {
  /** Folder of the project. */
  root: string;
  /** Results lie in `<outDir>/<version>/`. */
  outDir: string;
  /** Package indexes are kept here. */
  cacheDir: string;
  /** Holds `abuild/` with the key that signs the medium; made when missing. */
  keysDir: string;
  /** URLs or folders, signed by a key of overlay/root/etc/apk/keys or a pinned one; default the definition's. */
  repositories?: readonly string[];
  /** Default: the date and time of `epoch`. */
  version?: string;
  /** Default: SOURCE_DATE_EPOCH, else the time of the checked out commit. */
  epoch?: number;
  arch?: "x86_64" | "aarch64";
  /** Another kernel than the definition's. */
  flavour?: string;
  cmdlineExtra?: string;
  /** Deno's program that bundles the agent; default the one on PATH. */
  deno?: { path: string; version: string };
  /** Files of the agent; default: bundled. */
  agent?: ReadonlyMap<string, { data: Bytes; mode: number }>;
  /** Take what the repositories have now, though `overlay/image.lock` stands there. */
  noLock?: boolean;
  onStage?: (line: string) => void;
}

/** A build that only waits for a container engine. */
export interface PreparedBuild {
  plan: Plan;
  definition: ImageDefinition;
  version: string;
  epoch: number;
  arch: string;
  cmdline: string;
  apkovl: Bytes;
  key: AbuildKey;
  templates: Templates;
  repositoryKeys: ReadonlyMap<string, string>;
  /** Undefined when they can't be read from this machine; the engine's may still. */
  opened: readonly Repository[] | undefined;
  /** What the medium's packages have to be. */
  lock?: Lock;
}

/** Where everything lies. */
export interface MadeIso {
  version: string;
  arch: string;
  dir: string;
  iso: string;
  manifest: Manifest;
  product: Product;
  stages: Stage[];
  /** In bytes. */
  size: number;
}

/** Largest ISO that is read, in bytes. */
const MAX_ISO = 2 ** 31 - 1;
/** Longest kernel command line that x86 takes. */
const MAX_CMDLINE = 2047;

/** Everything up to the container, without one. Makes the signing key when there is none. @throws {UserError} */
export async function prepareBuild(host: Host, options: MkimageOptions): Promise<PreparedBuild> {
  const { root, deno, arch = "x86_64", flavour } = options;
  const file = `${root}/overlay/image.yaml`;
  let definition = parseDefinition(await host.readTextFile(file), file.replace(/^\.\//, ""));
  if (flavour) definition = { ...definition, kernel: { ...definition.kernel, flavour } };
  const epoch = options.epoch ?? await defaultEpoch(host, root);
  const version = options.version ?? versionOf(epoch);
  if (!/^[a-zA-Z0-9][\w.-]{0,99}$/.test(version)) {
    throw new UserError(
      `Cannot call the image ${JSON.stringify(version)}: letters, digits and . _ -`,
    );
  }
  const cmdline = [definition.cmdline, options.cmdlineExtra ?? ""].join(" ").trim();
  if (cmdline.length > MAX_CMDLINE || !/^[\x20-\x7e]+$/.test(cmdline)) {
    throw new UserError(
      `Cannot use the kernel command line: not up to ${MAX_CMDLINE} printable characters`,
    );
  }
  const lock = options.noLock ? undefined : await readImageLock(host, root);
  if (lock) checkRequest(lock, definition, arch);
  const agent = options.agent ??
    await bundleAgent(host, { root, ...(deno ? { deno: deno.path } : {}) });
  const urls = definition.repositories.map(({ url }) => url);
  const sources = await readSources(host, definition, { ...options, arch });
  const repositoryKeys = sources.keys;
  const key = await abuildKey(host, `${options.keysDir}/abuild`);
  const apkovl = makeApkovl({
    definition,
    overlay: await readOverlay(host, `${root}/overlay/root`, definition.permissions),
    agent,
    keys: new Map([...repositoryKeys, [`${key.name}.pub`, key.publicKey]]),
    repositories: sources.lines,
    facts: { version, arch, epoch, engine: "mkimage" },
    cmdline,
  });
  const templates = await readTemplates(host, `${root}/overlay/mkimage`);
  const repositories = (options.repositories ?? urls).map((location) => ({
    location,
    local: !/^https?:\/\//.test(location),
  }));
  for (const { location, local } of repositories) {
    if (local && !await isFolder(host, location)) {
      throw new UserError(`Cannot use the repository ${location}: no URL and no folder`);
    }
  }
  const common = {
    definition,
    version,
    epoch,
    arch,
    cmdline,
    apkovl,
    key,
    repositoryKeys,
    templates,
    opened: sources.repositories,
    ...(lock ? { lock } : {}),
  };
  return { ...common, plan: makePlan({ ...common, repositories }) };
}

interface ReadSources {
  repositories: readonly Repository[] | undefined;
  keys: ReadonlyMap<string, string>;
  /** Of the image's own /etc/apk/repositories. */
  lines: readonly string[];
}

/**
 * The repositories with the keys that sign them. What can't be read from here may be from the builder, which
 * has Alpine's keys itself.
 */
async function readSources(
  host: Host,
  definition: ImageDefinition,
  options: MkimageOptions & { arch: "x86_64" | "aarch64" },
): Promise<ReadSources> {
  const { root, arch, cacheDir, onStage = () => {} } = options;
  const packages = options.repositories ?? "mirror";
  try {
    return await openSources(host, definition, { root, packages, arch, cacheDir, onStage });
  } catch (error) {
    if (!(error instanceof UnreachableError)) throw error;
    onStage(`${errorText(error)}: going on, as the container engine may reach it`);
    const lines = definition.repositories.map(({ url }) => url);
    return { repositories: undefined, keys: await overlayKeys(host, root), lines };
  }
}

/** Options of {@linkcode makeIso} beside what was prepared. */
export interface MakeIsoOptions extends Pick<MkimageOptions, "outDir" | "onStage"> {
  /** Network of containers, default the engine's. */
  network?: string;
  signal?: AbortSignal;
}

/** Builds, judges and writes. @throws {UserError} */
export async function makeIso(
  engine: ContainerEngine,
  prepared: PreparedBuild,
  options: MakeIsoOptions,
): Promise<MadeIso> {
  const { host } = engine;
  const { signal, network } = options;
  const { plan, definition, version, epoch, arch, key, lock } = prepared;
  const onStage = options.onStage ?? (() => {});
  const known = knownPackages(prepared);
  if (lock && known) {
    checkLocked(lock, [...known.medium, ...known.boot].map((record) => ({ record })));
  }
  const builder = await ensureBuilder(engine, plan, { onStage, signal, network });
  const place = placeOf(prepared, builder, known, network);
  const dir = `${options.outDir}/${version}`;
  const name = `${definition.name.toLowerCase()}-${version}-${arch}.iso`;
  const resultDir = `${options.outDir}/.${version}.mkimage`;
  await host.mkdir(options.outDir);
  await host.remove(resultDir);
  try {
    onStage(`running mkimage.sh (${engine.program} ${engine.version}, ${plan.names.file})`);
    const { stages, started } = await runBuild(engine, plan, {
      place,
      epoch,
      resultDir,
      onStage,
      signal,
    });
    onStage("checking the ISO");
    const product = await discardOnFailure(engine, place, async () => {
      const made = `${resultDir}/${plan.names.file}`;
      const info = await host.stat(made);
      if (info?.kind !== "file") throw await noImage(host, resultDir, plan.names.file);
      checkFresh(started, info.mtime);
      if (info.size > MAX_ISO) {
        throw new UserError(`Cannot use the ISO that mkimage.sh made: above ${MAX_ISO} bytes`);
      }
      const bytes = await host.readFile(made);
      await checkTransfer(host, `${made}.sha512`, bytes);
      return checkProduct(bytes, {
        arch,
        flavour: definition.kernel.flavour,
        volumeId: plan.names.volumeId,
        hostname: hostnameOf(definition),
        apkovl: prepared.apkovl,
        publicKey: key.publicKey,
        keyFile: `${key.name}.pub`,
        packages: mediumPackages(definition),
        microcode: arch === "x86_64" ? definition.mkimage.microcode : [],
        cmdline: prepared.cmdline,
        ...(known ? { known: known.medium } : {}),
      });
    });
    if (lock) checkLocked(lock, product.packages);
    stopIfAborted(signal);
    onStage("writing");
    const manifest = manifestOf(prepared, product, name, known);
    await replaceFolder(host, dir, async (aside) => {
      await host.rename(`${resultDir}/${plan.names.file}`, `${aside}/${name}`);
      await host.chmod(`${aside}/${name}`, 0o644);
      for (const kind of ["sha256", "sha512"]) {
        const sum = createHash(kind).update(product.bytes).digest("hex");
        await host.writeFile(`${aside}/${name}.${kind}`, `${sum}  ${name}\n`);
      }
      await host.writeFile(`${aside}/manifest.json`, `${JSON.stringify(manifest, null, 2)}\n`);
    });
    const size = product.bytes.length;
    return { version, arch, dir, iso: `${dir}/${name}`, manifest, product, stages, size };
  } finally {
    await host.remove(resultDir);
  }
}

/** Names of container and volume of a build: the same only while nothing that cached parts hold has changed. */
export function placeOf(
  { plan, templates, arch, key, repositoryKeys }: PreparedBuild,
  builder: string,
  known: KnownPackages | undefined,
  network?: string,
): Place {
  const name = workVolume(workdirKey({
    arch,
    builder,
    publicKey: key.publicKey,
    keyName: key.name,
    repositories: plan.repositories,
    repositoryKeys,
    profile: plan.profile,
    driver: templates.driver,
    ...(known ? { packages: [...known.medium, ...known.boot] } : {}),
  }));
  return { name, ...(network === undefined ? {} : { network }) };
}

/** What the repositories have of what the image is made from. */
export interface KnownPackages {
  /** On the medium, dependencies included. */
  medium: IndexRecord[];
  /** For kernel, modules and microcode. */
  boot: IndexRecord[];
  /** Repository of each. */
  home: ReadonlyMap<IndexRecord, string>;
}

/**
 * Chooses packages as apk will. Undefined when the repositories can't be read from this machine (the engine's
 * may still): then only `--clean` makes sure that a package built again under its version is noticed.
 *
 * @throws {UserError} for packages that no repository has, before minutes are spent.
 */
export function knownPackages(
  { definition, arch, opened: repositories }: PreparedBuild,
): KnownPackages | undefined {
  if (!repositories) return undefined;
  const home = new Map(
    repositories.flatMap(({ records, name }) => records.map((one) => [one, name] as const)),
  );
  const choose = (world: readonly string[]) => solve(world, repositories, { arch });
  const medium = choose(mediumPackages(definition));
  const there = new Set(medium);
  const boot = choose(["alpine-base", ...bootPackages(definition, arch)])
    .filter((record) => !there.has(record));
  return { medium, boot, home };
}

/** Runs `judge`; when it refuses what was made, its caches are no good either. */
async function discardOnFailure<T>(
  engine: ContainerEngine,
  place: Place,
  judge: () => Promise<T>,
): Promise<T> {
  try {
    return await judge();
  } catch (error) {
    await dropWork(engine, place);
    throw error;
  }
}

async function noImage(host: Host, folder: string, expected: string): Promise<UserError> {
  const others = (await host.readDir(folder)).filter((name) => name.endsWith(".iso"));
  const hint = others.length > 0
    ? `it made ${others.join(", ")}: its aports name images otherwise`
    : "its profile may be for another architecture, or its aports of another age: look with --shell";
  return new UserError(
    `Cannot find the ISO: mkimage.sh ended well but wrote no ${expected}`,
    { hint },
  );
}

/** The builder wrote the sum before the file came over. */
async function checkTransfer(host: Host, path: string, bytes: Bytes): Promise<void> {
  if (!await host.stat(path)) return;
  const [sum] = (await host.readTextFile(path)).split(/\s/);
  if (sum === createHash("sha512").update(bytes).digest("hex")) return;
  throw new UserError("Cannot use the ISO that mkimage.sh made: it was damaged on its way here", {
    hint: "run it again; if it stays so, look at the disks of both machines",
  });
}

function manifestOf(
  { definition, version, arch, epoch, cmdline }: PreparedBuild,
  { bytes, packages, kernelRelease }: Product,
  name: string,
  known: KnownPackages | undefined,
): Manifest {
  const homes = new Map(
    [...known?.home ?? []].map(([record, from]) => [`${record.name} ${record.checksum}`, from]),
  );
  const home = (record: IndexRecord) => homes.get(`${record.name} ${record.checksum}`) ?? "";
  return {
    manifest: 1,
    name: definition.name,
    version,
    arch,
    engine: "mkimage",
    epoch,
    kernel: kernelRelease,
    cmdline,
    packages: [
      ...packages.map((one) => manifestPackage(one.record, one, home(one.record), "installed")),
      ...(known?.boot ?? []).map((record) =>
        manifestPackage(record, undefined, home(record), "kernel")
      ),
    ],
    deferredScripts: [],
    files: [manifestFile(name, bytes)],
  };
}

async function readTemplates(host: Host, folder: string): Promise<Templates> {
  const read = async (name: string) => {
    try {
      return await host.readTextFile(`${folder}/${name}`);
    } catch (cause) {
      throw new UserError(`Cannot read ${folder}/${name}: ${errorText(cause)}`, { cause });
    }
  };
  return {
    dockerfile: await read("Dockerfile"),
    profile: await read("mkimg.psyopsos.sh"),
    genapkovl: await read("genapkovl-psyopsos.sh"),
    driver: await read("build.sh"),
  };
}
