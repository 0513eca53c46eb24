/**
 * How to get what is missing of the system: as root on Debian or Ubuntu its packages are installed, anyone else gets one
 * line to copy. Nothing is installed that is there already.
 *
 * @module
 */
import { text } from "../bytes.ts";
import { EXIT, UserError } from "../errors.ts";
import type { Host } from "../host.ts";
import { AptBusyError, aptGet } from "./apt.ts";
import { findProgram, type Missing, missingNeeds, type Need } from "./system_needs.ts";

/** Options of {@linkcode ensurePackages}. */
export interface EnsureOptions {
  /** Packages of which not the program but only apt's lists are needed (the lab repository downloads them). */
  aptLists?: boolean;
  /** Told in one line what is being installed, and who keeps apt busy. */
  onStage?: (line: string) => void;
}

/**
 * Makes sure that everything in `needs` is there.
 *
 * @throws {UserError} with `EXIT.missing` and a line to copy when it may not or can't install.
 */
export async function ensurePackages(
  host: Host,
  needs: readonly Need[],
  options: EnsureOptions = {},
): Promise<void> {
  const { onStage = () => {} } = options;
  const missing = await missingNeeds(host, needs);
  const listsMissing = options.aptLists === true && !await haveLists(host);
  if (missing.length === 0 && !listsMissing) return;
  const isRoot = text((await host.run(["id", "-u"])).stdout).trim() === "0";
  const hasApt = await findProgram(host, "apt-get") !== undefined;
  if (!isRoot || !hasApt) throw problem(missing, howToInstall(packagesOf(missing), hasApt));
  onStage(
    missing.length > 0
      ? `installing ${packagesOf(missing).join(" ")}`
      : "reading the package lists (apt-get update)",
  );
  if (listsMissing || !await haveLists(host)) await aptGet(host, ["update"], onStage);
  if (missing.length === 0) return;
  await install(host, missing, onStage);
  const still = await missingNeeds(host, missing.map(({ need }) => need));
  if (still.length === 0) return;
  throw problem(still, `apt installed what it has of ${packagesOf(still).join(", ")}`);
}

async function install(
  host: Host,
  missing: readonly Missing[],
  onStage: (line: string) => void,
): Promise<void> {
  const names = missing.map(({ need }) => firstKnown(host, need.package.split("|")));
  const args = ["install", "--no-install-recommends", ...new Set(await Promise.all(names))];
  try {
    await aptGet(host, args, onStage);
  } catch (error) {
    if (!(error instanceof UserError) || error instanceof AptBusyError) throw error;
    // Lists that are older than the mirror name packages that are gone: read them again, once.
    await aptGet(host, ["update"], onStage);
    await aptGet(host, args, onStage);
  }
}

function problem(missing: readonly Missing[], hint: string): UserError {
  const state = missing.map(({ state }) => state).join("; ") || "apt has no package lists";
  return new UserError("go on", state, { exitCode: EXIT.missing, hint });
}

function howToInstall(packages: readonly string[], hasApt: boolean): string {
  if (!hasApt) return `install what Debian packs as: ${packages.join(" ")}`;
  const install = `sudo apt-get install -y --no-install-recommends ${packages.join(" ")}`;
  return ["sudo apt-get update", ...packages.length > 0 ? [install] : []].join(" && ");
}

/** Names for people: the last of several, which every release has. */
function packagesOf(missing: readonly Missing[]): string[] {
  return [...new Set(missing.map(({ need }) => need.package.split("|").at(-1)!))];
}

/** The first package that apt knows; the last when it knows none. */
async function firstKnown(host: Host, names: readonly string[]): Promise<string> {
  for (const name of names.slice(0, -1)) {
    if ((await host.run(["apt-cache", "show", name])).code === 0) return name;
  }
  return names.at(-1)!;
}

async function haveLists(host: Host): Promise<boolean> {
  const names = await host.readDir("/var/lib/apt/lists");
  return names.some((name) => /_Packages(\.\w+)?$/.test(name));
}
