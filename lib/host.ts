/**
 * The one seam to the world. Everything in `lib/`, `site/` and `agent/` that reads a file, runs a
 * program, asks the network or the clock does so through a {@linkcode Host}, so tests can give a fake.
 *
 * @module
 */
import type { Bytes } from "./bytes.ts";

/** Owner and mode of what is put somewhere. */
export interface Ownership {
  /** Permission bits. */
  mode: number;
  uid: number;
  gid: number;
}

/** What {@linkcode Host.readRegular} tells of a path. */
export interface RegularFile {
  info: FileInfo;
  /** Content of a regular file that is short enough and was not exchanged meanwhile. */
  data?: Bytes;
}

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
   * After this many milliseconds the program gets SIGTERM, and two seconds later SIGKILL. It is not waited for any longer
   * then, even where a process that it left behind still holds its output. Default: no limit.
   */
  timeoutMs?: number;
  /** Ends the program as the time limit does. */
  signal?: AbortSignal;
  /** Most bytes of each of its outputs: a program that writes more is ended, as at the time limit. Default: no limit. */
  maxOutputBytes?: number;
  /**
   * The program gets a session of its own (by `setsid`), and its process group is ended with it at the time limit or by
   * `signal`. What it leaves behind when it ends by itself goes on.
   */
  session?: boolean;
  /** The program gets this process's own terminal for input and output, e.g. an editor. */
  terminal?: boolean;
  /** Where output goes; "null" suits programs that leave a daemon holding the pipe. Default "piped". */
  output?: "piped" | "inherit" | "null";
}

/** Options of {@linkcode Host.spawn}. */
export type SpawnOptions = Omit<
  RunOptions,
  "stdin" | "timeoutMs" | "signal" | "maxOutputBytes" | "session"
>;

/** Exit code of a program that is not there, as a shell gives it. */
export const NO_PROGRAM = 127;

/** What can end a program before its time. */
export type Ended = "time" | "signal" | "output";

