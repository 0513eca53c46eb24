/**
 * What a node's network is to be: the configuration with its defaults, and what is wrong with one as a whole.
 *
 * @module
 */
import { familyOfCidr } from "../schema/ip.ts";
import type { InterfaceConfig, NetworkConfig } from "./network_schema.ts";
import type { PlacedProblem } from "./key.ts";

/** A route as it is wanted. */
export interface WantedRoute {
  family: 4 | 6;
  /** "default" or a network. */
  to: string;
  via?: string;
  metric: number;
  onLink: boolean;
}

/** What an interface is. */
export type WantedKind =
  | { is: "card"; match: NonNullable<InterfaceConfig["match"]> }
  | { is: "vlan"; link: string; id: number }
  | { is: "bridge"; stp: boolean }
  | { is: "bond"; options: Readonly<Record<string, string>> };

/** An interface as it is wanted. */
export interface WantedInterface {
  name: string;
  kind: WantedKind;
  /** Bridge or bond that it belongs to. */
  master?: string;
  /** Undefined: as it is. */
  mtu?: number;
  dhcp4: boolean;
  dhcp6: boolean;
  acceptRa: boolean;
  dhcp: { clientId: string; routeMetric: number; useRoutes: boolean; useDns: boolean };
  addresses: readonly string[];
  routes: readonly WantedRoute[];
  optional: boolean;
  /** Undefined: as it is. */
  wakeOnLan?: boolean;
}

/** First metric of what DHCP and routers give, and of routes that say none. */
const METRIC = 100;

/** The interfaces that are wanted, those that others are made of before them. */
export function wantedInterfaces({ interfaces }: NetworkConfig): WantedInterface[] {
  const names = Object.keys(interfaces).sort();
  const masters = new Map<string, string>();
  for (const name of names) for (const one of membersOf(interfaces[name]!)) masters.set(one, name);
  const wanted = names.map((name, i) =>
    wantedInterface(name, interfaces[name]!, masters.get(name), METRIC + i)
  );
  return inOrderOfMaking(wanted);
}

function wantedInterface(
  name: string,
  value: InterfaceConfig,
  master: string | undefined,
  metric: number,
): WantedInterface {
  const { addresses = [], routes = [], dhcp = {}, optional = false } = value;
  const isAlone = master === undefined;
  const hasFour = addresses.some((one) => familyOfCidr(one) === 4);
  const { dhcp4 = isAlone && !hasFour, dhcp6 = false, acceptRa = isAlone, mtu, wakeOnLan } = value;
  return {
    name,
    kind: kindOf(value),
    ...master === undefined ? {} : { master },
    ...mtu === undefined ? {} : { mtu },
    ...wakeOnLan === undefined ? {} : { wakeOnLan },
    ...{ dhcp4, dhcp6, acceptRa, optional, addresses },
    dhcp: { clientId: "mac", routeMetric: metric, useRoutes: true, useDns: true, ...dhcp },
    routes: routes.map(({ to, via, metric = METRIC, onLink = false }) => ({
      family: familyOfCidr(to === "default" ? `${via}` : to) ?? 4,
      ...{ to, metric, onLink },
      ...via === undefined ? {} : { via },
    })),
  };
}

function kindOf({ match, vlan, bridge, bond }: InterfaceConfig): WantedKind {
  if (vlan) return { is: "vlan", ...vlan };
  if (bridge) return { is: "bridge", stp: bridge.stp ?? false };
  if (!bond) return { is: "card", match: match ?? {} };
  const { mode = "active-backup", miimonMs = 100, primary, lacpRate, xmitHashPolicy } = bond;
  return {
    is: "bond",
    options: {
      mode,
      miimon: `${miimonMs}`,
      ...lacpRate && { lacp_rate: lacpRate },
      ...xmitHashPolicy && { xmit_hash_policy: xmitHashPolicy },
      // Last: it must be a member by the time it is set.
      ...primary && { primary },
    },
  };
}

/** Names of what an interface is made of: its carrier, its members. */
function partsOf(value: InterfaceConfig): string[] {
  return value.vlan ? [value.vlan.link] : membersOf(value);
}

function membersOf({ bridge, bond }: InterfaceConfig): string[] {
  return Object.keys(bridge?.members ?? bond?.members ?? {}).sort();
}

function inOrderOfMaking(wanted: readonly WantedInterface[]): WantedInterface[] {
  const ordered: WantedInterface[] = [];
  const add = (one: WantedInterface, on: readonly string[]) => {
    if (ordered.includes(one) || on.includes(one.name)) return;
    const { kind, name } = one;
    const parts = wanted.filter((other) =>
      other.master === name || (kind.is === "vlan" && kind.link === other.name)
    );
    for (const part of parts) add(part, [...on, name]);
    ordered.push(one);
  };
  for (const one of wanted) add(one, []);
  return ordered;
}

