/**
 * One at a time: work that two processes must not do at once holds a lock file. The lock is the operating system's (flock)
 * and ends with the process, however that ends; what the file says is for the message only.
 *
 * @module
 */
import { UserError } from "./errors.ts";
import type { FileLock, Host, LockHolder, LockOptions } from "./host.ts";

/** Longest text of a lock file that is read, in bytes. */
export const MAX_HOLDER_BYTES = 512;

/** What a lock file says of its holder: one line of process id, time and command. */
export function formatHolder({ pid, since, command }: Required<LockHolder>): string {
  return `${pid} ${since} ${command}\n`;
}

/** Reads {@linkcode formatHolder}'s line. Of a text that is none, nothing is known; whoever wrote it, it is safe to print. */
export function parseHolder(text: string): LockHolder {
  const found = /^(\d{1,10}) (\d{4}-\d\d-\d\dT[\d:.]{5,16}Z) (\P{C}{1,200})\n$/u.exec(text);
  if (!found) return {};
  return { pid: Number(found[1]), since: found[2], command: found[3] };
}

/** A holder in words, e.g. "process 4711 (task publish) has been at it since 2026-11-22T20:00:00Z". */
export function describeHolder({ pid, since, command }: LockHolder): string {
  if (pid === undefined) return "another process is at it";
  return `process ${pid} (${command}) has been at it since ${since}`;
}

/** What {@linkcode lockFile} and {@linkcode withLock} are told. */
export interface LockFor extends LockOptions {
  /** Completes "Cannot …" where somebody else holds the lock. */
  doing: string;
}

/**
 * Locks the file at `path`, which is made where it is missing and stays.
 *
 * @throws {UserError} that says who holds it, after `waitMs` (default: at once).
 */
export async function lockFile(
  host: Host,
  path: string,
  { doing, ...options }: LockFor,
): Promise<FileLock> {
  const { lock, holder } = await host.lock(path, options);
  if (lock) return lock;
  throw new UserError(doing, describeHolder(holder), {
    hint: `try again when it has ended; the lock is ${path}`,
  });
}

/** Does `work` while the file at `path` is locked; see {@linkcode lockFile}. */
export async function withLock<Result>(
  host: Host,
  path: string,
  options: LockFor,
  work: () => Promise<Result>,
): Promise<Result> {
  const lock = await lockFile(host, path, options);
  try {
    return await work();
  } finally {
    lock.release();
  }
}
