/**
 * What leads from the network as it is to the one that is wanted. Pure. Some changes make others possible (a card gets its name,
 * then its VLAN is made, then that gets its address), so a plan may hold only the first of them: when it is done, the network is
 * read and planned again, until nothing is left.
 *
 * Only what the agent has made, or the configuration names, is changed.
 *
 * @module
 */
import type { WantedInterface } from "../../lib/config/network.ts";
import { plainCidr } from "../../lib/schema/ip.ts";
import { canonicalJson } from "../../lib/json.ts";
import { equal } from "../../lib/bytes.ts";
import {
  addAddress,
  addRoute,
  type Command,
  deleteAddress,
  deleteRoute,
  enslave,
  makeLink,
  OUR_PROTOCOL,
  rename,
  routerRoute,
  setBridge,
  setLink,
  setPrimary,
} from "./commands.ts";
import { clientsOf, type DhcpIdentity, helps, type WantedClient } from "./dhcp.ts";
import type { MadeKind, MadeNetwork } from "./made.ts";
import { IPV6_CONF, type LinkState, type NetworkState, type RouteState } from "./state.ts";

/** One change. */
export type Change =
  | {
    readonly do: "run";
    readonly link: string;
    readonly command: Command;
    readonly mayFail?: true;
  }
  | { readonly do: "write"; readonly link: string; readonly path: string; readonly value: string }
  | { readonly do: "start" | "stop"; readonly link: string; readonly client: WantedClient };

/** What a plan is made for. */
export interface Aim {
  /** Those whose cards are there; in the order of making. */
  interfaces: readonly WantedInterface[];
  /** Link of each card by our name. */
  cards: ReadonlyMap<string, LinkState>;
  dhcp: DhcpIdentity;
}

/** The next changes; none when all is as it is wanted. */
export function planNetwork(aim: Aim, state: NetworkState, made: MadeNetwork): Change[] {
  const names = planNames(aim, state, made);
  if (names.length > 0) return names;
  const links = planLinks(aim, state, made);
  if (links.length > 0) return links;
  return [
    ...planUnwanted(aim, state, made),
    ...aim.interfaces.flatMap((one) => planInterface(one, aim, state, made)),
  ];
}

const run = (link: string, command: Command): Change => ({ do: "run", link, command });
/** What may be gone by itself. */
const drop = (link: string, command: Command): Change => ({
  do: "run",
  link,
  command,
  mayFail: true,
});

/** Cards get their names, and those that are no longer ours their former ones. */
function planNames({ cards }: Aim, state: NetworkState, made: MadeNetwork): Change[] {
  const changes: Change[] = [];
  const give = (link: LinkState, to: string, alias?: string) => {
    for (const client of state.clients.filter((one) => one.interface === link.name)) {
      changes.push({ do: "stop", link: link.name, client });
    }
    changes.push(...rename(link.name, to, alias).map((command) => run(to, command)));
  };
  const wanted = [...cards].filter(([name, link]) => link.name !== name);
  const former = Object.entries(made.names).flatMap(([name, before]) => {
    const link = state.links.find((one) => one.name === name);
    const isOurs = [...cards.values()].includes(link!);
    return link && !isOurs && name !== before ? [{ link, before }] : [];
  });
  for (const { link, before } of former) {
    if (link.otherNames.includes(before)) changes.push(dropAlias(link.name, before));
    const isFree = !state.links.some((one) => one.name === before);
    if (isFree || link.name !== aside(link)) give(link, isFree ? before : aside(link));
  }
  if (changes.length > 0) return changes;
  for (const [name] of wanted) {
    const inTheWay = state.links.find((one) => one.name === name);
    // Two cards may have each other's names: one steps aside, and gets its own in the next round.
    if (inTheWay) give(inTheWay, aside(inTheWay));
  }
  if (changes.length > 0) return changes;
  for (const [name, link] of wanted) {
    const alsoCalled = state.links.find((one) => one.otherNames.includes(name));
    if (alsoCalled) changes.push(dropAlias(alsoCalled.name, name));
    const before = made.names[link.name] ?? link.name;
    const isTaken = cards.has(before) ||
      state.links.some((one) =>
        one.otherNames.includes(before) || (one.name === before && one !== link)
      );
    give(link, name, isTaken ? undefined : before);
  }
  return changes;
}

function dropAlias(name: string, alias: string): Change {
  return drop(name, ["ip", "link", "property", "del", "dev", name, "altname", alias]);
}

/** A name that nobody else has. */
export function aside({ index }: LinkState): string {
  return `aside${index}`;
}

