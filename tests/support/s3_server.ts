/**
 * A strict S3 server in memory for tests: who signs wrongly is refused, as is whoever is in the wrong bucket, region or time. It
 * counts requests and can be told to misbehave at any of them.
 *
 * Supported: path style and virtual hosts; GET, HEAD, PUT (If-Match, If-None-Match: *), DELETE, ListObjectsV2 with pages,
 * multipart uploads. Anything else is 501.
 */
import { createHash, randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { type Bytes, concat, text, utf8 } from "../../lib/bytes.ts";
import { checkSignature, type Credentials, S3Refusal, type WireRequest } from "./sigv4.ts";

/** A stored object. */
export interface Stored {
  bytes: Bytes;
  etag: string;
  /** Content-Type, Cache-Control and x-amz-meta-*, by lower-case name. */
  headers: Record<string, string>;
}

/** A request that came. */
export interface SeenS3 {
  /** 1 for the first. */
  number: number;
  method: string;
  /** Key in the bucket; with "?…" for requests on the bucket or on parts. */
  key: string;
}

/**
 * What to do instead of an honest answer: an error; to hang up before the request had an effect, or after it; to keep silent.
 */
export type Mischief = { status: number; code: string } | "cut" | "cut-after" | "hang";

/** Options of {@linkcode S3Server.start}. */
export interface S3ServerOptions {
  bucket?: string;
  region?: string;
  credentials?: readonly Credentials[];
}

export const BUCKET = "fleet-site";
export const REGION = "eu-central-1";
export const KEYS: Credentials = {
  accessKey: "AKIATESTTESTTESTTEST",
  secretKey: "test/secret+key-of-the-test-server-only",
};

const MIN_PART_BYTES = 5 * 1024 * 1024;
const STORED_HEADERS = /^(content-type|cache-control|content-encoding|x-amz-meta-.+)$/;

/** The running server. */
export class S3Server {
  readonly objects = new Map<string, Stored>();
  readonly requests: SeenS3[] = [];
  /** Called for each request. */
  mischief?: (seen: SeenS3) => Mischief | undefined;
  /** What its clock is ahead of the true time, in milliseconds. */
  skewMs = 0;
  /** Objects per page of a list, at most. */
  pageSize = 1000;
  credentials: readonly Credentials[];
  readonly bucket: string;
  readonly region: string;
  readonly #uploads = new Map<string, { key: string; stored: Stored; parts: Map<number, Bytes> }>();
  readonly #sockets = new Set<Socket>();
  readonly #server: Server;

  private constructor(options: S3ServerOptions) {
    this.bucket = options.bucket ?? BUCKET;
    this.region = options.region ?? REGION;
    this.credentials = options.credentials ?? [KEYS];
    this.#server = createServer((request, response) => void this.#handle(request, response));
    this.#server.on("connection", (socket) => {
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
    });
  }

  /** Starts to listen on a free port of 127.0.0.1. */
  static async start(options: S3ServerOptions = {}): Promise<S3Server> {
    const server = new S3Server(options);
    await new Promise<void>((resolve) => server.#server.listen(0, "127.0.0.1", () => resolve()));
    return server;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Stores an object as if it had been uploaded. */
  put(key: string, content: string | Uint8Array, headers: Record<string, string> = {}): void {
    const bytes = typeof content === "string" ? utf8(content) : new Uint8Array(content);
    this.objects.set(key, { bytes, etag: md5(bytes), headers });
  }

  /** What is stored, by key. */
  contents(): Map<string, Bytes> {
    return new Map([...this.objects].map(([key, { bytes }]) => [key, bytes]));
  }

  /** Methods and keys of the requests so far that changed something. */
  changes(): string[] {
    return this.requests.filter(({ method }) => method !== "GET" && method !== "HEAD")
      .map(({ method, key }) => `${method} ${key}`);
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #handle(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const hangUp = () => incoming.socket.destroy();
    try {
      const request = await readRequest(incoming);
      const { bucket, key, query } = locate(request, this.bucket);
      const plain = query.size === 0 ? key : `${key}?${query}`;
      const seen = { number: this.requests.length + 1, method: request.method, key: plain };
      this.requests.push(seen);
      const mischief = this.mischief?.(seen);
      if (mischief === "hang") return;
      if (mischief === "cut") return void hangUp();
      let answer: Answer;
      try {
        if (typeof mischief === "object") {
          throw new S3Refusal(mischief.status, mischief.code, "As the test wants it.");
        }
        checkSignature(request, {
          credentials: this.credentials,
          region: this.region,
          now: new Date(Date.now() + this.skewMs),
        });
        if (bucket !== this.bucket) {
          throw new S3Refusal(404, "NoSuchBucket", "The specified bucket does not exist");
        }
        answer = key === "" ? this.#list(request, query) : this.#object(request, key, query);
      } catch (error) {
        if (!(error instanceof S3Refusal)) throw error;
        answer = refusal(error, key);
      }
      if (mischief === "cut-after") return void hangUp();
      const { status, headers = {}, body = new Uint8Array() } = answer;
      response.writeHead(status, { "content-length": body.length, ...headers });
      response.end(request.method === "HEAD" ? undefined : body);
    } catch {
      // The client hung up, or sent what is no request.
      hangUp();
    }
  }

  #object(request: WireRequest, key: string, query: URLSearchParams): Answer {
    const { method } = request;
    const parts = query.has("uploads") || query.has("uploadId");
    if (parts) return this.#multipart(request, key, query);
    if (query.size > 0) throw notImplemented();
    const stored = this.objects.get(key);
    if (method === "PUT") {
      this.#checkConditions(request, stored);
      const made = newObject(request);
      this.objects.set(key, made);
      return { status: 200, headers: { etag: `"${made.etag}"` } };
    }
    if (method === "DELETE") {
      this.objects.delete(key);
      return { status: 204 };
    }
    if (method !== "GET" && method !== "HEAD") throw notImplemented();
    if (!stored) throw new S3Refusal(404, "NoSuchKey", "The specified key does not exist.");
    return {
      status: 200,
      headers: {
        ...stored.headers,
        etag: `"${stored.etag}"`,
        "last-modified": new Date(0).toUTCString(),
        "content-length": String(stored.bytes.length),
      },
      body: stored.bytes,
    };
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

  #multipart(request: WireRequest, key: string, query: URLSearchParams): Answer {
    const { method } = request;
    if (method === "POST" && query.has("uploads")) {
      const id = randomUUID();
      this.#uploads.set(id, { key, stored: newObject(request), parts: new Map() });
      return xml(
        `<InitiateMultipartUploadResult><Bucket>${this.bucket}</Bucket><Key>${
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
    this.objects.set(key, { ...upload.stored, bytes: concat(parts), etag });
    this.#uploads.delete(id);
    return xml(
      `<CompleteMultipartUploadResult><Key>${
        escape(key)
      }</Key><ETag>&quot;${etag}&quot;</ETag></CompleteMultipartUploadResult>`,
    );
  }

  /** Uploads that were begun and neither completed nor given up. */
  get openUploads(): number {
    return this.#uploads.size;
  }

  #list({ method }: WireRequest, query: URLSearchParams): Answer {
    if (method !== "GET" || query.get("list-type") !== "2" || query.get("delimiter")) {
      throw notImplemented();
    }
    const prefix = query.get("prefix") ?? "";
    const after = query.get("continuation-token") ?? "";
    const keys = [...this.objects.keys()].filter((key) => key.startsWith(prefix)).sort();
    const rest = keys.filter((key) => key > after);
    const page = rest.slice(0, Math.min(this.pageSize, Number(query.get("max-keys") ?? 1000)));
    const more = rest.length > page.length;
    const rows = page.map((key) => {
      const { bytes, etag } = this.objects.get(key)!;
      return `<Contents><Key>${
        escape(key)
      }</Key><LastModified>2026-11-22T20:00:00.000Z</LastModified><ETag>&quot;${etag}&quot;</ETag><Size>${bytes.length}</Size></Contents>`;
    });
    const next = more
      ? `<NextContinuationToken>${escape(page.at(-1)!)}</NextContinuationToken>`
      : "";
    return xml(
      `<ListBucketResult><Name>${this.bucket}</Name><KeyCount>${page.length}</KeyCount><IsTruncated>${more}</IsTruncated>${next}${
        rows.join("")
      }</ListBucketResult>`,
    );
  }
}

interface Answer {
  status: number;
  headers?: Record<string, string>;
  body?: Bytes;
}

async function readRequest(incoming: IncomingMessage): Promise<WireRequest> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(incoming.headers)) {
    if (typeof value === "string") headers[name] = value;
  }
  const parts: Uint8Array[] = [];
  for await (const part of incoming) parts.push(part as Uint8Array);
  const body = concat(parts);
  // A body that was cut off is no request.
  if (Number(headers["content-length"] ?? body.length) !== body.length) throw new Error("cut off");
  // A proxy is asked with the whole URL.
  const target = (incoming.url ?? "/").replace(/^http:\/\/[^/]+/, "");
  return { method: incoming.method ?? "GET", target, headers, body };
}

/** Bucket, key and query of a request, path style or virtual host. */
function locate(request: WireRequest, bucket: string) {
  const [path = "/", query = ""] = request.target.split("?", 2);
  const parts = path.slice(1).split("/").map(decodeURIComponent);
  const virtual = request.headers["host"]?.startsWith(`${bucket}.`);
  const found = virtual ? bucket : parts.shift() ?? "";
  return { bucket: found, key: parts.join("/"), query: new URLSearchParams(query) };
}

function newObject({ headers, body }: WireRequest): Stored {
  const kept = Object.entries(headers).filter(([name]) => STORED_HEADERS.test(name));
  return { bytes: new Uint8Array(body), etag: md5(body), headers: Object.fromEntries(kept) };
}

function md5(bytes: Uint8Array): string {
  return createHash("md5").update(bytes).digest("hex");
}

function xml(body: string): Answer {
  return { status: 200, headers: { "content-type": "application/xml" }, body: utf8(body) };
}

function refusal({ status, code, message }: S3Refusal, key: string): Answer {
  const body = `<Error><Code>${code}</Code><Message>${escape(message)}</Message><Resource>${
    escape(key)
  }</Resource></Error>`;
  return { ...xml(body), status };
}

function notImplemented(): S3Refusal {
  return new S3Refusal(501, "NotImplemented", "This test server does not do that.");
}

function escape(given: string): string {
  return given.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
