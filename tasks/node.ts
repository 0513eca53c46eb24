/**
 * `deno task node`: makes nodes with their identity drives, lists them, takes them out of the fleet, renews them.
 */
import { promptSecret } from "@std/cli/prompt-secret";
import {
  type CommandLine,
  type CommandSpec,
  type Console,
  processConsole,
  runCommand,
} from "../lib/cli/command.ts";
import { DenoHost } from "../lib/deno_host.ts";
import type { StaticNetwork } from "../lib/documents/drive.ts";
import { isNodeName } from "../lib/documents/names.ts";
import { EXIT, UserError } from "../lib/errors.ts";
import type { Host } from "../lib/host.ts";
import { DRIVE_BYTES } from "../lib/identity/make_drive.ts";
import { type Device, inspectDevice, writeDevice } from "../lib/identity/write_device.ts";
import { loadIdentities, recipientsOf } from "../lib/trust/age_identity.ts";
import type { Prompt } from "../lib/trust/passphrase.ts";
import { DEFAULT_CACHE } from "../site/build/make_site.ts";
import { type MadeIdentity, newNode } from "../site/nodes/new_node.ts";
import {
  exposedLine,
  nodeFacts,
  nodeLines,
  nodeTable,
  shortRecipient,
} from "../site/nodes/node_text.ts";
import { renewNode, revokeNode, type RevokeOptions } from "../site/nodes/revoke_node.ts";
import { type Exposed, findNode } from "../site/secrets/exposure.ts";
import type { Rekeyed } from "../site/secrets/rekey.ts";
import { openSecrets } from "../site/secrets/secret_files.ts";

const SPEC: CommandSpec = {
  name: "deno task node",
  summary: "Make nodes with their identity drives, list them, revoke and renew them.",
  usage: [
    "new NAME --site URL [--tag TAG]… [--out FILE] [--write DEVICE]",
    "list [--json]",
    "show NAME [--json]",
    "revoke NAME [--rotate] [--yes]",
    "renew NAME --site URL [--rotate] [--out FILE] [--write DEVICE]",
  ],
  options: {
    site: { value: "URL", many: true, help: "base URL of the site; several are tried in order" },
    tag: { value: "TAG", many: true, help: "a tag of the node, in the order they are merged" },
    out: { value: "FILE", help: "the drive's image, default build/nodes/NAME.img" },
    write: {
      value: "DEVICE",
      help: "write the drive to this device, e.g. /dev/sdb; all on it is lost",
    },
    yes: { help: "ask nothing; with --write: take also a device that is not removable" },
    "post-quantum": {
      help: "new, renew: an age key that also withstands quantum computers; renew keeps the kind",
    },
    rotate: {
      help: "revoke, renew: encrypt all secrets anew, and all instructions with the next build",
    },
    static: { value: "CIDR", help: "address instead of DHCP, e.g. 192.0.2.10/24" },
    gateway: { value: "ADDRESS", help: "with --static: the default route" },
    dns: { value: "ADDRESS", many: true, help: "with --static: a DNS server" },
    interface: { value: "NAME", help: "with --static: which interface, default the first" },
    nodes: { value: "DIR", help: "the fleet's YAML files, default nodes" },
    keys: { value: "DIR", help: "the keys that sign the site, default keys" },
    cache: { value: "DIR", help: `ciphertext of earlier builds, default ${DEFAULT_CACHE}` },
    identity: {
      value: "FILE",
      help: "with --rotate: your age identity, default DIR/admin.age of --keys",
    },
    json: { help: "print JSON" },
  },
  notes: [
    `new writes DIR/NAME.yaml with the public halves of the keys; the private halves are on the drive only.
With --write and without --out no image is left on this machine.`,
    `revoke removes DIR/NAME.yaml. Publish then: the node's documents are gone from the site, and nothing new is for it. It
keeps what it has until somebody takes its drive away, so the secrets that it shared with others are listed: change these
values (deno task secret set). --rotate encrypts all secrets in the files and, with the next build, all nodes'
instructions anew; that alone takes nothing away from who knows the values.`,
    "renew makes a new drive with new keys for a node that stays; its old keys are revoked. Its file keeps everything else.",
    "Network: none.",
  ],
};

