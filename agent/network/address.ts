/**
 * Gets the node an address: every physical interface is brought up, then the static address of the identity drive or DHCP.
 *
 * Supported: IPv4 by DHCP (a client per interface stays and renews), one static address of either family, IPv6 as the kernel
 * configures it from router advertisements. Wireless is not.
 *
 * @module
 */
import type { StaticNetwork } from "../../lib/documents/drive.ts";
import type { Host } from "../../lib/host.ts";
import { AgentError } from "../report/problem.ts";
import { INTERFACES, RUN_DIR, UDHCPC_SCRIPT } from "../system/paths.ts";
import { installFile } from "../system/install_file.ts";
import { readTextIfFile } from "../system/read_file.ts";
import { outputOf, run, runOk } from "../system/programs.ts";

/** How often and how long a DHCP client asks before it goes on in the background, and the pause after that, in seconds. */
const DHCP_TRIES = 4;
const DHCP_WAIT_SECONDS = 2;
const DHCP_PAUSE_SECONDS = 10;

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
  if (fixed) await setStatic(host, fixed, await chooseLink(host, fixed, links));
  const before = await addresses(host, links, fixed);
  if (fixed) {
    if (before.length > 0) return before;
    throw failure(`no interface took the static address ${fixed.address}`);
  }
  // The kernel configures IPv6 by itself, so an interface that has only an IPv6 address still gets a DHCP client.
  const asked = links.filter(({ name }) =>
    !before.some((known) => known.interface === name && !known.address.includes(":"))
  );
  await Promise.all(asked.map(({ name }) => startDhcp(host, name, hostname)));
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
  const output = await runOk(host, "read network addresses", ["ip", "-o", "addr", "show"]);
  return parseAddresses(output)
    .filter(([name]) => links.some((link) => link.name === name))
    .map(([name, address]) => {
      const via = fixed?.address === address ? "static" : address.includes(":") ? "other" : "dhcp";
      return { interface: name, address, via };
    });
}

/** Starts a client unless one is running; returns when it has a lease or went to the background to keep asking. */
async function startDhcp(host: Host, name: string, hostname?: string): Promise<void> {
  const pidFile = `${RUN_DIR}/udhcpc.${name}.pid`;
  if (await isRunning(host, pidFile)) return;
  await host.mkdir(RUN_DIR, { mode: 0o700 });
  await run(host, [
    "udhcpc",
    "-b",
    ...["-i", name, "-s", UDHCPC_SCRIPT, "-p", pidFile],
    ...["-t", `${DHCP_TRIES}`, "-T", `${DHCP_WAIT_SECONDS}`, "-A", `${DHCP_PAUSE_SECONDS}`],
    ...(hostname ? ["-x", `hostname:${hostname}`] : []),
  ], { output: "null" });
}

async function isRunning(host: Host, pidFile: string): Promise<boolean> {
  if (!await host.stat(pidFile)) return false;
  const pid = (await host.readTextFile(pidFile)).trim();
  if (!/^\d+$/.test(pid)) return false;
  const name = outputOf(await run(host, ["cat", `/proc/${pid}/comm`])).trim();
  return name === "udhcpc" || name === "busybox";
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

async function setStatic(host: Host, fixed: StaticNetwork, name: string): Promise<void> {
  // This fails if the interface has the address already; the caller reads the addresses back anyway.
  await run(host, ["ip", "addr", "add", fixed.address, "dev", name]);
  if (fixed.gateway) {
    const route = ["ip", "route", "replace", "default", "via", fixed.gateway, "dev", name];
    await runOk(host, `set the route through ${fixed.gateway}`, route);
  }
  const servers = typeof fixed.dns === "string" ? [fixed.dns] : fixed.dns ?? [];
  if (servers.length === 0) return;
  const wanted = servers.map((server) => `nameserver ${server}\n`).join("");
  if (await readTextIfFile(host, "/etc/resolv.conf") === wanted) return;
  await installFile(host, "/etc/resolv.conf", wanted, { mode: 0o644, uid: 0, gid: 0 });
}

function failure(state: string): AgentError {
  return new AgentError("network", "get a network address", state);
}
