/**
 * Makes the network what it is to be: reads and plans until nothing is left to do.
 *
 * @module
 */
import type { WantedInterface, WantedNetwork } from "../../lib/config/network.ts";
import { plainCidr } from "../../lib/schema/ip.ts";
import { UserError } from "../../lib/errors.ts";
import type { Host } from "../../lib/host.ts";
import { writeKernelFile } from "../system/kernel_files.ts";
import { run, runOk } from "../system/programs.ts";
import { type DhcpIdentity, startClient, stopClient } from "./dhcp.ts";
import { type MadeNetwork, readMadeNetwork, writeMadeNetwork } from "./made.ts";
import { matchCards } from "./match.ts";
import { type Aim, aside, type Change, planNetwork } from "./plan.ts";
import {
  fixedText,
  RESOLV_DRIVE,
  RESOLV_FIXED,
  setResolverPart,
  writeResolver,
} from "./resolver.ts";
import { type NetworkState, readLinks, readNetwork } from "./state.ts";

/** How often the network is planned again before it is said that it does not come to rest. */
const MOST_ROUNDS = 8;
/** How long addresses may be tentative: duplicate detection takes a second or two (RFC 4862, 5.4). */
const DAD_LOOKS = 10;
const DAD_PAUSE_MS = 500;

/** What is there to make a network of. */
export interface Found {
  state: NetworkState;
  made: MadeNetwork;
  aim: Aim;
  /** Why cards were not found, by our names. */
  missing: ReadonlyMap<string, string>;
}

/** Reads the network, and finds what is wanted of it. */
export async function findNetwork(
  host: Host,
  wanted: readonly WantedInterface[],
  dhcp: DhcpIdentity,
): Promise<Found> {
  const wakes = wanted.filter((one) => one.wakeOnLan !== undefined).map(({ name }) => name);
  const [state, made] = [await readNetwork(host, wakes), await readMadeNetwork(host)];
  const { links, missing } = matchCards(wanted, state, made.names);
  const interfaces = wanted.filter((one) => canBeMade(one, wanted, missing));
  return { state, made, missing, aim: { interfaces, cards: links, dhcp } };
}

/** Whether its card is there, and what a VLAN is of. */
function canBeMade(
  { name, kind }: WantedInterface,
  all: readonly WantedInterface[],
  missing: ReadonlyMap<string, string>,
): boolean {
  if (kind.is !== "vlan") return !missing.has(name);
  const carrier = all.find((one) => one.name === kind.link);
  return carrier !== undefined && canBeMade(carrier, all, missing);
}

/**
 * Makes it so.
 *
 * @throws {UserError} naming the interface, with the complaint of the program that failed.
 */
export async function makeNetwork(
  host: Host,
  { interfaces, dns }: WantedNetwork,
  dhcp: DhcpIdentity,
): Promise<void> {
  const isOurs = interfaces !== undefined || (await readMadeNetwork(host)).inForce;
  for (let round = 0; isOurs; round++) {
    const found = await findNetwork(host, interfaces ?? [], dhcp);
    const { aim, state, made } = found;
    const changes = planNetwork(aim, state, made);
    if (changes.length === 0) {
      await noteDone(host, found, interfaces !== undefined);
      break;
    }
    if (round === MOST_ROUNDS) {
      throw new UserError(
        "change the network",
        `something changes it back again and again: ${changes[0]!.link}`,
      );
    }
    await noteBegun(host, found);
    for (const change of changes.filter((one) => one.do !== "start")) await perform(host, change);
    // Each may wait some seconds for an answer.
    await Promise.all(
      changes.filter((one) => one.do === "start").map((change) => perform(host, change)),
    );
  }
  await setResolverPart(host, RESOLV_FIXED, fixedText(dns));
  if (interfaces) await setResolverPart(host, RESOLV_DRIVE, undefined);
  await writeResolver(host);
  await waitForAddresses(host);
}

