/**
 * Tasks that change the same folder take turns: the second one says who is at it, and ends.
 *
 * @module
 */
import { basename, dirname, join } from "node:path";
import { errorText } from "../errors.ts";
import type { FileLock, Host } from "../host.ts";
import { lockFile } from "../lock.ts";

/** Options of {@linkcode alone}. */
export interface AloneOptions {
  /** Completes "Cannot …" where another process is at it. */
  doing: string;
  /** What this process does, for the message of others, e.g. "task site". */
  command: string;
  /** Makes the lock's folder where it is missing, with this mode. Without it there is nothing yet to be alone with. */
  make?: number;
}

/**
 * The lock of a folder that is published whole or may not be there yet: beside it. It belongs to the folder and not to its
 * name: `public`, `.` in it and a link to it have the same lock, which is never inside the folder.
 */
export async function lockBeside(host: Host, folder: string): Promise<string> {
  return `${await placeOf(host, folder)}.lock`;
}

/** The real path of a folder, also of one that is still to be made. */
async function placeOf(host: Host, folder: string): Promise<string> {
  const path = folder.replace(/(?<=.)\/+$/, "");
  const real = await host.realPath(path);
  if (real !== undefined) return real;
  const parent = dirname(path);
  if (parent === path) return path;
  // The parent's real path has no links, so that a name of dots means what it says.
  return join(await placeOf(host, parent), basename(path));
}

/** The lock of any other folder: inside, where the folder itself may be read only. */
export function lockIn(folder: string): string {
  return `${folder}/.lock`;
}

/**
 * Does `work` while no other process that locks the file at `lock` does its own.
 *
 * @throws {UserError} that says who holds it.
 */
export async function alone<Result>(
  host: Host,
  lock: string,
  options: AloneOptions,
  work: () => Promise<Result>,
): Promise<Result> {
  const held = await take(host, lock, options);
  try {
    return await work();
  } finally {
    held?.release();
  }
}

async function take(
  host: Host,
  lock: string,
  options: AloneOptions,
): Promise<FileLock | undefined> {
  const folder = lock.slice(0, Math.max(0, lock.lastIndexOf("/")));
  const { doing, command, make } = options;
  if (folder !== "" && !await host.stat(folder)) {
    if (make === undefined) return undefined;
    await host.mkdir(folder, { mode: make });
  }
  try {
    return await lockFile(host, lock, { doing, command });
  } catch (error) {
    // Who may not write there reads only: what is to be written elsewhere has guards of its own.
    if (/permission denied|read-only file system|not permitted/i.test(errorText(error))) {
      return undefined;
    }
    throw error;
  }
}
