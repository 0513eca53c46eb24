/**
 * `deno task generate`: makes the files anew that follow from the sources.
 *
 * @module
 */
import { type Console, processConsole } from "../lib/cli/console.ts";
import { runProgram } from "../lib/cli/program.ts";
import { DenoHost } from "../lib/deno_host.ts";
import { EXIT } from "../lib/errors.ts";
import type { Host } from "../lib/host.ts";
import { staleFiles } from "./dev/gate/generated.ts";
import { program } from "./lines/generate.ts";

const HERE = { root: Deno.cwd(), deno: Deno.execPath() };

/** The task. */
export function main(
  args: readonly string[],
  host: Host,
  console: Console = processConsole,
): Promise<number> {
  return runProgram(program, args, async ({ check }, console) => {
    const stale = await staleFiles(host, HERE, !check);
    for (const path of stale) console.out(`${check ? "stale" : "made anew"}: ${path}`);
    return check && stale.length > 0 ? EXIT.failed : EXIT.ok;
  }, console);
}

if (import.meta.main) Deno.exit(await main(Deno.args, new DenoHost()));
