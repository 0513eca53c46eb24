/**
 * Asks the site: all base URLs at once for what is current there, then the one with the highest serial for its documents.
 * So a mirror that lags behind, or is kept back, hides nothing that another one has, and a dead URL costs no more than a
 * few seconds. Bodies are capped while they arrive, every request has a time limit, and an unchanged site costs one
 * conditional request for each URL.
 *
 * Only when no URL gave a publication that passes every check is an error thrown: the first refusal in the order of the
 * URLs or, if nothing was refused, the last failure.
 *
 * @module
 */
import { readAtMost } from "../../lib/body.ts";
import { type Bytes, equal } from "../../lib/bytes.ts";
import { errorText, RefusedError } from "../../lib/errors.ts";
import type { FetchInit, Host } from "../../lib/host.ts";
import { type KnownTime, later, whyExpired } from "../../lib/known_time.ts";
import { isUntimely, networkReason } from "../../lib/network_reason.ts";
import { fetchFollowing } from "../../lib/redirects.ts";
import { openSite, type SiteView } from "../../lib/trust/client.ts";
import { MAX_TIMESTAMP_BYTES, TIMESTAMP_PATH } from "../../lib/trust/freshness.ts";
import { type TrustState, vouchedTime } from "../../lib/trust/roots.ts";
import { refusal } from "../../lib/trust/verified.ts";
import { printable } from "../../lib/visible.ts";
import type { Identity } from "../identity/read.ts";
import { AgentError, isFull } from "../report/problem.ts";
import { type Guess, GUESSES } from "../system/clock.ts";
import { type Publication, readPublication } from "./read.ts";

/** How long one request may take to answer, and to be read to its end, in milliseconds. */
const ANSWER_TIMEOUT_MS = 15_000;
const BODY_TIMEOUT_MS = 120_000;

/** How long the other URLs may take once one has given a timestamp that holds, in milliseconds. */
const OTHERS_MS = 3_000;

/** How long a URL whose certificate does not hold by the current guess of the time is asked by no other, in milliseconds. */
const UNTIMELY_REST_MS = 900_000;

/** Why the request to a URL ends then. */
const LATE = "late";

/** What the site answered. */
export type Answer =
  & (
    /** It has nothing newer than what it told before. */
    | { kind: "unchanged" }
    /** It has a publication, which passed every check. */
    | { kind: "publication"; publication: Publication }
  )
  & { lagging: Lagging[] };

/** A URL of the site that does not give what another one gives. */
export interface Lagging {
  /** Without a password. */
  url: string;
  /** What it does instead: it gives an older publication, can't be read, or gives what is refused. */
  how: "behind" | "unreachable" | "refused";
  /** One line. */
  reason: string;
}

/** Longest reason that is told of a URL, in characters. */
const MAX_REASON = 300;
/** Checks that a publication fails only for its age. */
const OUTDATED = ["serial", "expired", "root-version"];

/** By what time an answer is judged. */
export interface AskTime {
  now: KnownTime;
  /** As {@linkcode OpenOptions.sinceIssuedMs}. */
  sinceIssuedMs: number;
  /** The clock that certificates are judged by, where that is a guess. */
  guessed?: GuessedClock;
}

/** A clock that may be set by one guess or another. */
export interface GuessedClock {
  /** By what it is set first, then the others; none where it is no guess. */
  readonly guesses: readonly Guess[];
  /** Sets it; undefined by the best. */
  use(guess: Guess | undefined): Promise<void>;
}

/** A file of the site, with the ETag by which the server recognizes this very content. */
interface Page {
  bytes: Bytes;
  etag?: string;
}

/** A timestamp that holds. */
interface Candidate {
  base: string;
  page: Page;
  view: SiteView;
  /** By which guess of the time the URL's certificate held. */
  guess: Guess | undefined;
  /** What was accepted before, when this is the very timestamp that it came with. */
  accepted?: Publication;
}

/** What some URLs are asked with. */
interface Asking {
  state: TrustState;
  time: AskTime;
  guess: Guess | undefined;
  failures: Map<string, unknown>;
  found: Candidate[];
  signal: AbortSignal | undefined;
}

