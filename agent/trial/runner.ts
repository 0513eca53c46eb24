/**
 * Runs trials, and concludes those that an agent before this one has begun.
 *
 * @module
 */
import * as v from "valibot";
import {
  TRIAL_SUBJECTS,
  type TrialRecord,
  type TrialSubject,
} from "../../lib/documents/trial_record.ts";
import { reasonOf } from "../../lib/errors.ts";
import type { Host } from "../../lib/host.ts";
import { type Trouble, troubleOf } from "../report/problem.ts";
import { readRecord, writeRecord } from "../system/account_files.ts";
import { UNPROVED_FILE } from "../system/paths.ts";
import type { KeptTrials } from "./kept.ts";
import { OpenTrial } from "./open_trial.ts";
import { type Confirmed, type Outcome, type Trial, TRIAL_SECONDS, type Trials } from "./trial.ts";

/** How old the last verified answer may be when a trial begins, in milliseconds. */
const FRESH_MS = 60_000;
/** How long before the deadline the site is not asked any more, in milliseconds: the watchdog comes next. */
const MARGIN_MS = 3_000;
/** Pause between two questions, in milliseconds. */
const PAUSE_MS = 1_000;
/** How long the site may take to answer once the previous state is back, in milliseconds. */
const AFTERWARDS_MS = 30_000;
/** How long a revert may take, tries and pauses included (overlay/root/usr/lib/psyopsos/trial-watchdog), in milliseconds. */
const REVERT_MS = 200_000;
/** After how many looks at a revert a watchdog is started anew, should there be none. */
const LOOKS = 5;
/** How long after a trial that proved nothing the next one is: at first, and at most, in milliseconds. */
const AGAIN_MS = 300_000;
const AGAIN_MOST_MS = 3_600_000;

/** What a {@linkcode TrialRunner} works with. */
export interface TrialParts {
  kept: KeptTrials;
  /** Fires when the agent is to stop. A trial that goes on then is left to the watchdog and the next agent. */
  signal: AbortSignal;
  /** Uptime in milliseconds at which the site gave the last verified answer; undefined while it has given none. */
  answeredAt: () => number | undefined;
  /**
   * Asks the site over new connections: whether its documents are signed and not older than those known. Never throws; gives
   * false at the end of `signal`.
   */
  ask: (signal: AbortSignal) => Promise<boolean>;
}

const unprovedSchema = v.record(
  v.string(),
  v.object({
    digest: v.string(),
    reason: v.string(),
    /** Uptime in milliseconds before which it is not tried again. */
    againAt: v.number(),
    waitMs: v.number(),
  }),
);
/** Trials that proved nothing in this boot, by their subjects. */
type Unproved = v.InferOutput<typeof unprovedSchema>;

/** The trials of one agent. */
export class TrialRunner implements Trials {
  #troubles: Trouble[] = [];

  constructor(readonly host: Host, readonly parts: TrialParts) {}

