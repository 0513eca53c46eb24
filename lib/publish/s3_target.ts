/**
 * A site in an S3 bucket, below a prefix.
 *
 * @module
 */
import { createHash } from "node:crypto";
import type { Bytes } from "../bytes.ts";
import { UserError } from "../errors.ts";
import { explain, LongAnswer, NO_CODE, ServerError } from "./s3_errors.ts";
import { ageOf, listObjects } from "./s3_list.ts";
import { entityTagOf, isInParts, uploadInParts } from "./s3_upload.ts";
import type { S3Wire } from "./s3_wire.ts";
import {
  type Belief,
  type Content,
  digestOf,
  type FileFacts,
  type ListedFile,
  LongFileError,
  type PutCondition,
  type ReadFile,
  type RemoteFile,
  sameContent,
  type Target,
} from "./target.ts";

const SHA256 = "x-amz-meta-sha256";
const MARK = "x-amz-meta-psyopsos";

/** The target. */
export class S3Target implements Target {
  readonly name: string;
  readonly keepsMarks = true;
  readonly remarks = new Set<string>();
  readonly #wire: S3Wire;
  readonly #prefix: string;
  readonly #acl: Record<string, string>;

  /**
   * @param prefix Without slashes at its ends; "" for the whole bucket.
   * @param acl A canned ACL for what is put; default none, so that the bucket decides.
   */
  constructor(wire: S3Wire, prefix: string, acl?: string) {
    this.#wire = wire;
    this.#prefix = prefix === "" ? "" : `${prefix}/`;
    this.#acl = acl === undefined ? {} : { "x-amz-acl": acl };
    this.name = `s3://${wire.bucket}${prefix === "" ? "" : `/${prefix}`}`;
  }

