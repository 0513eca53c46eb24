/**
 * What a target holds before anything is put there: its timestamp, verified as a node verifies it. Whoever can write to the target
 * can put any number there; only what our own keys have signed counts.
 *
 * @module
 */
import { RefusedError, UserError } from "../../lib/errors.ts";
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
import type { LocalSite } from "./local_site.ts";

/** What is there. */
export type Found =
  | { kind: "nothing" }
  /** A publication of this site. */
  | { kind: "ours"; file: ReadFile; timestamp: Timestamp }
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
    return { kind: "ours", file, timestamp: await verify(local, target, pinned, file) };
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
): Promise<Timestamp> {
  const { timestamp } = await openSite({
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
  return timestamp;
}

/** Refuses to put the local site over what was found, where its nodes would be worse off. */
export function checkFound(
  target: string,
  found: Found,
  view: SiteView,
  { overwrite = false }: { overwrite?: boolean },
): void {
  if (found.kind === "nothing") return;
  if (found.kind === "ours") return refuseOlder(target, view, found.timestamp);
  if (overwrite) return;
  const { check, state } = found.reason;
  throw new RefusedError(
    check,
    `publish to ${target}`,
    `its ${TIMESTAMP_PATH} is none of this site: ${state}`,
    {
      cause: found.reason,
      hint: "no node of this site accepts it; if it may go, --overwrite publishes over it",
    },
  );
}

function refuseOlder(target: string, view: SiteView, theirs: Timestamp): void {
  const signer = keyIdHex(parseSignature(theirs.publication.minisig, TIMESTAMP_PATH));
  // The serial of a key that is no longer to be believed may be anything.
  if (!keysOf(view.root, "config").map(keyIdHex).includes(signer)) return;
  const { serial, issued } = view.timestamp;
  const fail = (state: string, hint: string) =>
    new UserError(`publish to ${target}`, state, { hint });
  const newer = `deno task site --serial ${theirs.serial + 1} builds one that is newer still`;
  if (theirs.serial > serial) {
    throw fail(`it has serial ${theirs.serial}, newer than ${serial}`, newer);
  }
  if (theirs.serial < serial) return;
  if (publicationId(theirs) !== publicationId(view.timestamp)) {
    // Nodes that have accepted the one have no reason to ask for the other.
    throw fail(`it has another publication of serial ${serial}`, newer);
  }
  if (theirs.issued > issued) {
    throw fail(
      `it has a timestamp of ${theirs.issued}, newer than ${issued}`,
      "deno task site refresh makes one that is newer still",
    );
  }
}
