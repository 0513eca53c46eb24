/**
 * A bucket in memory, as strict as S3's: what {@linkcode S3Server} answers once it knows who asks.
 *
 * Supported: GET, HEAD, PUT (If-Match, If-None-Match: *, Content-MD5, x-amz-acl), PUT ?acl, DELETE, ListObjectsV2 with pages,
 * multipart uploads. Anything else is 501.
 */
import { createHash, randomUUID } from "node:crypto";
import { type Bytes, concat, text, utf8 } from "../../lib/bytes.ts";
import { S3Refusal, type WireRequest } from "./sigv4.ts";

/** A stored object. */
export interface Stored {
  bytes: Bytes;
  etag: string;
  /** Content-Type, Cache-Control and x-amz-meta-*, by lower-case name. */
  headers: Record<string, string>;
  modified: Date;
  /** Canned ACL; undefined is private. */
  acl?: string;
}

/** What buckets differ in. */
export interface BucketRules {
  /** Object Lock, which wants a checksum with every upload. */
  objectLock?: boolean;
  /** "Bucket owner enforced": no ACL is taken. */
  noAcls?: boolean;
  /** A policy lets everybody read. */
  publicRead?: boolean;
  /** Entity tags are no MD5, as where the server encrypts. */
  opaqueTags?: boolean;
  /** A SHA-256 is kept of what comes as a whole, and told to who asks. */
  checksums?: boolean;
}

/** An answer. */
export interface Answer {
  status: number;
  headers?: Record<string, string>;
  body?: Bytes;
}

const MIN_PART_BYTES = 5 * 1024 * 1024;
const MAX_KEY_BYTES = 1024;
const STORED_HEADERS = /^(content-type|cache-control|content-encoding|x-amz-meta-.+)$/;
const ACLS = [
  "private",
  "public-read",
  "public-read-write",
  "authenticated-read",
  "aws-exec-read",
  "bucket-owner-read",
  "bucket-owner-full-control",
];

/** The bucket. */
export class S3Bucket {
  readonly objects = new Map<string, Stored>();
  /** Objects per page of a list, at most. */
  pageSize = 1000;
  rules: BucketRules = {};
  readonly #uploads = new Map<string, { key: string; stored: Stored; parts: Map<number, Bytes> }>();

  constructor(readonly name: string, readonly now: () => Date) {}

  /** Stores an object as if it had been uploaded. */
  put(key: string, content: string | Uint8Array, headers: Record<string, string> = {}): void {
    const bytes = typeof content === "string" ? utf8(content) : new Uint8Array(content);
    this.objects.set(key, { bytes, etag: md5(bytes), headers, modified: this.now() });
  }

  /** Uploads that were begun and neither completed nor given up. */
  get openUploads(): number {
    return this.#uploads.size;
  }

  /** Whether anybody may read an object. */
  isPublic(key: string): boolean {
    return this.rules.publicRead === true || this.objects.get(key)?.acl === "public-read";
  }

  answer(request: WireRequest, key: string, query: URLSearchParams): Answer {
    if (key === "") return this.#list(request, query);
    if (utf8(key).length > MAX_KEY_BYTES) {
      throw new S3Refusal(400, "KeyTooLongError", "Your key is too long");
    }
    if (query.has("uploads") || query.has("uploadId")) return this.#multipart(request, key, query);
    if (query.has("acl")) return this.#setAcl(request, key);
    if (query.size > 0) throw notImplemented();
    const { method } = request;
    if (method === "PUT") return this.#put(request, key);
    if (method === "DELETE") {
      this.objects.delete(key);
      return { status: 204 };
    }
    if (method === "GET" || method === "HEAD") return this.#get(request, key);
    throw notImplemented();
  }

