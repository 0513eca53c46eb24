/**
 * The node's network as the kernel has it, and what DHCP clients run.
 *
 * @module
 */
import * as v from "valibot";
import type { Host } from "../../lib/host.ts";
import { readKernelFiles } from "../system/kernel_files.ts";
import { INTERFACES } from "../system/paths.ts";
import { run, runOk } from "../system/programs.ts";
import { type Client, readClients } from "./dhcp.ts";

/** An address of a link. */
export interface AddressState {
  /** With the length of its prefix. */
  cidr: string;
  isGlobal: boolean;
  /** Given by a router, for a time. */
  isDynamic: boolean;
  /** Not in use before it is known that nobody else has it (RFC 4862, 5.4). */
  isTentative: boolean;
  /** Somebody else has it. */
  isTaken: boolean;
}

/** A link. */
export interface LinkState {
  index: number;
  name: string;
  otherNames: readonly string[];
  /** The permanent MAC address. */
  mac: string;
  isUp: boolean;
  hasCarrier: boolean;
  mtu: number;
  /** As `ip` calls it: "vlan", "bridge", "bond" …; undefined for a card. */
  kind: string | undefined;
  /** What a VLAN is of. */
  parent: string | undefined;
  master: string | undefined;
  /** What the kernel says of its kind. */
  info: Readonly<Record<string, unknown>>;
  addresses: readonly AddressState[];
}

/** A route of the main table. */
export interface RouteState {
  family: 4 | 6;
  to: string;
  via: string | undefined;
  device: string;
  metric: number;
  protocol: string;
  onLink: boolean;
}

/** A card: what has a driver of its own. */
export interface Card {
  /** As it is called now. */
  name: string;
  driver: string;
  /** Below /sys/devices. */
  path: string;
}

/** All of it. */
export interface NetworkState {
  links: readonly LinkState[];
  routes: readonly RouteState[];
  cards: readonly Card[];
  clients: readonly Client[];
  /** What is set below {@linkcode IPV6_CONF}, by "link setting". */
  ipv6: ReadonlyMap<string, string>;
  /** Of the links that were asked about: whether a magic packet wakes the machine; absent where the card can't tell. */
  wakes: ReadonlyMap<string, boolean>;
}

/** Where the kernel shows the IPv6 settings of each link. */
export const IPV6_CONF = "/proc/sys/net/ipv6/conf";
/** Those that are read. */
export const IPV6_SETTINGS = ["accept_ra", "ra_defrtr_metric"] as const;

const count = v.optional(v.number(), 0);
const flag = v.optional(v.boolean(), false);
const name = v.optional(v.string());
const linkSchema = v.object({
  ifindex: v.number(),
  ifname: v.string(),
  flags: v.array(v.string()),
  mtu: v.number(),
  address: v.optional(v.string(), ""),
  permaddr: name,
  altnames: v.optional(v.array(v.string()), []),
  link: name,
  master: name,
  linkinfo: v.optional(
    v.object({
      info_kind: name,
      info_data: v.optional(v.record(v.string(), v.unknown()), {}),
    }),
  ),
  addr_info: v.array(v.object({
    local: name,
    prefixlen: count,
    scope: name,
    dynamic: flag,
    tentative: flag,
    dadfailed: flag,
  })),
});
const routeSchema = v.object({
  dst: v.string(),
  gateway: name,
  dev: name,
  metric: count,
  protocol: v.optional(v.string(), ""),
  flags: v.optional(v.array(v.string()), []),
});

/** Reads links with their addresses. */
export async function readLinks(host: Host): Promise<LinkState[]> {
  const output = await runOk(host, "read the network's links", ["ip", "-j", "-d", "addr", "show"]);
  // One that vanishes while it is read leaves an empty object.
  const links = v.parse(v.array(v.record(v.string(), v.unknown())), JSON.parse(output));
  return links.filter((one) => "ifname" in one).map((one) => linkOf(v.parse(linkSchema, one)));
}

function linkOf(link: v.InferOutput<typeof linkSchema>): LinkState {
  const { ifindex: index, ifname, flags, mtu, altnames, address, permaddr, linkinfo } = link;
  return {
    ...{ index, mtu, name: ifname, otherNames: altnames, mac: permaddr ?? address },
    isUp: flags.includes("UP"),
    hasCarrier: flags.includes("LOWER_UP"),
    kind: linkinfo?.info_kind,
    parent: link.link,
    master: link.master,
    info: linkinfo?.info_data ?? {},
    addresses: link.addr_info.flatMap(({ local, prefixlen, scope, dynamic, ...dad }) =>
      local === undefined ? [] : [{
        cidr: `${local}/${prefixlen}`,
        isGlobal: scope === "global" || scope === "site",
        isDynamic: dynamic,
        isTentative: dad.tentative && !dad.dadfailed,
        isTaken: dad.dadfailed,
      }]
    ),
  };
}

async function readRoutes(host: Host, family: 4 | 6): Promise<RouteState[]> {
  const command = ["ip", "-j", `-${family}`, "route", "show"];
  const output = await runOk(host, "read the network's routes", command);
  const routes = v.parse(v.array(routeSchema), JSON.parse(output.trim() || "[]"));
  return routes.flatMap(({ dst, gateway, dev, metric, protocol, flags }) =>
    dev === undefined ? [] : [{
      ...{ family, metric, protocol, to: dst, via: gateway, device: dev },
      onLink: flags.includes("onlink"),
    }]
  );
}

/** The node's cards. */
export async function readCards(host: Host): Promise<Card[]> {
  const output = await runOk(host, "list network interfaces", [INTERFACES]);
  return output.split("\n").flatMap((line) => {
    const [name, _state, driver = "-", path = ""] = line.trim().split(/\s+/);
    return name ? [{ name, driver, path }] : [];
  });
}

/** Reads all; `wakes` names links that are asked whether they wake the machine. */
export async function readNetwork(
  host: Host,
  wakes: readonly string[] = [],
): Promise<NetworkState> {
  const [links, cards, clients, four, six] = await Promise.all([
    readLinks(host),
    readCards(host),
    readClients(host),
    readRoutes(host, 4),
    readRoutes(host, 6),
  ]);
  const paths = links.flatMap(({ name }) =>
    IPV6_SETTINGS.map((setting) =>
      [`${name} ${setting}`, `${IPV6_CONF}/${name}/${setting}`] as const
    )
  );
  const values = await readKernelFiles(host, paths.map(([, path]) => path));
  const ipv6 = new Map(paths.flatMap(([key, path]) => {
    const value = values.get(path);
    return value === undefined ? [] : [[key, value.trim()]];
  }));
  return {
    ...{ links, cards, clients, ipv6, routes: [...four, ...six] },
    wakes: await readWakes(host, wakes.filter((name) => links.some((link) => link.name === name))),
  };
}

async function readWakes(host: Host, names: readonly string[]): Promise<Map<string, boolean>> {
  const found = new Map<string, boolean>();
  for (const name of names) {
    const { code, stdout } = await run(host, ["ethtool", name]);
    const modes = /^\s*Wake-on:\s*(\S+)/m.exec(new TextDecoder().decode(stdout))?.[1];
    if (code === 0 && modes !== undefined) found.set(name, modes.includes("g"));
  }
  return found;
}