  /**
   * Concludes what an earlier agent has begun, so that a round begins with settings that hold. Gives what of all that was
   * remembered the drive could not take since the last time.
   */
  async settle(): Promise<Trouble[]> {
    for (const trial of await OpenTrial.found(this.host)) {
      await this.#telling("trial", async () => {
        // The watchdog may have been killed as well.
        await trial.watch();
        await this.#conclude(trial);
      });
    }
    for (const subject of TRIAL_SUBJECTS) {
      await this.#telling("state", () => this.parts.kept.catchUp(subject));
    }
    return this.#troubles.splice(0);
  }

  async attempt(trial: Trial): Promise<Outcome> {
    const { subject, digest } = trial;
    const { confirmed, refused } = await this.#read(subject);
    if (confirmed?.digest === digest) {
      await trial.apply();
      return { kind: "confirmed" };
    }
    if (refused?.digest === digest) return { kind: "refused", reason: refused.reason };
    const reason = await this.#whyNotNow(trial);
    if (reason !== undefined) return { kind: "postponed", reason };
    const open = await OpenTrial.start(this.host, trial, trial.seconds ?? TRIAL_SECONDS);
    try {
      await trial.apply();
      await open.noteApplied();
    } catch (error) {
      await this.#conclude(open);
      throw error;
    }
    return await this.#conclude(open, await checked(trial));
  }

  async confirmed(subject: TrialSubject): Promise<Confirmed | undefined> {
    return (await this.#read(subject)).confirmed;
  }

  async refused(subject: TrialSubject): Promise<string | undefined> {
    return (await this.#read(subject)).refused?.digest;
  }

  async forgive(subject: TrialSubject): Promise<void> {
    const { confirmed, refused } = await this.#read(subject);
    if (!refused) return;
    await this.#telling("state", () => this.parts.kept.write(subject, { confirmed }));
  }

  async forget(subject: TrialSubject): Promise<void> {
    await this.#setUnproved(subject, undefined);
    const { confirmed, refused } = await this.#read(subject);
    if (confirmed ?? refused) {
      await this.#telling("state", () => this.parts.kept.write(subject, {}));
    }
  }

  async #whyNotNow({ subject, digest }: Trial): Promise<string | undefined> {
    const before = (await this.#unproved())[subject];
    const now = this.host.uptime();
    if (before?.digest === digest && now < before.againAt) {
      const minutes = Math.ceil((before.againAt - now) / 60_000);
      return `${before.reason}; it is tried again in ${minutes} min`;
    }
    const answered = this.parts.answeredAt();
    if (answered !== undefined && now - answered < FRESH_MS) return undefined;
    return "it is tried once the site answers, because it could cut this node off";
  }

  /** @param complaint Why it does not hold, whatever the site says. */
  async #conclude(trial: OpenTrial, complaint?: string): Promise<Outcome> {
    const isWhole = await trial.isApplied();
    if (await trial.state() === "open") {
      const mayHold = isWhole && complaint === undefined;
      const leftMs = trial.deadlineMs - MARGIN_MS - this.host.uptime();
      if (mayHold && await this.#answers(leftMs)) await trial.confirm();
      if (this.parts.signal.aborted) return STOPPED;
      await trial.askRevert();
    }
    if (await trial.state() === "confirmed") return await this.#confirm(trial);
    if (!await this.#isReverted(trial)) {
      if (this.parts.signal.aborted) return STOPPED;
      return {
        kind: "reverted",
        reason: "it did not hold, and what was before it is not back yet",
      };
    }
    const failure = await trial.revertComplaint();
    const outcome = await this.#judge(trial, isWhole, complaint);
    if (this.parts.signal.aborted) return STOPPED;
    await trial.clear();
    if (failure === undefined || outcome.kind === "confirmed") return outcome;
    return { ...outcome, reason: `${outcome.reason}; what was before it is not back: ${failure}` };
  }

  async #confirm(trial: OpenTrial): Promise<Outcome> {
    const { subject, wanted } = trial;
    await this.#telling("state", () => this.parts.kept.write(subject, { confirmed: wanted }));
    await this.#setUnproved(subject, undefined);
    await trial.clear();
    return { kind: "confirmed" };
  }

  /** Says what a trial has proved whose previous state is back. */
  async #judge(
    { subject, wanted: { digest } }: OpenTrial,
    isWhole: boolean,
    complaint: string | undefined,
  ): Promise<Outcome> {
    if (!isWhole) return await this.#unprove(subject, digest, "applying it was cut short");
    if (complaint === undefined && !await this.#answers(AFTERWARDS_MS)) {
      const reason = "the site did not answer under it, and does not answer without it";
      return await this.#unprove(subject, digest, reason);
    }
    const why = complaint ?? "the site did not answer under it, and answers without it";
    const reason = `${why}; change it to have it tried again`;
    const { confirmed } = await this.#read(subject);
    const refused = { digest, reason };
    await this.#telling("state", () => this.parts.kept.write(subject, { confirmed, refused }));
    await this.#setUnproved(subject, undefined);
    return { kind: "refused", reason };
  }

  async #unprove(subject: TrialSubject, digest: string, reason: string): Promise<Outcome> {
    const before = (await this.#unproved())[subject];
    const waitMs = before?.digest === digest
      ? Math.min(before.waitMs * 2, AGAIN_MOST_MS)
      : AGAIN_MS;
    const againAt = this.host.uptime() + waitMs;
    await this.#setUnproved(subject, { digest, reason, againAt, waitMs });
    return { kind: "reverted", reason };
  }

  /** Whether the site answers over new connections within a time. */
  async #answers(withinMs: number): Promise<boolean> {
    const { signal, ask } = this.parts;
    const until = this.host.uptime() + withinMs;
    while (!signal.aborted) {
      const leftMs = until - this.host.uptime();
      if (leftMs <= 0) return false;
      const limit = new AbortController();
      const timer = setTimeout(() => limit.abort(), leftMs);
      const isAnswered = await ask(AbortSignal.any([signal, limit.signal]));
      clearTimeout(timer);
      if (isAnswered) return true;
      await this.host.sleep(PAUSE_MS, signal);
    }
    return false;
  }

  /** Waits until the watchdog has brought the previous state back; gives whether it has. */
  async #isReverted(trial: OpenTrial): Promise<boolean> {
    const until = this.host.uptime() + REVERT_MS;
    for (let looks = 1; await trial.state() !== "reverted"; looks++) {
      if (this.parts.signal.aborted || this.host.uptime() > until) return false;
      await this.host.sleep(PAUSE_MS, this.parts.signal);
      // It may have been killed.
      if (looks % LOOKS === 0) await trial.watch();
    }
    return true;
  }

  async #read(subject: TrialSubject): Promise<TrialRecord> {
    return await this.parts.kept.read(subject, (trouble) => this.#troubles.push(trouble));
  }

  async #unproved(): Promise<Unproved> {
    return await readRecord(this.host, UNPROVED_FILE, unprovedSchema) ?? {};
  }

  async #setUnproved(subject: TrialSubject, to: Unproved[string] | undefined): Promise<void> {
    const { [subject]: before, ...others } = await this.#unproved();
    if (before === undefined && to === undefined) return;
    await writeRecord(this.host, UNPROVED_FILE, to ? { ...others, [subject]: to } : others);
  }

  /** Does what may fail without the rest of the round; that is told at its end. */
  async #telling(check: "state" | "trial", act: () => Promise<void>): Promise<void> {
    try {
      await act();
    } catch (error) {
      this.#troubles.push(troubleOf(error, check));
    }
  }
}

/** The watchdog and the next agent go on from there. */
const STOPPED: Outcome = { kind: "postponed", reason: "the agent was stopped in the middle of it" };

/** What a trial finds wrong with itself. */
async function checked({ check }: Trial): Promise<string | undefined> {
  try {
    return await check?.();
  } catch (error) {
    return reasonOf(error);
  }
}
