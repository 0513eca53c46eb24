/**
 * The one seam to the world. Everything in `lib/`, `site/` and `agent/` that reads a file, runs a
 * program, asks the network or the clock does so through a {@linkcode Host}, so tests can give a fake.
 *
 * @module
 */
import { type Bytes, utf8 } from "./bytes.ts";

/** What {@linkcode Host.stat} tells of a path. */
export interface FileInfo {
  kind: "file" | "directory" | "symlink" | "block" | "char" | "other";
  size: number;
  /** Permission bits, e.g. 0o644. */
  mode: number;
  uid: number;
  gid: number;
  /** Modification time in seconds since 1970. */
  mtime: number;
}

/** Options of {@linkcode Host.run} and {@linkcode Host.spawn}. */
export interface RunOptions {
  cwd?: string;
  /** Added to the inherited environment, or the whole of it with `clearEnv`. */
  env?: Record<string, string>;
  clearEnv?: boolean;
  /** Bytes for standard input; without it standard input is empty. */
  stdin?: Uint8Array | string;
  /**
   * Told to end (SIGTERM) after this many milliseconds, killed soon after, and then no longer waited for even where something
   * that it left holds its output; default none.
   */
  timeoutMs?: number;
  /** The program gets this process's own terminal for input and output, e.g. an editor. */
  terminal?: boolean;
  /** Where output goes; "null" suits programs that leave a daemon holding the pipe. Default "piped". */
  output?: "piped" | "inherit" | "null";
}

/** What a finished program left. */
export interface RunResult {
  code: number;
  stdout: Bytes;
  stderr: Bytes;
}

/** A program that is running. */
export interface Child {
  readonly pid: number;
  readonly stdout: ReadableStream<Bytes>;
  readonly stderr: ReadableStream<Bytes>;
  readonly stdin: WritableStream<Uint8Array>;
  /** Resolves with the exit code when it ends. */
  readonly done: Promise<number>;
  kill(signal: "SIGTERM" | "SIGKILL" | "SIGINT"): void;
}

/** Options of {@linkcode Host.writeFile}. */
export interface WriteOptions {
  /** Permission bits of the new file, default 0o644. Set before the first byte is written. */
  mode?: number;
  /** False for files that somebody syncs later or can do without after a crash; default true. */
  sync?: boolean;
}

/** The world as psyopsOS code sees it. Missing paths give `Deno.errors.NotFound` except where said. */
export interface Host {
  readFile(path: string): Promise<Bytes>;
  readTextFile(path: string): Promise<string>;
  /** Pieces of a file in order, each of at most `size` bytes (default 256 KiB); for files too big for memory. */
  readChunks(path: string, size?: number): AsyncIterable<Bytes>;
  /** Writes aside, syncs, renames: readers see the old or the new content, never a part. */
  writeFile(path: string, data: Uint8Array | string, options?: WriteOptions): Promise<void>;
  /**
   * Puts a whole file into `directory`, whose path must hold no link. Accounts may own parts of that path and turn them into
   * links at any moment: nothing is written elsewhere, and nobody can reach the file before it has its owner and mode.
   */
  placeFile(
    directory: string,
    name: string,
    data: Uint8Array | string,
    owner: { mode: number; uid: number; gid: number },
  ): Promise<void>;
  /** As writeFile, for a sparse file of `size` bytes that is zero except for the given extents. */
  writeExtents(
    path: string,
    size: number,
    extents: readonly { offset: number; data: Uint8Array }[],
    options?: WriteOptions,
  ): Promise<void>;
  /** Syncs one file or directory to its medium. */
  sync(path: string): Promise<void>;
  mkdir(path: string, options?: { mode?: number }): Promise<void>;
  /** Removes a path with all below it; a missing one is no error. */
  remove(path: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  symlink(target: string, path: string): Promise<void>;
  readLink(path: string): Promise<string>;
  chmod(path: string, mode: number): Promise<void>;
  chown(path: string, uid: number, gid: number): Promise<void>;
  /** Facts of a path without following a last link; undefined when it is missing. */
  stat(path: string): Promise<FileInfo | undefined>;
  /** Names in a directory, sorted by code unit; a missing directory gives an empty list. */
  readDir(path: string): Promise<string[]>;
  /** Runs a program to its end. A missing program is `code` 127 with the reason in `stderr`. */
  run(command: readonly string[], options?: RunOptions): Promise<RunResult>;
  spawn(command: readonly string[], options?: Omit<RunOptions, "stdin" | "timeoutMs">): Child;
  fetch(url: string, init?: RequestInit): Promise<Response>;
  now(): Date;
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  env(name: string): string | undefined;
}

/** Files up to this size are read and written at once: handing them to another thread costs more than they do. */
const SMALL_BYTES = 256 * 1024;

/** How long a program that was told to end may take, and one that was killed, in milliseconds. */
const KILL_MS = 2_000;
const LEAVE_MS = 500;
/** Exit code of a program that was killed, as shells give it. */
const KILLED = 137;

/** The real world, through Deno. */
export class DenoHost implements Host {
  async readFile(path: string): Promise<Bytes> {
    return isSmallFile(path) ? Deno.readFileSync(path) : await Deno.readFile(path);
  }