/** Links that are made: those that go, or are to be others, then those that are missing. */
function planLinks({ interfaces }: Aim, state: NetworkState, made: MadeNetwork): Change[] {
  const wanted = new Map(
    interfaces.flatMap(({ name, kind }): [string, MadeKind][] =>
      kind.is === "card" ? [] : [[name, kind]]
    ),
  );
  const there = new Map(state.links.map((link) => [link.name, link]));
  const gone = Object.keys(made.links).filter((name) => !wanted.has(name) && there.has(name));
  const other = [...wanted].filter(([name, kind]) => {
    const link = there.get(name);
    return link !== undefined && !isKind(link, kind);
  }).map(([name]) => name);
  const changes = [...gone, ...other].flatMap((name): Change[] => [
    ...state.clients.filter((one) => one.interface === name)
      .map((client): Change => ({ do: "stop", link: name, client })),
    drop(name, ["ip", "link", "del", "dev", name]),
  ]);
  for (const [name, kind] of wanted) {
    if (!there.has(name) || other.includes(name)) changes.push(run(name, makeLink(name, kind)));
  }
  return changes;
}

/** Whether a link is of the kind, as far as that can't be changed while it is there. */
export function isKind(link: LinkState, kind: MadeKind): boolean {
  if (link.kind !== kind.is) return false;
  if (kind.is === "vlan") return link.parent === kind.link && link.info["id"] === kind.id;
  if (kind.is === "bridge") return true;
  return Object.entries(kind.options).every(([key, value]) =>
    key === "primary" || shownOption(link.info, key) === value
  );
}

/** An option of a bond as `ip` shows it. */
function shownOption(info: LinkState["info"], key: string): string | undefined {
  const value = key === "lacp_rate" ? info["ad_lacp_rate"] : info[key];
  return value === undefined ? undefined : `${value}`;
}

/** What was made of links that the configuration does not name. */
function planUnwanted({ interfaces }: Aim, state: NetworkState, made: MadeNetwork): Change[] {
  const isNamed = (name: string) => interfaces.some((one) => one.name === name);
  const isThere = (name: string) => state.links.some((one) => one.name === name);
  const stops = state.clients.filter((one) => !isNamed(one.interface) && !helps(one))
    .map((client): Change => ({ do: "stop", link: client.interface, client }));
  const addresses = Object.entries(made.addresses).filter(([name]) =>
    !isNamed(name) && isThere(name)
  )
    .flatMap(([name, list]) => {
      const has = state.links.find((link) => link.name === name)!.addresses.map(({ cidr }) => cidr);
      return list.filter((cidr) => has.includes(plainCidr(cidr)))
        .map((cidr) => drop(name, deleteAddress(name, cidr)));
    });
  const up = made.up.filter((name) =>
    !isNamed(name) && made.help === undefined &&
    state.links.some((link) => link.name === name && link.isUp)
  ).map((name) => drop(name, setLink(name, "down")));
  const isOurs = (name: string) => !isNamed(name) && made.up.includes(name) && isThere(name);
  const others = state.links.filter(({ name }) => isOurs(name)).flatMap((link): Change[] => {
    const mtu = made.mtus[link.index];
    return [
      ...planIpv6(link.name, "accept_ra", "1", state),
      ...planIpv6(link.name, "ra_defrtr_metric", "1024", state),
      ...mtu === undefined || mtu === link.mtu
        ? []
        : [run(link.name, setLink(link.name, "mtu", `${mtu}`))],
    ];
  });
  return [...stops, ...addresses, ...up, ...others];
}

function planIpv6(name: string, key: string, value: string, { ipv6 }: NetworkState): Change[] {
  const now = ipv6.get(`${name} ${key}`);
  if (now === undefined || now === value) return [];
  return [{ do: "write", link: name, path: `${IPV6_CONF}/${name}/${key}`, value }];
}