/** Options of a {@linkcode Source}. */
export interface SourceOptions {
  /** Milliseconds that the other URLs have once one has answered. Default 3000. */
  othersMs?: number;
  /**
   * Asks only whether the site can be reached: each request gets a new connection, and documents that have expired will do.
   * Default false.
   */
  probes?: boolean;
}

/** Asks the site of one node, again and again. */
export class Source {
  /** The last timestamp of each URL. */
  readonly #pages = new Map<string, Page>();
  /** What was accepted last, and the timestamp it came with, to recognize that nothing has changed since. */
  #last?: { publication: Publication; base: string; page: Page };
  #dropped?: TrustState;
  #nothingHeld = false;
  /** URLs whose certificate does not hold by the best guess of the time, and the uptime at which all others were tried. */
  readonly #untimely = new Map<string, number>();

  readonly #othersMs: number;
  readonly #probes: boolean;

  constructor(
    readonly host: Host,
    readonly identity: Identity,
    { othersMs = OTHERS_MS, probes = false }: SourceOptions = {},
  ) {
    this.#othersMs = othersMs;
    this.#probes = probes;
  }

  /** Forgets what was accepted last: another agent has gone on from there. */
  forget(): void {
    this.#last = undefined;
  }

  /**
   * What was left of the state when a root chain that the last {@linkcode Source.ask} saw had dropped a config key: see
   * {@linkcode OpenOptions.onKeyDropped}.
   */
  get dropped(): TrustState | undefined {
    return this.#dropped;
  }

  /** Whether the last {@linkcode Source.ask} got nowhere, and a certificate held by no guess of the time. */
  get nothingHeld(): boolean {
    return this.#nothingHeld;
  }

