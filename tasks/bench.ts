/**
 * `deno task bench`: measures what a site of many nodes costs, and signing and encrypting against the programs that set
 * the formats.
 *
 * @module
 */
import { text } from "../lib/bytes.ts";
import { type Console, processConsole } from "../lib/cli/console.ts";
import { UsageError } from "../lib/cli/failures.ts";
import { runProgram } from "../lib/cli/program.ts";
import { complaintOf, firstLine } from "../lib/complaint.ts";
import { DenoHost } from "../lib/deno_host.ts";
import { UserError } from "../lib/errors.ts";
import type { Host } from "../lib/host.ts";
import { benchSite, type SiteFigures, type SiteJson } from "./dev/bench/bench_site.ts";
import { benchPrograms, type Comparison } from "./dev/bench/programs.ts";
import { sizeOf, tableLines, timeOf } from "./dev/bench/table.ts";
import { program } from "./lines/bench.ts";

/** What the made-up fleet comes from: the same for all measurements. */
const SEED = 4;

/** The task. */
export function main(
  args: readonly string[],
  host: Host,
  console: Console = processConsole,
): Promise<number> {
  return runProgram(program, args, async (line, console) => {
    const { bigMb, work, sealed, noPrograms, keep, json } = line;
    const sizes = line.sizes.split(",").map((size) => {
      if (/^[1-9]\d{0,5}$/.test(size)) return Number(size);
      throw new UsageError("--sizes must be whole numbers from 1 on, with commas between");
    });
    const clock = () => performance.now();
    const site = (words: readonly string[]) => runSite(host, words);
    const figures: SiteFigures[] = [];
    let programs: Comparison[] = [];
    const start = await startMs(host, clock);
    try {
      for (const nodes of sizes) {
        const options = { work: `${work}/site`, nodes, sealed, seed: SEED, site, clock };
        figures.push(await benchSite(host, options));
      }
      if (!noPrograms) {
        const bigBytes = bigMb * 1_000_000;
        programs = await benchPrograms(host, {
          work: `${work}/programs`,
          bigBytes,
          seed: SEED,
          clock,
        });
      }
    } finally {
      if (!keep) await host.remove(work);
    }
    if (json) return console.out(JSON.stringify({ startMs: start, figures, programs }, null, 2));
    for (const text of siteTable(figures)) console.out(text);
    console.out(`Starting Deno and the task alone: ${timeOf(start)}`);
    if (programs.length === 0) return;
    console.out("");
    for (const text of programTable(programs)) console.out(text);
  }, console);
}

function siteTable(figures: readonly SiteFigures[]): string[] {
  const row = (name: string, value: (one: SiteFigures) => string) => [name, ...figures.map(value)];
  return tableLines([
    row("nodes", ({ nodes, sealed }) => `${nodes}${sealed ? ", !age" : ""}`),
    row("files of the site", ({ files }) => String(files)),
    row("build, cold", ({ cold }) => timeOf(cold.ms)),
    row("  for each node", ({ cold, nodes }) => timeOf(cold.ms / nodes)),
    row("build, nothing changed", ({ again }) => timeOf(again.ms)),
    row("  files rewritten", ({ again }) => String(again.written)),
    row("build, one node changed", ({ change }) => timeOf(change.ms)),
    row("  files rewritten", ({ change }) => String(change.written)),
    row("  objects uploaded", ({ change }) => String(change.uploads)),
    row("  bytes uploaded", ({ change }) => sizeOf(change.uploadedBytes)),
    row("  finding and uploading", ({ change }) => timeOf(change.publishMs)),
    row("refresh", ({ refresh }) => timeOf(refresh.ms)),
    row("read by one node", ({ verify }) => timeOf(verify.ms)),
    row("  bytes fetched", ({ verify }) => sizeOf(verify.bytes)),
    row("  requests", ({ verify }) => String(verify.fetches)),
  ]);
}

function programTable(programs: readonly Comparison[]): string[] {
  return tableLines([
    ["", "program", "psyopsOS", "program's", "times as fast"],
    ...programs.map(({ what, program, oursMs, theirsMs, ratio }) => [
      ...[what, program, timeOf(oursMs), timeOf(theirsMs), ratio.toFixed(2)],
    ]),
  ], 2);
}

/** Runs `deno task site` as a process of its own. */
async function runSite(host: Host, words: readonly string[]): Promise<SiteJson> {
  const result = await host.run(siteCommand(words));
  if (result.code !== 0) {
    throw new UserError("measure", `deno task site failed: ${complaintOf(result, firstLine)}`);
  }
  return JSON.parse(text(result.stdout)) as SiteJson;
}

async function startMs(host: Host, clock: () => number): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < 3; i++) {
    const start = clock();
    await host.run(siteCommand(["--help"]));
    times.push(clock() - start);
  }
  return Math.min(...times);
}

function siteCommand(words: readonly string[]): string[] {
  const task = new URL("site.ts", import.meta.url).pathname;
  return [Deno.execPath(), "run", "-q", "-P=build", task, ...words];
}

if (import.meta.main) Deno.exit(await main(Deno.args, new DenoHost()));
