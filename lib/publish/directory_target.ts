/**
 * A site in a directory, e.g. one that a web server reads or that is mounted from elsewhere.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { encodeHex } from "@std/encoding/hex";
import { type Bytes, sha256Hex } from "../bytes.ts";
import { UserError } from "../errors.ts";
import type { Host } from "../host.ts";
import type { Content, FileFacts, ListedFile, PutCondition, RemoteFile, Target } from "./target.ts";

/** The target. It keeps no marks and no hashes: reading the files is as good. */
export class DirectoryTarget implements Target {
  readonly name: string;
  readonly keepsMarks = false;

  constructor(readonly host: Host, readonly dir: string) {
    this.name = `file:${dir}`;
  }

  async get(path: string, maxBytes: number): Promise<{ bytes: Bytes; tag: string } | undefined> {
    const info = await this.host.stat(this.#file(path));
    if (info?.kind !== "file") return undefined;
    if (info.size > maxBytes) {
      throw new UserError(
        `publish to ${this.name}`,
        `its ${path} is longer than ${maxBytes} bytes`,
      );
    }
    const bytes = await this.host.readFile(this.#file(path));
    return { bytes, tag: sha256Hex(bytes) };
  }

  async stat(path: string): Promise<RemoteFile | undefined> {
    const info = await this.host.stat(this.#file(path));
    if (info?.kind !== "file") return undefined;
    return { size: info.size, sha256: await this.#hash(path, "sha256") };
  }

  async *list(prefix: string): AsyncIterable<ListedFile> {
    const folder = prefix.slice(0, prefix.lastIndexOf("/") + 1);
    for await (const path of this.#below(folder)) {
      if (!path.startsWith(prefix)) continue;
      const { size } = (await this.host.stat(this.#file(path)))!;
      yield { path, size, md5: await this.#hash(path, "md5") };
    }
  }

  async put(
    path: string,
    content: Content,
    _facts: FileFacts,
    condition?: PutCondition,
  ): Promise<void> {
    const file = this.#file(path);
    if (condition && (await this.get(path, Infinity))?.tag !== condition.tag) {
      throw new UserError(
        `publish to ${this.name}`,
        "somebody else published at the same time",
      );
    }
    await this.host.mkdir(file.slice(0, file.lastIndexOf("/")));
    await this.host.writeFile(file, await content.read());
  }

  async remove(path: string): Promise<void> {
    await this.host.remove(this.#file(path));
  }

  #file(path: string): string {
    return `${this.dir}/${path}`;
  }

  async *#below(folder: string): AsyncIterable<string> {
    for (const name of await this.host.readDir(this.#file(folder).replace(/\/$/, ""))) {
      const path = `${folder}${name}`;
      const kind = (await this.host.stat(this.#file(path)))?.kind;
      if (kind === "directory") yield* this.#below(`${path}/`);
      else if (kind === "file") yield path;
    }
  }

  async #hash(path: string, algorithm: "sha256" | "md5"): Promise<string> {
    const hash = createHash(algorithm);
    for await (const chunk of this.host.readChunks(this.#file(path))) hash.update(chunk);
    return encodeHex(hash.digest());
  }
}
