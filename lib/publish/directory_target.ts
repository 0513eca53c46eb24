/**
 * A site in a directory, e.g. one that a web server reads or that is mounted from elsewhere.
 *
 * @module
 */
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

/** The target. It keeps no marks and no hashes: reading the files is as good. */
export class DirectoryTarget implements Target {
  readonly name: string;
  readonly keepsMarks = false;
  readonly remarks = new Set<string>();

  constructor(readonly host: Host, readonly dir: string) {
    this.name = `file:${dir}`;
  }

  async get(path: string, maxBytes: number): Promise<ReadFile | undefined> {
    const info = await this.host.stat(this.#file(path));
    if (info?.kind !== "file") return undefined;
    if (info.size > maxBytes) throw new LongFileError(this.name, path, maxBytes);
    return { bytes: await this.host.readFile(this.#file(path)) };
  }

  async stat(path: string): Promise<RemoteFile | undefined> {
    const info = await this.host.stat(this.#file(path));
    if (info?.kind !== "file") return undefined;
    const sha256 = (await digestOf(this.host.readChunks(this.#file(path)))).toString("hex");
    return { size: info.size, sha256, ageMs: this.#age(info) };
  }

  async *list(prefix: string): AsyncIterable<ListedFile> {
    const folder = prefix.slice(0, prefix.lastIndexOf("/") + 1);
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
    if (condition) checkCondition(this.name, (await this.get(path, Infinity))?.bytes, condition);
    await this.host.mkdir(file.slice(0, file.lastIndexOf("/")));
    await this.host.writeFile(file, await content.read());
  }

  async allow(): Promise<void> {}

  async remove(path: string): Promise<void> {
    await this.host.remove(this.#file(path));
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
