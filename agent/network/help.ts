/**
 * Help for a node whose network does not lead to its site: it was carried to another network, or the router is a new one. When no
 * site has answered for ten minutes after a boot, the identity drive's network.json is added, and a minute later DHCP. Nothing is
 * taken away: should the site answer over what was there before, all the better.
 *
 * @module
 */
import type { StaticNetwork } from "../../lib/documents/drive.ts";
import type { Host } from "../../lib/host.ts";
import { ANSWERED_FILE } from "../system/paths.ts";
import { run } from "../system/programs.ts";
import { setStatic } from "./address.ts";
import { setLink } from "./commands.ts";
import { plainClient, startClient } from "./dhcp.ts";
import { changeMadeNetwork, type MadeNetwork, readMadeNetwork } from "./made.ts";
import { type LinkState, type NetworkState, readNetwork } from "./state.ts";

/** How long after the boot no site may have answered, in milliseconds, and how long the drive's address alone is tried. */
const PATIENCE_MS = 600_000;
const DRIVE_MS = 60_000;
/** Metric of the drive's route: before those of the configuration, behind that of DHCP, which is known to be alive. */
const DRIVE_METRIC = 1;

/** Notes that a site has given a verified answer in this boot. */
export async function noteAnswered(host: Host): Promise<void> {
  if (await host.stat(ANSWERED_FILE)) return;
  await host.writeFile(ANSWERED_FILE, "", { mode: 0o600, sync: false });
}

/** Comes to help where it is time to; gives what was added in this boot, in words. */
export async function comeToHelp(
  host: Host,
  drive: StaticNetwork | undefined,
  hostname: string,
): Promise<string | undefined> {
  const { help, inForce } = await readMadeNetwork(host);
  const isTime = host.uptime() >= PATIENCE_MS && !await host.stat(ANSWERED_FILE);
  if (!isTime) return help && told(help, drive);
  // At the first contact the drive's address is in use already, or DHCP is.
  const isLate = !inForce || drive === undefined || host.uptime() >= PATIENCE_MS + DRIVE_MS;
  const state = await readNetwork(host);
  const made = await readMadeNetwork(host);
  if (help === undefined && inForce && drive) {
    await changeMadeNetwork(host, (one) => void (one.help = "drive"));
    await addDrive(host, drive, state, made);
  }
  if (!isLate || (!inForce && drive === undefined)) {
    return drive && inForce ? told("drive", drive) : undefined;
  }
  await changeMadeNetwork(host, (one) => void (one.help = "dhcp"));
  await addDhcp(host, hostname, state, made);
  return told("dhcp", drive);
}

function told(help: NonNullable<MadeNetwork["help"]>, drive: StaticNetwork | undefined): string {
  const added = [
    ...drive ? ["the identity drive's network.json"] : [],
    ...help === "dhcp" ? ["DHCP"] : [],
  ];
  return `no site answered for ten minutes after the boot: ${added.join(" and ")} came to help`;
}

/** Links that can have addresses of their own: cards and what the agent has made, but no members. */
function usable({ links, cards }: NetworkState, made: MadeNetwork): LinkState[] {
  return links.filter(({ name, master }) =>
    master === undefined && (cards.some((one) => one.name === name) || made.links[name])
  );
}

async function addDrive(
  host: Host,
  drive: StaticNetwork,
  state: NetworkState,
  made: MadeNetwork,
): Promise<void> {
  const links = usable(state, made);
  for (const { name, isUp } of links) if (!isUp) await run(host, setLink(name, "up"));
  const named = state.links.find(({ name, otherNames }) =>
    [name, made.names[name], ...otherNames].includes(drive.interface ?? "")
  );
  const target = links.find(({ name }) => name === (named?.master ?? named?.name)) ??
    links.find((one) => one.hasCarrier) ?? links[0];
  // Not by the agent's own protocol: the configured network is restored in every round, and this is no part of it.
  if (target) await setStatic(host, drive, target.name, DRIVE_METRIC, "boot");
}

async function addDhcp(
  host: Host,
  hostname: string,
  state: NetworkState,
  made: MadeNetwork,
): Promise<void> {
  const asked = usable(state, made).filter(({ name }) =>
    !state.clients.some((one) => one.interface === name && one.family === 4)
  );
  for (const { name, isUp } of asked) if (!isUp) await run(host, setLink(name, "up"));
  await Promise.all(asked.map(({ name }) => startClient(host, plainClient(name, hostname, true))));
}
