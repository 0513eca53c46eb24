/**
 * From nothing but options to an image: reads the definition, finds packages (the Alpine mirror when it
 * answers, else the lab repository), bundles the agent, runs the engine. What tasks and the lab call.
 *
 * @module
 */
import { bundleAgent } from "../agent_bundle.ts";
import { openRepositories, type Repository, UnreachableError } from "../apk/repository.ts";
import type { KeyFiles } from "../apk/signature.ts";
import { text } from "../bytes.ts";
import { errorText, UserError } from "../errors.ts";
import type { Host } from "../host.ts";
import { labRepository } from "../lab/repository.ts";
import { type ImageDefinition, labDefinition, parseDefinition } from "./definition.ts";
import { buildImage, type BuiltImage } from "./embedded.ts";

/** Options of {@linkcode makeImage}. */
export interface MakeImageOptions {
  /** Folder of the project. */
  root: string;
  /** Results lie in `<outDir>/<version>/`. */
  outDir: string;
  /** Downloads, the lab repository and file systems are kept here. */
  cacheDir: string;
  /**
   * "mirror": the definition's repositories. "lab": the lab repository. "auto": the mirror when it
   * answers, else the lab's. A list: these URLs or folders, signed by a key of overlay/root/etc/apk/keys.
   */
  packages: "auto" | "mirror" | "lab" | readonly string[];
  /** Default: the date and time of `epoch`, e.g. "2026.11.22.2015". */
  version?: string;
  /** Default: SOURCE_DATE_EPOCH, else the time of the checked out commit. */
  epoch?: number;
  arch?: "x86_64" | "aarch64";
  /** Another kernel than the definition's. */
  flavour?: string;
  cmdlineExtra?: string;
  /** Deno's program that bundles the agent and may go into the lab repository; default the one on PATH. */
  deno?: { path: string; version: string };
  onStage?: (line: string) => void;
}

/** A built image and where its packages came from. */
export interface MadeImage extends BuiltImage {
  packages: "mirror" | "lab" | "given";
}

/** How long the mirror may be silent before the lab repository serves, in milliseconds. */
const MIRROR_SILENCE_MS = 5000;
const KEYS = "overlay/root/etc/apk/keys";

/** @throws {UserError} */
export async function makeImage(host: Host, options: MakeImageOptions): Promise<MadeImage> {
  const { root, deno, arch = "x86_64" } = options;
  const file = `${root}/overlay/image.yaml`;
  let definition = parseDefinition(await host.readTextFile(file), file.replace(/^\.\//, ""));
  const { flavour } = options;
  if (flavour) definition = { ...definition, kernel: { ...definition.kernel, flavour } };
  const epoch = options.epoch ?? await defaultEpoch(host, root);
  const version = options.version ?? versionOf(epoch);
  // Bundling takes a second or two of another process: at the same time as the packages.
  const agent = bundleAgent(host, { root, ...(deno ? { deno: deno.path } : {}) });
  agent.catch(() => {});
  const source = await openSource(host, definition, { ...options, arch });
  const built = await buildImage(host, {
    definition: source.definition,
    repositories: source.repositories,
    repositoryLines: source.lines,
    agent: await agent,
    overlayDir: `${root}/overlay`,
    version,
    epoch,
    arch,
    outDir: options.outDir,
    cacheDir: `${options.cacheDir}/image`,
    cmdlineExtra: options.cmdlineExtra,
    onStage: options.onStage,
  });
  return { ...built, packages: source.kind };
}

/** `YYYY.MM.DD.HHMM` of a time in seconds since 1970, UTC: sorts by age as boot loaders compare. */
export function versionOf(epoch: number): string {
  const [date = "", time = ""] = new Date(epoch * 1000).toISOString().split("T");
  return `${date.replaceAll("-", ".")}.${time.slice(0, 5).replace(":", "")}`;
}

interface Source {
  kind: MadeImage["packages"];
  definition: ImageDefinition;
  repositories: Repository[];
  /** For the image's own /etc/apk/repositories. */
  lines: string[];
}

async function openSource(
  host: Host,
  definition: ImageDefinition,
  options: MakeImageOptions & { arch: "x86_64" | "aarch64" },
): Promise<Source> {
  const { packages, arch, root } = options;
  const stage = options.onStage ?? (() => {});
  const urls = definition.repositories.map(({ url }) => url);
  const common = { arch, cacheDir: `${options.cacheDir}/packages`, note: stage };
  if (typeof packages !== "string") {
    const keys = await readKeys(host, root, undefined);
    const repositories = await openRepositories(host, packages, { ...common, keys });
    return { kind: "given", definition, repositories, lines: urls };
  }
  if (packages !== "lab") {
    const names = definition.repositories.flatMap((one) => one.keys);
    const keys = await readKeys(host, root, names);
    const silence = packages === "auto" ? { silenceMs: MIRROR_SILENCE_MS } : {};
    try {
      const repositories = await openRepositories(host, urls, { ...common, ...silence, keys });
      return { kind: "mirror", definition, repositories, lines: urls };
    } catch (error) {
      if (packages === "mirror" || !(error instanceof UnreachableError)) throw error;
      stage(`${errorText(error)}: using the lab repository (Debian's packages) instead`);
    }
  }
  const { virt, lts } = { virt: "virt", lts: "lts" } as const;
  const flavour = [virt, lts].find((known) => known === definition.kernel.flavour);
  if (!flavour) {
    throw new UserError(
      `Cannot take the kernel ${definition.kernel.flavour} from the lab repository: it has virt and lts`,
    );
  }
  const lab = await labRepository(host, {
    cacheDir: `${options.cacheDir}/lab-repository`,
    arch,
    flavours: [flavour],
    ...(options.deno ? { runningDeno: options.deno } : {}),
    onStage: stage,
  });
  const keys = new Map([[lab.keyName, lab.publicKeyPem]]);
  const repositories = await openRepositories(host, [lab.dir], { ...common, keys });
  return { kind: "lab", definition: labDefinition(definition), repositories, lines: [] };
}

/** The public keys of the overlay: those named, or all. */
async function readKeys(
  host: Host,
  root: string,
  names: readonly string[] | undefined,
): Promise<KeyFiles> {
  const there = (await host.readDir(`${root}/${KEYS}`)).filter((name) => name.endsWith(".pub"));
  const missing = names?.find((name) => !there.includes(name));
  if (missing !== undefined) {
    throw new UserError(`Cannot read the repository key ${KEYS}/${missing}: no such file`);
  }
  const keys = new Map<string, string>();
  for (const name of new Set(names ?? there)) {
    keys.set(name, await host.readTextFile(`${root}/${KEYS}/${name}`));
  }
  return keys;
}

async function defaultEpoch(host: Host, root: string): Promise<number> {
  const given = host.env("SOURCE_DATE_EPOCH");
  if (given !== undefined && given !== "") {
    if (/^\d{1,10}$/.test(given)) return Number(given);
    throw new UserError(`Cannot use SOURCE_DATE_EPOCH=${given}: not seconds since 1970`);
  }
  const result = await host.run(["git", "-C", root, "log", "-1", "--format=%ct"]);
  const seconds = text(result.stdout).trim();
  if (result.code === 0 && /^\d{1,10}$/.test(seconds)) return Number(seconds);
  throw new UserError("Cannot date the image: this is no git checkout", {
    hint: "set SOURCE_DATE_EPOCH to seconds since 1970, e.g. of the release",
  });
}