  async get(path: string, maxBytes: number): Promise<ReadFile | undefined> {
    try {
      return await this.#missing(async () => {
        const key = this.#key(path);
        const { body, headers } = await this.#wire.send({ method: "GET", key, maxBytes });
        return { bytes: body, tag: strongTag(headers) };
      });
    } catch (error) {
      const long = error instanceof UserError && error.cause instanceof LongAnswer;
      throw long ? new LongFileError(this.name, path, maxBytes, { cause: error }) : error;
    }
  }

  async stat(path: string): Promise<RemoteFile | undefined> {
    return await this.#missing(async () => {
      const { headers } = await this.#wire.send({ method: "HEAD", key: this.#key(path) });
      return {
        size: Number(headers.get("content-length") ?? NaN),
        sha256: headers.get(SHA256) ?? undefined,
        mark: headers.get(MARK) ?? undefined,
        ageMs: ageOf(headers.get("last-modified"), headers, this.#wire.host),
        tag: strongTag(headers)?.replaceAll('"', ""),
      };
    });
  }

  async *list(prefix: string): AsyncIterable<ListedFile> {
    try {
      for await (const { key, size, etag, ageMs } of listObjects(this.#wire, this.#key(prefix))) {
        yield { path: key.slice(this.#prefix.length), size, ageMs, tag: etag };
      }
    } catch (error) {
      throw this.#explain(error);
    }
  }

  /**
   * An equal entity tag proves an equal content. One that differs proves nothing: it is no MD5 where the server encrypts, or where
   * somebody else sent the file in other parts.
   */
  async holds(file: ListedFile, content: Content, belief: Belief): Promise<boolean> {
    if (file.size !== content.size) return false;
    if (file.tag !== undefined && file.tag === await entityTagOf(content)) return true;
    const digest = await digestOf(content.chunks());
    const key = this.#key(file.path);
    return await this.#missing(async () => {
      const headers = await this.#headWithChecksum(key);
      const stored = headers.get("x-amz-checksum-sha256");
      // Of a file in parts it may be one of the parts' checksums.
      if (stored !== null && /^[A-Za-z0-9+/]{43}=$/.test(stored)) {
        return stored === digest.toString("base64");
      }
      if (belief === "facts" && headers.has(SHA256)) {
        return headers.get(SHA256) === digest.toString("hex");
      }
      const found = await this.#digestOfObject(key, content.size);
      return found !== undefined && digest.equals(found);
    }) ?? false;
  }

  async put(
    path: string,
    content: Content,
    facts: FileFacts,
    condition?: PutCondition,
  ): Promise<void> {
    const headers: Record<string, string> = {
      "content-type": facts.contentType,
      "cache-control": facts.cacheControl,
      [SHA256]: facts.sha256,
      ...this.#acl,
    };
    if (facts.mark !== undefined) headers[MARK] = facts.mark;
    const key = this.#key(path);
    try {
      if (isInParts(content)) {
        await uploadInParts(this.#wire, key, content, headers, async (etag) => {
          const { headers } = await this.#wire.send({ method: "HEAD", key });
          return headers.get(SHA256) === facts.sha256 || headers.get("etag") === `"${etag}"`;
        });
        return;
      }
      const payload = await content.read();
      const put = async (conditions: Record<string, string>) =>
        void await this.#wire.send({
          method: "PUT",
          key,
          headers: { ...headers, ...conditions },
          payload,
        });
      if (!condition) await put({});
      else await this.#putIf(path, payload, condition, put);
    } catch (error) {
      throw this.#explain(error);
    }
  }

  async allow(path: string): Promise<void> {
    try {
      const query = { acl: "" };
      await this.#wire.send({ method: "PUT", key: this.#key(path), query, headers: this.#acl });
    } catch (error) {
      throw this.#explain(error);
    }
  }

  async remove(path: string): Promise<void> {
    try {
      await this.#wire.send({ method: "DELETE", key: this.#key(path) });
    } catch (error) {
      throw this.#explain(error);
    }
  }

  /**
   * Puts unless somebody else did. Where the server tells no entity tag that it then recognizes (a proxy that compresses drops or
   * weakens them), or knows no conditions at all, the content is compared just before.
   */
  async #putIf(
    path: string,
    payload: Bytes,
    { before }: PutCondition,
    put: (conditions: Record<string, string>) => Promise<void>,
  ): Promise<void> {
    const tagged = before === undefined || before.tag !== undefined;
    if (tagged) {
      try {
        return await put(
          before === undefined ? { "if-none-match": "*" } : { "if-match": before.tag! },
        );
      } catch (error) {
        const unknown = error instanceof ServerError && error.statusCode === 501;
        const unmet = error instanceof ServerError && error.statusCode === 412;
        if (!unknown && !unmet) throw error;
        // An earlier try may have had its effect, and only its answer was lost.
        if (await this.#isStill(path, payload)) return;
        if (!await this.#isStill(path, before?.bytes)) {
          throw new ServerError(412, "PreconditionFailed");
        }
        // Nothing was there and nothing is, and yet the server refuses: that is no matter of entity tags.
        if (unmet && before === undefined) throw error;
      }
    } else if (!await this.#isStill(path, before.bytes)) {
      throw new ServerError(412, "PreconditionFailed");
    }
    await put({});
    this.remarks.add(
      `the server gives ${path} no entity tag that it knows again: publishing twice at the same time goes unnoticed`,
    );
  }

  /** Whether a file has this content; undefined is whether there is none. */
  async #isStill(path: string, content: Bytes | undefined): Promise<boolean> {
    try {
      const now = await this.get(path, content?.length ?? 0);
      return sameContent(now?.bytes, content);
    } catch (error) {
      if (error instanceof LongFileError) return false;
      throw error;
    }
  }

  /** The object's headers, with its checksum where the server keeps one and understands that it is asked. */
  async #headWithChecksum(key: string): Promise<Headers> {
    const head = { method: "HEAD", key } as const;
    try {
      return (await this.#wire.send({ ...head, headers: { "x-amz-checksum-mode": "ENABLED" } }))
        .headers;
    } catch (error) {
      if (!(error instanceof ServerError) || ![400, 501].includes(error.statusCode)) throw error;
      return (await this.#wire.send(head)).headers;
    }
  }

  /** SHA-256 of an object; undefined when it is longer than `size` bytes, of which no more is read. */
  async #digestOfObject(key: string, size: number): Promise<Buffer | undefined> {
    let hash = createHash("sha256");
    const into = () => {
      hash = createHash("sha256");
      let left = size;
      return (part: Uint8Array) => {
        left -= part.length;
        if (left < 0) throw new LongAnswer(size);
        hash.update(part);
      };
    };
    try {
      await this.#wire.send({ method: "GET", key, into });
      return hash.digest();
    } catch (error) {
      if (error instanceof LongAnswer) return undefined;
      throw error;
    }
  }

  async #missing<T>(ask: () => Promise<T>): Promise<T | undefined> {
    try {
      return await ask();
    } catch (error) {
      // A HEAD's answer has no body that could tell a missing bucket from a missing object.
      const missing = error instanceof ServerError && error.statusCode === 404 &&
        ["NoSuchKey", NO_CODE].includes(error.code);
      if (missing) return undefined;
      throw this.#explain(error);
    }
  }

  #key(path: string): string {
    return this.#prefix + path;
  }

  #explain(error: unknown): UserError {
    const { endpoint, region } = this.#wire.settings;
    return explain(error, { bucket: this.name, endpoint, region });
  }
}

/** The entity tag if it stands for every byte; a weak one is another for the purposes of conditions. */
function strongTag(headers: Headers): string | undefined {
  const tag = headers.get("etag") ?? "";
  return tag === "" || tag.startsWith("W/") ? undefined : tag;
}
