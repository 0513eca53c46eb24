/**
 * `deno task node`: makes nodes with their identity drives, lists them, takes them out of the fleet, renews them.
 *
 * @module
 */
import { promptSecret } from "@std/cli/prompt-secret";
import { alone, lockIn } from "../lib/cli/alone.ts";
import { type Console, processConsole } from "../lib/cli/console.ts";
import { UsageError } from "../lib/cli/failures.ts";
import { runProgram } from "../lib/cli/program.ts";
import { DenoHost } from "../lib/deno_host.ts";
import type { StaticNetwork } from "../lib/documents/drive.ts";
import { isNodeName } from "../lib/documents/names.ts";
import { UserError } from "../lib/errors.ts";
import type { Host } from "../lib/host.ts";
import { DRIVE_BYTES } from "../lib/identity/make_drive.ts";
import { type Device, inspectDevice, writeDevice } from "../lib/identity/write_device.ts";
import type { IdentityFile } from "../lib/trust/age.ts";
import { loadIdentities, recipientsOf } from "../lib/trust/age_identity.ts";
import type { Prompt } from "../lib/trust/passphrase.ts";
import { type MadeIdentity, newNode } from "../site/nodes/new_node.ts";
import {
  exposedLine,
  nodeFacts,
  nodeLines,
  nodeTable,
  shortRecipient,
} from "../site/nodes/node_text.ts";
import {
  renewNode,
  type Revoked,
  revokeNode,
  type RevokeOptions,
} from "../site/nodes/revoke_node.ts";
import { findNode } from "../site/secrets/exposure.ts";
import { openSecrets } from "../site/secrets/secret_files.ts";
import { type NodeLine, program } from "./lines/node.ts";

/** Asks a person for a line of text; null when nobody can be asked. */
export type Ask = (question: string) => string | null;

/** What is the same for all verbs. */
interface Desk {
  host: Host;
  console: Console;
  ask: Ask;
  prompt: Prompt;
}

/** What a verb is given. */
type Task<V extends NodeLine["verb"]> = Desk & { line: Extract<NodeLine, { verb: V }> };

/** The verbs that make a drive, and those that take keys away. */
type Making = "new" | "renew";
type Revoking = "revoke" | "renew";

/** The task; `ask` puts the questions before something is lost, `prompt` asks for a passphrase. */
export function main(
  args: readonly string[],
  host: Host,
  console: Console = processConsole,
  ask: Ask = (question) => prompt(question),
  prompting: Prompt = promptSecret,
): Promise<number> {
  return runProgram(program, args, async (line, console) => {
    const task = { host, console, ask, prompt: prompting };
    if (line.verb === "list") return await list({ ...task, line });
    if (line.verb === "show") return await show({ ...task, line });
    const turn = { doing: `change ${line.nodes}`, command: `task node ${line.verb}` };
    await alone(host, lockIn(line.nodes), turn, async () => {
      if (line.verb === "new") await make({ ...task, line });
      else if (line.verb === "revoke") await revoke({ ...task, line });
      else await renew({ ...task, line });
    });
  }, console);
}

async function make(task: Task<"new">): Promise<void> {
  const { line, host, console } = task;
  const { name, tags, json } = line;
  const device = isNodeName(name) ? await chooseDevice(task) : undefined;
  const made = await newNode(host, { ...identityOptions(line), tags });
  const drive = await toDevice(task, made.drive, device);
  if (json) return console.out(JSON.stringify({ ...made, drive }, null, 2));
  console.out(`node ${name}`);
  console.out(`  file     ${made.file}`);
  madeLines(made, drive, device).forEach((text) => console.out(text));
  if (!made.keepsSeed) {
    console.out(
      "  seed     on the drive alone: there are no admins (deno task secret init), so a new drive will change its machine-id",
    );
  }
  console.out("Next: deno task site publishes what it is to be");
}

async function list({ line, host, console }: Task<"list">): Promise<void> {
  const { nodes, json } = line;
  const secrets = await openSecrets(host, nodes);
  const facts = secrets.fleet.nodes.map((node) => nodeFacts(secrets, node));
  if (json) return console.out(JSON.stringify(facts, null, 2));
  if (facts.length === 0) return console.out(`${nodes} holds no nodes`);
  nodeTable(facts).forEach((text) => console.out(text));
}

async function show({ line, host, console }: Task<"show">): Promise<void> {
  const { name, nodes, json } = line;
  const secrets = await openSecrets(host, nodes);
  const facts = nodeFacts(secrets, findNode(secrets, name));
  if (json) return console.out(JSON.stringify(facts, null, 2));
  nodeLines(facts).forEach((text) => console.out(text));
}

