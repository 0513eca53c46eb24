/**
 * Bounded GET requests to package mirrors: a limit on bytes and on time, a few tries, and a clear
 * difference between "the mirror does not answer" and "the mirror says no".
 *
 * @module
 */
import { readAtMost } from "../body.ts";
import type { Bytes } from "../bytes.ts";
import { UserError } from "../errors.ts";
import type { Host } from "../host.ts";
import { networkReason } from "../network_reason.ts";

/** The network or the server does not answer; what is cached may serve instead. */
export class UnreachableError extends UserError {
  constructor(doing: string, state: string, options: ErrorOptions & { hint?: string } = {}) {
    super(doing, state, options);
    this.name = "UnreachableError";
  }
}

/** Options of {@linkcode get}. */
export interface GetOptions {
  headers?: Record<string, string>;
  /** More bytes than this are refused. */
  maxBytes: number;
  /** How often it is tried when there is no answer, default 1. */
  tries?: number;
  /** How long nothing may arrive, in milliseconds, default {@linkcode SILENCE_MS}. */
  silenceMs?: number;
}

/** An answer with the whole body, or with status 304 and none. */
export interface Answer {
  status: 200 | 304;
  headers: Headers;
  body: Bytes;
}

/** How long nothing may arrive before the mirror counts as dead, in milliseconds. */
export const SILENCE_MS = 30_000;
/** First pause between tries, in milliseconds; each further one is four times as long. */
const PAUSE_MS = 500;

/** @throws {UnreachableError} when nothing answers; {@link UserError} when the answer is of no use. */
export async function get(host: Host, url: string, options: GetOptions): Promise<Answer> {
  const tries = options.tries ?? 1;
  for (let i = 1;; i++) {
    try {
      return await getOnce(host, url, options);
    } catch (error) {
      if (i >= tries || !(error instanceof UnreachableError)) throw error;
      await host.sleep(PAUSE_MS * 4 ** (i - 1));
    }
  }
}

/** `url` without a user name and password, for messages. */
export function shownUrl(url: string): string {
  if (!URL.canParse(url)) return url;
  const shown = new URL(url);
  shown.username = "";
  shown.password = "";
  return shown.href;
}

async function getOnce(host: Host, url: string, options: GetOptions): Promise<Answer> {
  const shown = shownUrl(url);
  const silence = new Silence(options.silenceMs ?? SILENCE_MS);
  const dead = (cause: unknown) => {
    const state = silence.over ? `nothing came for ${silence.ms / 1000} s` : networkReason(cause);
    return new UnreachableError(`fetch ${shown}`, state, { cause });
  };
  try {
    const { headers = {} } = options;
    const response = await host.fetch(url, { headers, signal: silence.signal });
    const { status } = response;
    if (status === 200) {
      const { maxBytes } = options;
      const body = await readAtMost(response.body, maxBytes, () => silence.broken());
      if (!body) throw new UserError(`fetch ${shown}`, `it has more than ${maxBytes} bytes`);
      return { status, headers: response.headers, body };
    }
    await response.body?.cancel();
    if (status === 304) return { status, headers: response.headers, body: new Uint8Array() };
    const state = `the server answers ${status}`;
    if (status === 404 || status === 410) throw new UserError(`fetch ${shown}`, state);
    // Proxies and overloaded mirrors say many things; none of them is about the file itself.
    throw new UnreachableError(`fetch ${shown}`, state);
  } catch (error) {
    throw error instanceof UserError ? error : dead(error);
  } finally {
    silence.end();
  }
}

/** Aborts its signal when {@linkcode broken} has not been called for `ms` milliseconds. */
class Silence {
  readonly #controller = new AbortController();
  #timer: ReturnType<typeof setTimeout>;
  over = false;

  constructor(readonly ms: number) {
    this.#timer = this.#start();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  broken(): void {
    clearTimeout(this.#timer);
    this.#timer = this.#start();
  }

  end(): void {
    clearTimeout(this.#timer);
  }

  #start(): ReturnType<typeof setTimeout> {
    return setTimeout(() => {
      this.over = true;
      this.#controller.abort();
    }, this.ms);
  }
}
