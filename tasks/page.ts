import { type CommandSpec, type Console, processConsole, runCommand } from "../lib/cli/command.ts";
import { DenoHost } from "../lib/deno_host.ts";
import { UserError } from "../lib/errors.ts";
import type { Host } from "../lib/host.ts";
import { makePageScript, PAGE_SCRIPT } from "../site/page/make_script.ts";

/**
 * `deno task page`: makes the script of the page for people anew, after a change of what it is made from.
 */

const SPEC: CommandSpec = {
  name: "deno task page",
  summary: `Make ${PAGE_SCRIPT}, which checks a site in the browser, from its sources.`,
  usage: ["[--check]"],
  options: { check: { help: "change nothing, fail when it is not what its sources give" } },
  notes: [
    "The sources are site/page/*.ts and what they import, lib/trust/ above all: the same client that nodes run.",
    "Network: npm packages that are not in Deno's cache yet, the bundler among them.",
  ],
};

/** The task; `root` is the project's folder. */
export function main(
  args: readonly string[],
  host: Host,
  console: Console = processConsole,
  root = Deno.cwd(),
): Promise<number> {
  return runCommand(SPEC, args, async (line) => {
    const work = await Deno.makeTempDir({ prefix: "psyopsos-page-" });
    let script: string;
    try {
      script = await makePageScript(host, { root, work, deno: Deno.execPath() });
    } finally {
      await host.remove(work);
    }
    const path = `${root}/${PAGE_SCRIPT}`;
    const same = script === await host.readTextFile(path);
    if (line.on("check")) {
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