async function revoke(task: Task<"revoke">): Promise<void> {
  const { line, host, console, ask } = task;
  const { name, nodes, rotate, yes, json } = line;
  findNode(await openSecrets(host, nodes), name);
  if (!yes) {
    const answer = ask(`Node ${name} will be taken out of the fleet. Type ${name} to go on:`);
    if (answer?.trim() !== name) {
      throw new UserError(`revoke node ${name}`, "it was not confirmed", {
        hint: answer === null ? "--yes asks nothing" : "nothing was changed",
      });
    }
  }
  const done = await revokeNode(host, await revokeOptions(task, identitiesOf(task)));
  const image = await host.stat(imageOf(line)) ? imageOf(line) : undefined;
  if (json) return console.out(JSON.stringify({ ...done, image }, null, 2));
  console.out(`node ${name} is revoked: ${done.file} is gone, no file names its key any more`);
  afterwards(console, done, rotate);
  if (image) console.out(`  ${image} still holds its private keys: remove it`);
  console.out("Next: deno task site removes its documents, deno task publish makes that known");
}

async function renew(task: Task<"renew">): Promise<void> {
  const { line, host, console } = task;
  const { name, nodes, rotate, json } = line;
  findNode(await openSecrets(host, nodes), name);
  const device = await chooseDevice(task);
  const load = identitiesOf(task);
  const options = { ...identityOptions(line), ...await revokeOptions(task, load) };
  const seedIdentities = line.newSeed ? undefined : load;
  const made = await renewNode(host, { ...options, seedIdentities });
  const drive = await toDevice(task, made.drive, device);
  if (json) return console.out(JSON.stringify({ ...made, drive }, null, 2));
  console.out(`node ${name} is renewed; its old key ${shortRecipient(made.revoked)} is revoked`);
  madeLines(made, drive, device).forEach((text) => console.out(text));
  console.out(
    made.keptSeed
      ? "  machine-id, hostid and the like stay as they were"
      : "  machine-id, hostid and the like will be others: it has a new seed",
  );
  afterwards(console, made, rotate);
  console.out("Next: deno task site encrypts its instructions to the new key");
}

function imageOf({ name, out }: { name: string; out?: string }): string {
  return out ?? `build/nodes/${name}.img`;
}

function identityOptions(line: Task<Making>["line"]) {
  const { name, nodes, keys, sites, ntp, postQuantum } = line;
  const network = networkOf(line);
  const timeServers = ntp.length > 0 ? ntp : undefined;
  return { name, nodes, keys, sites, out: imageOf(line), network, timeServers, postQuantum };
}

/** Loads the administrator's identity once, when it is needed: it may ask for a passphrase. */
function identitiesOf({ line, host, prompt }: Task<Revoking>): () => Promise<IdentityFile> {
  let loaded: Promise<IdentityFile> | undefined;
  const { identity, keys } = line;
  return () => loaded ??= loadIdentities(host, { file: identity, keys, prompt });
}

async function revokeOptions(
  { line }: Task<Revoking>,
  load: () => Promise<IdentityFile>,
): Promise<RevokeOptions> {
  const { name, nodes, cache, rotate } = line;
  if (!rotate) return { name, nodes, cache };
  const identities = await load();
  return { name, nodes, cache, rotate: { identities, own: await recipientsOf(identities) } };
}

/** Copies the image to the device, if one was chosen; where the drive is now. */
async function toDevice(
  { line, host }: Task<Making>,
  image: string,
  device: Device | undefined,
): Promise<string> {
  if (!device) return image;
  await writeDevice(host, image, device);
  if (line.out === undefined) await host.remove(image);
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
  { shared, volumes, rekeyed }: Pick<Revoked, "shared" | "volumes" | "rekeyed">,
  rotated: boolean,
): void {
  if (rotated) {
    console.out(
      `  secrets encrypted anew: ${
        rekeyed?.changed.length ?? 0
      }; instructions will be with the next build`,
    );
  }
  if (volumes.length > 0) {
    console.out(
      "  The old key leads to what opens these volumes. Change luks.key of each, and put",
    );
    console.out("  what it was below oldKeys; wipe the disks of a node that is gone:");
    for (const { node, volume } of volumes) console.out(`    ${volume} of ${node}`);
  }
  if (shared.length === 0) return console.out("  it shared no private values with other nodes");
  console.out(
    "  The old key could read these values, which others use, too. Change them where they count:",
  );
  for (const one of shared) console.out(exposedLine(one));
}

async function chooseDevice({ line, host, ask }: Task<Making>): Promise<Device | undefined> {
  const path = line.write;
  if (path === undefined) return undefined;
  const sure = line.yes;
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

function networkOf(line: Task<Making>["line"]): StaticNetwork | undefined {
  const { static: address, gateway, dns, interface: name } = line;
  if (address === undefined) {
    const alone = (["gateway", "dns", "interface"] as const).find((one) => line[one]?.length);
    if (alone) throw new UsageError(`--${alone} needs --static`);
    return undefined;
  }
  return { address, gateway, dns: dns.length > 0 ? [...dns] : undefined, interface: name };
}

if (import.meta.main) Deno.exit(await main(Deno.args, new DenoHost()));
