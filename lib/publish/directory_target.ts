/**
 * A site in a directory, e.g. one that a web server reads or that is mounted from elsewhere.
 *
 * @module
 */
import { UserError } from "../errors.ts";
import type { FileInfo, Host } from "../host.ts";
import {
  checkCondition,
  type Content,
  digestOf,
  type FileFacts,
  type ListedFile,
  LongFileError,
  type PutCondition,
  type ReadFile,
  type RemoteFile,
  type Target,
} from "./target.ts";

/** What may lie where a file or a folder of a site belongs, in words. */
const KINDS: Readonly<Record<FileInfo["kind"], string>> = {
  file: "a file",
  directory: "a directory",
  symlink: "a symbolic link",
  block: "a device",
  char: "a device",
  other: "a pipe or a socket",
};

/**
 * The target. It keeps no marks and no hashes: reading the files is as good. Only regular files are read and replaced: what
 * else lies in the place of one is somebody's, may wait for ever, or would be found only when half of a site is there.
 */
export class DirectoryTarget implements Target {
  readonly name: string;
  readonly keepsMarks = false;
  readonly remarks = new Set<string>();

  constructor(readonly host: Host, readonly dir: string) {
    this.name = `file:${dir}`;
  }

  async get(path: string, maxBytes: number): Promise<ReadFile | undefined> {
    const info = await this.#look(path);
    if (!info) return undefined;
    if (info.size > maxBytes) throw new LongFileError(this.name, path, maxBytes);
    return { bytes: await this.host.readFile(this.#file(path)) };
  }

  async stat(path: string): Promise<RemoteFile | undefined> {
    const info = await this.#look(path);
    if (!info) return undefined;
    const sha256 = (await digestOf(this.host.readChunks(this.#file(path)))).toString("hex");
    return { size: info.size, sha256, ageMs: this.#age(info) };
  }

  async *list(prefix: string): AsyncIterable<ListedFile> {
    const folder = prefix.slice(0, prefix.lastIndexOf("/") + 1);
    if (!await this.#hasFolder(folder)) return;
    for await (const { path, info } of this.#below(folder)) {
      if (path.startsWith(prefix)) yield { path, size: info.size, ageMs: this.#age(info) };
    }
  }

  async holds({ path, size }: ListedFile, content: Content): Promise<boolean> {
    if (size !== content.size) return false;
    const there = await digestOf(this.host.readChunks(this.#file(path)));
    return there.equals(await digestOf(content.chunks()));
  }

  async put(
    path: string,
    content: Content,
    _facts: FileFacts,
    condition?: PutCondition,
  ): Promise<void> {
    const file = this.#file(path);
    await this.#look(path);
    if (condition) checkCondition(this.name, (await this.get(path, Infinity))?.bytes, condition);
    await this.host.mkdir(file.slice(0, file.lastIndexOf("/")));
    await this.host.writeFile(file, await content.read());
  }

  async allow(): Promise<void> {}

  async remove(path: string): Promise<void> {
    await this.host.remove(this.#file(path));
  }

  /**
   * The file at `path`; undefined when there is none. @throws {UserError} when something else is in its place, or in that of a
   * folder above it.
   */
  async #look(path: string): Promise<FileInfo | undefined> {
    if (!await this.#hasFolder(path)) return undefined;
    const info = await this.host.stat(this.#file(path));
    if (info && info.kind !== "file") throw this.#odd(this.#file(path), info.kind, "a file");
    return info;
  }

  /** Whether all folders of `path` are there, up to its last "/". @throws {UserError} as {@linkcode #look}. */
  async #hasFolder(path: string): Promise<boolean> {
    const folders = path.split("/").slice(0, -1);
    for (let count = 0; count <= folders.length; count++) {
      const folder = [this.dir, ...folders.slice(0, count)].join("/");
      const kind = (await this.host.stat(folder))?.kind;
      if (kind === undefined) return false;
      // Where a link leads is the administrator's own business.
      if (kind !== "directory" && kind !== "symlink") throw this.#odd(folder, kind, "a directory");
    }
    return true;
  }

  #odd(file: string, kind: FileInfo["kind"], wanted: string): UserError {
    return new UserError(`publish to ${this.name}`, `${file} is ${KINDS[kind]}, not ${wanted}`, {
      hint: "move it away, or publish to another directory",
    });
  }

  #file(path: string): string {
    return `${this.dir}/${path}`;
  }

  #age({ mtime }: FileInfo): number {
    return this.host.now().getTime() - mtime * 1000;
  }

  async *#below(folder: string): AsyncIterable<{ path: string; info: FileInfo }> {
    for (const name of await this.host.readDir(this.#file(folder).replace(/\/$/, ""))) {
      const path = `${folder}${name}`;
      const info = await this.host.stat(this.#file(path));
      if (info?.kind === "directory") yield* this.#below(`${path}/`);
      else if (info?.kind === "file") yield { path, info };
    }
  }
}
