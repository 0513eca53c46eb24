/**
 * `deno task lab`: psyopsOS on one machine with nothing but QEMU, from an image made on the spot to nodes that are what
 * their signed site says.
 *
 * @module
 */
import { alone, lockIn } from "../lib/cli/alone.ts";
import { processConsole } from "../lib/cli/console.ts";
import { UsageError } from "../lib/cli/failures.ts";
import { runProgram } from "../lib/cli/program.ts";
import { LAB_NEEDS } from "../lib/cli/system_needs.ts";
import { ensurePackages } from "../lib/cli/system_packages.ts";
import { DenoHost } from "../lib/deno_host.ts";
import { EXIT, type ExitCode } from "../lib/errors.ts";
import type { Host } from "../lib/host.ts";
import { MAX_MACHINES } from "../lib/lab/lab.ts";
import { labReport, labSummary } from "../lib/lab/report.ts";
import { LabSession } from "../lib/lab/session.ts";
import { LiveLines } from "../lib/lab/terminal.ts";
import { makeSite } from "../site/build/make_site.ts";
import { loadFleet } from "../site/fleet/fleet.ts";
import { newNode } from "../site/nodes/new_node.ts";
import { program } from "./lines/lab.ts";

/** Runs the lab. */
export function main(args: readonly string[], host: Host): Promise<ExitCode> {
  return runProgram(program, args, async ({ nodes: count, keep, json, work: dir, ...line }) => {
    if (keep && count > MAX_MACHINES) {
      throw new UsageError(`--nodes is at most ${MAX_MACHINES} with --keep`);
    }
    const display = liveLines(json ? Deno.stderr : Deno.stdout);
    // Its keys, nodes, site and machines are made anew each time; the machines of another one would lose theirs.
    const turn = { doing: `run the lab in ${dir}`, command: "task lab", make: 0o755 };
    return await alone(host, lockIn(dir), turn, async () => {
      await ensurePackages(host, LAB_NEEDS, {
        aptLists: true,
        onStage: (text) => display.say(text),
      });
      await using session = await LabSession.open(host, {
        ...line,
        dir,
        count,
        keep,
        deno: { path: Deno.execPath(), version: Deno.version.deno },
        makeSite,
        makeNode: newNode,
        readFleet: (nodes) => loadFleet(host, nodes),
        display,
        width: columns(),
      });
      const interrupted = onInterrupt();
      const results = await Promise.race([session.run(), interrupted.then(() => undefined)]);
      if (!results) return EXIT.interrupted;
      const { image, imageSeconds, seconds: total } = session;
      const print = json ? processConsole.err : processConsole.out;
      for (const text of labSummary(results, { imageSeconds, total })) print(text);
      if (json) processConsole.out(labReport(results, { image, imageSeconds, total }));
      if (keep) {
        for (const text of await session.waysIn()) processConsole.err(text);
        processConsole.err("The machines run until Ctrl-C.");
        await interrupted;
      }
      return results.every(({ ok }) => ok) ? EXIT.ok : EXIT.failed;
    });
  });
}

function liveLines(output: typeof Deno.stdout): LiveLines {
  return new LiveLines({
    live: output.isTerminal(),
    write: (text) => void output.writeSync(new TextEncoder().encode(text)),
  });
}

/** Resolves at the first Ctrl-C or request to end. */
function onInterrupt(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) {
      Deno.addSignalListener(signal, () => resolve());
    }
  });
}

function columns(): number {
  try {
    // Some terminals don't know and say 0.
    return Deno.consoleSize().columns || 80;
  } catch {
    // No terminal: nothing is drawn.
    return 80;
  }
}

if (import.meta.main) Deno.exit(await main(Deno.args, new DenoHost()));
