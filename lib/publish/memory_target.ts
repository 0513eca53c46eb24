/**
 * A place to publish to that is in memory, with marks and hashes as S3 has them: for measuring and trying.
 *
 * @module
 */
import { type Bytes, equal, sha256Hex } from "../bytes.ts";
import { UserError } from "../errors.ts";
import {
  checkCondition,
  type Content,
  type FileFacts,
  type ListedFile,
  LongFileError,
  type PutCondition,
  type ReadFile,
  type RemoteFile,
  type Target,
} from "./target.ts";

/** The target; it counts what is asked of it. */
export class MemoryTarget implements Target {
  readonly name = "memory:";
  readonly keepsMarks = true;
  readonly remarks = new Set<string>();
  /** Requests of any kind so far. */
  requests = 0;
  readonly #files = new Map<string, { bytes: Bytes; facts: FileFacts }>();

  get(path: string, maxBytes: number): Promise<ReadFile | undefined> {
    this.requests++;
    const file = this.#files.get(path);
    if (!file) return Promise.resolve(undefined);
    if (file.bytes.length <= maxBytes) {
      return Promise.resolve({ bytes: file.bytes });
    }
    return Promise.reject(new LongFileError(this.name, path, maxBytes));
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

  async holds({ path }: ListedFile, content: Content): Promise<boolean> {
    this.requests++;
    const file = this.#files.get(path);
    return file !== undefined && equal(file.bytes, await content.read());
  }

  async put(
    path: string,
    content: Content,
    facts: FileFacts,
    condition?: PutCondition,
  ): Promise<void> {
    this.requests++;
    if (condition) checkCondition(this.name, this.#files.get(path)?.bytes, condition);
    const bytes = await content.read();
    if (sha256Hex(bytes) !== facts.sha256) {
      throw new UserError(`publish to ${this.name}`, `${path} came damaged`);
    }
    this.#files.set(path, { bytes, facts });
  }

  allow(): Promise<void> {
    return Promise.resolve();
  }

  remove(path: string): Promise<void> {
    this.requests++;
    this.#files.delete(path);
    return Promise.resolve();
  }
}
