/**
 * The first contact, for a node that knows of no network of its own yet: every card is brought up, then the static address of the
 * identity drive or DHCP. Once the configuration's network is in force this has no say any more (agent/network/help.ts).
 *
 * Supported: IPv4 by DHCP (a client per interface stays and renews), one static address of either family, IPv6 as the kernel
 * configures it from router advertisements. Wireless is not.
 *
 * @module
 */
import type { StaticNetwork } from "../../lib/documents/drive.ts";
import type { Host } from "../../lib/host.ts";
import { AgentError } from "../report/problem.ts";
import { INTERFACES } from "../system/paths.ts";
import { run, runOk } from "../system/programs.ts";
import { familyOfCidr } from "../../lib/schema/ip.ts";
import { addRoute } from "./commands.ts";
import { plainClient, readClients, startClient } from "./dhcp.ts";
import { changeMadeNetwork } from "./made.ts";
import { RESOLV_DRIVE, setResolverPart, writeResolver } from "./resolver.ts";

/** Metric of the drive's route at the first contact. */
const METRIC = 100;
/** How often and how long an address is waited for that may be another machine's, too. */
const DAD_LOOKS = 10;
const DAD_PAUSE_MS = 500;

/** How long a cable takes to be noticed after its interface was brought up. */
const CARRIER_LOOKS = 8;
const CARRIER_PAUSE_MS = 500;

/** One physical interface. */
export interface Link {
  name: string;
  /** Whether a cable (or its virtual like) is connected. */
  connected: boolean;
}

/** An interface that has an address beyond its own cable. */
export interface Address {
  interface: string;
  /** In CIDR form. */
  address: string;
  via: "dhcp" | "static" | "other";
}

/** Reads the lines of the interfaces program: name, then "up" or "down". */
export function parseLinks(output: string): Link[] {
  return output.split("\n").flatMap((line) => {
    const [name, state] = line.trim().split(/\s+/);
    return name ? [{ name, connected: state === "up" }] : [];
  });
}

/** Global addresses in what `ip -o addr show` printed, as pairs of interface and CIDR. */
export function parseAddresses(output: string): [string, string][] {
  return output.split("\n").flatMap((line): [string, string][] => {
    // By words: one expression for the line takes a time that grows with the square of a name's length.
    const [number, label, family, address, ...rest] = line.trimEnd().split(/\s+/);
    const name = label?.split(/[@:]/, 1)[0];
    if (!/^\d+:$/.test(number!) || !name || !/^inet6?$/.test(family ?? "")) return [];
    const flags = rest.join(" ");
    if (!address || !/\bscope global\b/.test(flags) || /\btentative\b/.test(flags)) return [];
    return [[name, address]];
  });
}

/**
 * Makes sure that there is an address; does nothing to interfaces that have one or whose client is still asking.
 *
 * @param fixed Static address, else DHCP.
 * @param hostname Told to the DHCP server.
 * @throws {AgentError} "network" saying which interface got no answer, or that there is none.
 */
export async function ensureNetwork(
  host: Host,
  fixed: StaticNetwork | undefined,
  hostname?: string,
): Promise<Address[]> {
  const links = parseLinks(await runOk(host, "list network interfaces", [INTERFACES]));
  if (links.length === 0) {
    throw failure("no network interface (is its driver in the image?)");
  }
  for (const { name } of links) await run(host, ["ip", "link", "set", name, "up"]);
  await changeMadeNetwork(host, (made) => {
    made.up = [...new Set([...made.up, ...links.map(({ name }) => name)])];
  });
  if (fixed) {
    const name = await chooseLink(host, fixed, links);
    await changeMadeNetwork(host, ({ addresses }) => {
      addresses[name] = [...new Set([...addresses[name] ?? [], fixed.address])];
    });
    await setStatic(host, fixed, name, METRIC);
  }
  const before = await addresses(host, links, fixed);
  if (fixed) {
    if (before.length > 0) return before;
    throw failure(`no interface took the static address ${fixed.address}`);
  }
  // The kernel configures IPv6 by itself, so an interface that has only an IPv6 address still gets a DHCP client.
  const asked = links.filter(({ name }) =>
    !before.some((known) => known.interface === name && !known.address.includes(":"))
  );
  const running = asked.length === 0 ? [] : await readClients(host);
  await Promise.all(
    asked.filter(({ name }) => !running.some((one) => one.interface === name && one.family === 4))
      .map(({ name }) => startClient(host, plainClient(name, hostname))),
  );
  const after = await addresses(host, links, fixed);
  if (after.length > 0) return after;
  // The kernel notices a cable only some time after its interface came up: look again for the message.
  const now = parseLinks(await runOk(host, "list network interfaces", [INTERFACES]));
  const said = now.map(({ name, connected }) => connected ? name : `${name} (no cable)`);
  throw failure(`no DHCP answer on ${said.join(", ")}`);
}

