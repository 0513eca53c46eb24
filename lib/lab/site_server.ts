/**
 * The lab's web server on 127.0.0.1: the site's files, and a place where nodes put their status documents. It records
 * what was asked and can be told to misbehave, so that tests see how nodes take it.
 *
 * @module
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { Buffer } from "node:buffer";
import { type Bytes, concat } from "../bytes.ts";
import { parseStatus, type Status } from "../documents/status.ts";
import { UserError } from "../errors.ts";
import type { Host } from "../host.ts";
import { MAX_STATUS_BYTES } from "../limits.ts";
import { UnreadableError } from "../schema/read.ts";
import { answerFile } from "./http_answer.ts";
import { HOST_FROM_GUEST } from "./qemu.ts";

/** A request that came, in order. */
export interface SeenRequest {
  method: string;
  path: string;
  status: number;
}

/** What to do instead of an honest answer: other bytes, an HTTP status, silence. */
export type Trick = Bytes | { status: number } | "hang";

/** Options of {@linkcode SiteServer.start}. */
export interface SiteServerOptions {
  /** Content of a site path without leading slash, undefined when there is none. */
  read: (path: string) => Promise<Bytes | undefined>;
  /** Default: any free port. */
  port?: number;
  /** Site path of the page to show for what is not there; default none. */
  errorPage?: string;
}

const STATUS_PATH = /^\/status\/([a-z0-9][a-z0-9.-]*)$/;

/** Reads the files below `dir` as a site. */
export function directorySite(host: Host, dir: string): SiteServerOptions["read"] {
  return async (path) => {
    const file = `${dir}/${path}`;
    return (await host.stat(file))?.kind === "file" ? await host.readFile(file) : undefined;
  };
}

/** The running server. */
export class SiteServer {
  readonly requests: SeenRequest[] = [];
  /** Called for each file; what it gives is answered instead. */
  trick?: (path: string, honest: Bytes | undefined) => Trick | undefined;
  /** While set, connections are cut as soon as they come, as if nobody listened. */
  down = false;
  read: SiteServerOptions["read"];
  readonly #errorPage?: string;
  readonly #statuses = new Map<string, Status[]>();
  readonly #waiting = new Set<() => void>();
  readonly #sockets = new Set<Socket>();
  readonly #server: Server;

  private constructor(options: SiteServerOptions) {
    this.read = options.read;
    this.#errorPage = options.errorPage;
    this.#server = createServer((request, response) => void this.#answer(request, response));
    this.#server.on("connection", (socket) => {
      if (this.down) return void socket.destroy();
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
    });
  }

  /** Starts to listen. */
  static async start(options: SiteServerOptions): Promise<SiteServer> {
    const server = new SiteServer(options);
    await new Promise<void>((resolve, reject) => {
      server.#server.once("error", reject);
      server.#server.listen(options.port ?? 0, "127.0.0.1", () => resolve());
    });
    return server;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Base URL as a guest sees it, with a slash at its end. */
  get guestUrl(): string {
    return `http://${HOST_FROM_GUEST}:${this.port}/`;
  }

  /** Base URL on this machine. */
  get hostUrl(): string {
    return `http://127.0.0.1:${this.port}/`;
  }

  /** The newest status document of a node. */
  status(node: string): Status | undefined {
    return this.#statuses.get(node)?.at(-1);
  }

  /** Forgets a node's status documents, e.g. before it boots again. */
  forget(node: string): void {
    this.#statuses.delete(node);
  }

  /**
   * Waits until a node's newest status document fits.
   *
   * @throws {UserError} that says what the newest was.
   */
  async waitForStatus(
    node: string,
    fits: (status: Status) => boolean,
    timeoutMs: number,
  ): Promise<Status> {
    let late = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const over = new Promise<void>((resolve) => {
      timer = setTimeout(() => {
        late = true;
        resolve();
      }, timeoutMs);
    });
    try {
      while (true) {
        const changed = new Promise<void>((resolve) => this.#waiting.add(resolve));
        const status = this.status(node);
        if (status && fits(status)) return status;
        if (late) {
          throw new UserError(
            "go on",
            `no fitting status from ${node} within ${timeoutMs / 1000} s`,
            { hint: `newest: ${JSON.stringify(status ?? null)}` },
          );
        }
        await Promise.race([changed, over]);
      }
    } finally {
      clearTimeout(timer);
    }
  }

  /** Stops listening and cuts all connections. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const method = request.method ?? "GET";
    const path = (request.url ?? "/").split("?")[0]!;
    const end = (status: number, headers: Record<string, string> = {}, body?: Bytes) => {
      this.requests.push({ method, path, status });
      // Of a 304 it would be the length of what is not sent.
      const length = status === 304 ? {} : { "content-length": body?.length ?? 0 };
      response.writeHead(status, { ...headers, ...length });
      response.end(method === "HEAD" || !body ? undefined : Buffer.from(body));
    };
    // A connection kept alive from before it went down.
    if (this.down) return void request.socket.destroy();
    try {
      const node = path.match(STATUS_PATH)?.[1];
      if (node !== undefined && method === "PUT") {
        const status = await this.#putStatus(node, request);
        return end(status);
      }
      const wanted = sitePath(path);
      const honest = wanted === undefined ? undefined : await this.read(wanted);
      const trick = wanted === undefined ? undefined : this.trick?.(wanted, honest);
      if (trick === "hang") return void this.requests.push({ method, path, status: 0 });
      if (trick && "status" in trick) return end(trick.status);
      const one = (name: string) => {
        const value = request.headers[name];
        return typeof value === "string" ? value : undefined;
      };
      const answer = answerFile({
        method,
        ifNoneMatch: one("if-none-match"),
        ifRange: one("if-range"),
        range: one("range"),
      }, trick ?? honest);
      if (answer.status === 404 && this.#errorPage !== undefined) {
        const page = await this.read(this.#errorPage);
        return end(404, { "content-type": contentType(this.#errorPage) }, page);
      }
      const type = contentType(wanted ?? path);
      end(answer.status, { ...answer.headers, "content-type": type }, answer.body);
    } catch {
      // The node went away, or a file vanished while it was read: this request alone fails.
      if (response.headersSent) response.destroy();
      else end(500);
    }
  }

  async #putStatus(node: string, request: IncomingMessage): Promise<number> {
    const parts: Bytes[] = [];
    let size = 0;
    for await (const chunk of request) {
      const part = new Uint8Array(chunk as Uint8Array);
      size += part.length;
      if (size > MAX_STATUS_BYTES) return 413;
      parts.push(part);
    }
    let status: Status;
    try {
      status = parseStatus(concat(parts));
    } catch (error) {
      if (!(error instanceof UnreadableError)) throw error;
      return 400;
    }
    const known = this.#statuses.get(node) ?? [];
    this.#statuses.set(node, [...known, status]);
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
    return 204;
  }
}

/** Site path of a request path; undefined when it leads outside. */
export function sitePath(path: string): string | undefined {
  let plain: string;
  try {
    plain = decodeURIComponent(path).replace(/^\//, "");
  } catch {
    return undefined;
  }
  if (plain === "") return "index.html";
  const parts = plain.split("/");
  return parts.some((part) => part === "" || part === "." || part === "..") ? undefined : plain;
}

function contentType(path: string): string {
  if (path.endsWith(".json")) return "application/json";
  if (path.endsWith(".html")) return "text/html; charset=utf-8";
  return path.endsWith(".minisig") ? "text/plain; charset=utf-8" : "application/octet-stream";
}
