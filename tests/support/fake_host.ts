/**
 * An in-memory {@linkcode Host}: a file tree, a clock that only moves when told, programs and URLs answered by the test.
 */
import { join } from "node:path";
import type {
  Child,
  DatagramQuestion,
  FileInfo,
  GreetingQuestion,
  Host,
  LockHolder,
  LockOptions,
  LockOutcome,
  Ownership,
  RegularFile,
  RunOptions,
  RunResult,
  WriteOptions,
} from "../../lib/host.ts";
import { type Bytes, text, utf8 } from "../../lib/bytes.ts";

interface Node {
  kind: FileInfo["kind"];
  data: Bytes;
  target: string;
  mode: number;
  uid: number;
  gid: number;
  /** Seconds since 1970. */
  mtime?: number;
}

/** The process that the code under test is. */
const FAKE_PID = 4711;
/** How long the machine has been running when the code under test starts, in milliseconds. */
const BOOT_MS = 5_000;
/** How often a held lock is tried again, in milliseconds. */
const FAKE_POLL_MS = 1000;

/** Answers a program run by the code under test. */
export type Program = (args: readonly string[], options: RunOptions) => Partial<RunResult> | string;

/** The fake. Everything it does is recorded in `log`, one line each. */
export class FakeHost implements Host {
  readonly nodes = new Map<string, Node>();
  readonly programs = new Map<string, Program>();
  readonly pages = new Map<string, Bytes | ((init?: RequestInit) => Response)>();
  /** Answers of servers over UDP, by name. */
  readonly datagrams = new Map<string, (question: Bytes) => Bytes>();
  /** What a TCP server says of itself; undefined where nobody listens. */
  greetings: (address: string, port: number) => string | undefined = () => undefined;
  readonly variables = new Map<string, string>();
  readonly log: string[] = [];
  clock = new Date("2026-11-22T20:00:00Z");
  /** Milliseconds since it was made, whatever {@linkcode FakeHost.clock} is set to. */
  elapsed = 0;
  /** Paths below which writing fails with this error. */
  readonly broken = new Map<string, Error>();

  /** Locks that somebody holds, by the path of their file. */
  readonly locks = new Map<string, LockHolder>();

  constructor(files: Record<string, string | Uint8Array> = {}) {
    this.nodes.set("/", directory());
    for (const [path, data] of Object.entries(files)) this.put(path, data);
  }

  /** Places a file with its parents, without a log line. */
  put(path: string, data: string | Uint8Array, mode = 0o644): void {
    this.#parents(path);
    const bytes = typeof data === "string" ? utf8(data) : new Uint8Array(data);
    const mtime = this.clock.getTime() / 1000;
    this.nodes.set(path, { ...directory(), kind: "file", data: bytes, mode, mtime });
  }

