/**
 * The key `firewall`: what may reach the node. It is one table of nftables, `inet psyopsos`, and nobody else's.
 *
 * @module
 */
import * as v from "valibot";
import {
  anyText,
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
import { described, ruled } from "../schema/words.ts";
import { sha256Hex, utf8 } from "../bytes.ts";
import { type Admitted, compare, configKey, type PortRange, tellable } from "./key.ts";
import type { UserConfig } from "./users.ts";

/** Family and name of the table, as nft takes them. */
export const FIREWALL_TABLE = "inet psyopsos";
/** Longest text of `rules`, in characters. */
const MAX_RULES = 65_536;

const SINCE = { since: "0.2.0" } as const;
const OPEN = { since: "0.2.0", secrecy: "open" } as const;

const RANGE = /^([0-9]{1,5})-([0-9]{1,5})$/;

const port = ruled(
  v.union(
    [
      wholeNumber(1, 65535),
      v.pipe(v.string(), v.regex(RANGE), v.check((given) => isRange(given))),
    ],
    "must be a port from 1 to 65535, or a range of them, e.g. 8000-8100",
  ),
  "a port from 1 to 65535, or a range of them, e.g. 8000-8100",
);

function isRange(given: string): boolean {
  const [first, last] = rangeOf(given);
  return first >= 1 && first <= last && last <= 65535;
}

const ports = (protocol: string, words: string) =>
  v.optional(
    described(
      listOf(described(port, `One ${protocol} port, or a range.`, SINCE)),
      words,
      { ...SINCE, default: "none" },
    ),
  );

const entry = mapping({
  tcp: ports(
    "TCP",
    "TCP ports. An entry that bears the name of a key (`ssh`) and names none means the key's own.",
  ),
  udp: ports("UDP", "UDP ports."),
  from: v.optional(
    described(
      listOf(
        described(
          ruled(
            v.union([ipAddress, cidr], "must be an IP address, or one with its prefix length"),
            "an IP address, or one with its prefix length",
          ),
          "One address or network.",
          SINCE,
        ),
      ),
      "Who may reach them.",
      { ...SINCE, default: "everybody" },
    ),
  ),
  interface: v.optional(
    described(interfaceName, "The interface on which they are reached.", {
      ...SINCE,
      default: "each",
    }),
  ),
});

/** What an entry is that was taken away: it admits nothing, nor what the key of its name would have admitted. */
const TAKEN_AWAY: Entry = { tcp: [] };

const policy = oneOf(["accept", "drop"]);

const schema = mapping({
  input: v.optional(
    described(policy, "What becomes of packets for the node that nothing admits.", {
      ...OPEN,
      default: "drop",
    }),
  ),
  forward: v.optional(
    described(policy, "What becomes of packets that the node passes on.", {
      ...OPEN,
      default: "accept",
    }),
  ),
  trusted: v.optional(
    described(
      dictionary(
        interfaceName,
        described(
          ruled(v.literal(true, "must be true, or null to take it away"), "true"),
          "All that comes over the interface is admitted.",
          OPEN,
        ),
      ),
      "Interfaces over which everything is admitted, and passed on.",
      { ...OPEN, default: "none; those that other keys make are admitted as these keys need it" },
    ),
  ),
  allow: v.optional(
    described(
      dictionary(
        matching(
          /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/,
          "a name: up to 64 of A-Z, a-z, 0-9, ., _ and -",
        ),
        described(
          entry,
          "Ports that are admitted. An entry that bears the name of a key takes the place of what that key admits by itself: " +
            "`ssh: {from: [10.0.0.0/8]}` narrows who reaches sshd, and `ssh: null` closes it.",
          { ...SINCE, removed: TAKEN_AWAY },
        ),
      ),
      "What is admitted, by any name, beside what always is.",
      { ...SINCE, default: "none" },
    ),
  ),
  rules: v.optional(
    described(
      ruled(
        v.pipe(
          v.string("must be text"),
          v.maxLength(MAX_RULES, `must have at most ${MAX_RULES} characters`),
          v.rawCheck(({ dataset, addIssue }) => {
            const problem = dataset.typed ? rulesProblem(dataset.value) : undefined;
            if (problem !== undefined) addIssue({ message: problem });
          }),
        ),
        "statements of nft as they stand within a table",
      ),
      "Chains, sets and rules of nft within the table. The chains `input` and `forward` are there: " +
        "`chain input { tcp dport 9100 accept; }` adds to the end of one. nft tries them before they are in force. Interfaces are " +
        "named by `iifname` and `oifname`, which need not be there yet.",
      { ...SINCE, default: "none" },
    ),
  ),
});

/** What the key says. */
export type FirewallConfig = v.InferOutput<typeof schema>;
/** What is admitted by one name. */
type Entry = v.InferOutput<typeof entry>;

/** What is wrong with raw rules, completing "<place> …": they could reach beyond the table. Grammar is for nft to judge. */
export function rulesProblem(rules: string): string | undefined {
  let depth = 0;
  for (const line of rules.split("\n")) {
    // nft's quotes go on over lines. Where no brace stands in quotes or comments, every brace counts, however they are read.
    const quoted = line.replaceAll(/"[^"\n]*"/g, (text) => /[{}#]/.test(text) ? "\0" : "");
    const [code = "", ...comment] = quoted.split("#");
    if (/[\0"]/.test(code) || /[{}"\0]/.test(comment.join("#"))) {
      return "must have no brace and no # in quotes, no brace or quote in comments, and quotes that end on their line";
    }
    if (/\binclude\b/.test(code)) return "can't include files";
    if (/[^\t\x20-\x7e\xa0-\uffff]/.test(line)) return "must be printable";
    for (const brace of code.replaceAll(/[^{}]/g, "")) {
      depth += brace === "{" ? 1 : -1;
      if (depth < 0) {
        return "closes a brace that it has not opened: it stands within the node's own table";
      }
    }
  }
  return depth === 0 ? undefined : "does not close every brace that it opens";
}

/** What is wanted. */
export interface DesiredFirewall {
  /** Undefined: no table. */
  said: FirewallConfig | undefined;
  /** What other keys need, by their names. */
  admitted: Readonly<Record<string, Admitted>>;
}

export const firewall = configKey({
  schema: described(
    schema,
    "What may reach the node: a table of nftables that is its own, replaced in one go. Tables of others are never touched; what " +
      "one table drops, no other can admit. Always admitted are the node itself, answers to what it has asked, errors of ICMP, " +
      "neighbour and router discovery of IPv6, DHCP, and what other keys need: sshd on the port that it listens on. The table is " +
      "tried first: it counts once the site answers under it, over new connections, and else the one before comes back. The " +
      "identity drive keeps it, so that it is there at the next boot before the first interface goes up. Without the key there is " +
      "no such table.",
    { ...SINCE, default: "none: everything is admitted" },
  ),
  example: `firewall:
  allow:
    ssh:
      from: [10.0.0.0/8]
    web:
      tcp: [80, 443]
  rules: |
    chain input {
      icmp type echo-request accept
      icmpv6 type echo-request accept
    }
`,
  desired: (said, _node, _whole, admitted): DesiredFirewall => ({ said, admitted: admitted() }),
  needs: { programs: ["nft", "sshd"], packages: ["nftables"] },
  owns: [
    ["table", FIREWALL_TABLE],
    // Its rules begin by removing everybody's, and admit no SSH.
    ["service", "nftables"],
    ["path", "/etc/nftables.nft"],
  ],
  /** SHA-256 of the table's text where it is in force; "none" where there is no table, "differs" where it is another one. */
  observed: anyText,
  differences: (wanted, seen, shown) =>
    compare("the firewall", seen, tellable(firewallDigest(wanted), firewallDigest(shown))),
});

/** What a node tells of a table that is as wanted. */
export function firewallDigest(wanted: DesiredFirewall): string {
  const text = firewallText(wanted);
  return text === undefined ? "none" : sha256Hex(utf8(text));
}

/** What is never dropped. */
const ALWAYS = [
  'iifname "lo" accept',
  "ct state established,related accept",
  "icmp type { destination-unreachable, time-exceeded, parameter-problem } accept",
  "icmpv6 type { destination-unreachable, packet-too-big, time-exceeded, parameter-problem } accept",
  "ip6 hoplimit 255 icmpv6 type { nd-router-solicit, nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert } accept",
  // Switches that listen in pass on neighbour discovery only to who has answered these.
  "ip6 saddr fe80::/10 icmpv6 type mld-listener-query accept",
  "udp sport 67 udp dport 68 accept",
  "ip6 saddr fe80::/10 udp dport 546 accept",
];

/** The table as nft reads it, whatever was in it before; undefined for none. */
export function firewallText({ said, admitted }: DesiredFirewall): string | undefined {
  if (!said) return undefined;
  const { input = "drop", forward = "accept", trusted = {}, allow = {}, rules = "" } = said;
  const interfaces = new Set([
    ...Object.keys(trusted),
    ...Object.values(admitted).flatMap(({ interfaces = [] }) => interfaces),
  ]);
  const trust = [...interfaces].sort().map((name) => `iifname "${name}" accept`);
  const entries: [string, Entry][] = Object.entries(admitted).map(([name, { tcp, udp }]) => {
    const own = allow[name] ?? {};
    const ports = own.tcp ?? own.udp ? own : { tcp, udp };
    return [name, { ...own, ...ports as Pick<Entry, "tcp" | "udp"> }];
  });
  entries.push(...Object.entries(allow).filter(([name]) => admitted[name] === undefined));
  entries.sort(([a], [b]) => a < b ? -1 : 1);
  const chain = (
    name: string,
    lines: readonly string[],
  ) => [`\tchain ${name} {`, ...lines.map((line) => `\t\t${line}`), "\t}"];
  return [
    `table ${FIREWALL_TABLE} {`,
    ...chain("input", [
      `type filter hook input priority filter; policy ${input};`,
      ...ALWAYS,
      ...trust,
      ...entries.flatMap(([, one]) => entryRules(one)),
    ]),
    ...chain("forward", [
      `type filter hook forward priority filter; policy ${forward};`,
      "ct state established,related accept",
      ...trust,
    ]),
    ...rules.trim() === "" ? [] : [rules.trimEnd()],
    "}",
    "",
  ].join("\n");
}

function entryRules({ tcp = [], udp = [], from, interface: name }: Entry): string[] {
  const where = name === undefined ? "" : `iifname "${name}" `;
  const who = from?.map((one) => `${one.includes(":") ? "ip6" : "ip"} saddr ${one} `) ?? [""];
  return [["tcp", tcp] as const, ["udp", udp] as const].flatMap(([protocol, ports]) =>
    ports.length === 0
      ? []
      : who.map((one) => `${where}${one}${protocol} dport { ${portSet(ports)} } accept`)
  );
}

function rangeOf(given: PortRange): [first: number, last: number] {
  const [first, last = first] = `${given}`.split("-").map(Number);
  return [first!, last!];
}

/** Ports as nft takes them: no two ranges of a set may overlap. */
function portSet(ports: readonly PortRange[]): string {
  const merged: [first: number, last: number][] = [];
  for (const [first, last] of ports.map(rangeOf).sort(([a], [b]) => a - b)) {
    const before = merged.at(-1);
    if (before && first <= before[1] + 1) before[1] = Math.max(before[1], last);
    else merged.push([first, last]);
  }
  return merged.map(([first, last]) => first === last ? `${first}` : `${first}-${last}`).join(", ");
}

/** What else of the configuration the problems of a firewall depend on. */
interface Said {
  firewall?: FirewallConfig;
  users?: Record<string, UserConfig>;
}

/** What is wrong with a firewall beside the rest of a configuration. `admitted`: what other keys need. */
export function firewallProblems(
  { firewall, users = {} }: Said,
  admitted: Readonly<Record<string, Admitted>>,
): { path: readonly string[]; message: string }[] {
  const { input = "drop", allow = {} } = firewall ?? {};
  const problems = Object.entries(allow).flatMap(([name, { tcp, udp }]) => {
    if (tcp ?? udp) return [];
    return admitted[name] ? [] : [{ name, message: "names no tcp and no udp ports" }];
  });
  const { ssh } = allow;
  const isClosed = input === "drop" && (ssh?.tcp ?? ssh?.udp) !== undefined &&
    !admitted.ssh?.tcp?.some((one) => covers(ssh?.tcp ?? [], one));
  const hasConsole = Object.values(users).some(({ passwordHash }) => passwordHash !== undefined);
  if (isClosed && !hasConsole) {
    const message =
      "admits nobody to sshd, and no account has a passwordHash for the console: give one to an account, or leave sshd open";
    problems.push({ name: "ssh", message });
  }
  return problems.map(({ name, message }) => ({
    path: ["firewall", "allow", name],
    message: `firewall.allow.${name} ${message}`,
  }));
}

function covers(ports: readonly PortRange[], wanted: PortRange): boolean {
  const [from, to] = rangeOf(wanted);
  return ports.some((one) => {
    const [first, last] = rangeOf(one);
    return first <= from && to <= last;
  });
}