  #get({ headers }: WireRequest, key: string): Answer {
    const stored = this.#stored(key);
    const checksum: Record<string, string> =
      this.rules.checksums && headers["x-amz-checksum-mode"] === "ENABLED" &&
        !stored.etag.includes("-")
        ? { "x-amz-checksum-sha256": createHash("sha256").update(stored.bytes).digest("base64") }
        : {};
    return {
      status: 200,
      headers: {
        ...stored.headers,
        ...checksum,
        etag: `"${stored.etag}"`,
        "last-modified": stored.modified.toUTCString(),
        "content-length": String(stored.bytes.length),
      },
      body: stored.bytes,
    };
  }

  #put(request: WireRequest, key: string): Answer {
    this.#checkConditions(request, this.objects.get(key));
    this.#checkBody(request);
    const made = this.#newObject(request);
    this.objects.set(key, made);
    return { status: 200, headers: { etag: `"${made.etag}"` } };
  }

  #setAcl({ method, headers }: WireRequest, key: string): Answer {
    if (method !== "PUT" || headers["x-amz-acl"] === undefined) throw notImplemented();
    const stored = this.#stored(key);
    this.objects.set(key, { ...stored, acl: this.#acl(headers) });
    return { status: 200 };
  }

  #stored(key: string): Stored {
    const stored = this.objects.get(key);
    if (stored) return stored;
    throw new S3Refusal(404, "NoSuchKey", "The specified key does not exist.");
  }

  #checkConditions({ headers }: WireRequest, stored: Stored | undefined): void {
    const { "if-match": match, "if-none-match": noneMatch } = headers;
    const holds = (noneMatch === undefined || (noneMatch === "*" && !stored)) &&
      (match === undefined || match === `"${stored?.etag}"`);
    if (holds) return;
    throw new S3Refusal(
      412,
      "PreconditionFailed",
      "At least one of the pre-conditions you specified did not hold",
    );
  }

  /** Compares a body with the checksum that came with it. */
  #checkBody({ headers, body }: WireRequest): void {
    const declared = headers["content-md5"];
    if (declared === undefined) {
      if (!this.rules.objectLock) return;
      throw new S3Refusal(
        400,
        "InvalidRequest",
        "Content-MD5 OR x-amz-checksum- HTTP header is required for Put Object requests with Object Lock parameters",
      );
    }
    if (!/^[A-Za-z0-9+/]{22}==$/.test(declared)) {
      throw new S3Refusal(400, "InvalidDigest", "The Content-MD5 you specified is not valid.");
    }
    if (declared === createHash("md5").update(body).digest("base64")) return;
    throw new S3Refusal(400, "BadDigest", "The Content-MD5 you specified did not match.");
  }

  #acl(headers: WireRequest["headers"]): string | undefined {
    const acl = headers["x-amz-acl"];
    if (acl === undefined) return undefined;
    if (!ACLS.includes(acl)) throw new S3Refusal(400, "InvalidArgument", "Invalid x-amz-acl");
    if (this.rules.noAcls && acl !== "bucket-owner-full-control") {
      throw new S3Refusal(
        400,
        "AccessControlListNotSupported",
        "The bucket does not allow ACLs",
      );
    }
    return acl;
  }

  #newObject({ headers, body }: WireRequest): Stored {
    const kept = Object.entries(headers).filter(([name]) => STORED_HEADERS.test(name));
    const etag = this.rules.opaqueTags ? md5(utf8(`${randomUUID()}`)) : md5(body);
    const acl = this.#acl(headers);
    return {
      bytes: new Uint8Array(body),
      etag,
      headers: Object.fromEntries(kept),
      modified: this.now(),
      acl,
    };
  }

  #multipart(request: WireRequest, key: string, query: URLSearchParams): Answer {
    const { method } = request;
    if (method === "POST" && query.has("uploads")) {
      const id = randomUUID();
      this.#uploads.set(id, { key, stored: this.#newObject(request), parts: new Map() });
      return xml(
        `<InitiateMultipartUploadResult><Bucket>${this.name}</Bucket><Key>${
          escape(key)
        }</Key><UploadId>${id}</UploadId></InitiateMultipartUploadResult>`,
      );
    }
    const id = query.get("uploadId") ?? "";
    const upload = this.#uploads.get(id);
    if (upload?.key !== key) {
      throw new S3Refusal(404, "NoSuchUpload", "The specified upload does not exist.");
    }
    if (method === "PUT") {
      this.#checkBody(request);
      upload.parts.set(Number(query.get("partNumber")), new Uint8Array(request.body));
      return { status: 200, headers: { etag: `"${md5(request.body)}"` } };
    }
    if (method === "DELETE") {
      this.#uploads.delete(id);
      return { status: 204 };
    }
    if (method !== "POST") throw notImplemented();
    const named = [
      ...text(request.body).matchAll(
        /<PartNumber>(\d+)<\/PartNumber>\s*<ETag>(?:"|&quot;)?([0-9a-f]{32})/g,
      ),
    ].map(([, number, etag]) => ({ part: upload.parts.get(Number(number)), etag }));
    if (named.length === 0 || named.some(({ part, etag }) => !part || md5(part) !== etag)) {
      throw new S3Refusal(400, "InvalidPart", "One or more parts could not be found.");
    }
    const parts = named.map(({ part }) => part!);
    if (parts.slice(0, -1).some((part) => part.length < MIN_PART_BYTES)) {
      throw new S3Refusal(400, "EntityTooSmall", "A part is smaller than the minimum.");
    }
    const digests = concat(parts.map((part) => createHash("md5").update(part).digest()));
    const etag = `${md5(digests)}-${parts.length}`;
    this.objects.set(key, { ...upload.stored, bytes: concat(parts), etag, modified: this.now() });
    this.#uploads.delete(id);
    return xml(
      `<CompleteMultipartUploadResult><Key>${
        escape(key)
      }</Key><ETag>&quot;${etag}&quot;</ETag></CompleteMultipartUploadResult>`,
    );
  }

  #list({ method }: WireRequest, query: URLSearchParams): Answer {
    const known = ["list-type", "prefix", "continuation-token", "max-keys"];
    if (
      method !== "GET" || query.get("list-type") !== "2" ||
      [...query.keys()].some((name) => !known.includes(name))
    ) throw notImplemented();
    const prefix = query.get("prefix") ?? "";
    const after = query.get("continuation-token") ?? "";
    const keys = [...this.objects.keys()].filter((key) => key.startsWith(prefix)).sort();
    const rest = keys.filter((key) => key > after);
    const page = rest.slice(0, Math.min(this.pageSize, Number(query.get("max-keys") ?? 1000)));
    const more = rest.length > page.length;
    const rows = page.map((key) => {
      const { bytes, etag, modified } = this.objects.get(key)!;
      return `<Contents><Key>${
        escape(key)
      }</Key><LastModified>${modified.toISOString()}</LastModified><ETag>&quot;${etag}&quot;</ETag><Size>${bytes.length}</Size></Contents>`;
    });
    const next = more
      ? `<NextContinuationToken>${escape(page.at(-1)!)}</NextContinuationToken>`
      : "";
    return xml(
      `<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>${this.name}</Name><KeyCount>${page.length}</KeyCount><IsTruncated>${more}</IsTruncated>${next}${
        rows.join("")
      }</ListBucketResult>`,
    );
  }
}

/** A document as an answer with status 200. */
export function xml(body: string): Answer {
  return {
    status: 200,
    headers: { "content-type": "application/xml" },
    body: utf8(`<?xml version="1.0" encoding="UTF-8"?>\n${body}`),
  };
}

/** Text as it stands in XML; control characters by their numbers, as S3 writes them. */
export function escape(given: string): string {
  return given.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;")
    .replaceAll(/\p{Cc}/gu, (one) => `&#x${one.charCodeAt(0).toString(16)};`);
}

function md5(bytes: Uint8Array): string {
  return createHash("md5").update(bytes).digest("hex");
}

function notImplemented(): S3Refusal {
  return new S3Refusal(501, "NotImplemented", "This test server does not do that.");
}
