/**
 * `deno task ok`: the gate. Format, lint (with the import rules), types, what the agent pulls in, pure tests.
 *
 * @module
 */
import { text } from "../lib/bytes.ts";
import { processConsole } from "../lib/cli/console.ts";
import { runProgram } from "../lib/cli/program.ts";
import { DenoHost } from "../lib/deno_host.ts";
import { EXIT } from "../lib/errors.ts";
import type { Host } from "../lib/host.ts";
import { closureProblems } from "./dev/gate/agent_closure.ts";
import { staleFiles } from "./dev/gate/generated.ts";
import { selected, testFiles, testKind } from "./dev/gate/test_files.ts";
import { program } from "./lines/ok.ts";

/** Deno's own stack traces of Rust code help nobody here. */
const ENV = { NO_COLOR: "1", RUST_BACKTRACE: "0" };

/** Runs the gate; every check runs even when an earlier one failed. */
export function main(args: readonly string[], host: Host): Promise<number> {
  return runProgram(program, args, async () => {
    const deno = Deno.execPath();
    const all = { wanted: [], long: false, noLab: true };
    const pure = selected(await testFiles(host, "tests"), all)
      .filter((file) => testKind(file) === "pure");
    const checks: [string, () => Promise<boolean>][] = [
      ["format", () => passes(host, [deno, "fmt", "--check"])],
      ["lint", () => passes(host, [deno, "lint", "-q"])],
      ["types", () => passes(host, [deno, "check", "-q", "."])],
      ["the agent's imports", () => agentIsLean(host, deno)],
      ["generated files", () => nothingIsStale(host)],
      [
        "pure tests",
        () => passes(host, [deno, "test", "-q", "--no-prompt", "--parallel", "-P=pure", ...pure]),
      ],
    ];
    const failed: string[] = [];
    for (const [name, check] of checks) {
      const start = performance.now();
      const ok = await check();
      const seconds = ((performance.now() - start) / 1000).toFixed(1);
      processConsole.out(`${ok ? "ok    " : "FAILED"} ${name} (${seconds} s)`);
      if (!ok) failed.push(name);
    }
    return failed.length === 0 ? EXIT.ok : EXIT.failed;
  });
}

async function passes(host: Host, command: readonly string[]): Promise<boolean> {
  const result = await host.run(command, { env: ENV });
  if (result.code === 0) return true;
  processConsole.err(`${text(result.stdout)}${text(result.stderr)}`.trimEnd());
  return false;
}

async function agentIsLean(host: Host, deno: string): Promise<boolean> {
  const info = await host.run([deno, "info", "--json", "agent/main.ts"], { env: ENV });
  if (info.code !== 0) {
    processConsole.err(text(info.stderr).trimEnd());
    return false;
  }
  const problems = closureProblems(text(info.stdout), `${Deno.cwd()}/`);
  for (const problem of problems) processConsole.err(problem);
  return problems.length === 0;
}

async function nothingIsStale(host: Host): Promise<boolean> {
  const stale = await staleFiles(host, { root: Deno.cwd(), deno: Deno.execPath() }, false);
  for (const path of stale) {
    processConsole.err(`${path} is stale: deno task generate makes it anew`);
  }
  return stale.length === 0;
}

if (import.meta.main) Deno.exit(await main(Deno.args, new DenoHost()));
