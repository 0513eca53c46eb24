/**
 * A place to publish to that is in memory, with marks and hashes as S3 has them: for measuring and trying.
 *
 * @module
 */
import { type Bytes, sha256Hex } from "../bytes.ts";
import { UserError } from "../errors.ts";
import type { Content, FileFacts, ListedFile, PutCondition, RemoteFile, Target } from "./target.ts";

/** The target; it counts what is asked of it. */
export class MemoryTarget implements Target {
  readonly name = "memory:";
  readonly keepsMarks = true;
  /** Requests of any kind so far. */
  requests = 0;
  readonly #files = new Map<string, { bytes: Bytes; facts: FileFacts }>();

  get(path: string, maxBytes: number): Promise<{ bytes: Bytes; tag: string } | undefined> {
    this.requests++;
    const file = this.#files.get(path);
    if (!file) return Promise.resolve(undefined);
    if (file.bytes.length <= maxBytes) {
      return Promise.resolve({ bytes: file.bytes, tag: file.facts.sha256 });
    }
    return Promise.reject(
      new UserError(`publish to ${this.name}`, `its ${path} is longer than ${maxBytes} bytes`),
    );
  }

  stat(path: string): Promise<RemoteFile | undefined> {
    this.requests++;
    const file = this.#files.get(path);
    if (!file) return Promise.resolve(undefined);
    const { sha256, mark } = file.facts;
    return Promise.resolve({ size: file.bytes.length, sha256, mark });
  }

  async *list(prefix: string): AsyncIterable<ListedFile> {
    this.requests++;
    for (const [path, { bytes }] of this.#files) {
      if (path.startsWith(prefix)) yield { path, size: bytes.length };
    }
  }

  async put(
    path: string,
    content: Content,
    facts: FileFacts,
    condition?: PutCondition,
  ): Promise<void> {
    this.requests++;
    if (condition && this.#files.get(path)?.facts.sha256 !== condition.tag) {
      throw new UserError(
        `publish to ${this.name}`,
        "somebody else published at the same time",
      );
    }
    const bytes = await content.read();
    if (sha256Hex(bytes) !== facts.sha256) {
      throw new UserError(`publish to ${this.name}`, `${path} came damaged`);
    }
    this.#files.set(path, { bytes, facts });
  }

  remove(path: string): Promise<void> {
    this.requests++;
    this.#files.delete(path);
    return Promise.resolve();
  }
}
