/**
 * `deno task fuzz`: changes sites in every way an attacker can and lets a node's verifier read them.
 */
import {
  type CommandLine,
  type CommandSpec,
  type Console,
  processConsole,
  runCommand,
} from "../lib/cli/command.ts";
import { fuzz, type FuzzReport } from "./dev/fuzz/fuzz.ts";
import { EXIT, UserError } from "../lib/errors.ts";
import { fuzzScenes } from "./dev/fuzz/scenes.ts";

const DEFAULT_SECONDS = 60;
/** More memory than this while reading sites of some kilobytes is a fault. */
const MAX_MEMORY = 768 * 1024 * 1024;

const SPEC: CommandSpec = {
  name: "deno task fuzz",
  summary: "Change whole sites in every way an attacker can; a node must refuse or read the truth.",
  usage: ["[--seconds N] [--cases N] [--seed S]", "--seed S --from CASE --cases 1"],
  options: {
    seconds: { value: "N", help: `how long, default ${DEFAULT_SECONDS} unless --cases is given` },
    cases: { value: "N", help: "end after so many sites, in steps of 100; a single one for 1" },
    seed: { value: "S", help: "whole number that all changes come from, default the time" },
    from: { value: "CASE", help: "begin with this case, to see a fault again" },
    json: { help: "print the result as JSON" },
  },
  notes: [
    `Changes: bits, bytes, lengths, whole files, signatures, trusted comments, JSON fields, older, expired and foreign sites,
what a stolen timestamp key can sign, and files made to overwhelm. Half of the nodes have accepted the site before.`,
    `Faults are: believing anything that the true site does not say, any crash, seconds for one site, long messages, more than
${MAX_MEMORY >> 20} MiB of memory.`,
    "Network: none.",
  ],
};

/** The task. */
export function main(args: readonly string[], console: Console = processConsole): Promise<number> {
  return runCommand(SPEC, args, async (line) => {
    if (line.words.length > 0) throw usage(`unexpected word ${line.words[0]}`);
    const cases = number(line, "cases");
    const seconds = number(line, "seconds") ?? (cases === undefined ? DEFAULT_SECONDS : Infinity);
    const seed = number(line, "seed") ?? Math.floor(performance.timeOrigin + performance.now());
    const start = performance.now();
    let memory = 0;
    const report = await fuzz({
      scenes: await fuzzScenes(),
      seed,
      from: number(line, "from"),
      single: cases === 1,
      done: (count) => {
        memory = Math.max(memory, Deno.memoryUsage().rss);
        return count >= (cases ?? Infinity) || performance.now() - start >= seconds * 1000;
      },
    });
    const { accepted, crashed, slow } = report.found;
    const faults = accepted + crashed + slow;
    const took = (performance.now() - start) / 1000;
    if (line.on("json")) {
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

function number(line: CommandLine, name: string): number | undefined {
  const value = line.value(name);
  if (value === undefined) return undefined;
  if (!/^\d{1,15}$/.test(value)) throw usage(`--${name} must be a whole number`);
  return Number(value);
}

function usage(state: string): UserError {
  return new UserError("read the command line", state, {
    exitCode: EXIT.usage,
    hint: `${SPEC.name} --help shows what it takes`,
  });
}

if (import.meta.main) Deno.exit(await main(Deno.args));
