/**
 * `deno task lab`: psyopsOS on one machine with nothing but QEMU, from an image made on the spot to nodes that are what
 * their signed site says.
 */
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { type CommandSpec, processConsole, runCommand } from "../lib/cli/command.ts";
import { ensurePackages, LAB_NEEDS } from "../lib/cli/system_packages.ts";
import { DenoHost } from "../lib/deno_host.ts";
import { EXIT, type ExitCode, UserError } from "../lib/errors.ts";
import type { Host } from "../lib/host.ts";
import { LAB_USER, labScriptOutputs } from "../lib/lab/fleet_files.ts";
import { type LabImage, makeLabImage, PACKAGE_SOURCES } from "../lib/lab/image.ts";
import { type NodeResult, runNodes } from "../lib/lab/lab.ts";
import type { Machine } from "../lib/lab/machine.ts";
import { barLine, type NodeProgress, seconds } from "../lib/lab/progress.ts";
import { labReport, labTable } from "../lib/lab/report.ts";
import { LiveLines } from "../lib/lab/terminal.ts";
import { World } from "../lib/lab/world.ts";
import { makeSite } from "../site/build/make_site.ts";
import type { Fleet } from "../site/fleet/assemble.ts";
import { loadFleet } from "../site/fleet/fleet.ts";
import { newNode } from "../site/nodes/new_node.ts";

/** More nodes than this say nothing more. */
const MAX_NODES = 16;

const SPEC: CommandSpec = {
  name: "deno task lab",
  summary: "Build an OS image, make nodes, sign their site, boot all of it in virtual machines.",
  usage: ["[--nodes N] [--keep]"],
  options: {
    nodes: { value: "N", help: `how many nodes, 1 to ${MAX_NODES} (default 1; two run at a time)` },
    keep: { help: "leave the machines (at most 2) running until Ctrl-C, with a way to log in" },
    json: { help: "print a report in JSON at the end, progress on standard error" },
    work: { value: "DIR", help: "folder for all of it (default build/lab)" },
    packages: {
      value: "SOURCE",
      help: "auto: the Alpine mirror when it answers, else lab (default); mirror; lab",
    },
    rebuild: { help: "build the image even when nothing it is made of has changed" },
  },
  notes: [
    "As root on Debian or Ubuntu it installs the programs that are missing (apt-get); else it names them and stops.",
    "Network: the Alpine mirror, or Debian's and npm's for the lab repository (packages made on the spot), until they " +
    "are in the work folder. The machines reach this machine's 127.0.0.1 only as far as the lab serves it there.",
    "Each machine gets 1 GiB of memory. Exit code 0 only when every node is all that its site demands.",
  ],
};