  async readTextFile(path: string): Promise<string> {
    return isSmallFile(path) ? Deno.readTextFileSync(path) : await Deno.readTextFile(path);
  }

  async *readChunks(path: string, size = SMALL_BYTES): AsyncIterable<Bytes> {
    const file = await Deno.open(path, { read: true });
    // A new buffer each time: the caller may keep a piece.
    const read = async () => {
      const piece = new Uint8Array(size);
      const count = await file.read(piece);
      return count === null ? undefined : piece.subarray(0, count);
    };
    // The next piece is read while the caller works on this one.
    let next = read();
    try {
      for (let piece = await next; piece; piece = await next) {
        next = read();
        yield piece;
      }
    } finally {
      await next.catch(() => {});
      file.close();
    }
  }

  async writeFile(path: string, data: Uint8Array | string, options?: WriteOptions): Promise<void> {
    const bytes = typeof data === "string" ? utf8(data) : data;
    if (options?.sync === false && bytes.length <= SMALL_BYTES) {
      return this.#writeSmall(path, bytes, options.mode ?? 0o644);
    }
    await this.writeExtents(path, bytes.length, [{ offset: 0, data: bytes }], options);
  }

  #writeSmall(path: string, bytes: Uint8Array, mode: number): void {
    const aside = `${path}.tmp-${crypto.randomUUID().slice(0, 8)}`;
    try {
      Deno.writeFileSync(aside, bytes, { createNew: true, mode: mode & 0o600 });
      Deno.chmodSync(aside, mode);
      Deno.renameSync(aside, path);
    } catch (error) {
      try {
        Deno.removeSync(aside);
      } catch { /* It was never made. */ }
      throw error;
    }
  }

  async writeExtents(
    path: string,
    size: number,
    extents: readonly { offset: number; data: Uint8Array }[],
    options: WriteOptions = {},
  ): Promise<void> {
    const aside = `${path}.tmp-${crypto.randomUUID().slice(0, 8)}`;
    const mode = options.mode ?? 0o644;
    try {
      const file = await Deno.open(aside, { write: true, createNew: true, mode: mode & 0o600 });
      try {
        for (const { offset, data } of extents) {
          await file.seek(offset, Deno.SeekMode.Start);
          await writeAll(file, data);
        }
        await file.truncate(size);
        // Widened only now, past the umask: a secret is never readable by others on its way.
        await Deno.chmod(aside, mode);
        if (options.sync !== false) await file.sync();
      } finally {
        file.close();
      }
      await Deno.rename(aside, path);
    } catch (error) {
      await this.remove(aside);
      throw error;
    }
  }