/** Asks a person for a line of text; null when nobody can be asked. */
export type Ask = (question: string) => string | null;

interface Task {
  name: string;
  line: CommandLine;
  host: Host;
  console: Console;
  ask: Ask;
  prompt: Prompt;
  nodes: string;
  keys: string;
}

const VERBS: Record<string, (task: Task) => Promise<void>> = {
  new: make,
  list,
  show,
  revoke,
  renew,
};

/** The task; `ask` puts the questions before something is lost, `prompt` asks for a passphrase. */
export function main(
  args: readonly string[],
  host: Host,
  console: Console = processConsole,
  ask: Ask = (question) => prompt(question),
  prompting: Prompt = promptSecret,
): Promise<number> {
  return runCommand(SPEC, args, async (line) => {
    const [verb = "", name, ...rest] = line.words;
    const run = Object.hasOwn(VERBS, verb) ? VERBS[verb] : undefined;
    if (!run) throw usage(`expected ${Object.keys(VERBS).join(", ")}`);
    if (verb === "list" ? name !== undefined : name === undefined || rest.length > 0) {
      throw usage(`expected ${verb}${verb === "list" ? "" : " NAME"}`);
    }
    if ((verb === "new" || verb === "renew") && line.values("site").length === 0) {
      throw usage("--site is missing");
    }
    const nodes = line.value("nodes") ?? "nodes";
    const keys = line.value("keys") ?? "keys";
    await run({ name: name ?? "", line, host, console, ask, prompt: prompting, nodes, keys });
  }, console);
}

async function make(task: Task): Promise<void> {
  const { name, line, host, console } = task;
  const device = isNodeName(name) ? await chooseDevice(task) : undefined;
  const made = await newNode(host, { ...identityOptions(task), tags: line.values("tag") });
  const drive = await toDevice(task, made.drive, device);
  if (line.on("json")) return console.out(JSON.stringify({ ...made, drive }, null, 2));
  console.out(`node ${name}`);
  console.out(`  file     ${made.file}`);
  madeLines(made, drive, device).forEach((text) => console.out(text));
  console.out("Next: deno task site publishes what it shall be");
}

async function list({ line, host, console, nodes }: Task): Promise<void> {
  const secrets = await openSecrets(host, nodes);
  const facts = secrets.fleet.nodes.map((node) => nodeFacts(secrets, node));
  if (line.on("json")) return console.out(JSON.stringify(facts, null, 2));
  if (facts.length === 0) return console.out(`${nodes} holds no nodes`);
  nodeTable(facts).forEach((text) => console.out(text));
}

async function show({ name, line, host, console, nodes }: Task): Promise<void> {
  const secrets = await openSecrets(host, nodes);
  const facts = nodeFacts(secrets, findNode(secrets, name));
  if (line.on("json")) return console.out(JSON.stringify(facts, null, 2));
  nodeLines(facts).forEach((text) => console.out(text));
}

async function revoke(task: Task): Promise<void> {
  const { name, line, host, console, ask, nodes } = task;
  findNode(await openSecrets(host, nodes), name);
  if (!line.on("yes")) {
    const answer = ask(`Node ${name} will be taken out of the fleet. Type ${name} to go on:`);
    if (answer?.trim() !== name) {
      throw new UserError(`revoke node ${name}`, "it was not confirmed", {
        hint: answer === null ? "--yes asks nothing" : "nothing was changed",
      });
    }
  }
  const done = await revokeNode(host, await revokeOptions(task));
  const image = await host.stat(imageOf(task)) ? imageOf(task) : undefined;
  if (line.on("json")) return console.out(JSON.stringify({ ...done, image }, null, 2));
  console.out(`node ${name} is revoked: ${done.file} is gone, no file names its key any more`);
  afterwards(console, done.shared, done.rekeyed, line.on("rotate"));
  if (image) console.out(`  ${image} still holds its private keys: remove it`);
  console.out("Next: deno task site removes its documents, deno task publish makes that known");
}

