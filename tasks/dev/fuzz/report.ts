/**
 * What a run of many children has found: counts for each target, and each fault once, with the case that shows it.
 *
 * @module
 */
import type { SeenFault, Tally } from "./child_lines.ts";
import type { ChildEnd } from "./process.ts";

/** A fault, with what shows it first. */
export interface Fault extends SeenFault {
  target: string;
  seed: number;
  /** How many cases have shown the same. */
  count: number;
  /** Folder that holds its input; absent when nothing was kept. */
  input?: string;
}

/** What became of one target's cases. */
export interface TargetReport {
  cases: number;
  /** Cases a second, of one process. */
  perSecond: number;
  accepted: number;
  refused: number;
  /** Of the refusals those by a check of trust, by its name. */
  checks: Record<string, number>;
  /** Cases that showed a fault. */
  faults: number;
  /** Cases that were left out after too many ends of children. */
  skipped: number;
  slowestMs: number;
}

/** What a whole run found. */
export interface Report {
  seed: number;
  /** Wall-clock time. */
  seconds: number;
  cases: number;
  targets: Record<string, TargetReport>;
  faults: Fault[];
}

interface Counts extends TargetReport {
  busyMs: number;
  ends: number;
}

/** Different faults that are kept of one target; more of them help nobody. */
export const MAX_FAULTS = 10;
/** Children of one target that may be lost; each costs as long as a sign of life may take. */
export const MAX_ENDS = 3;

/** Gathers what children tell. */
export class Findings {
  readonly #seed: number;
  readonly #targets = new Map<string, Counts>();
  readonly #faults = new Map<string, Fault>();

  constructor(seed: number, targets: Iterable<string>) {
    this.#seed = seed;
    for (const target of targets) this.#targets.set(target, emptyCounts());
  }

  /** Cases so far. */
  get cases(): number {
    return [...this.#targets.values()].reduce((sum, { cases }) => sum + cases, 0);
  }

  /** The different faults so far, in the order in which they were found. */
  get faults(): readonly Fault[] {
    return [...this.#faults.values()];
  }

  /** Adds what a child did; a tally counts all of its cases. */
  addTally(target: string, tally: Tally): void {
    const counts = this.#targets.get(target)!;
    counts.cases += tally.cases;
    counts.accepted += tally.accepted;
    counts.busyMs += tally.busyMs;
    counts.slowestMs = Math.max(counts.slowestMs, tally.slowestMs);
    for (const [check, count] of Object.entries(tally.refused)) {
      counts.refused += count;
      if (check !== "") counts.checks[check] = (counts.checks[check] ?? 0) + count;
    }
  }

  /** Adds a fault; gives it when it is the first of its kind. */
  addFault(target: string, seen: SeenFault): Fault | undefined {
    this.#targets.get(target)!.faults++;
    const key = `${target} ${seen.kind} ${sameness(seen)}`;
    const known = this.#faults.get(key);
    if (known) {
      known.count++;
      return undefined;
    }
    const ofTarget = this.faults.filter((fault) => fault.target === target);
    if (ofTarget.length >= MAX_FAULTS) return undefined;
    const fault: Fault = { target, seed: this.#seed, ...seen, count: 1 };
    this.#faults.set(key, fault);
    return fault;
  }

  /**
   * Adds the end of a child that did not end by itself, at case `number`. `untold` is how many cases before it are in no
   * tally: of these is only known that they came to an end.
   */
  addEnd(
    target: string,
    end: ChildEnd,
    { number, untold, steps }: { number: number; untold: number; steps: string[] },
  ): Fault | undefined {
    const counts = this.#targets.get(target)!;
    counts.ends++;
    counts.cases += untold + 1;
    return this.addFault(target, { case: number, kind: end.kind, steps, detail: end.detail });
  }

  /** Whether so many children of a target were lost that the rest of its cases is left out. */
  isLost(target: string): boolean {
    return this.#targets.get(target)!.ends >= MAX_ENDS;
  }

  /** Notes cases that were left out. */
  skip(target: string, cases: number): void {
    this.#targets.get(target)!.skipped += cases;
  }

  /** All of it. */
  report(seconds: number): Report {
    const targets = [...this.#targets].map(([name, { busyMs, ends: _, ...counts }]) => {
      const perSecond = busyMs === 0 ? 0 : Math.round(counts.cases / busyMs * 1000);
      return [name, { ...counts, perSecond }] as const;
    });
    return {
      seed: this.#seed,
      seconds,
      cases: this.cases,
      targets: Object.fromEntries(targets),
      faults: [...this.faults],
    };
  }
}

function emptyCounts(): Counts {
  return {
    cases: 0,
    perSecond: 0,
    accepted: 0,
    refused: 0,
    checks: {},
    faults: 0,
    skipped: 0,
    slowestMs: 0,
    busyMs: 0,
    ends: 0,
  };
}

/** What two cases of one fault have in common: the words, and where it was thrown. Ends of children are all different. */
function sameness({ kind, detail, case: number }: SeenFault): string {
  if (["hang", "memory", "died"].includes(kind)) return String(number);
  const [message = "", ...stack] = detail.split("\n");
  // What follows a colon is the answer itself.
  const words = message.split(":")[0]!.replaceAll(/\d+/g, "#");
  const place = stack.find((line) => /^\s+at /.test(line)) ?? "";
  return kind === "threw" ? `${words} ${place.trim()}` : words;
}