async function addresses(
  host: Host,
  links: readonly Link[],
  fixed: StaticNetwork | undefined,
): Promise<Address[]> {
  return (await settledAddresses(host))
    .filter(([name]) => links.some((link) => link.name === name))
    .map(([name, address]) => {
      const via = fixed?.address === address ? "static" : address.includes(":") ? "other" : "dhcp";
      return { interface: name, address, via };
    });
}

/**
 * Global addresses of all interfaces, as pairs of interface and CIDR. Whether another machine has an IPv6 address shows only
 * after a second or so (RFC 4862, 5.4): that is waited for, some seconds at most.
 */
export async function settledAddresses(host: Host): Promise<[string, string][]> {
  for (let look = 1;; look++) {
    const output = await runOk(host, "read network addresses", ["ip", "-o", "addr", "show"]);
    const isOpen = output.split("\n").some((line) =>
      /\bscope global\b/.test(line) && /\btentative\b/.test(line) && !/\bdadfailed\b/.test(line)
    );
    if (!isOpen || look === DAD_LOOKS) return parseAddresses(output);
    await host.sleep(DAD_PAUSE_MS);
  }
}

/** The interface that the static address is for: the one it names, else the first that has a cable. */
async function chooseLink(
  host: Host,
  fixed: StaticNetwork,
  links: readonly Link[],
): Promise<string> {
  if (fixed.interface !== undefined) {
    if (links.some(({ name }) => name === fixed.interface)) return fixed.interface;
    const known = links.map(({ name }) => name).join(", ");
    throw failure(`the drive names ${fixed.interface}, but the node has ${known}`);
  }
  for (let look = 0; links.length > 1 && look < CARRIER_LOOKS; look++) {
    const now = parseLinks(await runOk(host, "list network interfaces", [INTERFACES]));
    const connected = now.find((link) => link.connected);
    if (connected) return connected.name;
    await host.sleep(CARRIER_PAUSE_MS);
  }
  return links[0]!.name;
}

/**
 * Sets the address, route and name servers of the drive.
 *
 * @param protocol By which the route is known; default the agent's own.
 */
export async function setStatic(
  host: Host,
  { address, gateway, dns }: StaticNetwork,
  name: string,
  metric: number,
  protocol?: string,
): Promise<void> {
  // This fails if the interface has the address already; the caller reads the addresses back anyway.
  await run(host, ["ip", "addr", "add", address, "dev", name]);
  if (gateway) {
    const family = familyOfCidr(gateway)!;
    const route = { family, to: "default", via: gateway, metric, onLink: false };
    for (const command of addRoute(name, route, [address], protocol)) {
      await runOk(host, `set the route through ${gateway}`, command);
    }
  }
  const servers = typeof dns === "string" ? [dns] : dns ?? [];
  if (servers.length === 0) return;
  const text = servers.map((server) => `nameserver ${server}\n`).join("");
  await setResolverPart(host, RESOLV_DRIVE, text);
  await writeResolver(host);
}

function failure(state: string): AgentError {
  return new AgentError("network", "get a network address", state);
}
