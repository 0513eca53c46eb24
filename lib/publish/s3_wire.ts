/**
 * Requests to an S3 server: signed, each with a time limit and a bound on what is read, and sent again, with growing pauses, while
 * that can help. A redirect is followed with a signature of its own, and only to where {@linkcode redirectOf} allows.
 *
 * @module
 */
import { AwsV4Signer } from "aws4fetch";
import { createHash } from "node:crypto";
import { readAtMost } from "../body.ts";
import { type Bytes, sha256Hex } from "../bytes.ts";
import { UserError } from "../errors.ts";
import type { Host } from "../host.ts";
import { isErrorBody, isTransient, LongAnswer, NoAnswer, readServerError } from "./s3_errors.ts";
import { redirectOf } from "./s3_redirect.ts";
import type { S3Settings } from "./s3_settings.ts";

/** How patient a client is. */
export interface Patience {
  /** Seconds until an answer must have begun, beside the time that the request's own size takes. */
  timeoutSeconds: number;
  /** How often a request is tried at most. */
  attempts: number;
  /** Pause before the second try; doubles with each one after it. */
  pauseMs: number;
}

/** What suits a home's upstream and a big provider. */
export const PATIENCE: Patience = { timeoutSeconds: 30, attempts: 5, pauseMs: 400 };

/** A request. */
export interface S3Request {
  method: "GET" | "HEAD" | "PUT" | "POST" | "DELETE";
  /** Key in the bucket; "" for the bucket itself. */
  key: string;
  query?: Record<string, string>;
  headers?: Record<string, string>;
  payload?: Bytes;
  /** How much of the answer is read, in bytes; a longer one fails. Default {@linkcode MAX_ANSWER_BYTES}. */
  maxBytes?: number;
  /** Takes the answer's body part by part instead; made anew for each try. */
  into?: () => (part: Uint8Array) => void;
  /** The server answers with status 200 while it is still at work, and may then tell of a failure in the body. */
  mayFailLate?: boolean;
}

/** An answer that says yes. */
export interface S3Answer {
  status: number;
  headers: Headers;
  /** Empty when it was read into something else. */
  body: Bytes;
}

/** Enough for the answers to everything but reading and listing, errors included. */
export const MAX_ANSWER_BYTES = 64 * 1024;

/** The slowest line that is waited for. */
const BYTES_PER_SECOND = 32 * 1024;
const MAX_REDIRECTS = 3;

/** A bucket at its server. Requests fail with {@linkcode ServerError}, {@linkcode NoAnswer}, {@linkcode LongAnswer} or TypeError. */
export class S3Wire {
  /** Requests that were sent again. */
  retries = 0;
  /** Keys that are derived from the secret one, as {@linkcode AwsV4Signer} keeps them. */
  readonly #signingKeys = new Map<string, ArrayBuffer>();
  readonly #base: string;

  constructor(
    readonly host: Pick<Host, "fetch" | "now" | "sleep">,
    readonly settings: S3Settings,
    readonly bucket: string,
    readonly patience: Patience = PATIENCE,
    readonly random: () => number = Math.random,
  ) {
    this.#base = baseOf(settings, bucket);
  }

  /** Sends a request; what its status says no to is thrown. */
  async send(request: S3Request): Promise<S3Answer> {
    const { attempts, pauseMs } = this.patience;
    for (let attempt = 1;; attempt++) {
      try {
        return await this.#once(request);
      } catch (error) {
        if (attempt >= attempts || !isTransient(error)) throw error;
      }
      this.retries++;
      const pause = pauseMs * 2 ** (attempt - 1);
      // Half of it by chance, so that parallel requests do not come back as one crowd.
      await this.host.sleep(pause / 2 + this.random() * pause / 2);
    }
  }

