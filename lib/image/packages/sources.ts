/**
 * Where an image's packages come from: the definition's own repositories (the Alpine mirror), given
 * ones, or the lab repository, which has names of Alpine and programs of Debian.
 *
 * @module
 */
import { openRepositories, type Repository, UnreachableError } from "../../apk/repository.ts";
import { errorText } from "../../errors.ts";
import type { Host } from "../../host.ts";
import type { Architecture } from "../../schema/fields.ts";
import { type ImageDefinition, labDefinition } from "../definition.ts";
import { openGiven, pinnedKeys } from "./repository_keys.ts";

/**
 * "mirror": the definition's repositories. "lab": the lab repository. "auto": the mirror when it
 * answers, else the lab's. A list: these URLs or folders, signed by a key of overlay/root/etc/apk/keys
 * or one that the definition pins.
 */
export type PackageSource = "auto" | "mirror" | "lab" | readonly string[];

/** Makes or refreshes the lab repository; `openLabPackages` of the lab's packages. */
export type OpenLab = (
  host: Host,
  options: {
    cacheDir: string;
    arch: Architecture;
    flavour: string;
    deno?: { path: string; version: string };
    onStage: (line: string) => void;
  },
) => Promise<{ dir: string; keyName: string; publicKeyPem: string }>;

/** Options of {@linkcode openSources}. */
export interface SourceOptions {
  /** Folder of the project. */
  root: string;
  packages: PackageSource;
  arch: Architecture;
  /** Keeps downloads (`apk-cache/`), keys (`keys/`) and the lab repository (`packages/`). */
  cacheDir: string;
  /** Opens the lab repository, where it may have to serve. */
  lab?: OpenLab;
  /** Deno's program that may go into the lab repository. */
  deno?: { path: string; version: string };
  /** Told in one line when the lab repository serves for a silent mirror. */
  onStage?: (line: string) => void;
}

/** Opened repositories with the definition as it holds for them. */
export interface Sources {
  kind: "mirror" | "lab" | "given";
  definition: ImageDefinition;
  repositories: Repository[];
  /** For the image's own /etc/apk/repositories. */
  lines: string[];
  /** For its /etc/apk/keys, PEM by file name: what may sign the packages of those lines. */
  keys: Map<string, string>;
}

/** How long the mirror may be silent before the lab repository serves, in milliseconds. */
const MIRROR_SILENCE_MS = 5000;

/**
 * Opens the repositories for a definition.
 * @throws {UserError} when a mirror that was asked for by name does not answer, or anything is not trusted.
 */
export async function openSources(
  host: Host,
  definition: ImageDefinition,
  options: SourceOptions,
): Promise<Sources> {
  const { packages, arch } = options;
  const stage = options.onStage ?? (() => {});
  const urls = definition.repositories.map(({ url }) => url);
  const pins = definition.repositories.flatMap((one) => one.keys);
  const common = { arch, cacheDir: `${options.cacheDir}/apk-cache`, note: stage };
  if (typeof packages !== "string") {
    const { repositories, keys } = await openGiven(host, packages, pins, {
      ...options,
      note: stage,
    });
    // Of the mirrors, a node can only use those whose keys it has.
    const usable = definition.repositories.filter((one) =>
      one.keys.some(({ name }) => keys.has(name))
    );
    return { kind: "given", definition, repositories, lines: usable.map(({ url }) => url), keys };
  }
  if (packages !== "lab") {
    const silence = packages === "auto" ? { silenceMs: MIRROR_SILENCE_MS } : {};
    try {
      const keys = await pinnedKeys(host, pins, { ...options, ...silence });
      const repositories = await openRepositories(host, urls, { ...common, ...silence, keys });
      return { kind: "mirror", definition, repositories, lines: urls, keys };
    } catch (error) {
      if (packages !== "auto" || !(error instanceof UnreachableError)) throw error;
      stage(`${errorText(error)}: using the lab repository (Debian's packages) instead`);
    }
  }
  if (!options.lab) throw new TypeError("The lab repository was asked for without its opener");
  const lab = await options.lab(host, {
    cacheDir: `${options.cacheDir}/packages`,
    arch,
    flavour: definition.kernel.flavour,
    deno: options.deno,
    onStage: stage,
  });
  const signedBy = new Map([[lab.keyName, lab.publicKeyPem]]);
  const repositories = await openRepositories(host, [lab.dir], { ...common, keys: signedBy });
  return {
    kind: "lab",
    definition: labDefinition(definition),
    repositories,
    lines: [],
    keys: new Map(),
  };
}
