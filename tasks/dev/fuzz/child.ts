/**
 * The process that runs cases: `child.ts TARGET SEED FROM TO`, or shows what one reads: `child.ts TARGET SEED CASE show`. It may
 * read the project and nothing else, and it tells its parent before each case which one it is: a reader that never returns
 * can't be stopped from inside.
 *
 * @module
 */
import { encodeBase64 } from "@std/encoding/base64";
import { caseInput, isMisdeed, judge, watchPrinting } from "./case.ts";
import { type ChildLine, emptyTally, formatChildLine, SHOW } from "./child_lines.ts";
import type { Subject, Targets } from "./target.ts";
import { TARGETS } from "./targets/mod.ts";

/** How often a tally is told, in milliseconds. */
const TALLY_MS = 500;
/** No case may take longer, in milliseconds; most take far less than one. */
const MAX_CASE_MS = 5000;
/** From here on garbage is collected before the parent takes it for growth, in bytes. */
const COLLECT_BYTES = 256 * 2 ** 20;
/** Growth beyond what a collection has left that makes the next one worth its time. */
const COLLECT_STEP = 32 * 2 ** 20;

/** Runs the cases that `args` name. */
export async function serve(targets: Targets, args: readonly string[]): Promise<void> {
  const [name = "", ...words] = args;
  const [seed = 0, from = 0, to = 0] = words.map(Number);
  const subject = await targets[name]!();
  if (words[2] === SHOW) return show(subject, seed, from);
  const tell = (line: ChildLine) => writeAll(formatChildLine(line));
  watchPrinting();
  tell({ ready: true });
  const tally = emptyTally();
  const start = performance.now();
  let told = start;
  let collectAt = COLLECT_BYTES;
  for (let number = from; number < to; number++) {
    tell({ begins: number });
    const before = performance.now();
    const { input, steps } = caseInput(subject, seed, number);
    const outcome = await judge(subject, input);
    const after = performance.now();
    const took = after - before;
    tally.cases++;
    tally.slowestMs = Math.max(tally.slowestMs, took);
    tally.busyMs = after - start;
    tally.last = outcome.kind;
    const fault = (kind: string, detail: string) =>
      tell({ fault: { case: number, kind, steps, detail } });
    if (isMisdeed(outcome)) fault(outcome.kind, outcome.detail);
    else if (outcome.kind === "accepted") tally.accepted++;
    else {
      const { check = "", message = "" } = outcome;
      tally.refused[check] = (tally.refused[check] ?? 0) + 1;
      tally.last = message;
    }
    if (took > MAX_CASE_MS) fault("slow", `${Math.round(took)} ms`);
    if (after - told > TALLY_MS) {
      tell({ tally });
      told = after;
    }
    if (Deno.memoryUsage().rss > collectAt) {
      (globalThis as { gc?: () => void }).gc?.();
      collectAt = Math.max(COLLECT_BYTES, Deno.memoryUsage().rss + COLLECT_STEP);
    }
  }
  tell({ tally });
}

/** Tells what case `number` reads, and does not read it. */
function show(subject: Subject, seed: number, number: number): void {
  const { input, steps } = caseInput(subject, seed, number);
  const parts = [...input].map(([name, bytes]): [string, string] => [name, encodeBase64(bytes)]);
  writeAll(formatChildLine({ shown: { steps, parts } }));
}

const encoder = new TextEncoder();

/** At once, as nothing else gets a turn while a reader reads. */
function writeAll(text: string): void {
  const bytes = encoder.encode(text);
  for (let at = 0; at < bytes.length;) at += Deno.stdout.writeSync(bytes.subarray(at));
}

if (import.meta.main) await serve(TARGETS, Deno.args);
