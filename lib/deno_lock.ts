/**
 * Lock files through Deno: flock, which the system releases when the process ends, even by SIGKILL.
 *
 * @module
 */
import { utf8 } from "./bytes.ts";
import { UserError } from "./errors.ts";
import type { FileLock, LockHolder, LockOptions, LockOutcome } from "./host.ts";
import { formatHolder, MAX_HOLDER_BYTES, parseHolder } from "./lock.ts";
import { pause } from "./pause.ts";

/** Pause between two tries, in milliseconds. */
const POLL_MS = 100;
/** Longest time that a timer can be set to, in milliseconds. */
const MAX_TIMER_MS = 2 ** 31 - 1;
/** How often the file may be exchanged by others while it is being opened. */
const MAX_TRIES = 16;

/** Locks the file at `path`; see {@linkcode Host.lock}. */
export async function lockPath(path: string, options: LockOptions): Promise<LockOutcome> {
  const end = performance.now() + (options.waitMs ?? 0);
  for (let tries = 0; tries < MAX_TRIES;) {
    const file = openLockFile(path);
    let isKept = false;
    try {
      const leftMs = end - performance.now();
      if (!await takes(file, leftMs, options.signal)) {
        if (leftMs <= 0 || options.signal?.aborted) return { holder: readHolder(file) };
        await pause(Math.min(POLL_MS, leftMs), options.signal);
      } else if (isSame(file, path)) {
        isKept = true;
        return { lock: held(file, options.command) };
      } else {
        // Somebody has deleted the file that was opened: whoever comes next opens another one.
        tries++;
      }
    } finally {
      if (!isKept) file.close();
    }
  }
  throw new UserError(`lock ${path}`, "it changes all the time");
}

/** Tries to lock `file`. */
async function takes(file: Deno.FsFile, leftMs: number, signal?: AbortSignal): Promise<boolean> {
  if ((file as Partial<Deno.FsFile>).tryLockSync) return file.tryLockSync(true);
  // Nodes may have an older Deno, which knows no other way than to wait. When the time is over before the lock is there,
  // the file is closed, and with it the lock as soon as it comes.
  const late = pause(Math.min(Math.max(POLL_MS, leftMs), MAX_TIMER_MS), signal);
  return await Promise.race([file.lock(true).then(() => true), late.then(() => false)]);
}

/** Opens the lock file, made with mode 0600 where it is missing. The last part of the path is never followed. */
function openLockFile(path: string): Deno.FsFile {
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    try {
      return Deno.openSync(path, { read: true, write: true, createNew: true, mode: 0o600 });
    } catch (error) {
      if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
    }
    const info = lstatIfThere(path);
    if (!info) continue;
    // A second name of the file might be that of a file which is to be kept.
    if (!info.isFile || (info.nlink ?? 1) !== 1) {
      throw new UserError(`lock ${path}`, "it is no ordinary file", { hint: "remove it" });
    }
    const file = openIfThere(path);
    if (!file) continue;
    if (isSame(file, path)) return file;
    file.close();
  }
  throw new UserError(`lock ${path}`, "it changes all the time");
}

function openIfThere(path: string): Deno.FsFile | undefined {
  try {
    // For reading and writing: opening a pipe that was put there meanwhile then does not wait.
    return Deno.openSync(path, { read: true, write: true });
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

function lstatIfThere(path: string): Deno.FileInfo | undefined {
  try {
    return Deno.lstatSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** Whether `path` is the very file that is open, and no link to it. */
function isSame(file: Deno.FsFile, path: string): boolean {
  const [open, there] = [file.statSync(), lstatIfThere(path)];
  return there !== undefined && there.isFile && there.ino === open.ino && there.dev === open.dev;
}

/** Writes who holds it, and gives what ends that. */
function held(file: Deno.FsFile, command: string): FileLock {
  const say = (line: string) => {
    try {
      file.truncateSync();
      file.writeSync(utf8(line));
    } catch {
      // A full disk: the lock holds all the same, only the message of others knows less.
    }
  };
  say(formatHolder({ pid: Deno.pid, since: new Date().toISOString(), command }));
  let isHeld = true;
  return {
    release() {
      if (!isHeld) return;
      isHeld = false;
      say("");
      file.close();
    },
  };
}

function readHolder(file: Deno.FsFile): LockHolder {
  const piece = new Uint8Array(MAX_HOLDER_BYTES);
  const count = file.readSync(piece) ?? 0;
  return parseHolder(new TextDecoder().decode(piece.subarray(0, count)));
}
