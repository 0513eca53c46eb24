/**
 * What applying would do, without doing it. Each step is made on a copy of the node's files that is in memory alone, so that
 * what follows sees what it would see then: an account's group, a file's owner. Programs are not run for a step; what only
 * they could bring about is told and taken no further.
 *
 * @module
 */
import { type Bytes, text as decode, utf8 } from "../../lib/bytes.ts";
import type {
  Child,
  DatagramQuestion,
  FileInfo,
  GreetingQuestion,
  Host,
  LockOutcome,
  Ownership,
  RegularFile,
  RunOptions,
  RunResult,
  WriteOptions,
} from "../../lib/host.ts";
import { splitPath } from "../system/install_file.ts";
import { RUN_DIR } from "../system/paths.ts";
import type { Confirmed, Outcome, Trial, Trials, TrialSubject } from "../trial/trial.ts";

/** Thrown for what can't be done in memory alone: the step is one that would be tried. */
export class Unrehearsed extends Error {
  constructor(what: string) {
    super(`${what} is not rehearsed`);
    this.name = "Unrehearsed";
  }
}

/** What is at a path in memory. */
interface Entry {
  kind: "file" | "directory" | "symlink";
  data: Bytes;
  target: string;
  mode: number;
  uid: number;
  gid: number;
  /** Of a directory: whether nothing of what really lies in it counts. */
  isFresh: boolean;
}

/** Entries by path; undefined for what was removed. */
type Entries = Map<string, Entry | undefined>;

const EMPTY = new Uint8Array();
/** Longest file that is copied into memory to be changed there, in bytes. */
const MAX_COPY_BYTES = 64 * 1024 * 1024;

/** One rehearsal: a node as resources see it when they read, and when they make steps. */
export class Rehearsal {
  /** For steps: files change in memory, and programs don't run. */
  readonly acting: Host;
  /** For reading: the same files; programs run, and may be given files below {@linkcode RUN_DIR}. */
  readonly looking: Host;

  constructor(host: Host) {
    const entries: Entries = new Map();
    this.acting = new Copy(host, entries);
    this.looking = new Looking(host, entries);
  }
}

/** Trials of a rehearsal: what became of earlier ones is told, none is begun. */
export class RehearsedTrials implements Trials {
  constructor(private readonly real: Pick<Trials, "confirmed" | "refused">) {}

  confirmed(subject: TrialSubject): Promise<Confirmed | undefined> {
    return this.real.confirmed(subject);
  }

  refused(subject: TrialSubject): Promise<string | undefined> {
    return this.real.refused(subject);
  }

  attempt({ subject }: Trial): Promise<Outcome> {
    return Promise.reject(new Unrehearsed(`a trial of the ${subject}`));
  }

  forgive(subject: TrialSubject): Promise<void> {
    return Promise.reject(new Unrehearsed(`a trial of the ${subject}`));
  }

  forget(subject: TrialSubject): Promise<void> {
    return Promise.reject(new Unrehearsed(`a trial of the ${subject}`));
  }
}

/** A node's files as they are, but for what was changed in memory. Paths hold no link before their last part. */
class Copy implements Host {
  constructor(protected readonly real: Host, private readonly entries: Entries) {}