  // deno-lint-ignore require-await -- failures are to reject
  async placeFile(
    directory: string,
    name: string,
    data: Uint8Array | string,
    { mode, uid, gid }: { mode: number; uid: number; gid: number },
  ): Promise<void> {
    const bytes = typeof data === "string" ? utf8(data) : data;
    const aside = `.psyopsos-${crypto.randomUUID()}`;
    const before = Deno.cwd();
    // All at once: the working directory is the whole process's. It stays the same directory whatever its path becomes.
    try {
      enter(directory, directory);
      // Its owner can rename it, but neither look into it nor move it elsewhere: that takes the right to write to it.
      Deno.mkdirSync(aside, { mode: 0o700 });
      try {
        enter(aside, `${directory === "/" ? "" : directory}/${aside}`);
        try {
          Deno.writeFileSync("file", bytes, { createNew: true, mode: 0o600 });
          Deno.chownSync("file", uid, gid);
          Deno.chmodSync("file", mode);
          Deno.renameSync("file", `../${name}`);
        } finally {
          removeIfThere("file");
          Deno.chdir("..");
        }
      } finally {
        removeIfThere(aside);
      }
    } finally {
      Deno.chdir(before);
    }
  }

  async sync(path: string): Promise<void> {
    const file = await Deno.open(path, { read: true });
    try {
      await file.sync();
    } finally {
      file.close();
    }
  }

  async mkdir(path: string, options: { mode?: number } = {}): Promise<void> {
    await Deno.mkdir(path, { recursive: true, mode: options.mode });
  }

  async remove(path: string): Promise<void> {
    try {
      await Deno.remove(path, { recursive: true });
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }

  // deno-lint-ignore require-await -- failures are to reject
  async rename(from: string, to: string): Promise<void> {
    Deno.renameSync(from, to);
  }

  async symlink(target: string, path: string): Promise<void> {
    await Deno.symlink(target, path);
  }

  async readLink(path: string): Promise<string> {
    return await Deno.readLink(path);
  }

  async chmod(path: string, mode: number): Promise<void> {
    await Deno.chmod(path, mode);
  }

  async chown(path: string, uid: number, gid: number): Promise<void> {
    await Deno.chown(path, uid, gid);
  }

  // deno-lint-ignore require-await -- failures are to reject
  async stat(path: string): Promise<FileInfo | undefined> {
    try {
      const info = Deno.lstatSync(path);
      return {
        kind: info.isFile
          ? "file"
          : info.isDirectory
          ? "directory"
          : info.isSymlink
          ? "symlink"
          : info.isBlockDevice
          ? "block"
          : info.isCharDevice
          ? "char"
          : "other",
        size: info.size,
        mode: (info.mode ?? 0) & 0o7777,
        uid: info.uid ?? 0,
        gid: info.gid ?? 0,
        mtime: Math.floor((info.mtime?.getTime() ?? 0) / 1000),
      };
    } catch (error) {
      if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
        return undefined;
      }
      throw error;
    }
  }

