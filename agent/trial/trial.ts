/**
 * Settings by which a node could cut itself off (network, firewall, SSH server) are tried before they are kept: confirmed or
 * reverted.
 *
 * A trial begins only while the site is known to answer. Before anything changes, what brings the previous state back lies in
 * `/run/psyopsos/trial-<subject>/`, and a watchdog that needs no agent waits for the deadline. Then the setting is applied. It
 * is confirmed by documents of the site that were fetched over new connections, are signed and not older than those known.
 * Otherwise the watchdog, and nobody else, brings the previous state back. If the site answers then, the setting is to blame:
 * it is not tried again until it changes. If the site does not answer either, nothing was proved, and it is tried again later.
 *
 * This file is what a resource sees of it.
 *
 * @module
 */
import type { TrialSubject } from "../../lib/documents/trial_record.ts";
import { UserError } from "../../lib/errors.ts";

export type { TrialSubject } from "../../lib/documents/trial_record.ts";

/** How long a setting is tried, in seconds, where nothing else is said. */
export const TRIAL_SECONDS = 90;

/** One setting to be tried. */
export interface Trial {
  /** At most one trial of a subject goes on at a time. */
  readonly subject: TrialSubject;
  /** SHA-256 in hex of all that is wanted: whether a setting is one that was confirmed, or refused, goes by it. */
  readonly digest: string;
  /**
   * What is kept on the drive once it is confirmed, for a boot that knows nothing else yet; "" where there is no need of any.
   * It may hold secrets: the drive's record is root's alone.
   */
  readonly text: string;
  /**
   * Text of a script for /bin/sh (busybox) that brings the state before the trial back. It may be run from anything that a
   * killed {@linkcode apply} leaves, and more than once; it has a minute. Exit code 0: that state is back.
   */
  readonly revert: string;
  /** Seconds until the previous state comes back. Default {@linkcode TRIAL_SECONDS}. */
  readonly seconds?: number;
  /** Puts the setting in force. What it throws ends the trial: the previous state comes back. */
  apply(): Promise<void>;
  /** Looks whether the setting does what it must beside letting the site answer; gives why not, in words. */
  check?(): Promise<string | undefined>;
}

/** What became of a setting. Unless it is "confirmed", the setting before it is in force, and `reason` says why in words. */
export type Outcome =
  /** It is in force, and the site answered under it: now, or when it was tried before. */
  | { readonly kind: "confirmed" }
  /**
   * It was tried and did not hold while the previous setting does; not tried again until another one was wanted
   * ({@linkcode Trials.forgive}).
   */
  | { readonly kind: "refused"; readonly reason: string }
  /** It was tried, and nothing was proved. Tried again later. */
  | { readonly kind: "reverted"; readonly reason: string }
  /** It was not tried. */
  | { readonly kind: "postponed"; readonly reason: string };

/** A setting that was confirmed. */
export interface Confirmed {
  readonly digest: string;
  readonly text: string;
}

/** Where resources have their settings tried: `target.trials`. */
export interface Trials {
  /**
   * Has a setting tried, and waits for the outcome: for as long as the trial may take and the revert after it. A setting that
   * is the confirmed one is applied without a trial: drift is repaired so, also while no site answers.
   *
   * @throws what {@linkcode Trial.apply} throws, once the previous state is back.
   */
  attempt(trial: Trial): Promise<Outcome>;
  /** What was confirmed last, in this boot or, by the drive, in an earlier one. */
  confirmed(subject: TrialSubject): Promise<Confirmed | undefined>;
  /** Digest of the setting that was tried last and did not hold; undefined where there is none. */
  refused(subject: TrialSubject): Promise<string | undefined>;
  /** Another setting is wanted, and in force: the one that was refused may be tried again, should it be wanted anew. */
  forgive(subject: TrialSubject): Promise<void>;
  /** Nothing is wanted of the subject any more: the next boot starts without. Does nothing where nothing is kept. */
  forget(subject: TrialSubject): Promise<void>;
}

/** Expects that a setting is in force. `doing` completes "Cannot …". @throws {UserError} saying why it is not. */
export function mustHold(outcome: Outcome, doing: string): void {
  if (outcome.kind !== "confirmed") throw new UserError(doing, outcome.reason);
}
