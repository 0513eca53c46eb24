/**
 * DHCP clients: how one is asked for, which run and with what. The clients themselves are busybox's, started and ended by a
 * program of the image (overlay/root/usr/lib/psyopsos/dhcp-client), so that they go on while no agent runs.
 *
 * @module
 */
import { sha256Hex, utf8 } from "../../lib/bytes.ts";
import type { WantedInterface } from "../../lib/config/network.ts";
import type { Host } from "../../lib/host.ts";
import { DHCP_CLIENT, DHCP_DIR, RUN_DIR } from "../system/paths.ts";
import { run, runOk } from "../system/programs.ts";
import { readTextIfFile } from "../system/read_file.ts";

/** How often and how long a client asks before it goes on in the background, and the pause after that, in seconds. */
const TRIES = 4;
const WAIT_SECONDS = 2;
const PAUSE_SECONDS = 10;

/** Options of IPv4 that are asked for beside the client's own: classless routes in both spellings, time servers, MTU. */
const ASKED = ["staticroutes", "msstaticroutes", "ntpsrv", "mtu"];

/** A client as it is wanted. */
export interface WantedClient {
  interface: string;
  family: 4 | 6;
  /** Text of its settings: lines that its script reads, and its options. */
  settings: string;
}

/** A client that runs. */
export interface Client extends WantedClient {
  lease: Lease;
}

/** What a client got. */
export interface Lease {
  addresses: readonly string[];
  timeServers: readonly string[];
}

/** What is said of the node to servers. */
export interface DhcpIdentity {
  hostname: string;
  /** The node's DUID in hex. */
  duid: string;
}

/** Set in settings of clients that came to help when no site answered: they are left alone. */
const HELPS = "helps yes";

/** The clients of an interface. */
export function clientsOf(
  { name, dhcp4, dhcp6, dhcp, mtu }: WantedInterface,
  { hostname, duid }: DhcpIdentity,
): WantedClient[] {
  const { routeMetric, useRoutes, useDns, clientId } = dhcp;
  const lines = [
    `metric ${routeMetric}`,
    `routes ${yesNo(useRoutes)}`,
    `dns ${yesNo(useDns)}`,
    `mtu ${yesNo(mtu === undefined)}`,
  ];
  const id = clientId === "mac" ? [] : [
    "-x",
    `0x3d:${clientId === "duid" ? nodeSpecific(name, duid) : clientId.replaceAll(":", "")}`,
  ];
  const four = client(name, 4, lines, [...optionsOf(4, hostname), ...id]);
  const six = client(name, 6, lines, optionsOf(6, hostname));
  return [...dhcp4 ? [four] : [], ...dhcp6 ? [six] : []];
}

/** The client of a card of which nothing is said; `helps`: the network that is configured does not lead to the site. */
export function plainClient(
  name: string,
  hostname: string | undefined,
  helps = false,
): WantedClient {
  return client(name, 4, helps ? ["metric 0", HELPS] : [], optionsOf(4, hostname));
}

/** Whether a client came to help. */
export function helps({ settings }: WantedClient): boolean {
  return settings.split("\n").includes(HELPS);
}

function client(
  name: string,
  family: 4 | 6,
  lines: readonly string[],
  options: readonly string[],
): WantedClient {
  const settings = [...lines, ["options", ...options].join(" "), ""].join("\n");
  return { interface: name, family, settings };
}

function optionsOf(family: 4 | 6, hostname: string | undefined): string[] {
  return [
    ...["-t", `${TRIES}`, "-T", `${WAIT_SECONDS}`, "-A", `${PAUSE_SECONDS}`],
    ...family === 4 ? ASKED.flatMap((one) => ["-O", one]) : [],
    ...family === 4 && hostname ? ["-x", `hostname:${hostname}`] : [],
  ];
}

/** A node-specific client identifier (RFC 4361, 6.1) in hex: its type, a number of the interface, the DUID. */
function nodeSpecific(name: string, duid: string): string {
  return `ff${sha256Hex(utf8(name)).slice(0, 8)}${duid}`;
}

function yesNo(is: boolean): string {
  return is ? "yes" : "no";
}

/** The command line's options of a client, as its settings hold them. */
export function clientOptions({ settings }: WantedClient): string[] {
  const line = settings.split("\n").find((one) => one.startsWith("options "));
  return line ? line.split(" ").slice(1) : [];
}

/** Where a client's settings lie. */
export function settingsFile({ interface: name, family }: Omit<WantedClient, "settings">): string {
  return `${DHCP_DIR}/${name}.${family}.settings`;
}

/** The clients that run. */
export async function readClients(host: Host): Promise<Client[]> {
  const output = await runOk(host, "list DHCP clients", [DHCP_CLIENT, "list"]);
  const clients: Client[] = [];
  for (const line of output.split("\n")) {
    const [name, number] = line.split(" ");
    if (!name || !number) continue;
    const family = number === "6" ? 6 : 4;
    const settings = await readTextIfFile(host, settingsFile({ interface: name, family })) ?? "";
    const lease = await readTextIfFile(host, `${DHCP_DIR}/${name}.${family}.lease`) ?? "";
    clients.push({ interface: name, family, settings, lease: parseLease(lease) });
  }
  return clients;
}

function parseLease(text: string): Lease {
  const values = (key: string) =>
    text.split("\n").filter((line) => line.startsWith(`${key} `))
      .map((line) => line.slice(key.length + 1));
  return { addresses: values("address"), timeServers: values("ntp") };
}

/** Starts a client; returns when it has a lease, or went to the background to keep asking. */
export async function startClient(host: Host, client: WantedClient): Promise<void> {
  await host.mkdir(RUN_DIR, { mode: 0o700 });
  await host.mkdir(DHCP_DIR, { mode: 0o700 });
  await host.writeFile(settingsFile(client), client.settings, { mode: 0o600, sync: false });
  const { interface: name, family } = client;
  const command = [DHCP_CLIENT, "start", name, `${family}`, ...clientOptions(client)];
  await run(host, command, { output: "null" });
}

/** Ends a client, and takes away what its lease has brought. */
export async function stopClient(
  host: Host,
  { interface: name, family }: Omit<WantedClient, "settings">,
): Promise<void> {
  await run(host, [DHCP_CLIENT, "stop", name, `${family}`], { output: "null" });
}

/** Time servers that DHCP names. */
export async function timeServersOfDhcp(host: Host): Promise<string[]> {
  const names = (await host.readDir(DHCP_DIR)).filter((name) => name.endsWith(".lease"));
  const texts = await Promise.all(names.map((name) => readTextIfFile(host, `${DHCP_DIR}/${name}`)));
  return [...new Set(texts.flatMap((text) => parseLease(text ?? "").timeServers))];
}