  // deno-lint-ignore require-await -- failures are to reject
  async readDir(path: string): Promise<string[]> {
    const names: string[] = [];
    try {
      for (const entry of Deno.readDirSync(path)) names.push(entry.name);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
    return names.sort();
  }

  async run(command: readonly string[], options: RunOptions = {}): Promise<RunResult> {
    const [program = "", ...args] = command;
    const output = options.terminal ? "inherit" : options.output ?? "piped";
    let child: Deno.ChildProcess;
    try {
      child = new Deno.Command(program, {
        args,
        cwd: options.cwd,
        env: options.env,
        clearEnv: options.clearEnv,
        stdin: options.terminal ? "inherit" : options.stdin === undefined ? "null" : "piped",
        stdout: output,
        stderr: output,
      }).spawn();
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
      const reason = utf8(`${program}: not found`);
      return { code: 127, stdout: new Uint8Array(), stderr: reason };
    }
    const end = async (): Promise<RunResult> => {
      const feed = options.stdin === undefined ? undefined : feedStdin(child, options.stdin);
      const none = { stdout: new Uint8Array(), stderr: new Uint8Array() };
      const { code, stdout, stderr } = output === "piped"
        ? await child.output()
        : { ...none, ...await child.status };
      await feed;
      return { code, stdout, stderr };
    };
    return options.timeoutMs === undefined
      ? await end()
      : await within(options.timeoutMs, child, end());
  }

  spawn(command: readonly string[], options: Omit<RunOptions, "stdin" | "timeoutMs"> = {}): Child {
    const [program = "", ...args] = command;
    const child = new Deno.Command(program, {
      args,
      cwd: options.cwd,
      env: options.env,
      clearEnv: options.clearEnv,
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    return {
      pid: child.pid,
      stdout: child.stdout,
      stderr: child.stderr,
      stdin: child.stdin,
      done: child.status.then((status) => status.code),
      kill: (signal) => {
        try {
          child.kill(signal);
        } catch (error) {
          // Already gone: that is what the caller wanted.
          if (!(error instanceof Deno.errors.NotFound || error instanceof TypeError)) throw error;
        }
      },
    };
  }

  fetch(url: string, init?: RequestInit): Promise<Response> {
    return fetch(url, init);
  }

  now(): Date {
    return new Date();
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const end = () => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", end);
        resolve();
      };
      const timer = setTimeout(end, ms);
      if (signal?.aborted) end();
      else signal?.addEventListener("abort", end);
    });
  }

  env(name: string): string | undefined {
    return Deno.env.get(name);
  }
}

/** Makes `directory` the working directory. @throws when that is not `path`, because it is or became a link. */
function enter(directory: string, path: string): void {
  Deno.chdir(directory);
  if (Deno.cwd() !== path) throw new Error(`${path} is a link, or moved`);
}

function removeIfThere(path: string): void {
  try {
    Deno.removeSync(path);
  } catch {
    // Gone, or its owner made something else of it.
  }
}

/** Whether reading the path at once can't take long: an ordinary file, not a pipe, not one of unknown size. */
function isSmallFile(path: string): boolean {
  const info = Deno.statSync(path);
  return info.isFile && info.size > 0 && info.size <= SMALL_BYTES;
}

async function writeAll(file: Deno.FsFile, data: Uint8Array): Promise<void> {
  let at = 0;
  while (at < data.length) at += await file.write(data.subarray(at));
}

/** What `done` gives, or that it was killed. */
async function within(
  timeoutMs: number,
  child: Deno.ChildProcess,
  done: Promise<RunResult>,
): Promise<RunResult> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const pause = (ms: number) => new Promise<void>((resolve) => timer = setTimeout(resolve, ms));
  const tell = (signal: Deno.Signal) => {
    try {
      child.kill(signal);
    } catch {
      // It has ended; what it has left may go on.
    }
  };
  const late = async (): Promise<RunResult> => {
    await pause(timeoutMs);
    tell("SIGTERM");
    await pause(KILL_MS);
    tell("SIGKILL");
    await pause(LEAVE_MS);
    return { code: KILLED, stdout: new Uint8Array(), stderr: utf8("it did not end in time") };
  };
  try {
    return await Promise.race([done, late()]);
  } finally {
    clearTimeout(timer);
    // Whatever becomes of it, nobody asks any more.
    done.catch(() => {});
  }
}

async function feedStdin(child: Deno.ChildProcess, data: Uint8Array | string): Promise<void> {
  const writer = child.stdin.getWriter();
  try {
    await writer.write(typeof data === "string" ? utf8(data) : data as Bytes);
    await writer.close();
  } catch (error) {
    // The program may end without reading all of its input; its exit code tells whether that is wrong.
    if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
  }
}
