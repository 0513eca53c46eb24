/**
 * Reads a published site from outside, as a node does that knows nothing but its address and the pinned key: no credentials, no
 * cookies, every byte verified. What can be put is not always what can be read: buckets are private, caches keep what is old.
 *
 * @module
 */
import { readAtMost } from "../../lib/body.ts";
import { type Bytes, equal } from "../../lib/bytes.ts";
import { siteUrl } from "../../lib/documents/drive.ts";
import { EXIT, RefusedError, UserError } from "../../lib/errors.ts";
import type { Host } from "../../lib/host.ts";
import { networkReason } from "../../lib/network_reason.ts";
import { fetchFollowing } from "../../lib/redirects.ts";
import { openSite } from "../../lib/trust/client.ts";
import { type Timestamp, TIMESTAMP_PATH } from "../../lib/trust/freshness.ts";
import type { PublicKey } from "../../lib/trust/minisign.ts";
import { NO_STATE } from "../../lib/trust/roots.ts";

/** What {@linkcode checkPublished} needs. */
export interface CheckOptions {
  /** Where nodes read the site. */
  url: string;
  /** The key that they pin. */
  pinned: PublicKey;
  /** The timestamp that was put; without it any that holds will do. */
  stamp?: Bytes;
}

/** What was read. */
export interface Checked {
  url: string;
  serial: number;
  expires: string;
  bins: number;
  documents: number;
}

const TIMEOUT_MS = 30_000;

/** Checks a site. @throws {UserError} that says what nodes will not get, and why. */
export async function checkPublished(host: Host, options: CheckOptions): Promise<Checked> {
  const url = checkedUrl(options.url);
  const doing = `read ${url} as nodes do`;
  try {
    let stamp: Bytes = new Uint8Array();
    const view = await openSite({
      pinned: options.pinned,
      state: NO_STATE,
      now: host.now(),
      fetch: async (path, maxBytes) => {
        const bytes = await read(host, url, path, maxBytes, doing);
        if (path === TIMESTAMP_PATH) stamp = bytes;
        return bytes;
      },
    });
    // Every bin is read for this.
    const paths = await view.paths();
    // One document of each kind: they lie in folders of their own, which a policy may have forgotten.
    for (const ending of [".json", ".age"]) {
      const path = paths.find((path) => path.endsWith(ending));
      if (path !== undefined) await view.getHashed(path);
    }
    const { serial, expires, bins } = view.timestamp;
    if (options.stamp && !equal(stamp, options.stamp)) throw outdated(doing, view.timestamp);
    return { url, serial, expires, bins: bins.length, documents: paths.length };
  } catch (error) {
    if (!(error instanceof RefusedError) || error.doing === doing) throw error;
    const { check, document, state } = error;
    throw new RefusedError(
      check,
      doing,
      `${document ?? "it"} is refused: ${state}`,
      { document, cause: error },
    );
  }
}

/**
 * The address with a slash at its end. Whoever publishes first asks before that, as nothing is to be published by a command
 * line that makes no sense.
 *
 * @throws {UserError} with `EXIT.usage` when it is none that nodes could have. It may hold a password and is not repeated.
 */
export function checkedUrl(given: string): string {
  const fail = (state: string) =>
    new UserError("read the site as nodes do", `its URL ${state}`, {
      exitCode: EXIT.usage,
      hint: "--check takes the URL that is on the nodes' drives, e.g. https://site.example/fleet/",
    });
  const base = siteUrl(given);
  if (base === undefined) throw fail("is no http:// or https:// base URL");
  const { username, password } = new URL(base);
  if (username !== "" || password !== "") throw fail("has a password");
  return base;
}

function outdated(doing: string, { serial, issued }: Timestamp): UserError {
  return new UserError(doing, `it still has serial ${serial} of ${issued}`, {
    hint: `a cache in front keeps ${TIMESTAMP_PATH}, or this is the address of something else`,
  });
}

async function read(
  host: Host,
  base: string,
  path: string,
  maxBytes: number,
  doing: string,
): Promise<Bytes> {
  const fail = (state: string, hint?: string, cause?: unknown) =>
    new UserError(doing, `${path}: ${state}`, { hint, cause });
  const limit = new AbortController();
  const timer = setTimeout(() => limit.abort(), TIMEOUT_MS);
  try {
    const response = await fetchFollowing(host, `${base}${path}`, {
      cache: "no-store",
      signal: limit.signal,
    }, { sites: [base], fail: (state) => fail(state, "give nodes that address itself") });
    const { status } = response;
    if (status !== 200) {
      await response.body?.cancel();
      throw fail(`the server answers ${status} to who is not signed in`, hintFor(status));
    }
    const bytes = await readAtMost(response.body, maxBytes);
    if (bytes) return bytes;
    throw fail(`it is longer than ${maxBytes} bytes`);
  } catch (error) {
    if (error instanceof UserError) throw error;
    const late = `no answer within ${TIMEOUT_MS / 1000} s`;
    throw fail(limit.signal.aborted ? late : networkReason(error), undefined, error);
  } finally {
    clearTimeout(timer);
  }
}

function hintFor(status: number): string | undefined {
  if (status === 401 || status === 403) {
    return "objects are private: --full --acl public-read lets everybody read them, or a policy of the bucket does";
  }
  return status === 404 ? "is that where the target's files are served?" : undefined;
}