/** Runs the lab. */
export function main(args: readonly string[], host: Host): Promise<ExitCode> {
  return runCommand(SPEC, args, async (line) => {
    if (line.words.length > 0) throw usage(`unexpected word ${line.words[0]}`);
    const count = Number(line.value("nodes") ?? 1);
    const keep = line.on("keep");
    const most = keep ? 2 : MAX_NODES;
    if (!Number.isInteger(count) || count < 1 || count > most) {
      throw usage(`--nodes must be 1 to ${most}${keep ? " with --keep" : ""}`);
    }
    const packages = PACKAGE_SOURCES.find((one) => one === (line.value("packages") ?? "auto"));
    if (!packages) throw usage(`--packages must be ${PACKAGE_SOURCES.join(", ")}`);
    const dir = line.value("work") ?? "build/lab";
    const json = line.on("json");
    const output = json ? Deno.stderr : Deno.stdout;
    const live = new LiveLines({
      live: output.isTerminal(),
      write: (text) => void output.writeSync(new TextEncoder().encode(text)),
    });
    const started = host.now().getTime();
    const elapsed = () => (host.now().getTime() - started) / 1000;
    const stage = (text: string) => live.say(`${seconds(elapsed())}  ${text}`);

    await ensurePackages(host, LAB_NEEDS, { aptLists: true, onStage: stage });
    const image = await makeLabImage(host, {
      dir,
      packages,
      rebuild: line.on("rebuild"),
      deno: { path: Deno.execPath(), version: Deno.version.deno },
      onStage: stage,
    });
    const imageSeconds = elapsed();
    const names = Array.from({ length: count }, (_, i) => `lab-${i + 1}`);
    stage(`making keys and ${count === 1 ? "a node" : `${count} nodes`}: ${names.join(", ")}`);
    await using world = await World.make(host, { dir, names, image, makeSite, makeNode: newNode });
    const serial = await world.makeSite();
    stage(`published the signed site, serial ${serial}, on ${world.server.hostUrl}`);

    const fleet = await loadFleet(host, world.dirs.nodes);
    const demands = (name: string) => {
      const node = fleet.nodes.find((one) => one.name === name)!;
      return {
        node: name,
        config: node.whole,
        shown: node.public,
        outputs: labScriptOutputs(name),
        serial,
        source: "site" as const,
        imageVersion: image.version,
      };
    };
    const ports = new Map<string, number>();
    if (keep) { for (const name of names) ports.set(name, await freePort()); }
    const machines: Machine[] = [];
    const interrupted = onInterrupt();
    stage(`booting ${names.slice(0, 2).join(" and ")} (UEFI, ${world.accelerator.toUpperCase()})`);
    const width = columns();
    let latest: readonly NodeProgress[] = [];
    const draw = () =>
      live.draw(latest.map((node) => {
        const machine = machines.find(({ spec, console }) =>
          spec.name === node.name && !console.ended
        );
        return barLine(node, 6, width, machine?.seconds);
      }));
    const ticking = setInterval(draw, 1000);
    const run = runNodes(world, names, {
      serial,
      demands,
      keep,
      forwards: (name) => keep ? [{ host: ports.get(name)!, guest: 22 }] : undefined,
      onChange: (text) => live.say(text),
      onProgress: (nodes) => {
        latest = nodes;
        draw();
      },
      onMachine: (machine) => machines.push(machine),
    });
    try {
      const results = await Promise.race([run, interrupted.then(() => undefined)]);
      clearInterval(ticking);
      live.finish();
      if (!results) return EXIT.interrupted;
      const ok = finish(results, { image, imageSeconds, total: elapsed(), json });
      if (keep) {
        for (const [name, port] of ports) await showWayIn(host, world, fleet, name, port);
        processConsole.err("The machines run until Ctrl-C.");
        await interrupted;
      }
      return ok ? EXIT.ok : EXIT.failed;
    } finally {
      clearInterval(ticking);
      for (const machine of machines) await machine.stop();
      // What was cut off by an interrupt ends with an error that says no more than that.
      await run.catch(() => undefined);
    }
  });
}

function finish(
  results: readonly NodeResult[],
  facts: { image: LabImage; imageSeconds: number; total: number; json: boolean },
): boolean {
  const print = facts.json ? processConsole.err : processConsole.out;
  for (const text of ["", ...labTable(results)]) print(text);
  for (const { name, differences, consoleLog } of results) {
    if (differences.length === 0) continue;
    print(`\n${name} is not what its site demands (console: ${consoleLog}):`);
    for (const text of differences) print(`  ${text}`);
  }
  const good = results.filter(({ ok }) => ok).length;
  print(
    `\n${good} of ${results.length} configured; ${facts.total.toFixed(1)} s in all, ` +
      `${facts.imageSeconds.toFixed(1)} s of it for the image`,
  );
  if (facts.json) processConsole.out(labReport(results, facts));
  return good === results.length;
}

/** Says how to log in; the host key on the node's drive is the one that ssh will see. */
async function showWayIn(host: Host, world: World, fleet: Fleet, name: string, port: number) {
  const key = fleet.nodes.find((node) => node.name === name)?.sshHostKey ?? "";
  const known = `${world.dirs.machines}/${name}/known_hosts`;
  await host.writeFile(known, `[127.0.0.1]:${port} ${key}\n`);
  const options = `-i ${world.sshKeyFile} -o IdentitiesOnly=yes -o UserKnownHostsFile=${known}`;
  processConsole.err(`${name}: ssh ${options} -p ${port} ${LAB_USER}@127.0.0.1`);
  processConsole.err(
    `${" ".repeat(name.length)}  tail -f ${world.dirs.machines}/${name}/console.log`,
  );
}

function usage(message: string): UserError {
  return new UserError("read the command line", message, {
    exitCode: EXIT.usage,
    hint: `${SPEC.name} --help shows what it takes`,
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

/** A TCP port of 127.0.0.1 that nobody uses now. */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

if (import.meta.main) Deno.exit(await main(Deno.args, new DenoHost()));