  async readFile(path: string): Promise<Bytes> {
    const entry = this.entries.get(path);
    if (entry?.kind === "symlink") return await this.readFile(resolved(path, entry.target));
    if (entry?.kind === "file") return entry.data.slice();
    if (this.#isCovered(path)) throw missing(path);
    return await this.real.readFile(path);
  }

  async readTextFile(path: string): Promise<string> {
    return decode(await this.readFile(path));
  }

  async *readChunks(path: string): AsyncIterable<Bytes> {
    yield await this.readFile(path);
  }

  async stat(path: string): Promise<FileInfo | undefined> {
    const entry = this.entries.get(path);
    if (entry) return this.#infoOf(entry);
    return this.#isCovered(path) ? undefined : await this.real.stat(path);
  }

  async readRegular(path: string, maxBytes: number): Promise<RegularFile | undefined> {
    const entry = this.entries.get(path);
    if (!entry) {
      return this.#isCovered(path) ? undefined : await this.real.readRegular(path, maxBytes);
    }
    const info = this.#infoOf(entry);
    return entry.kind === "file" && entry.data.length <= maxBytes
      ? { info, data: entry.data.slice() }
      : { info };
  }

  async readDir(path: string): Promise<string[]> {
    const names = new Set(this.#hidesContent(path) ? [] : await this.real.readDir(path));
    for (const [known, entry] of this.entries) {
      const { directory, name } = splitPath(known);
      if (directory !== path) continue;
      if (entry) names.add(name);
      else names.delete(name);
    }
    return [...names].sort();
  }

  async readLink(path: string): Promise<string> {
    const entry = this.entries.get(path);
    if (entry?.kind === "symlink") return entry.target;
    if (this.#isCovered(path)) throw missing(path);
    return await this.real.readLink(path);
  }

  realPath(path: string): Promise<string | undefined> {
    return this.real.realPath(path);
  }

  async writeFile(path: string, data: Uint8Array | string, options: WriteOptions = {}) {
    const { directory } = splitPath(path);
    if ((await this.stat(directory))?.kind !== "directory") throw missing(directory);
    this.#set(path, { kind: "file", data: bytesOf(data), mode: options.mode ?? 0o644 });
  }

  async placeFile(directory: string, name: string, data: Uint8Array | string, owner: Ownership) {
    await this.#makeParents(directory);
    const path = directory === "/" ? `/${name}` : `${directory}/${name}`;
    this.#set(path, { kind: "file", data: bytesOf(data), ...owner });
  }

  async placeDirectory(path: string, owner: Ownership) {
    await this.#makeParents(path);
    this.entries.set(path, { ...await this.#copied(path), ...owner });
  }

  async placeLink(path: string, target: string) {
    await this.#makeParents(splitPath(path).directory);
    this.#set(path, { kind: "symlink", target, mode: 0o777 });
  }

  async removeEntry(path: string): Promise<boolean> {
    const isThere = await this.stat(path) !== undefined;
    if ((await this.readDir(path)).length > 0) throw new Error(`Directory not empty: ${path}`);
    await this.remove(path);
    return isThere;
  }

  removeLeftovers(): Promise<number> {
    return Promise.resolve(0);
  }

  async mkdir(path: string, { mode = 0o755 }: { mode?: number } = {}) {
    if (await this.stat(path)) return;
    await this.#makeParents(splitPath(path).directory);
    this.#set(path, { kind: "directory", mode });
  }

  // deno-lint-ignore require-await -- as the host has it
  async remove(path: string) {
    for (const known of this.entries.keys()) {
      if (known.startsWith(`${path}/`)) this.entries.delete(known);
    }
    this.entries.set(path, undefined);
  }

  async rename(from: string, to: string) {
    this.entries.set(to, await this.#copied(from));
    await this.remove(from);
  }

  async symlink(target: string, path: string) {
    await this.placeLink(path, target);
  }

  async chmod(path: string, mode: number) {
    this.entries.set(path, { ...await this.#copied(path), mode });
  }

  async chown(path: string, uid: number, gid: number) {
    this.entries.set(path, { ...await this.#copied(path), uid, gid });
  }

  sync(): Promise<void> {
    return Promise.resolve();
  }

  writeExtents(path: string): Promise<void> {
    return Promise.reject(new Unrehearsed(`writing ${path}`));
  }

  lock(path: string): Promise<LockOutcome> {
    return Promise.reject(new Unrehearsed(`locking ${path}`));
  }

  run(command: readonly string[], _options?: RunOptions): Promise<RunResult> {
    return Promise.reject(new Unrehearsed(`running ${command[0]}`));
  }

  spawn(command: readonly string[]): Child {
    throw new Unrehearsed(`running ${command[0]}`);
  }

  fetch(_url: string): Promise<Response> {
    return Promise.reject(new Unrehearsed("asking a server"));
  }

  askUdp(_question: DatagramQuestion): Promise<Bytes> {
    return Promise.reject(new Unrehearsed("asking a server"));
  }

  greeting(_question: GreetingQuestion): Promise<Bytes> {
    return Promise.reject(new Unrehearsed("asking a server"));
  }

  now(): Date {
    return this.real.now();
  }

  uptime(): number {
    return this.real.uptime();
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return this.real.sleep(ms, signal);
  }

  env(name: string): string | undefined {
    return this.real.env(name);
  }

  /** Whether what really is at `path` counts no more: it was removed, or lies below what was. */
  #isCovered(path: string): boolean {
    if (this.entries.has(path)) return true;
    for (let at = path; at !== "/";) {
      at = splitPath(at).directory;
      if (!this.entries.has(at)) continue;
      const entry = this.entries.get(at);
      return entry?.kind !== "directory" || entry.isFresh;
    }
    return false;
  }

  #hidesContent(path: string): boolean {
    const entry = this.entries.get(path);
    return entry ? entry.kind !== "directory" || entry.isFresh : this.#isCovered(path);
  }

  #infoOf({ kind, data, mode, uid, gid }: Entry): FileInfo {
    return { kind, size: data.length, mode, uid, gid, mtime: this.now().getTime() / 1000 };
  }

  /** Puts something new at a path. */
  #set(path: string, entry: Partial<Entry> & Pick<Entry, "kind">) {
    const nobody = { data: EMPTY, target: "", mode: 0o644, uid: 0, gid: 0 };
    this.entries.set(path, { ...nobody, ...entry, isFresh: true });
  }

  /** What is at a path, to be changed. */
  async #copied(path: string): Promise<Entry> {
    const known = this.entries.get(path);
    if (known) return known;
    const info = await this.stat(path);
    if (!info) throw missing(path);
    const { kind, mode, uid, gid } = info;
    const facts = { data: EMPTY, target: "", mode, uid, gid, isFresh: false };
    if (kind === "directory") return { ...facts, kind };
    if (kind === "symlink") return { ...facts, kind, target: await this.readLink(path) };
    if (kind !== "file" || info.size > MAX_COPY_BYTES) throw new Unrehearsed(`changing ${path}`);
    return { ...facts, kind, data: await this.readFile(path) };
  }

  /** Makes `path` and the directories above it where they are missing: those of an account's are the account's. */
  async #makeParents(path: string): Promise<void> {
    const info = await this.stat(path);
    if (info?.kind === "directory") return;
    if (info) throw new Error(`Not a directory: ${path}`);
    const { directory } = splitPath(path);
    await this.#makeParents(directory);
    const { uid, gid } = (await this.stat(directory))!;
    this.#set(path, { kind: "directory", mode: 0o755, ...uid === 0 ? {} : { uid, gid } });
  }
}

/** For reading: what programs look at lies where they find it. */
class Looking extends Copy {
  override run(command: readonly string[], options?: RunOptions): Promise<RunResult> {
    return this.real.run(command, options);
  }

  override writeFile(path: string, data: Uint8Array | string, options?: WriteOptions) {
    return this.#aside(path, () => this.real.writeFile(path, data, options));
  }

  override mkdir(path: string, options?: { mode?: number }) {
    return this.#aside(path, () => this.real.mkdir(path, options));
  }

  override remove(path: string) {
    return this.#aside(path, () => this.real.remove(path));
  }

  #aside(path: string, act: () => Promise<void>): Promise<void> {
    return path.startsWith(`${RUN_DIR}/`)
      ? act()
      : Promise.reject(new TypeError(`Reading the node must not change ${path}`));
  }
}

function bytesOf(data: Uint8Array | string): Bytes {
  return typeof data === "string" ? utf8(data) : new Uint8Array(data);
}

function resolved(link: string, target: string): string {
  if (target.startsWith("/")) return target;
  const { directory } = splitPath(link);
  return `${directory === "/" ? "" : directory}/${target}`;
}

/** What an operating system says of a path at which nothing is. */
function missing(path: string): Error {
  return Object.assign(new Error(`No such file or directory: ${path}`), { name: "NotFound" });
}
