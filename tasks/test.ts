/**
 * `deno task test`: all tests. Pure ones run with the right to read the project and nothing else; those with foreign
 * programs and virtual machines run after them.
 *
 * @module
 */
import { processConsole } from "../lib/cli/console.ts";
import { runProgram } from "../lib/cli/program.ts";
import { TEST_NEEDS } from "../lib/cli/system_needs.ts";
import { ensurePackages } from "../lib/cli/system_packages.ts";
import { DenoHost } from "../lib/deno_host.ts";
import { EXIT, UserError } from "../lib/errors.ts";
import type { Child, Host } from "../lib/host.ts";
import { selected, testFiles, type TestKind, testKind } from "./dev/gate/test_files.ts";
import {
  addCounts,
  isGreen,
  noMatchLine,
  readSummary,
  summaryLine,
  type TestCounts,
} from "./dev/gate/test_summary.ts";
import { program } from "./lines/test.ts";

const RIGHTS: Record<TestKind, readonly string[]> = {
  pure: ["--parallel", "-P=pure"],
  tools: ["-A"],
  lab: ["-A"],
};

/** Runs the tests kind by kind and ends with the line that CI reads. */
export function main(args: readonly string[], host: Host): Promise<number> {
  return runProgram(program, args, async ({ filter, noLab, long, ...line }) => {
    const inCi = host.env("CI") === "true";
    const wanted = line.wanted.map((word) => word.replace(/^\.\//, "").replace(/\/$/, ""));
    const files = selected(await testFiles(host, "tests"), { wanted, long, noLab });
    if (files.length === 0) {
      throw new UserError("test", `no test file is ${wanted.join(", ")}`);
    }
    if (files.some((file) => testKind(file) !== "pure")) {
      await ensurePackages(host, TEST_NEEDS, { aptLists: true, onStage: processConsole.err });
    }
    const runs: TestCounts[] = [];
    for (const kind of ["pure", "tools", "lab"] as const) {
      const some = files.filter((file) => testKind(file) === kind);
      if (some.length === 0) continue;
      processConsole.out(`\n== ${kind}: ${some.length} files ==`);
      const more = filter === undefined ? [] : ["--filter", filter];
      runs.push(await runTests(host, [...RIGHTS[kind], ...more, ...some]));
    }
    const counts = addCounts(runs);
    const noMatch = noMatchLine(counts, filter);
    processConsole.out(`\n${noMatch ? `${noMatch}\n` : ""}${summaryLine(counts)}`);
    return isGreen(counts, inCi) ? EXIT.ok : EXIT.failed;
  });
}

async function runTests(host: Host, args: readonly string[]): Promise<TestCounts> {
  const child = host.spawn([Deno.execPath(), "test", "--no-prompt", ...args], {
    env: { NO_COLOR: "1", RUST_BACKTRACE: "0" },
  });
  await child.stdin.close();
  const output = await showOutput(child);
  return readSummary(output, await child.done);
}

/** Passes a program's output on as it comes; gives its standard output at the end. */
async function showOutput(child: Child): Promise<string> {
  const decoder = new TextDecoder();
  let output = "";
  const out = (async () => {
    for await (const chunk of child.stdout) {
      output += decoder.decode(chunk, { stream: true });
      await writeAll(Deno.stdout, chunk);
    }
  })();
  const err = (async () => {
    for await (const chunk of child.stderr) await writeAll(Deno.stderr, chunk);
  })();
  await Promise.all([out, err]);
  return output;
}

async function writeAll(to: { write(data: Uint8Array): Promise<number> }, data: Uint8Array) {
  for (let at = 0; at < data.length;) at += await to.write(data.subarray(at));
}

if (import.meta.main) Deno.exit(await main(Deno.args, new DenoHost()));