  /**
   * Asks for something newer than `state`.
   *
   * @throws {RefusedError} naming the check, {@link AgentError} "unreachable", "node" or "agent".
   */
  async ask(state: TrustState, time: AskTime, signal?: AbortSignal): Promise<Answer> {
    this.#dropped = undefined;
    const failures = new Map<string, unknown>();
    const candidates = await this.#askAll(state, time, failures, signal);
    for (const candidate of candidates.toSorted((a, b) => this.#compare(a, b))) {
      try {
        // Its other documents come from where its timestamp came from, and so by the same time.
        await time.guessed?.use(candidate.guess);
        const answer = await this.#take(candidate);
        return { ...answer, lagging: this.#lagging(candidate, candidates, failures) };
      } catch (error) {
        if (signal?.aborted || isFull(error)) throw error;
        // The newest publication there is decides, even when it has nothing for this node.
        if (error instanceof AgentError && error.check !== "unreachable") throw error;
        failures.set(candidate.base, error);
      }
    }
    await time.guessed?.use(undefined);
    const inOrder = this.identity.sites.flatMap((base) => failures.get(base) ?? []);
    throw inOrder.find(isFull) ?? inOrder.find((error) => error instanceof RefusedError) ??
      inOrder.at(-1);
  }

  /**
   * The timestamps that hold, of all URLs that answer in time; puts into `failures` what came of the others. URLs whose
   * certificate does not hold by the system's clock are asked by each other guess of the time.
   */
  async #askAll(
    state: TrustState,
    time: AskTime,
    failures: Map<string, unknown>,
    signal?: AbortSignal,
  ): Promise<Candidate[]> {
    const isLeft = (base: string) => isUntimely(failures.get(base));
    const [current, ...others] = time.guessed?.guesses ?? [];
    const found: Candidate[] = [];
    const ask = async (bases: readonly string[], guess: Guess | undefined) => {
      await this.#askThese(bases, { state, time, guess, failures, found, signal });
      if (signal?.aborted) throw new AgentError("unreachable", "ask the site", "stopped");
    };
    // Another agent may have set the clock meanwhile.
    if (current !== undefined) await time.guessed!.use(current);
    await ask(this.identity.sites, current);
    const untimely = this.identity.sites.filter(isLeft);
    // With an answer in hand the system's clock is not moved in every round for a certificate that is simply dead.
    const again = found.length === 0 ? untimely : untimely.filter((base) => !this.#rests(base));
    for (const guess of others) {
      const left = again.filter(isLeft);
      if (left.length === 0) break;
      await time.guessed!.use(guess);
      await ask(left, guess);
    }
    for (const base of again) {
      // One that failed for another reason is tried again in the next round.
      const isTried = isLeft(base) || !failures.has(base);
      if (isTried && others.length > 0) this.#untimely.set(base, this.host.uptime());
    }
    this.#nothingHeld = found.length === 0 && untimely.length > 0;
    return found;
  }

  #rests(base: string): boolean {
    const tried = this.#untimely.get(base);
    return tried !== undefined && this.host.uptime() - tried < UNTIMELY_REST_MS;
  }

  /** Asks some URLs at once; adds to `found` and `failures`. */
  async #askThese(
    bases: readonly string[],
    { state, time, guess, failures, found, signal }: Asking,
  ): Promise<void> {
    const pending = new Set<AbortController>();
    const endOthers = () => pending.forEach((one) => one.abort(LATE));
    let timer = found.length > 0 ? setTimeout(endOthers, this.#othersMs) : undefined;
    await Promise.all(bases.map(async (base) => {
      const own = new AbortController();
      pending.add(own);
      try {
        const until = signal ? AbortSignal.any([signal, own.signal]) : own.signal;
        found.push({ ...await this.#askOne(base, state, time, until), guess });
        failures.delete(base);
        timer ??= setTimeout(endOthers, this.#othersMs);
      } catch (error) {
        failures.set(base, error);
      }
      pending.delete(own);
    }));
    clearTimeout(timer);
  }

  async #askOne(
    base: string,
    state: TrustState,
    { now, sinceIssuedMs }: AskTime,
    signal: AbortSignal,
  ): Promise<Omit<Candidate, "guess">> {
    const known = this.#pages.get(base);
    const answer = await fetchPage(this.host, base, TIMESTAMP_PATH, MAX_TIMESTAMP_BYTES, {
      sites: this.identity.sites,
      etag: known?.etag,
      signal,
      newConnection: this.#probes,
    });
    const page = answer ?? known!;
    this.#pages.set(base, page);
    if (this.#last && equal(page.bytes, this.#last.page.bytes)) {
      // This timestamp is the one that was verified before, but it may have expired since.
      const { publication } = this.#last;
      const { timestamp, state } = publication.view;
      const why = whyExpired(timestamp.expires, later(now, vouchedTime(state, sinceIssuedMs)));
      if (why === undefined) return { base, page, view: publication.view, accepted: publication };
      throw refusal("expired", TIMESTAMP_PATH, why);
    }
    const view = await openSite({
      pinned: this.identity.pinned,
      state,
      now: new Date(now.ms),
      nowFrom: now.from,
      sinceIssuedMs,
      allowExpired: this.#probes,
      onKeyDropped: (left) => {
        if (!(left.rootVersion <= (this.#dropped?.rootVersion ?? 0))) this.#dropped = left;
        // What was accepted before is not recognized any more, should it be served again.
        this.#last = undefined;
      },
      fetch: async (path, maxBytes) => {
        // The timestamp was fetched above; a second request could return that of another publication.
        if (path === TIMESTAMP_PATH) return page.bytes;
        const { sites } = this.identity;
        const about = { sites, signal, newConnection: this.#probes };
        return (await fetchPage(this.host, base, path, maxBytes, about))!.bytes;
      },
    });
    return { base, page, view };
  }

  /** Reads what a candidate says about this node. */
  async #take({ base, page, view, accepted }: Candidate) {
    const version = this.#dropped?.rootVersion ?? 0;
    if (view.root.version < version) {
      throw refusal(
        "root-version",
        TIMESTAMP_PATH,
        `it is for root version ${view.root.version}, and another URL of the site has shown ${version}`,
      );
    }
    if (accepted) return { kind: "unchanged" as const };
    const publication = await readPublication(view, this.identity);
    this.#last = { publication, base, page };
    return { kind: "publication" as const, publication };
  }

  /**
   * The newest publication first; of the same one the latest timestamp, then what was read by a better guess of the time, then
   * the URL that was used last.
   */
  #compare(a: Candidate, b: Candidate): number {
    const [one, other] = [a.view.timestamp, b.view.timestamp];
    if (one.serial !== other.serial) return other.serial - one.serial;
    if (one.issued !== other.issued) return one.issued < other.issued ? 1 : -1;
    const quality = (guess: Guess | undefined) => guess === undefined ? -1 : GUESSES.indexOf(guess);
    if (a.guess !== b.guess) return quality(a.guess) - quality(b.guess);
    const { sites } = this.identity;
    const rank = (base: string) => base === this.#last?.base ? -1 : sites.indexOf(base);
    return rank(a.base) - rank(b.base);
  }

  #lagging(
    taken: Candidate,
    candidates: readonly Candidate[],
    failures: ReadonlyMap<string, unknown>,
  ): Lagging[] {
    const newest = taken.view.timestamp.serial;
    return this.identity.sites.flatMap((base) => {
      const serial = candidates.find((one) => one.base === base)?.view.timestamp.serial ?? newest;
      const url = withoutPassword(base);
      if (failures.has(base)) return [{ url, ...notGiven(failures.get(base)) }];
      const reason = `it is at serial ${serial}, another URL at ${newest}`;
      return serial < newest ? [{ url, how: "behind" as const, reason }] : [];
    });
  }
}

/** What became of a URL whose answer could not be taken. */
function notGiven(error: unknown): Omit<Lagging, "url"> {
  const reason = printable(errorText(error), MAX_REASON);
  if (!(error instanceof RefusedError)) return { how: "unreachable", reason };
  return { how: OUTDATED.includes(error.check) ? "behind" : "refused", reason };
}

/** Gets a file; undefined when the server says that its content is still the one with `etag`. */
async function fetchPage(
  host: Host,
  base: string,
  path: string,
  maxBytes: number,
  { sites, etag, signal, newConnection }: {
    sites: readonly string[];
    etag?: string;
    signal?: AbortSignal;
    newConnection: boolean;
  },
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
    const init: FetchInit = { headers, signal: limit.signal, cache: "no-store", newConnection };
    const response = await fetchFollowing(host, `${base}${path}`, init, { sites, fail });
    clearTimeout(timer);
    // A timestamp is short, and all URLs wait for the slowest one while none has given one that holds.
    timer = setTimeout(stop, path === TIMESTAMP_PATH ? ANSWER_TIMEOUT_MS : BODY_TIMEOUT_MS);
    if (response.status === 304 && etag !== undefined) {
      await response.body?.cancel();
      return undefined;
    }
    if (response.status !== 200) {
      await response.body?.cancel();
      if (response.status === SIGN_IN) throw fail(NO_SITE);
      throw fail(`the server answered ${response.status}`);
    }
    const bytes = await readAtMost(response.body, maxBytes);
    if (isWebPage(response, bytes)) throw fail(NO_SITE);
    if (!bytes) throw fail(`it is longer than ${maxBytes} bytes`);
    return { bytes, etag: response.headers.get("etag") ?? undefined };
  } catch (error) {
    if (error instanceof AgentError) throw error;
    if (limit.signal.aborted) {
      const stopped = signal?.aborted && signal.reason !== LATE;
      throw fail(stopped ? "stopped" : "no answer in time", error);
    }
    throw fail(networkReason(error), error);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", stop);
  }
}

/** "Network Authentication Required" (RFC 6585, 6). */
const SIGN_IN = 511;
/** What is said where a network's sign-in page, or some other web server, answers in the site's place. */
const NO_SITE =
  "what answered is no site, but a web page (does this network ask to sign in first?)";

/** Whether an answer is a page for people. No document of a site begins so: nothing is refused by this that could be trusted. */
function isWebPage(response: Response, bytes: Bytes | undefined): boolean {
  if (!bytes) return /^text\/html\b/i.test(response.headers.get("content-type") ?? "");
  const start = new TextDecoder().decode(bytes.subarray(0, 256));
  return /^\uFEFF?\s*<(?:!doctype\s+html|html|head|body|script|meta|!--)/i.test(start);
}

function withoutPassword(url: string): string {
  return url.replace(/^(https?:\/\/)[^/]*@/, "$1");
}
