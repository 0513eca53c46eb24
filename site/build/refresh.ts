/**
 * Keeps a published site current: a new timestamp over the same publication, for the timestamp key alone. Reads nothing but
 * the timestamp and the root documents of the site, and changes the timestamp and the expiry that index.html tells people.
 *
 * The serial stays, so nodes have nothing to apply. How long a publication may be kept current is bounded by the time of its
 * config key's signature (MAX_VALIDITY_DAYS): then it has to be built anew.
 *
 * @module
 */
import { type Bytes, text } from "../../lib/bytes.ts";
import { RefusedError, UserError } from "../../lib/errors.ts";
import type { Host } from "../../lib/host.ts";
import { formatInstant } from "../../lib/instant.ts";
import { canonicalJson } from "../../lib/json.ts";
import { openSite } from "../../lib/trust/client.ts";
import { parseComment } from "../../lib/trust/comment.ts";
import {
  expiryOf,
  keysOf,
  lastExpiry,
  MAX_VALIDITY_DAYS,
  parseRoot,
  parseTimestamp,
  rootPath,
  type Timestamp,
  TIMESTAMP_PATH,
  timestampStatement,
} from "../../lib/trust/freshness.ts";
import type { Signer } from "../../lib/trust/keyring.ts";
import { keyIdHex, parseSignature } from "../../lib/trust/minisign.ts";
import { NO_STATE } from "../../lib/trust/roots.ts";
import { refreshPage } from "../page/page.ts";
import { DEFAULT_EXPIRES_HOURS, WRONG_CLOCK } from "./make_site.ts";

const PAGE_PATH = "index.html";

/** What {@linkcode refreshSite} needs. */
export interface RefreshOptions {
  /** Directory of the site. */
  out: string;
  signer: Signer;
  /** Default {@linkcode DEFAULT_EXPIRES_HOURS}. */
  expiresHours?: number;
}

/** What was refreshed. */
export interface Refreshed {
  serial: number;
  issued: string;
  expires: string;
  changed: string[];
}

/** Signs the timestamp of the site in `out` anew. Nothing is written unless nodes will accept it. */
export async function refreshSite(host: Host, options: RefreshOptions): Promise<Refreshed> {
  const { out, signer } = options;
  const fail = (state: string, hint?: string, cause?: unknown) =>
    new UserError(`refresh ${out}`, state, { hint, cause });
  const hours = options.expiresHours ?? DEFAULT_EXPIRES_HOURS;
  if (!(hours > 0 && hours <= MAX_VALIDITY_DAYS * 24)) {
    throw fail(`it must expire within 1 hour to ${MAX_VALIDITY_DAYS} days`);
  }
  const read = async (path: string): Promise<Bytes> => {
    const info = await host.stat(`${out}/${path}`);
    if (info?.kind === "file") return await host.readFile(`${out}/${path}`);
    throw fail(`there is no ${out}/${path}`, "deno task site builds it");
  };
  try {
    const before = parseTimestamp(await read(TIMESTAMP_PATH));
    const issued = formatInstant(host.now());
    if (issued < before.issued) {
      throw fail(`it was issued at ${before.issued}, and the clock says ${issued}`, WRONG_CLOCK);
    }
    const expires = expiryOf(issued, hours);
    const published = publishedAt(before);
    if (expires > lastExpiry(published)) {
      throw fail(
        `its publication is from ${published} and may be kept current until ${
          lastExpiry(published)
        }`,
        "deno task site builds a new one",
      );
    }
    const timestamp = sign({ ...before, issued, expires }, signer);
    const bytes = canonicalJson(timestamp);
    const first = parseRoot(await read(rootPath(1)), rootPath(1));
    await openSite({
      // This is our own site: whoever can change its first root can also change what it says here.
      pinned: keysOf(first, "root")[0]!,
      state: NO_STATE,
      now: host.now(),
      fetch: (path) => path === TIMESTAMP_PATH ? Promise.resolve(bytes) : read(path),
    });
    const changed = [TIMESTAMP_PATH];
    await host.writeFile(`${out}/${TIMESTAMP_PATH}`, bytes);
    if (await updatePage(host, out, before, timestamp)) changed.unshift(PAGE_PATH);
    return { serial: timestamp.serial, issued, expires, changed };
  } catch (error) {
    if (!(error instanceof RefusedError)) throw error;
    if (error.check === "key") {
      throw fail(
        `nodes do not accept timestamps signed by key ${keyIdHex(signer.publicKey)}`,
        "deno task keys show tells which key signs what",
        error,
      );
    }
    throw fail(error.message, undefined, error);
  }
}

function sign(timestamp: Timestamp, signer: Signer): Timestamp {
  const { serial, issued } = timestamp;
  const facts = { type: "timestamp" as const, path: TIMESTAMP_PATH, serial, issued };
  return { ...timestamp, minisig: signer.sign(timestampStatement(timestamp), facts) };
}

/** When a config key signed the publication; verified only when the site is opened. */
function publishedAt({ publication, issued }: Timestamp): string {
  const { trustedComment } = parseSignature(publication.minisig, TIMESTAMP_PATH);
  return parseComment(trustedComment).issued ?? issued;
}

/** Writes the new expiry into the page for people, where it tells the old one. */
async function updatePage(
  host: Host,
  out: string,
  before: Timestamp,
  after: Timestamp,
): Promise<boolean> {
  const path = `${out}/${PAGE_PATH}`;
  if ((await host.stat(path))?.kind !== "file") return false;
  const page = text(await host.readFile(path));
  const next = refreshPage(page, before.expires, after.expires);
  if (next === page) return false;
  await host.writeFile(path, next);
  return true;
}
