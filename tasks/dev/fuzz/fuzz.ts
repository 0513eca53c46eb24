/**
 * Opens mutated sites by the thousand and judges what the reader makes of each: it must refuse, say that something is
 * missing, or have read exactly what the honest site says. Anything else is a fault.
 *
 * The reader is given, so that this knows neither the site's documents nor the clock.
 *
 * @module
 */
import type { Bytes } from "../../../lib/bytes.ts";
import { errorText, RefusedError, UserError } from "../../../lib/errors.ts";
import type { Fetch } from "../../../lib/trust/verified.ts";
import { type Files, mutate, type Pool } from "./fuzz_mutations.ts";
import { Random } from "./random.ts";

/** Someone who reads the site, what may be done to it on the way, and what there is to be believed. */
export interface Scene {
  pool: Pool;
  /** Reads a site as a node does; gives all that it believes, as one comparable text. */
  read: (fetch: Fetch) => Promise<string>;
}

/** What {@linkcode fuzz} needs. */
export interface FuzzOptions {
  /** Taken in turns. */
  scenes: readonly Scene[];
  seed: number;
  /** Number of the first case. */
  from?: number;
  /** Run one case only. */
  single?: boolean;
  /** Asked before each hundred cases with how many were run; ends the run. */
  done: (cases: number) => boolean;
}

/** A fault that was found. */
export interface Fault {
  seed: number;
  case: number;
  kind: "accepted" | "crashed" | "slow";
  steps: string[];
  /** What was believed, or thrown. */
  detail: string;
}

/** What a run found. */
export interface FuzzReport {
  cases: number;
  /** Refusals by the check that failed. */
  refused: Map<string, number>;
  /** Sites of which something was missing. */
  missing: number;
  /** Changes that touched nothing the reader looks at, or only how long the same publication is current. */
  unharmed: number;
  /** Faults; at most {@linkcode MAX_FAULTS} are kept. */
  faults: Fault[];
  /** How many there were of each kind. */
  found: Record<Fault["kind"], number>;
  /** How long the slowest case took; a busy machine counts, too. */
  slowestMs: number;
  /** Most bytes that one site made its reader fetch. */
  mostBytes: number;
}

/** Faults that are told; more of the same kind help nobody. */
export const MAX_FAULTS = 10;

const CHECK_EVERY = 100;
/** No site may keep a node busy for longer; honest ones take a millisecond. */
const MAX_MS = 5000;
/** No site may put more than this into a message, in characters. */
const MAX_MESSAGE = 2000;

/** Runs cases until `done`. */
export async function fuzz(options: FuzzOptions): Promise<FuzzReport> {
  const { scenes, seed, from = 0 } = options;
  const honest = new Map<Scene, string>();
  for (const scene of scenes) {
    honest.set(scene, await scene.read(fetchFrom(scene.pool.current, { bytes: 0 })));
  }
  const report: FuzzReport = {
    cases: 0,
    refused: new Map(),
    missing: 0,
    unharmed: 0,
    faults: [],
    found: { accepted: 0, crashed: 0, slow: 0 },
    slowestMs: 0,
    mostBytes: 0,
  };
  const step = options.single ? 1 : CHECK_EVERY;
  while (report.cases % step !== 0 || !options.done(report.cases)) {
    const number = from + report.cases++;
    const random = new Random(seed, number);
    const scene = scenes[number % scenes.length]!;
    const { files, steps } = mutate(scene.pool, random);
    const fault = (kind: Fault["kind"], detail: string) => {
      report.found[kind]++;
      if (report.faults.length < MAX_FAULTS) {
        report.faults.push({ seed, case: number, kind, steps, detail });
      }
    };
    const counter = { bytes: 0 };
    const start = performance.now();
    try {
      const believed = await scene.read(fetchFrom(files, counter));
      if (believed === honest.get(scene)) report.unharmed++;
      else fault("accepted", believed);
    } catch (error) {
      const message = errorText(error);
      if (message.length > MAX_MESSAGE) {
        fault("crashed", `a message of ${message.length} characters`);
      }
      if (error instanceof RefusedError) {
        report.refused.set(error.check, (report.refused.get(error.check) ?? 0) + 1);
      } else if (error instanceof UserError) report.missing++;
      else fault("crashed", error instanceof Error ? error.stack ?? error.message : String(error));
    }
    const took = performance.now() - start;
    report.slowestMs = Math.max(report.slowestMs, took);
    if (took > MAX_MS) fault("slow", `${Math.round(took)} ms`);
    report.mostBytes = Math.max(report.mostBytes, counter.bytes);
  }
  return report;
}

/** Fetches as a node's network code does: no more than one byte above the limit ever arrives. */
function fetchFrom(files: Files, counter: { bytes: number }): Fetch {
  return (path, maxBytes) => {
    const data: Bytes | undefined = files.get(path);
    if (!data) return Promise.reject(new UserError(`fetch ${path}`, "404"));
    const bytes = data.length > maxBytes ? data.slice(0, maxBytes + 1) : data;
    counter.bytes += bytes.length;
    return Promise.resolve(bytes);
  };
}
