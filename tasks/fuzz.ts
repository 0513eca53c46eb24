/**
 * `deno task fuzz`: changes everything that is read of others, in every way they can, and watches the readers.
 *
 * @module
 */
import { type Console, processConsole } from "../lib/cli/console.ts";
import { UsageError } from "../lib/cli/failures.ts";
import { runProgram } from "../lib/cli/program.ts";
import { DenoHost } from "../lib/deno_host.ts";
import { EXIT } from "../lib/errors.ts";
import type { Host } from "../lib/host.ts";
import { LiveLines } from "../lib/lab/terminal.ts";
import { tableLines } from "./dev/bench/table.ts";
import type { Bounds } from "./dev/fuzz/process.ts";
import type { Fault, Report } from "./dev/fuzz/report.ts";
import { fuzz, type Progress } from "./dev/fuzz/run.ts";
import type { Input } from "./dev/fuzz/target.ts";
import {
  DEFAULT_SECONDS,
  FUZZ_TARGETS,
  MAX_MEMORY_MIB,
  program,
  SILENCE_SECONDS,
  TARGET_NAMES,
} from "./lines/fuzz.ts";

/** What is run; tests give readers with known faults. */
export interface Readers {
  /** Path of the program that serves them. */
  program: string;
  /** Their shares, by name. */
  shares: Readonly<Record<string, number>>;
  bounds: Bounds;
}

/** All readers of the project. */
export const READERS: Readers = {
  program: new URL("dev/fuzz/child.ts", import.meta.url).pathname,
  shares: Object.fromEntries(TARGET_NAMES.map((name) => [name, FUZZ_TARGETS[name].share])),
  bounds: { silenceMs: SILENCE_SECONDS * 1000, maxBytes: MAX_MEMORY_MIB * 2 ** 20 },
};

/** Pause between two lines of progress where the output is no terminal. */
const PROGRESS_MS = 10_000;
/** Steps of a fault that are shown. */
const MAX_STEPS = 8;
/** Lines of a fault's detail that are shown, and characters of a line. */
const MAX_LINES = 6, MAX_LINE = 200;

/** The task. */
export function main(
  args: readonly string[],
  host: Host,
  console: Console = processConsole,
  readers: Readers = READERS,
): Promise<number> {
  return runProgram(program, args, async ({ cases, json, out, ...line }, console) => {
    if (line.case !== undefined && line.target.length !== 1) {
      throw new UsageError("--case needs the one --target whose case it is");
    }
    const names = line.target.length > 0 ? line.target : Object.keys(readers.shares);
    const seed = line.seed ?? Math.floor(performance.timeOrigin + performance.now()) % 2 ** 32;
    const seconds = line.seconds ?? (cases === undefined ? DEFAULT_SECONDS : undefined);
    const progress = new Shown(json ? console.err : console.out);
    const report = await fuzz({
      ...readers,
      shares: Object.fromEntries(names.map((name) => [name, readers.shares[name]!])),
      children: navigator.hardwareConcurrency,
      seed,
      cases,
      only: line.case,
      ...(seconds === undefined ? {} : { endMs: seconds * 1000 }),
      keep: (fault, input) => keep(host, out, fault, input),
      onFault: (fault) => faultLines(fault).forEach((text) => progress.say(text)),
      onProgress: (now) => progress.show(now),
    });
    progress.finish();
    if (json) {
      const { last: _, ...facts } = report;
      console.out(JSON.stringify(facts, null, 2));
    } else if (line.case !== undefined) console.out(report.last);
    else for (const text of reportLines(report)) console.out(text);
    return report.faults.length === 0 ? EXIT.ok : EXIT.failed;
  }, console);
}

/** Writes the parts of an input into a folder of its own; gives its path. */
async function keep(host: Host, out: string, fault: Fault, input: Input): Promise<string> {
  const folder = `${out}/${fault.target}-${fault.seed}-${fault.case}`;
  await host.remove(folder);
  for (const [name, bytes] of input) {
    const path = `${folder}/${name.replace(/^\/+/, "")}`;
    await host.mkdir(path.slice(0, path.lastIndexOf("/")));
    await host.writeFile(path, bytes, { sync: false });
  }
  return folder;
}

/** What a fault is, and how to see it again. */
function faultLines({ target, seed, kind, steps, detail, input, ...fault }: Fault): string[] {
  const cut = (text: string) => text.length > MAX_LINE ? `${text.slice(0, MAX_LINE)}…` : text;
  const shown = [...steps.slice(0, MAX_STEPS), ...detail.split("\n").slice(0, MAX_LINES)];
  return [
    `FAULT (${kind}): deno task fuzz --target ${target} --seed ${seed} --case ${fault.case}`,
    ...shown.map((text) => `  ${cut(text.trim())}`),
    ...(input === undefined ? [] : [`  its input: ${input}`]),
  ];
}

function reportLines({ cases, seconds, seed, targets, faults }: Report): string[] {
  const number = (value: number) => value.toLocaleString("en");
  const rows = Object.entries(targets).map(([name, one]) => [
    name,
    ...[one.cases, one.perSecond, one.accepted, one.refused, one.faults].map(number),
    `${Math.round(one.slowestMs)} ms`,
    one.skipped > 0 ? `${number(one.skipped)} left out` : "",
  ]);
  const head = ["target", "cases", "a second", "accepted", "refused", "faults", "slowest", ""];
  return [
    ...tableLines([head, ...rows]),
    "",
    `${number(cases)} cases in ${seconds.toFixed(1)} s, ${
      number(Math.round(cases / seconds))
    } a second, seed ${seed}: ${faults.length} different faults`,
  ];
}

/** Progress: a line that changes in place on a terminal, now and then a line elsewhere. */
class Shown {
  readonly #live: LiveLines | undefined;
  #next = PROGRESS_MS;

  constructor(readonly write: (line: string) => void) {
    const isTerminal = Deno.stdout.isTerminal() && Deno.stderr.isTerminal();
    if (isTerminal) {
      const encoder = new TextEncoder();
      this.#live = new LiveLines({
        live: true,
        write: (text) => void Deno.stderr.writeSync(encoder.encode(text)),
      });
    }
  }

  show(now: Progress): void {
    if (this.#live) return this.#live.draw([progressLine(now)]);
    if (now.ms < this.#next) return;
    this.#next = now.ms + PROGRESS_MS;
    this.write(progressLine(now));
  }

  say(line: string): void {
    if (this.#live) this.#live.say(line);
    else this.write(line);
  }

  finish(): void {
    this.#live?.draw([]);
    this.#live?.finish();
  }
}

function progressLine({ cases, planned, faults, running, ms }: Progress): string {
  const of = planned === undefined ? "" : ` of ${planned.toLocaleString("en")}`;
  const found = faults === 0 ? "" : `, ${faults} different faults`;
  const at = running.map(({ target }) => target).join(", ");
  return `${(ms / 1000).toFixed(0).padStart(5)} s  ${
    cases.toLocaleString("en")
  }${of} cases${found}  ${at}`
    .slice(0, 100);
}

if (import.meta.main) Deno.exit(await main(Deno.args, new DenoHost()));
