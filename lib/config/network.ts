/**
 * The key `network`: cards by names of one's own, VLANs, bridges, bonds, their addresses and routes.
 *
 * @module
 */
import * as v from "valibot";
import { text } from "../bytes.ts";
import { canonicalJson } from "../json.ts";
import { plainCidr } from "../schema/ip.ts";
import { anyText, openMapping } from "../schema/fields.ts";
import { described } from "../schema/words.ts";
import { type DnsConfig, dnsSchema, type WantedDns, wantedDns } from "./dns.ts";
import { compare, configKey } from "./key.ts";
import { type NetworkConfig, networkSchema } from "./network_schema.ts";
import { networkProblems, type WantedInterface, wantedInterfaces } from "./network_wanted.ts";

export type { WantedDns } from "./dns.ts";
export type { NetworkConfig } from "./network_schema.ts";
export type { WantedInterface, WantedKind, WantedRoute } from "./network_wanted.ts";

/** How long a changed network is tried, in seconds. */
const TRIAL_SECONDS = 90;

/** What is wanted of the network, DNS included: they are tried together. */
export interface WantedNetwork {
  /** In the order in which they are made; undefined: links are the node's own affair. */
  interfaces: readonly WantedInterface[] | undefined;
  dns: WantedDns;
  trialSeconds: number;
  /** All of it as it is kept for the next boot; "" where nothing is said. {@linkcode parseKeptNetwork} reads it. */
  text: string;
}

/** What `network` and `dns` of a configuration want. */
export function wantedNetwork(network?: NetworkConfig, dns?: DnsConfig): WantedNetwork {
  const said = { ...network && { network }, ...dns && { dns } };
  return {
    interfaces: network && wantedInterfaces(network),
    dns: wantedDns(dns),
    trialSeconds: network?.trialSeconds ?? TRIAL_SECONDS,
    text: Object.keys(said).length === 0 ? "" : text(canonicalJson(said)),
  };
}

/** Facts of an interface in a node's report, by what they are called there. */
export function interfaceFacts({ kind, master, mtu }: WantedInterface): Record<string, string> {
  return {
    kind: kind.is,
    ...kind.is === "vlan" && { vlan: `${kind.id} of ${kind.link}` },
    ...kind.is === "bond" && { mode: kind.options.mode! },
    ...master !== undefined && { master },
    ...mtu !== undefined && { mtu: `${mtu}` },
  };
}

export const network = configKey({
  schema: described(
    networkSchema,
    "Cards by names of one's own, VLANs, bridges and bonds, with their addresses and routes. A card gets its name for good, so " +
      "that programs and rules can name it; what the kernel called it leads to it still. Once said, this alone decides which " +
      "interfaces are up: the address on the identity drive and DHCP on every card are for the first contact, and come to help " +
      "when no site has answered for ten minutes after a boot. A change is tried: unless the site answers under it, the network " +
      "before it comes back. Where a card is not found, or two fit, the network stays as it was, and the node says so.",
    {
      since: "0.2.0",
      secrecy: "open",
      default: "DHCP on every card, or the address on the identity drive",
    },
  ),
  example: `network:
  interfaces:
    lan:
      match: {name: eth0}
      dhcp4: true
    iot:
      vlan: {link: lan, id: 70}
      addresses: [192.0.2.5/24]
      optional: true
`,
  desired: (value, _node, whole) => wantedNetwork(value, whole.dns as DnsConfig | undefined),
  problems: networkProblems,
  needs: {
    programs: [
      "ip",
      "ethtool",
      "/usr/lib/psyopsos/interfaces",
      "/usr/lib/psyopsos/dhcp-client",
      "/usr/lib/psyopsos/kernel-files",
      "/usr/lib/psyopsos/resolv-conf",
    ],
    packages: ["ethtool", "iproute2-minimal"],
  },
  claims: ({ interfaces }) =>
    Object.keys(interfaces).flatMap((name) => {
      const at = ["interfaces", name];
      const conf = `/proc/sys/net/ipv6/conf/${name}`;
      return [
        { claim: ["interface", name] as const, at },
        ...["accept_ra", "ra_defrtr_metric"].map((setting) => ({
          claim: ["path", `${conf}/${setting}`] as const,
          at,
        })),
      ];
    }),
  /** Interfaces of the configuration by their names, those that are there. */
  observed: v.record(
    anyText,
    openMapping({
      facts: v.record(anyText, anyText),
      /** With the lengths of their prefixes. */
      addresses: v.array(anyText),
    }),
  ),
  differences: ({ interfaces = [] }, seen) =>
    interfaces.flatMap((wanted) => {
      const { name, optional, dhcp4, addresses } = wanted;
      const there = seen[name];
      if (!there) return optional ? [] : [`network: there is no interface ${name}`];
      return [
        ...Object.entries(interfaceFacts(wanted)).flatMap(([what, want]) =>
          compare(`network: ${what} of ${name}`, there.facts[what], want)
        ),
        ...addresses.filter((one) => !there.addresses.includes(plainCidr(one)))
          .map((one) => `network: ${name} has not the address ${one}`),
        ...dhcp4 && !optional && !there.addresses.some((one) => !one.includes(":"))
          ? [`network: ${name} has no IPv4 address`]
          : [],
      ];
    }),
});

const keptSchema = openMapping({
  network: v.optional(networkSchema),
  dns: v.optional(dnsSchema),
});

/**
 * Reads {@linkcode WantedNetwork.text}, which an agent of another version may have written.
 *
 * @throws when it is anything else.
 */
export function parseKeptNetwork(text: string): WantedNetwork {
  const { network: said, dns } = v.parse(keptSchema, JSON.parse(text));
  if (said && networkProblems(said).length > 0) throw new Error("it is no network");
  return wantedNetwork(said, dns);
}
