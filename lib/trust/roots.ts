/**
 * The root chain: from the pinned key to the keys that may sign now, and what of the past still binds. Part of the client
 * (client.ts).
 *
 * @module
 */
import { isInstant } from "../instant.ts";
import {
  keysOf,
  MAX_ROOT_BYTES,
  parseRoot,
  type Root,
  rootDigest,
  rootPath,
  TIMESTAMP_PATH,
} from "./freshness.ts";
import type { PublicKey } from "./minisign.ts";
import type { KnownTime } from "../known_time.ts";
import { accept, type FetchSigned, refusal, type Signed } from "./verified.ts";

/**
 * What a client remembers from one opening to the next. Lower values are never accepted again, unless the root says that
 * the config key that vouched for them is no longer to be believed.
 */
export interface TrustState {
  /** Highest version of the root document accepted; 0 = none. */
  readonly rootVersion: number;
  /** Digest of that version ({@linkcode rootDigest}): a key replaced since can't start another chain. */
  readonly rootDigest?: string;
  /** Highest serial accepted; 0 = none. */
  readonly serial: number;
  /** When the latest accepted publication was signed by a config key; a lower bound of now. "" = none. */
  readonly issued: string;
  /** {@linkcode publicationId} of the publication that was accepted with `serial`, where it is known. */
  readonly publication?: string;
}

/** The state of a client that has never opened a site. */
export const NO_STATE: TrustState = { rootVersion: 0, serial: 0, issued: "" };

/**
 * Walks from the pinned key to root `version`, one by one: each must be signed by a root key of the one before, so a key
 * that was replaced ends the walk for whoever still has it.
 */
export async function walkRoots(
  options: { pinned: PublicKey; state: TrustState },
  version: number,
  fetchSigned: FetchSigned,
): Promise<{ root: Root; remembered?: Root }> {
  const { state } = options;
  // Written so that a damaged state (NaN) refuses.
  if (!(version >= state.rootVersion)) {
    throw refusal(
      "root-version",
      TIMESTAMP_PATH,
      `it is for root version ${version}, but ${state.rootVersion} was accepted before`,
    );
  }
  let trusted: readonly PublicKey[] = [options.pinned];
  let remembered: Root | undefined;
  for (let at = 1;; at++) {
    const path = rootPath(at);
    const signed = await fetchSigned(path, MAX_ROOT_BYTES);
    const root = acceptRoot(signed, at, trusted);
    if (at === state.rootVersion) {
      if (state.rootDigest !== undefined && state.rootDigest !== rootDigest(root)) {
        throw refusal(
          "root-version",
          path,
          `its keys are not those of the version ${at} that was accepted before`,
        );
      }
      remembered = root;
    }
    if (at === version) return { root, remembered };
    trusted = keysOf(root, "root");
  }
}

function acceptRoot(signed: Signed, version: number, trusted: readonly PublicKey[]): Root {
  accept(signed, "root", trusted);
  const root = parseRoot(signed.data, signed.path);
  if (root.version === version) return root;
  throw refusal(
    "root-version",
    signed.path,
    `its version is ${root.version}, expected ${version}`,
  );
}

/**
 * The lowest serial and time that are still accepted. Once the root has dropped a config key that may have signed the
 * remembered serial and time, these no longer count: a thief of that key could have set them so high that no honest
 * publication would ever get there.
 */
export function floorOf(
  state: TrustState,
  remembered: Root | undefined,
  root: Root,
): TrustState {
  const dropped = remembered?.roles.config.some((key) => !root.roles.config.includes(key));
  return dropped ? NO_STATE : state;
}

/** The time that `state` vouches for, `sinceMs` after that was learned; undefined where it vouches for none. */
export function vouchedTime(state: TrustState, sinceMs = 0): KnownTime | undefined {
  if (!isInstant(state.issued)) return undefined;
  const from = `the publication of serial ${state.serial}, which was accepted before`;
  return { ms: Date.parse(state.issued) + sinceMs, from };
}