  async #once(request: S3Request): Promise<S3Answer> {
    const { endpoint } = this.settings;
    let { region } = this.settings;
    let url = this.#url(request);
    for (let redirects = 0;; redirects++) {
      const answer = await this.#exchange(url, region, request);
      const { status, headers, body } = answer;
      if (status >= 200 && status < 300) {
        if (request.mayFailLate) expectNoError(answer);
        return answer;
      }
      const next = redirectOf(status, headers, url, new URL(endpoint));
      if (!next || redirects === MAX_REDIRECTS) {
        throw readServerError(status, headers, new TextDecoder().decode(body));
      }
      url = next.url;
      region = next.region ?? region;
    }
  }

  /** One request and its answer, within its time. */
  async #exchange(url: URL, region: string, request: S3Request): Promise<S3Answer> {
    const { method, payload, maxBytes = MAX_ANSWER_BYTES, into } = request;
    const limit = new AbortController();
    let seconds = this.#secondsFor(payload?.length ?? 0);
    const late = () => limit.abort();
    let timer = setTimeout(late, seconds * 1000);
    try {
      const headers = await this.#sign(url, region, request);
      const response = await this.host.fetch(url.href, {
        method,
        headers,
        body: payload,
        redirect: "manual",
        signal: limit.signal,
      });
      clearTimeout(timer);
      const { status } = response;
      const good = status >= 200 && status < 300;
      if (good && into) {
        const take = into();
        // As long as something comes, a big file may take its time.
        seconds = this.#secondsFor(0);
        for await (const part of response.body ?? []) {
          clearTimeout(timer);
          timer = setTimeout(late, seconds * 1000);
          take(part);
        }
        return { status, headers: response.headers, body: new Uint8Array() };
      }
      const most = good ? maxBytes : MAX_ANSWER_BYTES;
      seconds = this.#secondsFor(most);
      timer = setTimeout(late, seconds * 1000);
      const body = await readAtMost(response.body, most);
      if (!body && good) throw new LongAnswer(most);
      return { status, headers: response.headers, body: body ?? new Uint8Array() };
    } catch (error) {
      throw limit.signal.aborted ? new NoAnswer(seconds) : error;
    } finally {
      clearTimeout(timer);
    }
  }

  async #sign(url: URL, region: string, request: S3Request): Promise<Headers> {
    const { accessKey, secretKey, sessionToken } = this.settings;
    const { method, payload = new Uint8Array() } = request;
    const headers: Record<string, string> = {
      ...request.headers,
      "x-amz-content-sha256": sha256Hex(payload),
    };
    // Asked for by buckets whose objects are locked, taken by all.
    if (method === "PUT") {
      headers["content-md5"] = createHash("md5").update(payload).digest("base64");
    }
    const signer = new AwsV4Signer({
      method,
      url: url.href,
      headers,
      accessKeyId: accessKey,
      secretAccessKey: secretKey,
      sessionToken,
      service: "s3",
      region,
      cache: this.#signingKeys,
      datetime: this.host.now().toISOString().replace(/[:-]|\.\d{3}/g, ""),
    });
    const { headers: signed } = await signer.sign();
    // After signing, as proxies change it. Without it they compress, and then drop or weaken entity tags.
    signed.set("accept-encoding", "identity");
    return signed;
  }

  #url({ key, query = {} }: S3Request): URL {
    const parts = key.split("/");
    if (key !== "" && parts.some((part) => /^\.{0,2}$/.test(part))) {
      // Such a path would be tidied up on its way and reach another object.
      throw new UserError("ask the S3 server", `${key} is no key that is used here`);
    }
    const words = Object.entries(query).map(([name, value]) => `${encode(name)}=${encode(value)}`);
    const search = words.length === 0 ? "" : `?${words.join("&")}`;
    return new URL(`${this.#base}/${parts.map(encode).join("/")}${search}`);
  }

  #secondsFor(bytes: number): number {
    return this.patience.timeoutSeconds + Math.ceil(bytes / BYTES_PER_SECOND);
  }
}

function expectNoError({ status, headers, body }: S3Answer): void {
  const text = new TextDecoder().decode(body);
  if (isErrorBody(text)) throw readServerError(status, headers, text);
}

/** The bucket's URL, without a slash at its end. @throws {UserError} when it can't be in the host name. */
function baseOf({ endpoint, pathStyle }: S3Settings, bucket: string): string {
  if (pathStyle) return `${endpoint}/${bucket}`;
  const { protocol, host, pathname } = new URL(endpoint);
  const base = `${protocol}//${bucket}.${host}`;
  if (pathname === "/" && URL.canParse(base)) return base;
  throw new UserError(
    `publish to s3://${bucket}`,
    `the bucket can't be in the host name of ${endpoint}`,
    { hint: "--path-style puts it into the path" },
  );
}

/** Percent-encoding as AWS wants it: all but unreserved characters. */
function encode(part: string): string {
  return encodeURIComponent(part).replace(
    /[!'()*]/g,
    (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
