/**
 * `deno task fuzz`: changes sites in every way an attacker can and lets a node's verifier read them.
 *
 * @module
 */
import { type Console, processConsole } from "../lib/cli/console.ts";
import { runProgram } from "../lib/cli/program.ts";
import { EXIT } from "../lib/errors.ts";
import { fuzz, type FuzzReport } from "./dev/fuzz/fuzz.ts";
import { fuzzScenes } from "./dev/fuzz/scenes.ts";
import { DEFAULT_SECONDS, MAX_MEMORY, program } from "./lines/fuzz.ts";

/** The task. */
export function main(args: readonly string[], console: Console = processConsole): Promise<number> {
  return runProgram(program, args, async ({ cases, from, json, ...line }, console) => {
    const seconds = line.seconds ?? (cases === undefined ? DEFAULT_SECONDS : Infinity);
    const seed = line.seed ?? Math.floor(performance.timeOrigin + performance.now());
    const start = performance.now();
    let memory = 0;
    const report = await fuzz({
      scenes: await fuzzScenes(),
      seed,
      from,
      single: cases === 1,
      done: (count) => {
        memory = Math.max(memory, Deno.memoryUsage().rss);
        return count >= (cases ?? Infinity) || performance.now() - start >= seconds * 1000;
      },
    });
    const { accepted, crashed, slow } = report.found;
    const faults = accepted + crashed + slow;
    const took = (performance.now() - start) / 1000;
    if (json) {
      const { refused, ...rest } = report;
      const facts = { seed, seconds: took, memory, ...rest, refused: Object.fromEntries(refused) };
      console.out(JSON.stringify(facts, null, 2));
    } else print(console, report, seed, took, memory);
    return faults === 0 && memory <= MAX_MEMORY ? EXIT.ok : EXIT.failed;
  }, console);
}

function print(
  console: Console,
  report: FuzzReport,
  seed: number,
  seconds: number,
  memory: number,
): void {
  const row = (name: string, value: number | string) =>
    console.out(`  ${name.padEnd(26)} ${String(value).padStart(9)}`);
  console.out(
    `${report.cases} mutated sites in ${seconds.toFixed(1)} s, ${
      Math.round(report.cases / seconds)
    } a second, seed ${seed}`,
  );
  for (const [check, count] of [...report.refused].sort((a, b) => b[1] - a[1])) {
    row(`refused: ${check}`, count);
  }
  row("something missing", report.missing);
  row("read as the true site", report.unharmed);
  row("anything else believed", report.found.accepted);
  row("crashes", report.found.crashed);
  row("took too long", report.found.slow);
  row("slowest", `${Math.round(report.slowestMs)} ms`);
  row("memory, most", `${Math.round(memory / 2 ** 20)} MiB`);
  row("fetched for one site, most", `${Math.ceil(report.mostBytes / 1024)} KiB`);
  for (const fault of report.faults) {
    console.err(`${fault.kind}: --seed ${fault.seed} --from ${fault.case} --cases 1`);
    for (const step of fault.steps) console.err(`  ${step}`);
    console.err(`  ${fault.detail}`);
  }
}

if (import.meta.main) Deno.exit(await main(Deno.args));
