/**
 * A site in an S3 bucket, below a prefix.
 *
 * @module
 */
import type { S3ObjectMetadata } from "@bradenmacdonald/s3-lite-client";
import type { Bytes } from "../bytes.ts";
import { UserError } from "../errors.ts";
import type { PatientClient } from "./s3_client.ts";
import { explain, serverFailure } from "./s3_errors.ts";
import type { Content, FileFacts, ListedFile, PutCondition, RemoteFile, Target } from "./target.ts";

/** Larger files are sent in parts of this size, four at a time; smaller ones as a whole. */
const PART_BYTES = 16 * 1024 * 1024;
const SHA256 = "x-amz-meta-sha256";
const MARK = "x-amz-meta-psyopsos";

/** The target. */
export class S3Target implements Target {
  readonly name: string;
  readonly keepsMarks = true;
  readonly #client: PatientClient;
  readonly #prefix: string;

  /** @param prefix Without slashes at its ends; "" for the whole bucket. */
  constructor(client: PatientClient, readonly bucket: string, prefix: string) {
    this.#client = client;
    this.#prefix = prefix === "" ? "" : `${prefix}/`;
    this.name = `s3://${bucket}${prefix === "" ? "" : `/${prefix}`}`;
  }

  async get(path: string, maxBytes: number): Promise<{ bytes: Bytes; tag: string } | undefined> {
    return await this.#missing(async () => {
      const response = await this.#client.makeRequest({
        method: "GET",
        objectName: this.#key(path),
        returnBody: true,
      });
      const bytes = new Uint8Array(await response.arrayBuffer());
      if (bytes.length > maxBytes) {
        throw new UserError(
          `publish to ${this.name}`,
          `its ${path} is longer than ${maxBytes} bytes`,
        );
      }
      return { bytes, tag: response.headers.get("etag") ?? "" };
    });
  }

  async stat(path: string): Promise<RemoteFile | undefined> {
    return await this.#missing(async () => {
      const { size, metadata } = await this.#client.statObject(this.#key(path));
      return { size, sha256: metadata[SHA256], mark: metadata[MARK] };
    });
  }

  async *list(prefix: string): AsyncIterable<ListedFile> {
    try {
      for await (
        const { key, size, etag } of this.#client.listObjects({ prefix: this.#key(prefix) })
      ) {
        const md5 = /^[0-9a-f]{32}$/.test(etag) ? etag : undefined;
        yield { path: key.slice(this.#prefix.length), size, md5 };
      }
    } catch (error) {
      throw this.#explain(error);
    }
  }

  async put(
    path: string,
    content: Content,
    facts: FileFacts,
    condition?: PutCondition,
  ): Promise<void> {
    const metadata: S3ObjectMetadata = {
      "Content-Type": facts.contentType,
      "Cache-Control": facts.cacheControl,
      [SHA256]: facts.sha256,
    };
    if (facts.mark !== undefined) metadata[MARK] = facts.mark;
    const key = this.#key(path);
    try {
      if (content.size >= PART_BYTES) {
        await this.#client.putObject(key, ReadableStream.from(content.chunks()), {
          metadata,
          size: content.size,
          partSize: PART_BYTES,
        });
        return;
      }
      const payload = await content.read();
      const put = (conditions: Record<string, string>) =>
        this.#client.makeRequest({
          method: "PUT",
          objectName: key,
          headers: new Headers({ ...metadata, ...conditions }),
          payload,
        });
      if (!condition) return void await put({});
      await this.#putIf(path, payload, condition, put);
    } catch (error) {
      throw this.#explain(error);
    }
  }

  async remove(path: string): Promise<void> {
    try {
      await this.#client.deleteObject(this.#key(path));
    } catch (error) {
      throw this.#explain(error);
    }
  }

  /** Requests that had to be sent again. */
  get retries(): number {
    return this.#client.retries;
  }

  async #putIf(
    path: string,
    payload: Bytes,
    { tag }: PutCondition,
    put: (conditions: Record<string, string>) => Promise<unknown>,
  ): Promise<void> {
    try {
      await put(tag === undefined ? { "If-None-Match": "*" } : { "If-Match": tag });
    } catch (error) {
      const failure = serverFailure(error);
      // A server that does not know such conditions.
      if (failure?.statusCode === 501) return void await put({});
      if (failure?.statusCode !== 412) throw error;
      // An earlier try may have had its effect, and only its answer was lost.
      const now = await this.get(path, payload.length);
      if (now === undefined || now.bytes.length !== payload.length) throw error;
      if (!now.bytes.every((byte, i) => byte === payload[i])) throw error;
    }
  }

  async #missing<T>(ask: () => Promise<T>): Promise<T | undefined> {
    try {
      return await ask();
    } catch (error) {
      const failure = serverFailure(error);
      // A HEAD's answer has no body that could tell a missing bucket from a missing object.
      const codes = ["NoSuchKey", "UnrecognizedError"];
      if (failure?.statusCode === 404 && codes.includes(failure.code)) return undefined;
      throw this.#explain(error);
    }
  }

  #key(path: string): string {
    return this.#prefix + path;
  }

  #explain(error: unknown): UserError {
    const { protocol, host, region } = this.#client;
    return explain(error, { bucket: this.name, endpoint: `${protocol}//${host}`, region });
  }
}