/** What a finished program left. */
export interface RunResult {
  /** Never 0 where it was ended early. */
  code: number;
  stdout: Bytes;
  stderr: Bytes;
  /** Why the program was ended before its time: the time limit, {@linkcode RunOptions.signal}, or too much output. */
  ended?: Ended;
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

/** Options of {@linkcode Host.fetch}. */
export interface FetchInit extends RequestInit {
  /** The request gets a connection of its own, made for it: what an earlier one can still do proves nothing about a new one. */
  newConnection?: boolean;
}

/** What {@linkcode Host.askUdp} sends. */
export interface DatagramQuestion {
  /** Name or address. */
  server: string;
  port: number;
  data: Bytes;
  timeoutMs: number;
  /** Whether a datagram is the answer; others are passed over. */
  accept: (answer: Bytes) => boolean;
}

/** What {@linkcode Host.greeting} asks. */
export interface GreetingQuestion {
  /** An IP address. */
  address: string;
  /** TCP port. */
  port: number;
  timeoutMs: number;
}

/** Options of {@linkcode Host.writeFile}. */
export interface WriteOptions {
  /** Permission bits of the new file, default 0o644; until all is written, nobody but its owner has any. */
  mode?: number;
  /** False for files that somebody syncs later or can do without after a crash; default true. */
  sync?: boolean;
}

/** Options of {@linkcode Host.lock}. */
export interface LockOptions {
  /** What this process does, e.g. "task publish", for whoever finds the lock held. Without anything secret. */
  command: string;
  /** How long a lock that somebody holds is waited for, in milliseconds; default 0. `Infinity` is allowed. */
  waitMs?: number;
  /** Ends the waiting. */
  signal?: AbortSignal;
}

/** Who holds a lock; empty where its file does not tell. */
export interface LockHolder {
  /** Process id. */
  pid?: number;
  /** Since when, RFC 3339. */
  since?: string;
  /** {@linkcode LockOptions.command} of the holder. */
  command?: string;
}

/** A lock that this process holds. */
export interface FileLock {
  /** Releases it; done by the system when the process ends. A second call does nothing. */
  release(): void;
}

/** What came of locking: the lock, or who holds it. */
export type LockOutcome =
  | { lock: FileLock; holder?: undefined }
  | { lock?: undefined; holder: LockHolder };

/** The world as psyopsOS code sees it. Missing paths give `Deno.errors.NotFound` except where said. */
export interface Host {
  readFile(path: string): Promise<Bytes>;
  readTextFile(path: string): Promise<string>;
  /** Pieces of a file in order, each of at most `size` bytes (default 256 KiB); for files too big for memory. */
  readChunks(path: string, size?: number): AsyncIterable<Bytes>;
  /** Writes aside, syncs, renames: readers see the old or the new content, never a part. */
  writeFile(path: string, data: Uint8Array | string, options?: WriteOptions): Promise<void>;
  /**
   * Puts a whole file into `directory`, whose path must hold no link. Missing directories are made on the way (0755): in one
   * that an account owns they are that account's and its group's, elsewhere root's. Accounts may own parts of that path and
   * turn them into links at any moment: nothing is written or made elsewhere, and nobody can reach the file before it has
   * its owner and mode.
   */
  placeFile(
    directory: string,
    name: string,
    data: Uint8Array | string,
    owner: Ownership,
  ): Promise<void>;
  /** Makes a directory, or gives one owner and mode, with the same promises as placeFile. */
  placeDirectory(path: string, owner: Ownership): Promise<void>;
  /** Puts a symbolic link at `path` in place of a file, a link or nothing, with the same promises as placeFile. */
  placeLink(path: string, target: string): Promise<void>;
  /**
   * Removes the file, link or empty directory at `path`, of which no part before the last may be a link, with the same
   * promises as placeFile; gives whether there was one.
   */
  removeEntry(path: string): Promise<boolean>;
  /**
   * Removes what a placeFile that was killed left in `directory`, whose path must hold no link, some at a time; gives how
   * much that was.
   */
  removeLeftovers(directory: string): Promise<number>;
  /**
   * What is at `path`, and its content where that is a regular file of at most `maxBytes`; undefined where nothing is. No
   * part of the path may be a link but the last, which is not followed. Accounts may own parts of it: no pipe is waited for,
   * no more than `maxBytes` and one are read however long the file becomes, and facts and content are of one file.
   */
  readRegular(path: string, maxBytes: number): Promise<RegularFile | undefined>;
  /** As writeFile, for a sparse file of `size` bytes that is zero except for the given extents. */
  writeExtents(
    path: string,
    size: number,
    extents: readonly { offset: number; data: Uint8Array }[],
    options?: WriteOptions,
  ): Promise<void>;
  /** Syncs one file or directory to its medium. */
  sync(path: string): Promise<void>;
  /**
   * Locks the file at `path` (flock) against all others that lock it, in this process or another. Where it is missing it is
   * made with mode 0600, root's or the user's own; it stays. The last part of the path is not followed, should it be a
   * link. {@linkcode lockFile} of lib/lock.ts has the message for people.
   */
  lock(path: string, options: LockOptions): Promise<LockOutcome>;
  mkdir(path: string, options?: { mode?: number }): Promise<void>;
  /** Removes a path with all below it; a missing one is no error. */
  remove(path: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  symlink(target: string, path: string): Promise<void>;
  readLink(path: string): Promise<string>;
  /** The absolute path without links, `.` or `..` of what is at `path`; undefined where nothing is. */
  realPath(path: string): Promise<string | undefined>;
  chmod(path: string, mode: number): Promise<void>;
  chown(path: string, uid: number, gid: number): Promise<void>;
  /** Facts of a path without following a last link; undefined when it is missing. */
  stat(path: string): Promise<FileInfo | undefined>;
  /** Names in a directory, sorted by code unit; a missing directory gives an empty list. */
  readDir(path: string): Promise<string[]>;
  /** Runs a program to its end. A missing program is `code` 127 with the reason in `stderr`. */
  run(command: readonly string[], options?: RunOptions): Promise<RunResult>;
  spawn(command: readonly string[], options?: SpawnOptions): Child;
  fetch(url: string, init?: FetchInit): Promise<Response>;
  /** Sends a datagram and gives its answer. @throws when none comes in time or the server has no address. */
  askUdp(question: DatagramQuestion): Promise<Bytes>;
  /** The first bytes that a TCP server says of itself. @throws when it can't be reached or says nothing in time. */
  greeting(question: GreetingQuestion): Promise<Bytes>;
  now(): Date;
  /** Milliseconds since the kernel started, to the second: a clock that nobody can set, and that goes on in sleep. */
  uptime(): number;
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  env(name: string): string | undefined;
}