/** What is wrong with a network as a whole. */
export function networkProblems({ interfaces }: NetworkConfig): PlacedProblem[] {
  const problems: PlacedProblem[] = [];
  const say = (name: string, at: readonly string[], message: string) => {
    const path = ["interfaces", name, ...at];
    problems.push({ at: path, message: `${path.join(".")}: ${message}` });
  };
  if (Object.keys(interfaces).length === 0) {
    problems.push({ at: ["interfaces"], message: "interfaces: names no interface" });
  }
  const owners = new Map<string, string>();
  const vlans = new Map<string, string>();
  const addresses = new Map<string, string>();
  const metrics = new Map<number, string>();
  for (const [name, value] of Object.entries(interfaces)) {
    const kinds = (["match", "vlan", "bridge", "bond"] as const).filter((kind) => value[kind]);
    if (kinds.length !== 1) say(name, [], "must have one of match, vlan, bridge and bond");
    if (value.match && Object.keys(value.match).length === 0) {
      say(name, ["match"], "must say one thing at least, e.g. mac");
    }
    for (const part of partsOf(value)) {
      if (!interfaces[part]) say(name, [], `there is no interface ${part}`);
      else if (leadsTo(interfaces, part, name)) say(name, [], `it is made of itself, by ${part}`);
    }
    for (const member of membersOf(value)) {
      const other = owners.get(member);
      if (other) say(name, [], `${member} is a member of ${other} already`);
      owners.set(member, name);
      const { bridge, bond, vlan } = interfaces[member] ?? {};
      if (bridge) say(name, [], `${member} is a bridge, which can't be a member`);
      if (value.bond && (bond || vlan)) say(name, [], `${member} is no card, and only cards bond`);
    }
    if (value.vlan) {
      const { link, id } = value.vlan;
      const other = vlans.get(`${link} ${id}`);
      if (other) say(name, ["vlan"], `${other} is the VLAN ${id} of ${link}`);
      vlans.set(`${link} ${id}`, name);
      const most = interfaces[link]?.mtu;
      if (most !== undefined && (value.mtu ?? 0) > most) say(name, ["mtu"], `${link} has less`);
    }
    if (value.bond) bondProblems(value.bond, (at, message) => say(name, ["bond", at], message));
    for (const address of value.addresses ?? []) {
      const other = addresses.get(address);
      if (other) say(name, ["addresses"], `${address} is an address of ${other} already`);
      addresses.set(address, name);
    }
    const hasSix = (value.addresses ?? []).some((one) => familyOfCidr(one) === 6);
    if ((value.mtu ?? 1280) < 1280 && (hasSix || value.dhcp6)) {
      say(name, ["mtu"], "IPv6 needs 1280");
    }
    routeProblems(value, (message) => say(name, ["routes"], message));
    const metric = value.dhcp?.routeMetric;
    if (metric !== undefined) {
      const other = metrics.get(metric);
      if (other) say(name, ["dhcp", "routeMetric"], `${other} has the same`);
      metrics.set(metric, name);
    }
  }
  for (const [member, owner] of owners) {
    const { addresses = [], dhcp4, dhcp6, acceptRa, routes = [] } = interfaces[member] ?? {};
    if (addresses.length > 0 || routes.length > 0 || dhcp4 || dhcp6 || acceptRa) {
      say(member, [], `it belongs to ${owner}, which has the addresses and routes`);
    }
  }
  return problems;
}

function bondProblems(
  { members, mode = "active-backup", primary, lacpRate }: NonNullable<InterfaceConfig["bond"]>,
  say: (at: string, message: string) => void,
): void {
  if (Object.keys(members).length === 0) say("members", "names no member");
  if (primary !== undefined && !members[primary]) say("primary", `${primary} is no member`);
  if (primary !== undefined && !/^(?:active-backup|balance-[ta]lb)$/.test(mode)) {
    say("primary", `is for other modes than ${mode}`);
  }
  if (lacpRate !== undefined && mode !== "802.3ad") say("lacpRate", "is for the mode 802.3ad");
}

function routeProblems({ routes = [] }: InterfaceConfig, say: (message: string) => void): void {
  for (const { to, via, onLink } of routes) {
    if (to === "default" && via === undefined) say("a default route must say via");
    if (to !== "default" && via !== undefined && familyOfCidr(to) !== familyOfCidr(via)) {
      say(`${via} is not of the family of ${to}`);
    }
    if (onLink && via === undefined) say(`${to}: onLink is for a route that says via`);
  }
}

/** Whether `from` is made of `to`, by however many others. */
function leadsTo(
  interfaces: NetworkConfig["interfaces"],
  from: string,
  to: string,
  passed: readonly string[] = [],
): boolean {
  if (from === to) return true;
  if (passed.includes(from)) return false;
  return partsOf(interfaces[from] ?? {}).some((part) =>
    leadsTo(interfaces, part, to, [...passed, from])
  );
}
