/**
 * How the key `network` is written: its fields, their words and the rules of each.
 *
 * @module
 */
import * as v from "valibot";
import {
  boolean,
  cidr,
  dictionary,
  interfaceName,
  ipAddress,
  listOf,
  mapping,
  matching,
  oneOf,
  wholeNumber,
} from "../schema/fields.ts";
import { isNetwork } from "../schema/ip.ts";
import { described, ruled } from "../schema/words.ts";

// An address is no secret on the network that it is for: nothing in here is kept from other accounts of the node.
const OPEN = { since: "0.2.0", secrecy: "open" } as const;

/** Names that the kernel gives to something else. */
const TAKEN = ["lo", "all", "default", "bonding_masters"];
/** The two below are for what a node does that can't reach its site. */
export const LEAST_METRIC = 2;
const MOST_METRIC = 4_294_967_295;

const linkName = ruled(
  v.pipe(interfaceName, v.check((name) => !TAKEN.includes(name), "is the kernel's own name")),
  "an interface name of your choice, e.g. lan: up to 15 of A-Z, a-z, 0-9, ., _ and -",
);

const members = described(
  dictionary(
    interfaceName,
    described(
      ruled(v.literal(true, "must be true, or null to take it away"), "true"),
      "A member.",
      OPEN,
    ),
  ),
  "Interfaces that belong to it, by our names. They have no addresses of their own.",
  OPEN,
);

const match = mapping({
  mac: v.optional(
    described(
      matching(
        /^[0-9a-f]{2}(?::[0-9a-f]{2}){5}$/,
        "a MAC address in lower case, e.g. 52:54:00:12:34:56",
      ),
      "The card's permanent MAC address.",
      OPEN,
    ),
  ),
  name: v.optional(
    described(interfaceName, "The kernel's name of it. It moves when cards are added.", OPEN),
  ),
  driver: v.optional(
    described(matching(/^[A-Za-z0-9_-]{1,63}$/, "a driver's name, e.g. igc"), "Its driver.", OPEN),
  ),
  path: v.optional(
    described(
      matching(
        /^[A-Za-z0-9_.:@-]{1,63}(?:\/[A-Za-z0-9_.:@-]{1,63}){0,7}$/,
        "one part or several of a path below /sys/devices, e.g. 0000:02:00.0",
      ),
      "Where it is plugged in: one part or several in a row of its path below /sys/devices.",
      OPEN,
    ),
  ),
});

const dhcp = mapping({
  clientId: v.optional(
    described(
      matching(
        /^(?:mac|duid|[0-9a-f]{2}(?::[0-9a-f]{2}){1,63})$/,
        "mac, duid, or 2 to 64 bytes in hex, e.g. 01:52:54:00:12:34:56",
      ),
      "By what a server knows the node again: the card's address, the node's own DUID (RFC 4361, the same on every card and " +
        "boot), or these bytes.",
      { ...OPEN, default: "mac" },
    ),
  ),
  routeMetric: v.optional(
    described(
      wholeNumber(LEAST_METRIC, MOST_METRIC),
      "Metric of routes that DHCP and router advertisements give: where two interfaces give a default route, the lower counts, and " +
        "its DNS servers are asked first.",
      {
        ...OPEN,
        unit: "(metric)",
        default: "100, then 101 and so on, in the order of the interfaces' names",
      },
    ),
  ),
  useRoutes: v.optional(
    described(boolean, "Whether routes of DHCP are taken.", { ...OPEN, default: "true" }),
  ),
  useDns: v.optional(
    described(boolean, "Whether its DNS and time servers are taken.", { ...OPEN, default: "true" }),
  ),
});

const destination = ruled(
  v.pipe(
    v.string("must be default or a network"),
    v.check(
      (given) => given === "default" || isNetwork(given),
      "must be default, or a network with nothing behind its prefix, e.g. 10.0.0.0/8",
    ),
  ),
  "default, or a network, e.g. 10.0.0.0/8",
);

const route = mapping({
  to: described(destination, "Where to.", OPEN),
  via: v.optional(
    described(
      ipAddress,
      "The next router. One that is in none of the interface's networks is told to be on its cable.",
      { ...OPEN, default: "none: the destination itself is on the cable" },
    ),
  ),
  metric: v.optional(
    described(
      wholeNumber(LEAST_METRIC, MOST_METRIC),
      "Of routes to one destination, the lower counts.",
      {
        ...OPEN,
        unit: "(metric)",
        default: "100",
      },
    ),
  ),
  onLink: v.optional(
    described(boolean, "The router is on the cable, whatever networks the interface has.", {
      ...OPEN,
      default: "false",
    }),
  ),
});

