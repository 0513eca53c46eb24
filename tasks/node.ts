/**
 * `deno task node`: makes a node's keys, its identity drive and its file in the fleet.
 */
import {
  type CommandLine,
  type CommandSpec,
  type Console,
  processConsole,
  runCommand,
} from "../lib/cli/command.ts";
import { EXIT, UserError } from "../lib/errors.ts";
import { DenoHost, type Host } from "../lib/host.ts";
import { DRIVE_BYTES, type StaticNetwork } from "../lib/identity/drive.ts";
import { isNodeName } from "../lib/identity/names.ts";
import { newNode } from "../lib/identity/new_node.ts";
import { type Device, inspectDevice, writeDevice } from "../lib/identity/write_device.ts";

const SPEC: CommandSpec = {
  name: "deno task node",
  summary: "Make a node: its keys, its identity drive, its file in the fleet.",
  usage: ["new NAME --site URL [--tag TAG]… [--out FILE] [--write DEVICE]"],
  options: {
    site: { value: "URL", many: true, help: "base URL of the site; several are tried in order" },
    tag: { value: "TAG", many: true, help: "a tag of the node, in the order they are merged" },
    out: { value: "FILE", help: "the drive's image, default build/nodes/NAME.img" },
    write: {
      value: "DEVICE",
      help: "write the drive to this device, e.g. /dev/sdb; all on it is lost",
    },
    yes: { help: "with --write: don't ask, and take a device that is not removable" },
    static: { value: "CIDR", help: "address instead of DHCP, e.g. 192.0.2.10/24" },
    gateway: { value: "ADDRESS", help: "with --static: the default route" },
    dns: { value: "ADDRESS", many: true, help: "with --static: a DNS server" },
    interface: { value: "NAME", help: "with --static: which interface, default the first" },
    nodes: { value: "DIR", help: "the fleet's YAML files, default nodes" },
    keys: { value: "DIR", help: "the keys that sign the site, default keys" },
    json: { help: "print what was made as JSON" },
  },
  notes: [
    "Writes DIR/NAME.yaml with the public halves of the keys; the private halves are on the drive only.",
    "With --write and without --out no image is left on this machine.",
    "Network: none.",
  ],
};

/** Asks a person for a line of text; null when nobody can be asked. */
export type Ask = (question: string) => string | null;

/** The task; `ask` puts the question before a device is overwritten. */
export function main(
  args: readonly string[],
  host: Host,
  console: Console = processConsole,
  ask: Ask = (question) => prompt(question),
): Promise<number> {
  return runCommand(SPEC, args, async (line) => {
    const [verb, name, ...rest] = line.words;
    if (verb !== "new" || name === undefined || rest.length > 0) throw usage("expected new NAME");
    if (line.values("site").length === 0) throw usage("--site is missing");
    await makeNode(name, line, host, console, ask);
  }, console);
}

async function makeNode(
  name: string,
  line: CommandLine,
  host: Host,
  console: Console,
  ask: Ask,
): Promise<void> {
  const device = isNodeName(name) ? await chooseDevice(line, host, ask) : undefined;
  const made = await newNode(host, {
    name,
    sites: line.values("site"),
    tags: line.values("tag"),
    nodes: line.value("nodes") ?? "nodes",
    keys: line.value("keys") ?? "keys",
    out: line.value("out") ?? `build/nodes/${name}.img`,
    network: networkOf(line),
  });
  let drive = made.drive;
  if (device) {
    await writeDevice(host, made.drive, device);
    drive = device.path;
    if (line.value("out") === undefined) await host.remove(made.drive);
  }
  if (line.on("json")) return console.out(JSON.stringify({ ...made, drive }, null, 2));
  console.out(`node ${name}`);
  console.out(`  file     ${made.file}`);
  console.out(
    `  drive    ${drive}${device ? "" : "  (secret: copy it to a USB drive, keep no other copy)"}`,
  );
  console.out(`  age      ${made.recipient}`);
  console.out(`  ssh key  ${made.sshFingerprint}`);
  console.out("Next: deno task site publishes what it shall be");
}

async function chooseDevice(
  line: CommandLine,
  host: Host,
  ask: Ask,
): Promise<Device | undefined> {
  const path = line.value("write");
  if (path === undefined) return undefined;
  const sure = line.on("yes");
  const device = await inspectDevice(host, path, { need: DRIVE_BYTES, fixed: sure });
  if (sure) return device;
  const answer = ask(
    `All on ${path} (${device.description}) will be lost. Type ${path} to go on:`,
  );
  if (answer?.trim() === path) return device;
  throw new UserError(`Cannot write to ${path}: it was not confirmed`, {
    hint: answer === null ? "--yes writes without a question" : "nothing was changed",
  });
}

function networkOf(line: CommandLine): StaticNetwork | undefined {
  const address = line.value("static");
  const dns = line.values("dns");
  if (address === undefined) {
    for (const name of ["gateway", "dns", "interface"]) {
      if (line.values(name).length > 0) throw usage(`--${name} needs --static`);
    }
    return undefined;
  }
  return {
    address,
    gateway: line.value("gateway"),
    dns: dns.length > 0 ? dns : undefined,
    interface: line.value("interface"),
  };
}

function usage(state: string): UserError {
  return new UserError(`Cannot read the command line: ${state}`, {
    exitCode: EXIT.usage,
    hint: `${SPEC.name} --help shows what it takes`,
  });
}

if (import.meta.main) Deno.exit(await main(Deno.args, new DenoHost()));
