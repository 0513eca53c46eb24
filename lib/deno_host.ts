/**
 * The real world, through Deno. Nothing in `lib/` but the files `deno_*.ts` says `Deno.`.
 *
 * @module
 */
import { type Bytes, utf8 } from "./bytes.ts";
import {
  placeDirectory,
  placeFile,
  placeLink,
  readRegular,
  removeEntry,
  removeLeftovers,
} from "./deno_guarded.ts";
import { infoOf } from "./deno_info.ts";
import { lockPath } from "./deno_lock.ts";
import { runProgram, spawnProgram } from "./deno_programs.ts";
import { greeting } from "./deno_greeting.ts";
import { askUdp } from "./deno_udp.ts";
import { pause } from "./pause.ts";
import type {
  Child,
  DatagramQuestion,
  FetchInit,
  FileInfo,
  GreetingQuestion,
  Host,
  LockOptions,
  LockOutcome,
  Ownership,
  RegularFile,
  RunOptions,
  RunResult,
  SpawnOptions,
  WriteOptions,
} from "./host.ts";

/** Files up to this size are read and written at once: handing them to another thread costs more than they do. */
const SMALL_BYTES = 256 * 1024;

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
    owner: Ownership,
  ): Promise<void> {
    placeFile(directory, name, data, owner);
  }

  // deno-lint-ignore require-await -- failures are to reject
  async placeDirectory(path: string, owner: Ownership): Promise<void> {
    placeDirectory(path, owner);
  }

  // deno-lint-ignore require-await -- failures are to reject
  async placeLink(path: string, target: string): Promise<void> {
    placeLink(path, target);
  }

  // deno-lint-ignore require-await -- failures are to reject
  async removeEntry(path: string): Promise<boolean> {
    return removeEntry(path);
  }

  // deno-lint-ignore require-await -- failures are to reject
  async removeLeftovers(directory: string): Promise<number> {
    return removeLeftovers(directory);
  }

  // deno-lint-ignore require-await -- failures are to reject
  async readRegular(path: string, maxBytes: number): Promise<RegularFile | undefined> {
    return readRegular(path, maxBytes);
  }

  async sync(path: string): Promise<void> {
    const file = await Deno.open(path, { read: true });
    try {
      await file.sync();
    } finally {
      file.close();
    }
  }

  lock(path: string, options: LockOptions): Promise<LockOutcome> {
    return lockPath(path, options);
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

  // deno-lint-ignore require-await -- failures are to reject
  async realPath(path: string): Promise<string | undefined> {
    try {
      return Deno.realPathSync(path);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
        return undefined;
      }
      throw error;
    }
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
      return infoOf(Deno.lstatSync(path));
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

  run(command: readonly string[], options?: RunOptions): Promise<RunResult> {
    return runProgram(command, options);
  }

  spawn(command: readonly string[], options?: SpawnOptions): Child {
    return spawnProgram(command, options);
  }

  async fetch(url: string, { newConnection, ...init }: FetchInit = {}): Promise<Response> {
    if (!newConnection) return await fetch(url, init);
    // What is under way is read to its end; nothing of it is kept for others.
    using client = Deno.createHttpClient({ poolMaxIdlePerHost: 0 });
    return await fetch(url, { ...init, client });
  }

  askUdp(question: DatagramQuestion): Promise<Bytes> {
    return askUdp(question);
  }

  greeting(question: GreetingQuestion): Promise<Bytes> {
    return greeting(question);
  }

  uptime(): number {
    return Deno.osUptime() * 1000;
  }

  now(): Date {
    return new Date();
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return pause(ms, signal);
  }

  env(name: string): string | undefined {
    return Deno.env.get(name);
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
