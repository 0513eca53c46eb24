/**
 * `deno task generate`: makes the files anew that follow from the sources.
 */
import { type CommandSpec, type Console, processConsole, runCommand } from "../lib/cli/command.ts";
import { DenoHost } from "../lib/deno_host.ts";
import { EXIT } from "../lib/errors.ts";
import type { Host } from "../lib/host.ts";
import { staleFiles } from "./dev/gate/generated.ts";

const SPEC: CommandSpec = {
  name: "deno task generate",
  summary: "Make the files anew that follow from the sources: reference, editors' schemas, tables.",
  usage: ["[--check]"],
  options: { check: { help: "change nothing, fail when one is not what its sources give" } },
  notes: ["Network: npm packages that are not in Deno's cache yet."],
};

/** The task. */
export function main(
  args: readonly string[],
  host: Host,
  console: Console = processConsole,
): Promise<number> {
  return runCommand(SPEC, args, async (line) => {
    const check = line.on("check");
    const stale = await staleFiles(host, !check);
    for (const path of stale) console.out(`${check ? "stale" : "made anew"}: ${path}`);
    return check && stale.length > 0 ? EXIT.failed : EXIT.ok;
  }, console);
}

if (import.meta.main) Deno.exit(await main(Deno.args, new DenoHost()));
