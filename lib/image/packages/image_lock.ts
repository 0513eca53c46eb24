/**
 * `overlay/image.lock`: the exact packages of an image. Where it stands, an image is made of these and no
 * others, until somebody asks for a new one. It speaks of one architecture and of the definition as written;
 * the lab repository's packages are Debian's under Alpine's names, so it is never used for them.
 *
 * @module
 */
import { readRepositoryText } from "../../repository_file.ts";
import type { IndexRecord } from "../../apk/index.ts";
import {
  formatLock,
  type Lock,
  lockedRecords,
  lockFits,
  lockPackage,
  parseLock,
} from "../../apk/lock.ts";
import { openPackages, type Repository } from "../../apk/repository.ts";
import { reasonOf, UserError } from "../../errors.ts";
import type { Host } from "../../host.ts";
import type { ImageDefinition } from "../definition.ts";
import { choosePackages, requestedPackages } from "./choose_packages.ts";
import type { Sources } from "./sources.ts";

/** Where it stands, in the project. */
export const LOCK_FILE = "overlay/image.lock";
/** Longest lock that is read, in bytes: some 60,000 packages. */
const MAX_LOCK_BYTES = 8 * 1024 * 1024;
/** The command that writes it, for messages. */
export const UPDATE_LOCK = "deno task image --update-lock";

/** The project's lock; undefined when it has none. @throws {UserError} naming the place of a mistake. */
export async function readImageLock(host: Host, root: string): Promise<Lock | undefined> {
  const path = `${root}/${LOCK_FILE}`;
  if (!await host.stat(path)) return undefined;
  return parseLock(await readRepositoryText(host, path, MAX_LOCK_BYTES), LOCK_FILE);
}

/**
 * `repositories` with nothing in them but what the lock names, so that nothing else can be chosen.
 * @throws {UserError} when the lock was made for another request, when a package of it is gone, or when it
 * does not come to exactly its packages.
 */
export function lockedRepositories(
  lock: Lock,
  definition: ImageDefinition,
  arch: string,
  repositories: readonly Repository[],
): Repository[] {
  checkRequest(lock, definition, arch);
  try {
    const kept = new Set(lockedRecords(lock, repositories));
    const locked = repositories.map((one) => ({
      ...one,
      records: one.records.filter((record) => kept.has(record)),
    }));
    const chosen = choosePackages(definition, locked, arch);
    const needed = new Set(chosen.map(({ record }) => record.name));
    const idle = lock.packages.filter(({ name }) => !needed.has(name)).map(({ name }) => name);
    if (idle.length > 0) throw unfit(`nothing needs its ${idle.join(", ")}`);
    return locked;
  } catch (cause) {
    if (!(cause instanceof UserError)) throw cause;
    throw unfit(reasonOf(cause), cause);
  }
}

/** What an image is made of where the project has a lock: these repositories, these files. */
export interface LockedSources {
  repositories: readonly Repository[];
  /** Hex SHA-256 by package name; undefined without a lock. */
  sha256?: ReadonlyMap<string, string>;
}

/** Follows the project's lock, if it has one and these are not the lab's packages. @throws {UserError} */
export async function followLock(
  host: Host,
  { kind, definition, repositories }: Pick<Sources, "kind" | "definition" | "repositories">,
  options: { root: string; arch: string; onStage?: (line: string) => void },
): Promise<LockedSources> {
  const lock = kind === "lab" ? undefined : await readImageLock(host, options.root);
  if (!lock) return { repositories };
  options.onStage?.(`taking the ${lock.packages.length} packages of ${LOCK_FILE}`);
  return {
    repositories: lockedRepositories(lock, definition, options.arch, repositories),
    sha256: new Map(lock.packages.map(({ name, sha256 }) => [name, sha256])),
  };
}

/** @throws {UserError} naming what the definition asks for now and the lock does not, and the reverse. */
export function checkRequest(lock: Lock, definition: ImageDefinition, arch: string): void {
  const wanted = requestedPackages(definition);
  if (lockFits(lock, wanted, arch)) return;
  if (lock.arch !== arch) throw unfit(`it is for ${lock.arch}, not for ${arch}`);
  const parts = [
    ["image.yaml now asks for", wanted.filter((one) => !lock.world.includes(one))],
    ["no longer for", lock.world.filter((one) => !wanted.includes(one))],
  ] as const;
  const told = parts.filter(([, names]) => names.length > 0).map(([what, names]) =>
    `${what} ${names.join(", ")}`
  );
  throw unfit(told.join(", "));
}

/**
 * For mkimage.sh, which takes whatever the repositories have: checks that each of `packages` that the lock names is the
 * locked one. Packages that only Alpine's own start needs may be on the medium too.
 * @throws {UserError} naming every one that differs.
 */
export function checkLocked(
  lock: Lock,
  packages: readonly { record: IndexRecord; sha256?: string }[],
): void {
  const locked = new Map(lock.packages.map((one) => [one.name, one]));
  const others: string[] = [];
  for (const { record: { name, version, checksum }, sha256 } of packages) {
    const one = locked.get(name);
    if (!one) continue;
    if (one.version !== version) others.push(`${name} ${version} (locked ${one.version})`);
    else if (one.checksum !== checksum || (sha256 ?? one.sha256) !== one.sha256) {
      others.push(`${name} ${version} (another file than the locked one)`);
    }
  }
  if (others.length > 0) throw unfit(`the repositories now have ${others.join(", ")}`);
}

/** Fetches and verifies what the repositories have now, and gives the lock of it. */
export async function makeImageLock(
  definition: ImageDefinition,
  repositories: readonly Repository[],
  arch: string,
): Promise<Lock> {
  const chosen = choosePackages(definition, repositories, arch);
  const opened = await openPackages(repositories, chosen.map(({ record }) => record));
  const packages = new Map(chosen.map(({ record, repository }, i) => [
    record.name,
    lockPackage(record, repository, opened[i]!.sha256),
  ]));
  return { arch, world: requestedPackages(definition), packages: [...packages.values()] };
}

/** Writes the project's lock. @returns what changed, one line per package. */
export async function writeImageLock(host: Host, root: string, lock: Lock): Promise<string[]> {
  let before: Lock | undefined;
  try {
    before = await readImageLock(host, root);
  } catch (error) {
    // One that can't be read is what a new one is for.
    if (!(error instanceof UserError)) throw error;
  }
  await host.writeFile(`${root}/${LOCK_FILE}`, formatLock(lock));
  return lockChanges(before, lock);
}

/** What differs between two locks, one line per package, sorted. */
export function lockChanges(before: Lock | undefined, after: Lock): string[] {
  const old = new Map(before?.packages.map((one) => [one.name, one]));
  const lines: string[] = [];
  for (const { name, version, sha256 } of after.packages) {
    const previous = old.get(name);
    old.delete(name);
    if (!previous) lines.push(`${name} ${version} (new)`);
    else if (previous.version !== version) lines.push(`${name} ${previous.version} -> ${version}`);
    else if (previous.sha256 !== sha256) lines.push(`${name} ${version} (built again)`);
  }
  for (const { name, version } of old.values()) lines.push(`${name} ${version} (gone)`);
  return lines.sort();
}

function unfit(state: string, cause?: unknown): UserError {
  return new UserError(`follow ${LOCK_FILE}`, state, {
    cause,
    hint: `write a new one with ${UPDATE_LOCK}, or build without it: --no-lock`,
  });
}
