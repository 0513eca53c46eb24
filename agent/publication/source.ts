/**
 * Asks the site: base URLs in order until one gives a publication that passes every check. Bodies are capped while they
 * arrive, every request has a time limit, and an unchanged site costs one conditional request.
 *
 * A mirror whose publication is refused does not keep the agent from trying the next one. Only when all URLs have
 * failed is an error thrown: the first refusal or, if nothing was refused, the last failure.
 *
 * @module
 */
import { type Bytes, concat, equal } from "../../lib/bytes.ts";
import { RefusedError } from "../../lib/errors.ts";
import type { Host } from "../../lib/host.ts";
import { openSite } from "../../lib/trust/client.ts";
import { MAX_TIMESTAMP_BYTES, TIMESTAMP_PATH } from "../../lib/trust/freshness.ts";
import type { TrustState } from "../../lib/trust/roots.ts";
import type { Identity } from "../identity/read.ts";
import { AgentError, isFull, networkText } from "../report/problem.ts";
import { type Publication, readPublication } from "./read.ts";

/** How long one request may take to answer, and to be read to its end, in milliseconds. */
const ANSWER_TIMEOUT_MS = 15_000;
const BODY_TIMEOUT_MS = 120_000;

/** What the site answered. */
export type Answer =
  /** It has nothing newer than what it told before. */
  | { kind: "unchanged" }
  /** It has a publication, which passed every check. */
  | { kind: "publication"; publication: Publication };

/** A file of the site, with the ETag by which the server recognizes this very content. */
interface Page {
  bytes: Bytes;
  etag?: string;
}

/** Asks the site of one node, again and again. */
export class Source {
  /** Index of the URL that answered last; it is asked first. */
  #preferred = 0;
  /** What was accepted last, and the timestamp it came with, to recognize that nothing has changed since. */
  #last?: { publication: Publication; base: string; page: Page };

  constructor(readonly host: Host, readonly identity: Identity) {}

  /**
   * Asks for something newer than `state`.
   *
   * @throws {RefusedError} naming the check, {@link AgentError} "unreachable" or "node".
   */
  async ask(state: TrustState, now: Date, signal?: AbortSignal): Promise<Answer> {
    const { sites } = this.identity;
    let refusal: unknown;
    let failure: unknown;
    for (let i = 0; i < sites.length; i++) {
      const at = (this.#preferred + i) % sites.length;
      try {
        const answer = await this.#askOne(sites[at]!, state, now, signal);
        this.#preferred = at;
        return answer;
      } catch (error) {
        if (signal?.aborted || isFull(error)) throw error;
        if (error instanceof RefusedError) refusal ??= error;
        else failure = error;
      }
    }
    throw refusal ?? failure;
  }

  async #askOne(
    base: string,
    state: TrustState,
    now: Date,
    signal?: AbortSignal,
  ): Promise<Answer> {
    const last = this.#last?.base === base ? this.#last : undefined;
    const known = last?.page;
    const page = await fetchPage(this.host, base, TIMESTAMP_PATH, MAX_TIMESTAMP_BYTES, {
      etag: known?.etag,
      signal,
    });
    if (last && (page === undefined || equal(page.bytes, last.page.bytes))) {
      // This timestamp is the one that was verified before, but it may have expired since.
      const { expires } = last.publication.view.timestamp;
      if (now.getTime() < Date.parse(expires)) return { kind: "unchanged" };
      throw new RefusedError(
        "expired",
        `accept ${TIMESTAMP_PATH}`,
        `it expired at ${expires}`,
        {
          document: TIMESTAMP_PATH,
        },
      );
    }
    const fresh = page ?? known!;
    const view = await openSite({
      pinned: this.identity.pinned,
      state,
      now,
      fetch: async (path, maxBytes) => {
        // The timestamp was fetched above; a second request could return that of another publication.
        if (path === TIMESTAMP_PATH) return fresh.bytes;
        return (await fetchPage(this.host, base, path, maxBytes, { signal }))!.bytes;
      },
    });
    const publication = await readPublication(view, this.identity);
    this.#last = { publication, base, page: fresh };
    return { kind: "publication", publication };
  }
}

/** Gets a file; undefined when the server says that its content is still the one with `etag`. */
async function fetchPage(
  host: Host,
  base: string,
  path: string,
  maxBytes: number,
  { etag, signal }: { etag?: string; signal?: AbortSignal },
): Promise<Page | undefined> {
  const fail = (state: string, cause?: unknown) =>
    new AgentError("unreachable", `get ${withoutPassword(base)}${path}`, state, {
      cause,
    });
  const headers: Record<string, string> = etag === undefined ? {} : { "if-none-match": etag };
  const limit = new AbortController();
  const stop = () => limit.abort();
  signal?.addEventListener("abort", stop);
  // Timers of our own rather than AbortSignal.timeout: they end with the request.
  let timer = setTimeout(stop, ANSWER_TIMEOUT_MS);
  try {
    const response = await host.fetch(`${base}${path}`, {
      headers,
      signal: limit.signal,
      cache: "no-store",
    });
    clearTimeout(timer);
    timer = setTimeout(stop, BODY_TIMEOUT_MS);
    if (response.status === 304 && etag !== undefined) {
      await response.body?.cancel();
      return undefined;
    }
    if (response.status !== 200) {
      await response.body?.cancel();
      throw fail(`the server answered ${response.status}`);
    }
    const bytes = await readBody(response, maxBytes);
    if (!bytes) throw fail(`it is longer than ${maxBytes} bytes`);
    return { bytes, etag: response.headers.get("etag") ?? undefined };
  } catch (error) {
    if (error instanceof AgentError) throw error;
    if (limit.signal.aborted) {
      throw fail(signal?.aborted ? "stopped" : "no answer in time", error);
    }
    throw fail(networkText(error), error);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", stop);
  }
}

/** A body of at most `maxBytes`; undefined when it is longer, of which no more is read. */
async function readBody(response: Response, maxBytes: number): Promise<Bytes | undefined> {
  if (!response.body) return new Uint8Array();
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of response.body) {
    size += part.length;
    if (size > maxBytes) return undefined;
    parts.push(part);
  }
  return concat(parts);
}

function withoutPassword(url: string): string {
  return url.replace(/^(https?:\/\/)[^/]*@/, "$1");
}