/** Modes of a bond, as the kernel calls them. */
export const BOND_MODES = [
  "active-backup",
  "802.3ad",
  "balance-rr",
  "balance-xor",
  "broadcast",
  "balance-tlb",
  "balance-alb",
] as const;

const bond = mapping({
  members,
  mode: v.optional(
    described(oneOf(BOND_MODES), "How members share the work.", {
      ...OPEN,
      default: "active-backup",
    }),
  ),
  miimonMs: v.optional(
    described(
      wholeNumber(10, 10_000, "ms"),
      "How often members are looked at whether their cable is there.",
      {
        ...OPEN,
        unit: "milliseconds",
        default: "100",
      },
    ),
  ),
  primary: v.optional(
    described(interfaceName, "The member that is used whenever it works (active-backup).", {
      ...OPEN,
      default: "none",
    }),
  ),
  lacpRate: v.optional(
    described(oneOf(["slow", "fast"]), "How often the partner is asked to speak (802.3ad).", {
      ...OPEN,
      default: "slow",
    }),
  ),
  xmitHashPolicy: v.optional(
    described(
      oneOf(["layer2", "layer2+3", "layer3+4", "encap2+3", "encap3+4", "vlan+srcmac"]),
      "By what a member is chosen for a connection.",
      { ...OPEN, default: "layer2" },
    ),
  ),
});

const link = mapping({
  match: v.optional(
    described(
      match,
      "Which card it is: all that is said must fit, and exactly one card. It then bears this name.",
      OPEN,
    ),
  ),
  vlan: v.optional(
    described(
      mapping({
        link: described(interfaceName, "The interface that carries it, by our name.", OPEN),
        id: described(wholeNumber(1, 4094), "Its number.", { ...OPEN, unit: "(VLAN id)" }),
      }),
      "A VLAN (802.1Q) of another interface.",
      OPEN,
    ),
  ),
  bridge: v.optional(
    described(
      mapping({
        members,
        stp: v.optional(
          described(boolean, "Whether it speaks the spanning tree protocol, and waits for it.", {
            ...OPEN,
            default: "false",
          }),
        ),
      }),
      "A bridge.",
      OPEN,
    ),
  ),
  bond: v.optional(described(bond, "Several cards as one.", OPEN)),
  mtu: v.optional(
    described(wholeNumber(68, 65_535, "bytes"), "Largest packet.", {
      ...OPEN,
      unit: "bytes",
      default: "what the card, the carrier or DHCP says",
    }),
  ),
  dhcp4: v.optional(
    described(boolean, "Whether it asks for an IPv4 address.", {
      ...OPEN,
      default: "true without an IPv4 address, and not of members",
    }),
  ),
  dhcp6: v.optional(
    described(boolean, "Whether it asks for an IPv6 address.", { ...OPEN, default: "false" }),
  ),
  acceptRa: v.optional(
    described(boolean, "Whether router advertisements give it IPv6 addresses and routes.", {
      ...OPEN,
      default: "true, and not of members",
    }),
  ),
  dhcp: v.optional(described(dhcp, "How it asks, and what it takes.", OPEN)),
  addresses: v.optional(
    described(
      listOf(described(cidr, "One address with its prefix length.", OPEN)),
      "Addresses that it always has.",
      { ...OPEN, default: "none" },
    ),
  ),
  routes: v.optional(
    described(listOf(described(route, "One route.", OPEN)), "Routes through it.", {
      ...OPEN,
      default: "none",
    }),
  ),
  optional: v.optional(
    described(boolean, "Whether the node does without it: it is neither waited for nor missed.", {
      ...OPEN,
      default: "false",
    }),
  ),
  wakeOnLan: v.optional(
    described(boolean, "Whether a magic packet wakes the machine.", {
      ...OPEN,
      default: "as the card has it",
    }),
  ),
});

export const networkSchema = mapping({
  interfaces: described(
    dictionary(
      linkName,
      described(link, "One interface: a card, a VLAN, a bridge or a bond.", OPEN),
    ),
    "Interfaces by names of your own.",
    OPEN,
  ),
  trialSeconds: v.optional(
    described(
      wholeNumber(30, 600, "s"),
      "How long the site may take to answer under a changed network, firewall or SSH server.",
      {
        ...OPEN,
        unit: "seconds",
        default: "90",
      },
    ),
  ),
});

/** What a fleet says of a node's network. */
export type NetworkConfig = v.InferOutput<typeof networkSchema>;
/** What it says of one interface. */
export type InterfaceConfig = NetworkConfig["interfaces"][string];
