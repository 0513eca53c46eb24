/**
 * Everything of a build with mkimage.sh that needs no container: definition, packages, overlay, key, scripts.
 *
 * @module
 */
import { readRepositoryText } from "../../repository_file.ts";
import { type FormChoice, worldWithAgent } from "../../agent_build/forms.ts";
import type { BuiltAgent } from "../../agent_build/make.ts";
import type { IndexRecord } from "../../apk/index.ts";
import type { Lock } from "../../apk/lock.ts";
import { type Repository, UnreachableError } from "../../apk/repository.ts";
import { solve } from "../../apk/solver.ts";
import type { Bytes } from "../../bytes.ts";
import { checkVersion } from "../../documents/boot_entry.ts";
import { errorText, UserError } from "../../errors.ts";
import type { Host } from "../../host.ts";
import type { Architecture } from "../../schema/fields.ts";
import {
  type ImageDefinition,
  kernelCmdline,
  MAX_DEFINITION,
  parseDefinition,
} from "../definition.ts";
import { defaultEpoch, imageAgent, versionOf } from "../make.ts";
import { chooseSingle } from "../packages/choose_packages.ts";
import { checkRequest, readImageLock } from "../packages/image_lock.ts";
import { overlayKeys } from "../packages/repository_keys.ts";
import { openSources } from "../packages/sources.ts";
import { MODULES_SERVICE } from "../release/from_iso.ts";
import { readOverlay } from "../root/overlay.ts";
import { type AbuildKey, abuildKey } from "./abuild_key.ts";
import { makeApkovl } from "./apkovl.ts";
import { isFolder } from "./build.ts";
import { makePlan, type Place, type Plan, type Templates, workVolume } from "./plan.ts";
import { bootPackages, mediumPackages } from "./profile.ts";
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
  arch?: Architecture;
  /** Another kernel than the definition's. */
  flavour?: string;
  cmdlineExtra?: string;
  /** Deno's program that makes the agent; default the one on PATH. */
  deno?: { path: string; version: string };
  /** The agent; default: made now, in this form, else in the definition's. */
  agent?: BuiltAgent;
  agentForm?: FormChoice;
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
  arch: Architecture;
  cmdline: string;
  apkovl: Bytes;
  key: AbuildKey;
  agent: BuiltAgent;
  templates: Templates;
  repositoryKeys: ReadonlyMap<string, string>;
  /** Undefined when they can't be read from this machine; the engine's may still. */
  opened: readonly Repository[] | undefined;
  /** What the medium's packages have to be. */
  lock?: Lock;
  /** The service of boot slots that mounts the kernel's modules. */
  modulesService: Bytes;
}

/** Everything up to the container, without one. Makes the signing key when there is none. @throws {UserError} */
export async function prepareBuild(host: Host, options: MkimageOptions): Promise<PreparedBuild> {
  const { root, arch = "x86_64", flavour } = options;
  const file = `${root}/overlay/image.yaml`;
  let definition = parseDefinition(
    await readRepositoryText(host, file, MAX_DEFINITION),
    file.replace(/^\.\//, ""),
  );
  if (flavour) definition = { ...definition, kernel: { ...definition.kernel, flavour } };
  const epoch = options.epoch ?? await defaultEpoch(host, root);
  const version = options.version ?? versionOf(epoch);
  checkVersion(version);
  const cmdline = kernelCmdline(definition, options.cmdlineExtra);
  const lock = options.noLock ? undefined : await readImageLock(host, root);
  if (lock) checkRequest(lock, definition, arch);
  const agent = await imageAgent(host, definition, options);
  // The lock was checked against the definition as written; only now is the package list fitted to the agent's form.
  definition = { ...definition, packages: worldWithAgent(definition.packages, agent) };
  const urls = definition.repositories.map(({ url }) => url);
  const sources = await readSources(host, definition, { ...options, arch });
  const repositoryKeys = sources.keys;
  const key = await abuildKey(host, `${options.keysDir}/abuild`);
  const apkovl = makeApkovl({
    definition,
    overlay: await readOverlay(host, `${root}/overlay/root`, definition.permissions),
    agent: agent.files,
    keys: new Map([...repositoryKeys, [`${key.name}.pub`, key.publicKey]]),
    repositories: sources.lines,
    facts: { version, arch, epoch, engine: "mkimage", ntp: definition.ntp },
    cmdline,
  });
  const templates = await readTemplates(host, `${root}/overlay/mkimage`);
  const repositories = (options.repositories ?? urls).map((location) => ({
    location,
    local: !/^https?:\/\//.test(location),
  }));
  for (const { location, local } of repositories) {
    if (local && !await isFolder(host, location)) {
      throw new UserError(`use the repository ${location}`, "no URL and no folder");
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
    agent,
    modulesService: await host.readFile(`${root}/overlay/mkimage/${MODULES_SERVICE}`),
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
  options: MkimageOptions & { arch: Architecture },
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
  /** The boot loader of disk images, which is not on the medium. */
  loader: IndexRecord;
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
  const loader = chooseSingle(definition.boot.loader, repositories, arch);
  return { medium, boot, loader, home };
}

async function readTemplates(host: Host, folder: string): Promise<Templates> {
  const read = async (name: string) => {
    try {
      return await host.readTextFile(`${folder}/${name}`);
    } catch (cause) {
      throw new UserError(`read ${folder}/${name}`, errorText(cause), { cause });
    }
  };
  return {
    dockerfile: await read("Dockerfile"),
    profile: await read("mkimg.psyopsos.sh"),
    genapkovl: await read("genapkovl-psyopsos.sh"),
    driver: await read("build.sh"),
  };
}