  /** Text of a file. */
  textOf(path: string): string {
    return text(this.#get(path).data);
  }

  // deno-lint-ignore require-await
  async readFile(path: string): Promise<Bytes> {
    const node = this.#get(path);
    if (node.kind === "directory") throw new Deno.errors.IsADirectory(path);
    return node.data.slice();
  }

  async readTextFile(path: string): Promise<string> {
    return text(await this.readFile(path));
  }

  async *readChunks(path: string, size = 1024 * 1024): AsyncIterable<Bytes> {
    const data = await this.readFile(path);
    for (let at = 0; at < data.length; at += size) yield data.slice(at, at + size);
  }

  // deno-lint-ignore require-await
  async writeFile(
    path: string,
    data: Uint8Array | string,
    options: WriteOptions = {},
  ): Promise<void> {
    this.#mayWrite(path);
    if (!this.nodes.has(parent(path))) throw new Deno.errors.NotFound(parent(path));
    this.log.push(`write ${path}`);
    this.put(path, data, options.mode ?? 0o644);
  }

  async placeFile(
    directory: string,
    name: string,
    data: Uint8Array | string,
    owner: Ownership,
  ): Promise<void> {
    this.#mayEnter(directory);
    this.#makeParents(directory);
    const path = `${directory === "/" ? "" : directory}/${name}`;
    await this.writeFile(path, data);
    Object.assign(this.nodes.get(path)!, owner);
  }

  async placeDirectory(path: string, owner: Ownership): Promise<void> {
    this.#mayEnter(path);
    this.#makeParents(parent(path));
    await this.mkdir(path);
    Object.assign(this.nodes.get(path)!, owner);
  }

  async placeLink(path: string, target: string): Promise<void> {
    this.#mayEnter(parent(path));
    this.#makeParents(parent(path));
    if (this.nodes.get(path)?.kind === "directory") throw new Error(`Is a directory: ${path}`);
    this.nodes.delete(path);
    await this.symlink(target, path);
  }

  async removeEntry(path: string): Promise<boolean> {
    this.#mayEnter(parent(path));
    if (!this.nodes.has(path)) return false;
    if ((await this.readDir(path)).length > 0) throw new Error(`Directory not empty: ${path}`);
    await this.remove(path);
    return true;
  }

  async removeLeftovers(directory: string): Promise<number> {
    this.#mayEnter(directory);
    const left = (await this.readDir(directory)).filter((name) => name.startsWith(".psyopsos-"));
    for (const name of left) await this.remove(`${directory}/${name}`);
    return left.length;
  }

  async readRegular(path: string, maxBytes: number): Promise<RegularFile | undefined> {
    this.#mayEnter(parent(path));
    const info = await this.stat(path);
    if (info?.kind !== "file" || info.size > maxBytes) return info && { info };
    return { info, data: this.#get(path).data.slice() };
  }

  async writeExtents(
    path: string,
    size: number,
    extents: readonly { offset: number; data: Uint8Array }[],
    options: WriteOptions = {},
  ): Promise<void> {
    const bytes = new Uint8Array(size);
    for (const { offset, data } of extents) bytes.set(data, offset);
    await this.writeFile(path, bytes, options);
  }

  // deno-lint-ignore require-await
  async sync(path: string): Promise<void> {
    this.#get(path);
    this.log.push(`sync ${path}`);
  }

  async lock(path: string, { command, waitMs = 0, signal }: LockOptions): Promise<LockOutcome> {
    this.#mayWrite(path);
    for (let waited = 0; this.locks.has(path); waited += FAKE_POLL_MS) {
      if (waited >= waitMs || signal?.aborted) return { holder: this.locks.get(path)! };
      await this.sleep(FAKE_POLL_MS);
    }
    if (!this.nodes.has(path)) this.put(path, "", 0o600);
    const holder = { pid: FAKE_PID, since: this.clock.toISOString(), command };
    this.locks.set(path, holder);
    const release = () => {
      if (this.locks.get(path) === holder) this.locks.delete(path);
    };
    return { lock: { release } };
  }

  // deno-lint-ignore require-await
  async mkdir(path: string, options: { mode?: number } = {}): Promise<void> {
    this.#mayWrite(path);
    this.#parents(path);
    if (!this.nodes.has(path)) {
      this.nodes.set(path, { ...directory(), mode: options.mode ?? 0o755 });
    }
  }

  // deno-lint-ignore require-await
  async remove(path: string): Promise<void> {
    this.#mayWrite(path);
    this.log.push(`remove ${path}`);
    for (const known of [...this.nodes.keys()]) {
      if (known === path || known.startsWith(`${path}/`)) this.nodes.delete(known);
    }
  }

  // deno-lint-ignore require-await
  async rename(from: string, to: string): Promise<void> {
    this.#mayWrite(to);
    this.#get(from, true);
    this.log.push(`rename ${from} ${to}`);
    for (const [known, node] of [...this.nodes]) {
      if (known !== from && !known.startsWith(`${from}/`)) continue;
      this.nodes.delete(known);
      this.nodes.set(to + known.slice(from.length), node);
    }
  }

  // deno-lint-ignore require-await
  async symlink(target: string, path: string): Promise<void> {
    this.#mayWrite(path);
    if (this.nodes.has(path)) throw new Deno.errors.AlreadyExists(path);
    this.nodes.set(path, { ...directory(), kind: "symlink", target, mode: 0o777 });
  }

  // deno-lint-ignore require-await
  async readLink(path: string): Promise<string> {
    return this.#get(path, true).target;
  }

  /** Relative paths stay relative: the fake has no name for its current folder, which is always there. */
  async realPath(path: string): Promise<string | undefined> {
    let real = path.startsWith("/") ? "/" : ".";
    for (const part of path.split("/")) {
      real = join(real, part);
      const node = this.nodes.get(real);
      if (node?.kind === "symlink") {
        const target = await this.realPath(resolveFrom(real, node.target));
        if (target === undefined) return undefined;
        real = target;
      } else if (!node && real !== ".") return undefined;
    }
    return real;
  }

  // deno-lint-ignore require-await
  async chmod(path: string, mode: number): Promise<void> {
    this.#mayWrite(path);
    this.#get(path).mode = mode;
  }

  // deno-lint-ignore require-await
  async chown(path: string, uid: number, gid: number): Promise<void> {
    this.#mayWrite(path);
    Object.assign(this.#get(path), { uid, gid });
  }

  // deno-lint-ignore require-await
  async stat(path: string): Promise<FileInfo | undefined> {
    const node = this.nodes.get(path);
    if (!node) return undefined;
    const { kind, mode, uid, gid, mtime = 0 } = node;
    return { kind, size: node.data.length, mode, uid, gid, mtime };
  }

  // deno-lint-ignore require-await
  async readDir(path: string): Promise<string[]> {
    const prefix = path === "/" ? "/" : `${path}/`;
    const names = new Set<string>();
    for (const known of this.nodes.keys()) {
      if (known.startsWith(prefix) && known !== path) {
        names.add(known.slice(prefix.length).split("/")[0]!);
      }
    }
    return [...names].sort();
  }

  // deno-lint-ignore require-await
  async run(command: readonly string[], options: RunOptions = {}): Promise<RunResult> {
    this.log.push(`run ${command.join(" ")}`);
    const [name = "", ...args] = command;
    const program = this.programs.get(name);
    const none = { code: 0, stdout: new Uint8Array(), stderr: new Uint8Array() };
    if (!program) return { ...none, code: 127, stderr: utf8(`${name}: not found`) };
    const answer = program(args, options);
    return typeof answer === "string" ? { ...none, stdout: utf8(answer) } : { ...none, ...answer };
  }

  spawn(command: readonly string[]): Child {
    throw new Error(`FakeHost does not spawn ${command[0]}`);
  }

  // deno-lint-ignore require-await
  async fetch(url: string, init?: RequestInit): Promise<Response> {
    this.log.push(`fetch ${url}`);
    const page = this.pages.get(url);
    if (page === undefined) return new Response("not found", { status: 404 });
    return typeof page === "function" ? page(init) : new Response(page);
  }

  // deno-lint-ignore require-await
  async askUdp({ server, port, data, accept }: DatagramQuestion): Promise<Bytes> {
    this.log.push(`ask ${server}:${port}`);
    const answer = this.datagrams.get(server)?.(data);
    if (answer && accept(answer)) return answer;
    throw new Error("no answer in time");
  }

  greeting({ address, port }: GreetingQuestion): Promise<Bytes> {
    this.log.push(`greet ${address} ${port}`);
    const said = this.greetings(address, port);
    return said === undefined
      ? Promise.reject(new Error("Connection refused (os error 111)"))
      : Promise.resolve(utf8(said));
  }

  now(): Date {
    return new Date(this.clock);
  }

  uptime(): number {
    return BOOT_MS + this.elapsed;
  }

  // deno-lint-ignore require-await
  async sleep(ms: number, _signal?: AbortSignal): Promise<void> {
    this.log.push(`sleep ${ms}`);
    this.elapsed += ms;
    this.clock = new Date(this.clock.getTime() + ms);
  }

  env(name: string): string | undefined {
    return this.variables.get(name);
  }

  #get(path: string, noFollow = false): Node {
    const node = this.nodes.get(path);
    if (!node) throw new Deno.errors.NotFound(`No such file: ${path}`);
    return node.kind === "symlink" && !noFollow ? this.#get(node.target) : node;
  }

  /** Directories on the way are those of whoever owns the directory that they are made in. */
  #makeParents(path: string): void {
    this.#mayWrite(path);
    if (this.nodes.has(path)) return;
    this.#makeParents(parent(path));
    const { uid, gid } = this.nodes.get(parent(path))!;
    this.nodes.set(path, { ...directory(), ...uid === 0 ? {} : { uid, gid } });
  }

  #parents(path: string): void {
    for (let at = parent(path); !this.nodes.has(at); at = parent(at)) {
      this.nodes.set(at, directory());
    }
  }

  /** No part of a path that accounts may own is a link. */
  #mayEnter(path: string): void {
    for (let at = path; at !== "/"; at = parent(at)) {
      if (this.nodes.get(at)?.kind === "symlink") throw new Error(`${at} is a link, or moved`);
    }
  }

  #mayWrite(path: string): void {
    for (const [prefix, error] of this.broken) if (path.startsWith(prefix)) throw error;
  }
}

function directory(): Node {
  return { kind: "directory", data: new Uint8Array(), target: "", mode: 0o755, uid: 0, gid: 0 };
}

/** Where a link at `link` leads. */
function resolveFrom(link: string, target: string): string {
  return target.startsWith("/") ? target : join(link, "..", target);
}

function parent(path: string): string {
  return path.slice(0, Math.max(1, path.lastIndexOf("/"))) || "/";
}
