/**
 * `deno task page`: makes the script of the page for people anew, after a change of what it is made from.
 *
 * @module
 */
import { type Console, processConsole } from "../lib/cli/console.ts";
import { runProgram } from "../lib/cli/program.ts";
import { DenoHost } from "../lib/deno_host.ts";
import { UserError } from "../lib/errors.ts";
import type { Host } from "../lib/host.ts";
import { makePageScript, PAGE_SCRIPT } from "../site/page/make_script.ts";
import { program } from "./lines/page.ts";

/** The task; `root` is the project's folder. */
export function main(
  args: readonly string[],
  host: Host,
  console: Console = processConsole,
  root = Deno.cwd(),
): Promise<number> {
  return runProgram(program, args, async ({ check }) => {
    const work = await Deno.makeTempDir({ prefix: "psyopsos-page-" });
    let script: string;
    try {
      script = await makePageScript(host, { root, work, deno: Deno.execPath() });
    } finally {
      await host.remove(work);
    }
    const path = `${root}/${PAGE_SCRIPT}`;
    const same = script === await host.readTextFile(path);
    if (check) {
      if (!same) {
        throw new UserError("go on", `${PAGE_SCRIPT} is not what its sources give`, {
          hint: "deno task page makes it anew",
        });
      }
    } else if (!same) await host.writeFile(path, script);
    const kib = (script.length / 1024).toFixed(1);
    console.out(`${PAGE_SCRIPT}: ${kib} KiB, ${same ? "unchanged" : "made anew"}`);
  }, console);
}

if (import.meta.main) Deno.exit(await main(Deno.args, new DenoHost()));
