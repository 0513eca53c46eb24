/**
 * From nothing but options to an image: reads the definition, finds packages (the Alpine mirror when it
 * answers, else the lab repository), makes the agent, runs the engine. What tasks and the lab call.
 *
 * @module
 */
import { namedRuntime } from "../agent_build/compile.ts";
import { type FormChoice, worldWithAgent } from "../agent_build/forms.ts";
import { pinnedGlibc } from "../agent_build/glibc.ts";
import { agentNote, type BuiltAgent, makeAgent } from "../agent_build/make.ts";
import { text } from "../bytes.ts";
import { checkVersion } from "../documents/boot_entry.ts";
import { UserError } from "../errors.ts";
import type { Host } from "../host.ts";
import type { Architecture } from "../schema/fields.ts";
import type { ImageDefinition } from "./definition.ts";
import { buildImage, type BuiltImage } from "./embedded.ts";
import {
  followLock,
  type LockedSources,
  makeImageLock,
  writeImageLock,
} from "./packages/image_lock.ts";
import { type OpenLab, openSources, type PackageSource, type Sources } from "./packages/sources.ts";
import { readDefinition } from "./read_definition.ts";

/** Options of {@linkcode makeImage}. */
export interface MakeImageOptions {
  /** Folder of the project. */
  root: string;
  /** Results lie in `<outDir>/<version>/`. */
  outDir: string;
  /** Downloads, the lab repository and file systems are kept here. */
  cacheDir: string;
  packages: PackageSource;
  /** Opens the lab repository, where it may have to serve. */
  lab?: OpenLab;
  /** Default: the date and time of `epoch`, e.g. "2026.11.22.2015". */
  version?: string;
  /** Default: SOURCE_DATE_EPOCH, else the time of the checked out commit. */
  epoch?: number;
  arch?: Architecture;
  /** Another kernel than the definition's. */
  flavour?: string;
  cmdlineExtra?: string;
  /** The agent; default: made now, in this form, else in the definition's. */
  agent?: BuiltAgent;
  agentForm?: FormChoice;
  /** Deno's program that makes the agent and may go into the lab repository; default the one on PATH. */
  deno?: { path: string; version: string };
  /** Take what the repositories have now, though `overlay/image.lock` stands there. */
  noLock?: boolean;
  onStage?: (line: string) => void;
}

/** A built image and where its packages came from. */
export interface MadeImage extends BuiltImage {
  packages: Sources["kind"];
  /** Form of the agent, and why it is in that form. */
  agent: Pick<BuiltAgent, "form" | "why">;
}

/** @throws {UserError} */
export async function makeImage(host: Host, options: MakeImageOptions): Promise<MadeImage> {
  const { root, arch = "x86_64" } = options;
  let definition = await readDefinition(host, root);
  const { flavour } = options;
  if (flavour) definition = { ...definition, kernel: { ...definition.kernel, flavour } };
  const epoch = options.epoch ?? await defaultEpoch(host, root);
  const version = options.version ?? versionOf(epoch);
  checkVersion(version);
  // Another process makes the agent while this one looks for the packages.
  const making = imageAgent(host, definition, options);
  making.catch(() => {});
  const source = await openSources(host, definition, { ...options, arch });
  const locked: LockedSources = options.noLock
    ? { repositories: source.repositories }
    : await followLock(host, source, { ...options, arch });
  const agent = await making;
  const built = await buildImage(host, {
    // The lock was checked against the definition as written; only now is the package list fitted to the agent's form.
    definition: {
      ...source.definition,
      packages: worldWithAgent(source.definition.packages, agent),
    },
    ...locked,
    repositoryLines: source.lines,
    keys: source.keys,
    agent: agent.files,
    agentFacts: agentNote(agent),
    overlayDir: `${root}/overlay`,
    version,
    epoch,
    arch,
    outDir: options.outDir,
    cacheDir: `${options.cacheDir}/image-cache`,
    cmdlineExtra: options.cmdlineExtra,
    onStage: options.onStage,
  });
  return { ...built, packages: source.kind, agent: { form: agent.form, why: agent.why } };
}

/** The agent that an image gets: the one that is given, else one made now. @throws {UserError} */
export async function imageAgent(
  host: Host,
  definition: Pick<ImageDefinition, "agent">,
  options: Pick<
    MakeImageOptions,
    "root" | "arch" | "agent" | "agentForm" | "deno" | "cacheDir" | "onStage"
  >,
): Promise<BuiltAgent> {
  const { root, arch = "x86_64", agent, deno, cacheDir, onStage } = options;
  if (agent) {
    // The bundle is for any.
    if (agent.arch === arch || agent.form === "bundle") return agent;
    throw new UserError(
      "put the agent into the image",
      `it is for ${agent.arch}, not ${arch}`,
    );
  }
  const denort = namedRuntime(host);
  return await makeAgent(host, {
    root,
    form: options.agentForm ?? definition.agent.form,
    arch,
    deno: deno?.path ?? "deno",
    ...(denort ? { denort } : {}),
    glibc: pinnedGlibc({ cacheDir: `${cacheDir}/debs` }),
    ...(onStage ? { onStage } : {}),
  });
}

/**
 * Writes `overlay/image.lock` for what the mirror (or given repositories) has now.
 * @returns what changed, one line per package.
 */
export async function updateLock(
  host: Host,
  options: Pick<MakeImageOptions, "root" | "cacheDir" | "arch" | "onStage"> & {
    packages: "mirror" | readonly string[];
  },
): Promise<string[]> {
  const { root, arch = "x86_64", onStage = () => {} } = options;
  const definition = await readDefinition(host, root);
  const { repositories } = await openSources(host, definition, { ...options, arch });
  onStage("fetching and verifying packages");
  return await writeImageLock(host, root, await makeImageLock(definition, repositories, arch));
}

/** `YYYY.MM.DD.HHMM` of a time in seconds since 1970, UTC: sorts by age as boot loaders compare. */
export function versionOf(epoch: number): string {
  const [date = "", time = ""] = new Date(epoch * 1000).toISOString().split("T");
  return `${date.replaceAll("-", ".")}.${time.slice(0, 5).replace(":", "")}`;
}

/** Seconds since 1970 that date an image: SOURCE_DATE_EPOCH, else the commit's time. @throws {UserError} */
export async function defaultEpoch(host: Host, root: string): Promise<number> {
  const given = host.env("SOURCE_DATE_EPOCH");
  if (given !== undefined && given !== "") {
    if (/^\d{1,10}$/.test(given)) return Number(given);
    throw new UserError(`use SOURCE_DATE_EPOCH=${given}`, "not seconds since 1970");
  }
  const result = await host.run(["git", "-C", root, "log", "-1", "--format=%ct"]);
  const seconds = text(result.stdout).trim();
  if (result.code === 0 && /^\d{1,10}$/.test(seconds)) return Number(seconds);
  throw new UserError("date the image", "this is no git checkout", {
    hint: "set SOURCE_DATE_EPOCH to seconds since 1970, e.g. of the release",
  });
}