async function perform(host: Host, change: Change): Promise<void> {
  const doing = `set up the interface ${change.link}`;
  switch (change.do) {
    case "run":
      if (change.mayFail) await run(host, change.command);
      else await runOk(host, doing, change.command);
      return;
    case "write": {
      const written = await writeKernelFile(host, doing, change.path, change.value);
      if ("refused" in written) throw new UserError(doing, `${change.path} can't be set`);
      return;
    }
    case "start":
      return await startClient(host, change.client);
    case "stop":
      return await stopClient(host, change.client);
  }
}

/** Remembers what is about to be made, beside what was. */
async function noteBegun(host: Host, { made, aim, state }: Found): Promise<void> {
  const begun: MadeNetwork = structuredClone(made);
  for (const { name, kind, addresses, mtu } of aim.interfaces) {
    const link = state.links.find((one) => one.name === name);
    if (link && mtu !== undefined) begun.mtus[link.index] ??= link.mtu;
    if (kind.is !== "card") begun.links[name] = kind;
    begun.addresses[name] = [...new Set([...begun.addresses[name] ?? [], ...addresses])];
  }
  const former = (name: string) => made.names[name] ?? name;
  for (const [name, link] of aim.cards) {
    begun.names[name] = former(link.name);
    begun.up = [...new Set([...begun.up, former(link.name)])];
  }
  for (const { name } of state.cards) {
    const link = state.links.find((one) => one.name === name);
    if (link) begun.names[aside(link)] = former(name);
  }
  await writeMadeNetwork(host, begun);
}

/** Remembers what is there in the end, and nothing else. */
async function noteDone(
  host: Host,
  { made, aim: { interfaces }, state }: Found,
  inForce: boolean,
): Promise<void> {
  const links = interfaces.flatMap(({ name, kind }) => kind.is === "card" ? [] : [[name, kind]]);
  const isThere = (name: string) => state.links.some((one) => one.name === name);
  const names = Object.entries(made.names).filter(([name, before]) =>
    name !== before && isThere(name)
  );
  const sized = interfaces.filter((one) => one.mtu !== undefined).map(({ name }) =>
    `${state.links.find((link) => link.name === name)?.index}`
  );
  const mtus = Object.entries(made.mtus).filter(([index]) => sized.includes(index));
  const addresses = interfaces.filter((one) => one.addresses.length > 0)
    .map(({ name, addresses }) => [name, addresses]);
  await writeMadeNetwork(host, {
    ...made,
    inForce,
    interfaces: interfaces.map(({ name }) => name),
    links: Object.fromEntries(links),
    names: Object.fromEntries(names),
    mtus: Object.fromEntries(mtus),
    addresses: Object.fromEntries(addresses),
  });
}

/** Waits until it is known of each address whether it can be used, for some seconds at most. */
export async function waitForAddresses(host: Host): Promise<void> {
  for (let look = 0; look < DAD_LOOKS; look++) {
    const links = await readLinks(host);
    const isOpen = links.some(({ hasCarrier, addresses }) =>
      hasCarrier && addresses.some(({ isTentative, isGlobal }) => isTentative && isGlobal)
    );
    if (!isOpen) return;
    await host.sleep(DAD_PAUSE_MS);
  }
}

/** Why the network is not wholly what it is to be, though all was done; nothing of interfaces that the node does without. */
export function lacking(
  wanted: readonly WantedInterface[],
  { state, missing, aim }: Found,
): string[] {
  return wanted.filter((one) => !one.optional).flatMap((one) => {
    const { name, kind, dhcp4, master } = one;
    const why = missing.get(name);
    if (why !== undefined) return [why];
    const link = state.links.find((other) => other.name === name);
    if (!aim.interfaces.includes(one) || !link) {
      return [`${name}: ${kind.is === "vlan" ? `${kind.link} is not there` : "it is not there"}`];
    }
    const ours = one.addresses.map(plainCidr);
    const taken = link.addresses.filter(({ cidr, isTaken }) => isTaken && ours.includes(cidr))
      .map(({ cidr }) => `${name}: another machine has ${cidr}`);
    const hasFour = link.addresses.some(({ cidr, isGlobal }) => isGlobal && !cidr.includes(":"));
    const cable = link.hasCarrier ? "" : " (no cable)";
    const asks = dhcp4 && master === undefined && !hasFour
      ? [`${name}: no DHCP answer${cable}`]
      : [];
    return [...taken, ...asks];
  });
}
