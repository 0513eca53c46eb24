/**
 * `image.lock`: the exact packages that a world came to, so that the same image can be built again.
 * JSON, one package a line in order of installation, for small diffs. Unknown keys are refused.
 *
 * @module
 */
import * as v from "valibot";
import { errorText, UserError } from "../errors.ts";
import { printable } from "../visible.ts";
import { checksumHex, type IndexRecord, packageFileName } from "./index.ts";
import type { RepositoryIndex } from "./solver.ts";

/** Format version of the file. */
export const LOCK_VERSION = 1;
/** Longest lock file, in characters. */
export const MAX_LOCK = 16 * 2 ** 20;

const text = v.pipe(v.string(), v.minLength(1), v.maxLength(1000));
const LockedPackageSchema = v.strictObject({
  name: text,
  version: text,
  /** Name of the repository it came from. */
  repository: text,
  /** `Q1…` of the index. */
  checksum: v.pipe(v.string(), v.regex(/^Q1[A-Za-z0-9+/]{27}=$/)),
  /** Hex SHA-256 of the .apk file. */
  sha256: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/)),
  /** Bytes of the .apk file. */
  size: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
});
/** Longest message about a malformed lock, in characters. */
const MAX_QUOTED = 300;

const LockSchema = v.strictObject({
  lock: v.literal(LOCK_VERSION),
  arch: text,
  world: v.array(text),
  packages: v.array(LockedPackageSchema),
});

/** One package of a lock. */
export type LockedPackage = v.InferOutput<typeof LockedPackageSchema>;

/** What a lock says. */
export interface Lock {
  arch: string;
  /** The request that was solved; a lock for another one is out of date. */
  world: readonly string[];
  /** In order of installation. */
  packages: readonly LockedPackage[];
}

/** The lock entry of a package that has been opened. */
export function lockPackage(
  record: IndexRecord,
  repository: string,
  sha256: string,
): LockedPackage {
  const { name, version, checksum, size } = record;
  return { name, version, repository, checksum, sha256, size };
}

/** The text of a lock; the same for the same lock. */
export function formatLock({ arch, world, packages }: Lock): string {
  const lines = packages.map(({ name, version, repository, checksum, sha256, size }) =>
    `    ${JSON.stringify({ name, version, repository, checksum, sha256, size })}`
  );
  return [
    "{",
    `  "lock": ${LOCK_VERSION},`,
    `  "arch": ${JSON.stringify(arch)},`,
    `  "world": ${JSON.stringify([...world].sort())},`,
    packages.length === 0 ? '  "packages": []' : `  "packages": [\n${lines.join(",\n")}\n  ]`,
    "}",
    "",
  ].join("\n");
}

/** Reads a lock. @throws {UserError} that names `file` and the place in it. */
export function parseLock(content: string, file = "image.lock"): Lock {
  if (content.length > MAX_LOCK) {
    throw new UserError(`read ${file}`, `longer than ${MAX_LOCK} characters`);
  }
  let value: unknown;
  try {
    value = JSON.parse(content);
  } catch (cause) {
    throw new UserError(`read ${file}`, errorText(cause), { cause });
  }
  const result = v.safeParse(LockSchema, value);
  if (!result.success) {
    const issue = result.issues[0];
    const state = `${v.getDotPath(issue) ?? "it"}: ${issue.message}`;
    // The message quotes the value, which may be anything.
    throw new UserError(`read ${file}`, printable(state, MAX_QUOTED));
  }
  const { arch, world, packages } = result.output;
  const names = new Set<string>();
  for (const { name } of packages) {
    if (names.has(name)) throw new UserError(`read ${file}`, `${name} stands in it twice`);
    names.add(name);
  }
  return { arch, world, packages };
}

/** Whether a lock answers this request; the order of the world does not matter. */
export function lockFits(lock: Lock, world: readonly string[], arch: string): boolean {
  const sorted = (list: readonly string[]) => [...list].sort().join("\n");
  return lock.arch === arch && sorted(lock.world) === sorted(world);
}

/**
 * The records of `repositories` that a lock names, in its order, each the very file: name, version,
 * checksum and size. Which repository has it now does not matter.
 * @throws {UserError} naming every package that is gone.
 */
export function lockedRecords(lock: Lock, repositories: readonly RepositoryIndex[]): IndexRecord[] {
  const key = (of: Pick<IndexRecord, "name" | "version" | "checksum" | "size">) =>
    `${of.name} ${of.version} ${checksumHex(of.checksum)} ${of.size}`;
  const byKey = new Map<string, IndexRecord>();
  const versions = new Map<string, string[]>();
  for (const record of repositories.flatMap(({ records }) => records)) {
    if (!byKey.has(key(record))) byKey.set(key(record), record);
    versions.set(record.name, [...versions.get(record.name) ?? [], record.version]);
  }
  const found: IndexRecord[] = [];
  const gone: string[] = [];
  for (const one of lock.packages) {
    const record = byKey.get(key(one));
    if (record) found.push(record);
    else {
      const now = versions.get(one.name)?.join(", ");
      const rebuilt = versions.get(one.name)?.includes(one.version);
      const state = rebuilt ? "another file now" : now === undefined ? "gone" : `now ${now}`;
      gone.push(`${packageFileName(one)} (${state})`);
    }
  }
  if (gone.length > 0) {
    throw new UserError(
      "follow the lock",
      `the repositories no longer have ${gone.length} of its ${lock.packages.length} packages: ${
        gone.join(", ")
      }`,
      { hint: "make a new lock, or build from a mirror that keeps old packages" },
    );
  }
  return found;
}
