/**
 * Runs targets in children, as many at once as there are processors, and gathers what they find.
 *
 * @module
 */
import { decodeBase64 } from "@std/encoding/base64";
import { inParallel } from "../../../lib/publish/pool.ts";
import { SHOW, type ShownCase, type Tally } from "./child_lines.ts";
import { casesOf, type Job, jobsOf } from "./plan.ts";
import { type Bounds, runChild } from "./process.ts";
import { type Fault, Findings, type Report } from "./report.ts";
import type { Input } from "./target.ts";

/** What {@linkcode fuzz} needs. */
export interface FuzzOptions {
  /** Shares of the targets that are run, by name. */
  shares: Readonly<Record<string, number>>;
  /** Path of the program that serves them: only its processes run any of their code. */
  program: string;
  bounds: Bounds;
  /** Children at once. */
  children: number;
  seed: number;
  /** Cases of all targets together; without it rounds of {@linkcode ROUND} until the time is over. */
  cases?: number;
  /** Milliseconds after which no child is started any more. */
  endMs?: number;
  /** Run this case alone, of every target. */
  only?: number;
  /** Keeps the input of a fault; gives where. */
  keep?: (fault: Fault, input: Input) => Promise<string>;
  /** Told of each fault, once. */
  onFault?: (fault: Fault) => void;
  /** Told when a child has gone on: cases so far, and what is being run. */
  onProgress?: (progress: Progress) => void;
}

/** How far a run is. */
export interface Progress {
  cases: number;
  /** Cases that are planned; undefined where only the time ends the run. */
  planned?: number;
  faults: number;
  /** What is being run, with the case that each child is at. */
  running: readonly { target: string; at: number }[];
  ms: number;
}

/** Cases of a round where only the time ends the run. */
const ROUND = 25_000;

/** Runs cases. @returns what was found; what became of the last case is `last`. */
export async function fuzz(options: FuzzOptions): Promise<Report & { last: string }> {
  const { seed, shares, cases, endMs = Infinity, only } = options;
  const run = new Run(options);
  if (only !== undefined) {
    await run.all(Object.keys(shares).map((target) => ({ target, from: only, to: only + 1 })));
  } else if (cases !== undefined) await run.all(jobsOf(casesOf(shares, cases)));
  else {
    const round = casesOf(shares, ROUND);
    for (let i = 0; run.ms < endMs; i++) {
      await run.all(jobsOf(round, new Map([...round].map(([name, count]) => [name, count * i]))));
    }
  }
  return { ...run.findings.report(run.ms / 1000), seed, last: run.last };
}

class Run {
  readonly findings: Findings;
  last = "";
  readonly #options: FuzzOptions;
  readonly #start = performance.now();
  readonly #running = new Set<{ target: string; at: number; cases: number }>();

  constructor(options: FuzzOptions) {
    this.#options = options;
    this.findings = new Findings(options.seed, Object.keys(options.shares));
  }

  get ms(): number {
    return performance.now() - this.#start;
  }

  /** Runs jobs, several at once, until all are done or the time is over. */
  async all(jobs: readonly Job[]): Promise<void> {
    const { children, endMs = Infinity } = this.#options;
    await inParallel(jobs, children, async (job) => {
      if (this.ms < endMs) await this.#job(job);
    });
  }

  /** Runs the cases of a job; where one ends its child, the next child begins behind it. */
  async #job({ target, from, to }: Job): Promise<void> {
    for (let next = from; next < to;) {
      if (this.findings.isLost(target)) return this.findings.skip(target, to - next);
      next = await this.#child({ target, from: next, to }) + 1;
    }
  }

  /** Runs one child; gives the last case that it has begun. */
  async #child({ target, from, to }: Job): Promise<number> {
    const { program, bounds, seed } = this.#options;
    const running = { target, at: from, cases: 0 };
    let tally: Tally | undefined;
    const found: Promise<void>[] = [];
    this.#running.add(running);
    const end = await runChild({
      ...bounds,
      program,
      args: [target, `${seed}`, `${from}`, `${to}`],
      onLine: (line) => {
        if ("begins" in line) running.at = line.begins;
        else if ("tally" in line) {
          tally = line.tally;
          running.cases = tally.cases;
          this.#tell();
        } else if ("fault" in line) {
          found.push(this.#found(this.findings.addFault(target, line.fault)));
        }
      },
    });
    this.#running.delete(running);
    if (tally) this.findings.addTally(target, tally);
    this.last = tally?.last ?? this.last;
    if (end.kind !== "done") {
      this.last = end.kind;
      const untold = running.at - from - (tally?.cases ?? 0);
      const { steps = [] } = await this.#show(target, running.at) ?? {};
      const place = { number: running.at, untold, steps };
      found.push(this.#found(this.findings.addEnd(target, end, place)));
    }
    await Promise.all(found);
    this.#tell();
    return end.kind === "done" ? to : running.at;
  }

  async #found(fault: Fault | undefined): Promise<void> {
    if (!fault) return;
    const { keep, onFault } = this.#options;
    const shown = keep && await this.#show(fault.target, fault.case);
    if (shown) {
      const parts = shown.parts.map(([name, bytes]) => [name, decodeBase64(bytes)] as const);
      fault.input = await keep(fault, new Map(parts));
    }
    onFault?.(fault);
  }

  /** What a case reads, told by another child; undefined where that fails as well. */
  async #show(target: string, number: number): Promise<ShownCase | undefined> {
    const { program, bounds, seed } = this.#options;
    let shown: ShownCase | undefined;
    await runChild({
      ...bounds,
      program,
      args: [target, `${seed}`, `${number}`, SHOW],
      onLine: (line) => {
        if ("shown" in line) shown = line.shown;
      },
    });
    return shown;
  }

  #tell(): void {
    const { cases: planned, onProgress } = this.#options;
    const running = [...this.#running];
    onProgress?.({
      cases: running.reduce((sum, { cases }) => sum + cases, this.findings.cases),
      planned,
      faults: this.findings.faults.length,
      running,
      ms: this.ms,
    });
  }
}
