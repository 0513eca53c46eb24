/**
 * What a target holds before anything is put there: its timestamp, verified as a node verifies it. Whoever can write to the target
 * can put any number there; only what our own keys have signed counts.
 *
 * @module
 */
import { RefusedError, UserError } from "../../lib/errors.ts";
import { formatInstant } from "../../lib/instant.ts";
import { LongFileError, type ReadFile, type Target } from "../../lib/publish/target.ts";
import { openSite, type SiteView } from "../../lib/trust/client.ts";
import {
  keysOf,
  MAX_TIMESTAMP_BYTES,
  publicationId,
  type Timestamp,
  TIMESTAMP_PATH,
} from "../../lib/trust/freshness.ts";
import { keyIdHex, parseSignature, type PublicKey } from "../../lib/trust/minisign.ts";
import { NO_STATE } from "../../lib/trust/roots.ts";
import { olderRoots, WRONG_CLOCK } from "../build/make_site.ts";
import type { LocalSite } from "./local_site.ts";

/** What is there. */
export type Found =
  | { kind: "nothing" }
  /** A publication of this site, and when a config key signed it. */
  | {
    kind: "ours";
    file: ReadFile;
    timestamp: Timestamp;
    signed: string;
    /** Version of the root document that it is for. */
    rootVersion: number;
  }
  /** Something that no node of this site accepts; undefined when it is too long to be read. */
  | { kind: "foreign"; file: ReadFile | undefined; reason: RefusedError };

/** Looks at a target's timestamp. `pinned` is the key that the nodes of the local site pin. */
export async function lookAt(
  local: LocalSite,
  target: Target,
  pinned: PublicKey,
): Promise<Found> {
  let file: ReadFile | undefined;
  try {
    file = await target.get(TIMESTAMP_PATH, MAX_TIMESTAMP_BYTES);
    if (!file) return { kind: "nothing" };
    const { timestamp, state, root } = await verify(local, target, pinned, file);
    const rootVersion = root.version;
    return { kind: "ours", file, timestamp, signed: state.issued, rootVersion };
  } catch (error) {
    if (error instanceof RefusedError) return { kind: "foreign", file, reason: error };
    if (!(error instanceof LongFileError)) throw error;
    const reason = new RefusedError("size", `accept ${error.path}`, error.state, { cause: error });
    return { kind: "foreign", file, reason };
  }
}

/** Verifies a timestamp against the chain of root documents: the local ones, and those at the target that come after them. */
async function verify(
  local: LocalSite,
  target: Target,
  pinned: PublicKey,
  file: ReadFile,
): Promise<SiteView> {
  return await openSite({
    pinned,
    state: NO_STATE,
    now: local.host.now(),
    // What counts is who signed it, and that it was there.
    allowExpired: true,
    fetch: async (path, maxBytes) => {
      if (path === TIMESTAMP_PATH) return file.bytes;
      if (await local.has(path)) return await local.read(path);
      const there = await target.get(path, maxBytes);
      if (there) return there.bytes;
      throw new RefusedError("root-version", `accept ${TIMESTAMP_PATH}`, `there is no ${path}`);
    },
  });
}

/** What {@linkcode checkFound} needs to know beside. */
export interface CheckFoundOptions {
  /** Name of the target, for messages. */
  target: string;
  now: Date;
  /** Publish also over what no node of this site accepts. */
  overwrite?: boolean;
}

/** Refuses to put the local site over what was found, where its nodes would be worse off. */
export function checkFound(found: Found, view: SiteView, options: CheckFoundOptions): void {
  const { target, now, overwrite } = options;
  const doing = `publish to ${target}`;
  const time = formatInstant(now);
  if (view.state.issued > time) {
    // Nodes would take that time for the least that it can be, and refuse all that is published until then.
    throw wrongClock(doing, "the site was issued", view.state.issued, time);
  }
  if (found.kind === "nothing") return;
  if (found.kind === "ours") return refuseOlder(doing, found, view, time);
  if (overwrite) return;
  const { check, state } = found.reason;
  throw new RefusedError(check, doing, `its ${TIMESTAMP_PATH} is none of this site: ${state}`, {
    cause: found.reason,
    hint: "no node of this site accepts it; if it may go, --overwrite publishes over it",
  });
}

function refuseOlder(
  doing: string,
  { timestamp: theirs, signed, rootVersion }: Found & { kind: "ours" },
  view: SiteView,
  time: string,
): void {
  const version = view.root.version;
  if (rootVersion > version) {
    // Nodes that saw it refuse this site, and those that did not would believe keys that were dropped.
    throw olderRoots(doing, `what it has is of root version ${rootVersion}`, version);
  }
  const signer = keyIdHex(parseSignature(theirs.publication.minisig, TIMESTAMP_PATH));
  // Serial and time of a key that is no longer to be believed may be anything.
  if (!keysOf(view.root, "config").map(keyIdHex).includes(signer)) return;
  if (signed > time) throw wrongClock(doing, "what it has was issued", signed, time);
  const { serial, issued } = view.timestamp;
  const fail = (state: string, hint: string) => new UserError(doing, state, { hint });
  const newer = `deno task site --serial ${theirs.serial + 1} builds one that is newer still`;
  if (theirs.serial > serial) {
    throw fail(`it has serial ${theirs.serial}, newer than ${serial}`, newer);
  }
  if (theirs.serial < serial) return;
  if (publicationId(theirs) !== publicationId(view.timestamp)) {
    // Nodes that have accepted the one refuse the other.
    throw fail(`it has another publication of serial ${serial}`, newer);
  }
  if (theirs.issued <= issued) return;
  throw fail(
    `it has a timestamp of ${theirs.issued}, newer than ${issued}`,
    theirs.issued > time ? newer : "deno task site refresh makes one that is newer still",
  );
}

function wrongClock(doing: string, what: string, issued: string, time: string): UserError {
  return new UserError(doing, `${what} at ${issued}, and the clock says ${time}`, {
    hint: WRONG_CLOCK,
  });
}
