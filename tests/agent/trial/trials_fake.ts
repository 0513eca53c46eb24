/** Trials whose outcome the test decides. */
import type { TrialSubject } from "../../../lib/documents/trial_record.ts";
import type { Confirmed, Outcome, Trial, Trials } from "../../../agent/trial/trial.ts";

/** Applies and confirms what it is given, unless {@linkcode TrialsFake.next} says otherwise. */
export class TrialsFake implements Trials {
  /** What was attempted, in order. */
  readonly attempts: Trial[] = [];
  readonly kept = new Map<TrialSubject, Confirmed>();
  readonly refusals = new Map<TrialSubject, string>();
  /** What becomes of what is tried next: with "postponed" and "refused" nothing is applied. */
  next: Outcome = { kind: "confirmed" };

  async attempt(trial: Trial): Promise<Outcome> {
    this.attempts.push(trial);
    const { subject, digest, text } = trial;
    if (this.next.kind === "refused") this.refusals.set(subject, digest);
    if (this.next.kind === "postponed" || this.next.kind === "refused") return this.next;
    await trial.apply();
    const complaint = await trial.check?.();
    if (complaint !== undefined) return { kind: "refused", reason: complaint };
    if (this.next.kind === "confirmed") this.refusals.delete(subject);
    if (this.next.kind === "confirmed") this.kept.set(subject, { digest, text });
    return this.next;
  }

  confirmed(subject: TrialSubject): Promise<Confirmed | undefined> {
    return Promise.resolve(this.kept.get(subject));
  }

  refused(subject: TrialSubject): Promise<string | undefined> {
    return Promise.resolve(this.refusals.get(subject));
  }

  forgive(subject: TrialSubject): Promise<void> {
    this.refusals.delete(subject);
    return Promise.resolve();
  }

  forget(subject: TrialSubject): Promise<void> {
    this.kept.delete(subject);
    return Promise.resolve();
  }
}
