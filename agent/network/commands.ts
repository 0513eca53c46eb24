/**
 * Commands that change the network, for the agent and for the script that brings an earlier state back: one spelling of each.
 *
 * @module
 */
import type { WantedRoute } from "../../lib/config/network.ts";
import { isWithin } from "../../lib/schema/ip.ts";
import type { MadeKind } from "./made.ts";

/** A program with its arguments. */
export type Command = readonly string[];

/** Makes a link. */
export function makeLink(name: string, kind: MadeKind): Command {
  switch (kind.is) {
    case "vlan":
      return [
        ...["ip", "link", "add", "link", kind.link, "name", name],
        ...["type", "vlan", "id", `${kind.id}`],
      ];
    case "bridge":
      return ["ip", "link", "add", "name", name, "type", "bridge", ...bridgeOptions(kind)];
    case "bond": {
      // The primary has to be a member first.
      const { primary: _, ...options } = kind.options;
      return ["ip", "link", "add", "name", name, "type", "bond", ...Object.entries(options).flat()];
    }
  }
}

/** Sets what a bridge has of its own. Without the protocol nothing is gained by waiting before a port forwards. */
export function setBridge(name: string, kind: { stp: boolean }): Command {
  return ["ip", "link", "set", "dev", name, "type", "bridge", ...bridgeOptions(kind)];
}

function bridgeOptions({ stp }: { stp: boolean }): string[] {
  return ["stp_state", stp ? "1" : "0", "forward_delay", stp ? "1500" : "0"];
}

/** Prefers a member of a bond. */
export function setPrimary(name: string, primary: string): Command {
  return ["ip", "link", "set", "dev", name, "type", "bond", "primary", primary];
}

/** Puts a link into a bridge or a bond. A bond takes only those that are down. */
export function enslave(name: string, master: string, isBond: boolean): Command[] {
  return [
    ...isBond ? [setLink(name, "down")] : [],
    ["ip", "link", "set", "dev", name, "master", master],
    setLink(name, "up"),
  ];
}

/** Changes a link: "up", "down", "nomaster", or "mtu" and a number. */
export function setLink(name: string, ...what: string[]): Command {
  return ["ip", "link", "set", "dev", name, ...what];
}

/**
 * Renames a link, which must be down for it; what it was called leads to it still.
 *
 * @param alias Another name under which it is to be found.
 */
export function rename(from: string, to: string, alias: string | undefined): Command[] {
  return [
    setLink(from, "down"),
    setLink(from, "name", to),
    ...alias === undefined ? [] : [["ip", "link", "property", "add", "dev", to, "altname", alias]],
  ];
}

/** Adds an address. */
export function addAddress(name: string, cidr: string): Command {
  const hasBroadcast = !cidr.includes(":") && Number(cidr.split("/")[1]) < 31;
  const broadcast = hasBroadcast ? ["broadcast", "+"] : [];
  return ["ip", "addr", "add", cidr, ...broadcast, "dev", name];
}

/** Takes an address away. */
export function deleteAddress(name: string, cidr: string): Command {
  return ["ip", "addr", "del", cidr, "dev", name];
}

/** By which routes of the agent's are told from those of others. */
export const OUR_PROTOCOL = "static";

/** Adds a route, and before it, where its router is in none of the link's networks, one to the router. */
export function addRoute(
  name: string,
  route: WantedRoute,
  addresses: readonly string[],
  protocol: string = OUR_PROTOCOL,
): Command[] {
  const router = routerRoute(route, addresses);
  return [...router ? [router] : [], route].map((one) =>
    routeCommand("replace", name, one, protocol)
  );
}

/** The route to a router that is on the cable without being in a network of it; undefined where there is no need of one. */
export function routerRoute(
  { family, via, metric, onLink }: WantedRoute,
  addresses: readonly string[],
): WantedRoute | undefined {
  if (via === undefined || isLinkLocal(via)) return undefined;
  if (!onLink && addresses.some((cidr) => isWithin(via, cidr))) return undefined;
  return { family, to: `${via}/${family === 4 ? 32 : 128}`, metric, onLink: false };
}

/** Takes a route of ours away. */
export function deleteRoute(name: string, route: WantedRoute): Command {
  return routeCommand("del", name, route, OUR_PROTOCOL);
}

function routeCommand(
  verb: "replace" | "del",
  name: string,
  { family, to, via, metric }: WantedRoute,
  protocol: string,
): Command {
  return [
    ...["ip", `-${family}`, "route", verb, to, ...via === undefined ? [] : ["via", via]],
    ...["dev", name, "metric", `${metric}`, "proto", protocol],
  ];
}

function isLinkLocal(address: string): boolean {
  return isWithin(address, "fe80::/10");
}