async function renew(task: Task): Promise<void> {
  const { name, line, host, console, nodes } = task;
  findNode(await openSecrets(host, nodes), name);
  const device = await chooseDevice(task);
  const options = { ...identityOptions(task), ...await revokeOptions(task) };
  const made = await renewNode(host, options);
  const drive = await toDevice(task, made.drive, device);
  if (line.on("json")) return console.out(JSON.stringify({ ...made, drive }, null, 2));
  console.out(`node ${name} is renewed; its old key ${shortRecipient(made.revoked)} is revoked`);
  madeLines(made, drive, device).forEach((text) => console.out(text));
  afterwards(console, made.shared, made.rekeyed, line.on("rotate"));
  console.out("Next: deno task site encrypts its instructions to the new key");
}

function imageOf({ name, line }: Task): string {
  return line.value("out") ?? `build/nodes/${name}.img`;
}

function identityOptions(task: Task) {
  const { name, line, nodes, keys } = task;
  return {
    name,
    nodes,
    keys,
    sites: line.values("site"),
    out: imageOf(task),
    network: networkOf(line),
    postQuantum: line.on("post-quantum"),
  };
}

async function revokeOptions(task: Task): Promise<RevokeOptions> {
  const { name, line, host, prompt, nodes, keys } = task;
  const cache = line.value("cache") ?? DEFAULT_CACHE;
  if (!line.on("rotate")) return { name, nodes, cache };
  const identities = await loadIdentities(host, { file: line.value("identity"), keys, prompt });
  return { name, nodes, cache, rotate: { identities, own: await recipientsOf(identities) } };
}

/** Copies the image to the device, if one was chosen; where the drive is now. */
async function toDevice(
  { line, host }: Task,
  image: string,
  device: Device | undefined,
): Promise<string> {
  if (!device) return image;
  await writeDevice(host, image, device);
  if (line.value("out") === undefined) await host.remove(image);
  return device.path;
}

function madeLines(made: MadeIdentity, drive: string, device: Device | undefined): string[] {
  const advice = device ? "" : "  (secret: copy it to a USB drive, keep no other copy)";
  return [
    `  drive    ${drive}${advice}`,
    `  age      ${shortRecipient(made.recipient)}`,
    `  ssh key  ${made.sshFingerprint}`,
  ];
}

function afterwards(
  console: Console,
  shared: readonly Exposed[],
  rekeyed: Rekeyed | undefined,
  rotated: boolean,
): void {
  if (rotated) {
    console.out(
      `  secrets encrypted anew: ${
        rekeyed?.changed.length ?? 0
      }; instructions will be with the next build`,
    );
  }
  if (shared.length === 0) return console.out("  it shared no private values with other nodes");
  console.out(
    "  The old key could read these values, which others use, too. Change them where they count:",
  );
  for (const one of shared) console.out(exposedLine(one));
}

async function chooseDevice({ line, host, ask }: Task): Promise<Device | undefined> {
  const path = line.value("write");
  if (path === undefined) return undefined;
  const sure = line.on("yes");
  const device = await inspectDevice(host, path, { need: DRIVE_BYTES, fixed: sure });
  if (sure) return device;
  const answer = ask(
    `All on ${path} (${device.description}) will be lost. Type ${path} to go on:`,
  );
  if (answer?.trim() === path) return device;
  throw new UserError(`write to ${path}`, "it was not confirmed", {
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
  return new UserError("read the command line", state, {
    exitCode: EXIT.usage,
    hint: `${SPEC.name} --help shows what it takes`,
  });
}

if (import.meta.main) Deno.exit(await main(Deno.args, new DenoHost()));