function planInterface(
  wanted: WantedInterface,
  aim: Aim,
  state: NetworkState,
  made: MadeNetwork,
): Change[] {
  const { name, kind, master } = wanted;
  const link = state.links.find((one) => one.name === name);
  if (!link) return [];
  const changes = [
    // 2: also where packets are forwarded.
    ...planIpv6(name, "accept_ra", wanted.acceptRa ? "2" : "0", state),
    ...planIpv6(name, "ra_defrtr_metric", `${wanted.dhcp.routeMetric}`, state),
  ];
  const mtu = wanted.mtu ?? made.mtus[link.index];
  if (mtu !== undefined && link.mtu !== mtu) {
    changes.push(run(name, setLink(name, "mtu", `${mtu}`)));
  }
  if (kind.is === "bridge" && link.info["stp_state"] !== (kind.stp ? 1 : 0)) {
    changes.push(run(name, setBridge(name, kind)));
  }
  changes.push(...planClients(wanted, aim, state, "stop"));
  changes.push(...planOldAddresses(wanted, link, made));
  changes.push(...planMaster(link, master, aim, made));
  if (!link.isUp && (master === undefined || link.master === master)) {
    changes.push(run(name, setLink(name, "up")));
  }
  const primary = kind.is === "bond" ? kind.options["primary"] : undefined;
  if (primary !== undefined && link.info["primary"] !== primary) {
    changes.push(run(name, setPrimary(name, primary)));
  }
  const has = link.addresses.map(({ cidr }) => cidr);
  for (const cidr of wanted.addresses.filter((one) => !has.includes(plainCidr(one)))) {
    changes.push(run(name, addAddress(name, cidr)));
  }
  changes.push(...planRoutes(wanted, state), ...planClients(wanted, aim, state, "start"));
  const { wakeOnLan } = wanted;
  if (wakeOnLan !== undefined && state.wakes.get(name) === !wakeOnLan) {
    changes.push(run(name, ["ethtool", "-s", name, "wol", wakeOnLan ? "g" : "d"]));
  }
  return changes;
}

function planMaster(
  { name, master: now }: LinkState,
  master: string | undefined,
  { interfaces }: Aim,
  made: MadeNetwork,
): Change[] {
  if (now === master) return [];
  if (master !== undefined) {
    const isBond = interfaces.some((one) => one.name === master && one.kind.is === "bond");
    return enslave(name, master, isBond).map((command) => run(name, command));
  }
  // A bridge that somebody else has put it into is theirs.
  return made.links[now!] ? [run(name, setLink(name, "nomaster"))] : [];
}

/** Addresses that were ours, and those of routers where they are not wanted any more. */
function planOldAddresses(
  { name, addresses, acceptRa, dhcp6 }: WantedInterface,
  link: LinkState,
  made: MadeNetwork,
): Change[] {
  const wanted = addresses.map(plainCidr);
  const ours = (made.addresses[name] ?? []).map(plainCidr);
  return link.addresses.filter(({ cidr, isDynamic, isGlobal }) =>
    !wanted.includes(cidr) &&
    (ours.includes(cidr) || (isDynamic && isGlobal && !acceptRa && !dhcp6 && cidr.includes(":")))
  ).map(({ cidr }) => drop(name, deleteAddress(name, cidr)));
}

function planRoutes({ name, routes, addresses }: WantedInterface, state: NetworkState): Change[] {
  const wanted = routes.flatMap((route) => {
    const router = routerRoute(route, addresses);
    return router ? [router, route] : [route];
  });
  const ours = state.routes.filter(({ device, protocol }) =>
    device === name && protocol === OUR_PROTOCOL
  );
  const old = ours.filter((one) => !wanted.some((other) => isRoute(one, other)));
  const missing = routes.filter((route) => {
    const router = routerRoute(route, addresses);
    return [...router ? [router] : [], route].some((one) =>
      !ours.some((other) => isRoute(other, one))
    );
  });
  return [
    ...old.map((route) => drop(name, deleteRoute(name, route))),
    ...missing.flatMap((route) => addRoute(name, route, addresses))
      .map((command) => run(name, command)),
  ];
}

type Route = Pick<RouteState, "family" | "to" | "metric"> & { via?: string | undefined };

/** Whether two routes are one, as far as it was told. */
function isRoute(a: Route, b: Route): boolean {
  return equal(canonicalJson(plainRoute(a)), canonicalJson(plainRoute(b)));
}

function plainRoute({ family, to, via, metric }: Route) {
  // A single address is shown without the length of its prefix.
  const host = family === 4 ? "/32" : "/128";
  const plain = to === "default" || to.endsWith("/0") ? "default" : plainCidr(to);
  const short = plain.endsWith(host) ? plain.slice(0, -host.length) : plain;
  return { family, metric, to: short, via: via === undefined ? "" : plainCidr(via) };
}

function planClients(
  wanted: WantedInterface,
  { dhcp }: Aim,
  { clients }: NetworkState,
  what: "start" | "stop",
): Change[] {
  const { name } = wanted;
  const all = clientsOf(wanted, dhcp);
  const running = clients.filter((one) => one.interface === name);
  const isSame = (a: WantedClient, b: WantedClient) =>
    a.family === b.family && a.settings === b.settings;
  const wrong = running.filter((one) => !helps(one) && !all.some((other) => isSame(one, other)));
  if (what === "stop") return wrong.map((client) => ({ do: "stop", link: name, client }));
  return all.filter((one) =>
    !running.some((other) => other.family === one.family && !wrong.includes(other))
  ).map((client) => ({ do: "start", link: name, client }));
}
