/**
 * What is kept of package repositories between runs: each index with the facts that make its next
 * request conditional, and packages under the checksum that the index gives them, so that mirrors and
 * releases share them. Nothing out of the cache is believed: its readers verify again.
 *
 * @module
 */
import * as v from "valibot";
import { type Bytes, sha256Hex, utf8 } from "../bytes.ts";
import { errorText, UserError } from "../errors.ts";
import type { Host } from "../host.ts";
import { checksumHex, type IndexRecord } from "./index.ts";

/** What a server said about an index, for the next conditional request. */
export interface Validators {
  etag?: string;
  lastModified?: string;
}

/** An index out of the cache. */
export interface CachedIndex extends Validators {
  bytes: Bytes;
  /** When it was fetched, ISO 8601. */
  fetched: string;
}

const FactsSchema = v.object({
  url: v.string(),
  sha256: v.string(),
  fetched: v.string(),
  etag: v.optional(v.string()),
  lastModified: v.optional(v.string()),
});

/** A folder of indexes and packages. */
export class RepositoryCache {
  constructor(readonly host: Host, readonly dir: string) {}

  /** The index kept for `url`, undefined when there is none that is whole. */
  async index(url: string): Promise<CachedIndex | undefined> {
    const path = this.#indexPath(url);
    const facts = await this.#facts(`${path}.json`);
    if (facts?.url !== url) return undefined;
    const bytes = await this.#read(`${path}.tar.gz`);
    if (!bytes || sha256Hex(bytes) !== facts.sha256) return undefined;
    return { ...facts, bytes };
  }

  /** Keeps a verified index. */
  async keepIndex(url: string, bytes: Bytes, validators: Validators): Promise<void> {
    const path = this.#indexPath(url);
    const fetched = this.host.now().toISOString();
    const facts = { url, sha256: sha256Hex(bytes), fetched, ...validators };
    await this.#write(`${path}.tar.gz`, bytes);
    // The facts last: without them the index is not used.
    await this.#write(`${path}.json`, `${JSON.stringify(facts)}\n`);
  }

  /** The package file of `record`, undefined when it is not kept. */
  async package(record: IndexRecord): Promise<Bytes | undefined> {
    return await this.#read(this.#packagePath(record));
  }

  /** Keeps a verified package file. */
  async keepPackage(record: IndexRecord, bytes: Bytes): Promise<void> {
    await this.#write(this.#packagePath(record), bytes);
  }

  #indexPath(url: string): string {
    return `${this.dir}/indexes/${sha256Hex(utf8(url)).slice(0, 32)}`;
  }

  #packagePath(record: IndexRecord): string {
    return `${this.dir}/packages/${checksumHex(record.checksum)}.apk`;
  }

  async #facts(path: string): Promise<v.InferOutput<typeof FactsSchema> | undefined> {
    if (!await this.host.stat(path)) return undefined;
    try {
      const result = v.safeParse(FactsSchema, JSON.parse(await this.host.readTextFile(path)));
      return result.success ? result.output : undefined;
    } catch (error) {
      // A damaged note only costs a full download.
      if (error instanceof SyntaxError) return undefined;
      throw error;
    }
  }

  async #write(path: string, data: Bytes | string): Promise<void> {
    try {
      await this.host.mkdir(path.slice(0, path.lastIndexOf("/")));
      await this.host.writeFile(path, data);
    } catch (cause) {
      throw new UserError(`write the package cache ${this.dir}`, errorText(cause), {
        cause,
      });
    }
  }

  async #read(path: string): Promise<Bytes | undefined> {
    return await this.host.stat(path) ? await this.host.readFile(path) : undefined;
  }
}
