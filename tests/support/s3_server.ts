/**
 * A strict S3 server in memory for tests: who signs wrongly is refused, as is whoever is in the wrong bucket, region or time. It
 * counts requests and can be told to misbehave at any of them. Path style and virtual hosts.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { type Bytes, concat, utf8 } from "../../lib/bytes.ts";
import { type Answer, escape, S3Bucket, type Stored, xml } from "./s3_bucket.ts";
import { checkSignature, type Credentials, S3Refusal, type WireRequest } from "./sigv4.ts";

export type { Stored } from "./s3_bucket.ts";

/** A request that came. */
export interface SeenS3 {
  /** 1 for the first. */
  number: number;
  method: string;
  /** Key in the bucket; with "?…" for requests on the bucket or on parts. */
  key: string;
  /** Path and query as they came. */
  target: string;
  /** By lower-case name. */
  headers: Readonly<Record<string, string>>;
}

/**
 * What to do instead of an honest answer: an error; another answer; to hang up before the request had an effect, after it, or in
 * the middle of the answer's body; to keep silent; to send a body without an end.
 */
export type Mischief =
  | { status: number; code: string; message?: string; headers?: Record<string, string> }
  | { answer: Answer }
  | "cut"
  | "cut-after"
  | "cut-body"
  | "hang"
  | "endless";

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

/** The running server. */
export class S3Server {
  readonly requests: SeenS3[] = [];
  /** Called for each request. */
  mischief?: (seen: SeenS3) => Mischief | undefined;
  /** Its clock. */
  clock: () => Date = () => new Date();
  /** What its clock is ahead of the true time, in milliseconds. */
  skewMs = 0;
  /** What a proxy in front of it makes of entity tags. */
  entityTags: "strong" | "weak" | "none" = "strong";
  /** Whether it tells the time. */
  tellsDate = true;
  credentials: readonly Credentials[];
  /** Bytes of endless bodies that somebody took. */
  endlessBytes = 0;
  readonly store: S3Bucket;
  readonly region: string;
  readonly #sockets = new Set<Socket>();
  readonly #server: Server;

  private constructor(options: S3ServerOptions) {
    this.store = new S3Bucket(options.bucket ?? BUCKET, () => this.now());
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

  get bucket(): string {
    return this.store.name;
  }

  get objects(): Map<string, Stored> {
    return this.store.objects;
  }

  now(): Date {
    return new Date(this.clock().getTime() + this.skewMs);
  }

  /** Stores an object as if it had been uploaded. */
  put(key: string, content: string | Uint8Array, headers: Record<string, string> = {}): void {
    this.store.put(key, content, headers);
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
      const seen = this.#seen(request, key, query);
      const mischief = this.mischief?.(seen);
      if (mischief === "hang") return;
      if (mischief === "cut") return void hangUp();
      if (mischief === "endless") return void this.#endless(response);
      const answer = this.#answer(request, mischief, { bucket, key, query });
      if (mischief === "cut-after") return void hangUp();
      const { status, body = new Uint8Array() } = answer;
      const headers: Record<string, string> = {
        "content-length": String(body.length),
        ...this.#behindProxy(answer),
      };
      response.sendDate = false;
      if (this.tellsDate) headers["date"] ??= this.now().toUTCString();
      response.writeHead(status, headers);
      if (mischief === "cut-body") {
        response.write(body.subarray(0, body.length >> 1), () => setTimeout(hangUp, 20));
        return;
      }
      response.end(request.method === "HEAD" ? undefined : body);
    } catch {
      // The client hung up, or sent what is no request.
      hangUp();
    }
  }

  #seen({ method, target, headers }: WireRequest, key: string, query: URLSearchParams): SeenS3 {
    const plain = query.size === 0 ? key : `${key}?${query}`;
    const seen = { number: this.requests.length + 1, method, key: plain, target, headers };
    this.requests.push(seen);
    return seen;
  }

  #answer(
    request: WireRequest,
    mischief: Mischief | undefined,
    { bucket, key, query }: { bucket: string; key: string; query: URLSearchParams },
  ): Answer {
    try {
      if (typeof mischief === "object") {
        if ("answer" in mischief) return mischief.answer;
        const { status, code, message = "As the test wants it.", headers } = mischief;
        const refused = this.#refusal(new S3Refusal(status, code, message), key);
        return { ...refused, headers: { ...refused.headers, ...headers } };
      }
      this.#checkWho(request, key);
      if (bucket !== this.bucket) {
        throw new S3Refusal(404, "NoSuchBucket", "The specified bucket does not exist");
      }
      return this.store.answer(request, key, query);
    } catch (error) {
      if (!(error instanceof S3Refusal)) throw error;
      return this.#refusal(error, key);
    }
  }

  /** Everybody signs but who only reads what everybody may. */
  #checkWho(request: WireRequest, key: string): void {
    const anonymous = request.headers["authorization"] === undefined;
    const reads = request.method === "GET" || request.method === "HEAD";
    if (anonymous && reads && key !== "" && this.store.isPublic(key)) return;
    const { credentials, region } = this;
    checkSignature(request, { credentials, region, now: this.now() });
  }

  /** An error as S3 words it; who is in the wrong region is told the right one. */
  #refusal({ status, code, message }: S3Refusal, key: string): Answer {
    const elsewhere = code === "AuthorizationHeaderMalformed";
    const region = elsewhere ? `<Region>${this.region}</Region>` : "";
    const answer = xml(
      `<Error><Code>${code}</Code><Message>${escape(message)}</Message>${region}<Resource>${
        escape(key)
      }</Resource></Error>`,
    );
    const more: Record<string, string> = elsewhere ? { "x-amz-bucket-region": this.region } : {};
    return { ...answer, status, headers: { ...answer.headers, ...more } };
  }

  #behindProxy({ headers = {} }: Answer): Record<string, string> {
    const { etag, ...others } = headers;
    if (etag === undefined || this.entityTags === "strong") return headers;
    return this.entityTags === "weak" ? { ...others, etag: `W/${etag}` } : others;
  }

  #endless(response: ServerResponse): void {
    const piece = new Uint8Array(64 * 1024).fill(0x61);
    response.writeHead(200);
    const more = () => {
      if (response.destroyed) return;
      response.write(piece, (error) => {
        if (error) return;
        this.endlessBytes += piece.length;
        setTimeout(more, 0);
      });
    };
    more();
  }
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

/** The answer that S3 gives when it fails after it has begun to answer. */
export function lateFailure(code: string): { answer: Answer } {
  const body =
    `<Error><Code>${code}</Code><Message>We encountered an internal error.</Message></Error>`;
  return { answer: { ...xml(""), body: utf8(`<?xml version="1.0"?>\n   \n${body}`) } };
}
