/**
 * The script that brings the network back to how it was before a trial. It runs without the agent, from whatever a trial has
 * left, and may run more than once. What the trial does not touch it does not touch either: links of others, and DHCP clients
 * that were to go on.
 *
 * @module
 */
import { text } from "../../lib/bytes.ts";
import type { Host } from "../../lib/host.ts";
import { canonicalJson } from "../../lib/json.ts";
import { plainCidr } from "../../lib/schema/ip.ts";
import { DHCP_CLIENT, DHCP_DIR, NETWORK_FILE, RESOLV_CONF } from "../system/paths.ts";
import { readTextIfFile } from "../system/read_file.ts";
import type { Found } from "./apply.ts";
import {
  addAddress,
  type Command,
  deleteAddress,
  makeLink,
  OUR_PROTOCOL,
  setBridge,
  setLink,
  setPrimary,
} from "./commands.ts";
import { type Client, clientOptions, clientsOf, settingsFile } from "./dhcp.ts";
import type { MadeKind } from "./made.ts";
import { aside } from "./plan.ts";
import { RESOLV_DRIVE, RESOLV_FILE, RESOLV_FIXED } from "./resolver.ts";
import { IPV6_CONF, IPV6_SETTINGS, type LinkState, type NetworkState } from "./state.ts";

/** Files that are put back as they were, and what they hold; undefined for none. */
export type Before = Readonly<Record<string, string | undefined>>;

/** Reads the files. */
export async function readBefore(host: Host): Promise<Before> {
  const files = [RESOLV_FIXED, RESOLV_DRIVE, RESOLV_FILE, NETWORK_FILE];
  const entries = files.map(async (file) => [file, await readTextIfFile(host, file)] as const);
  return Object.fromEntries(await Promise.all(entries));
}

/** Functions that the script begins with. "already": what is so is no failure. */
const FUNCTIONS = `#!/bin/sh
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
failed=0
# A busybox of another make takes its own ip before any program, and that one knows less.
ip() { /sbin/ip "$@"; }
name_of() { ip -o link show | sed -n "s/^$1: \\([^:@]*\\)[@:].*/\\1/p"; }
move() {
  now=$(name_of "$1")
  [ -n "$now" ] && [ "$now" != "$2" ] || return 0
  ip link set dev "$now" down
  ip link property del dev "$now" altname "$2" 2>/dev/null
  ip link set dev "$now" name "$2"
}
enslave() {
  ! ip -o link show dev "$1" | grep -q " master $2 " || return 0
  ip link set dev "$1" down
  ip link set dev "$1" master "$2"
}
lone() { ! ip -o link show dev "$1" | grep -q ' master ' || ip link set dev "$1" nomaster; }
has() { ip -o addr show dev "$1" | grep -qF " $2 "; }
try() { "$@" 2>/dev/null || :; }
must() { "$@" || { failed=1; echo "$*" >&2; }; }
`;

/** The script's text. */
export function revertScript({ state, made, aim }: Found, before: Before): string {
  const wantedKinds = new Map(
    aim.interfaces.flatMap(({ name, kind }): [string, MadeKind][] =>
      kind.is === "card" ? [] : [[name, kind]]
    ),
  );
  const isKept = (name: string) => sameKind(wantedKinds.get(name), made.links[name]);
  // Cards, and links of the agent's: all that a trial can change.
  const cards = state.links.filter((link) => state.cards.some(({ name }) => name === link.name));
  const madeLinks = Object.keys(made.links).flatMap((name) =>
    state.links.find((link) => link.name === name) ?? []
  );
  const touched = [...cards, ...madeLinks];
  const clients = clientsToRestart(aim, state, isKept);
  const kept = state.clients.filter((one) => !clients.includes(one));
  return [
    FUNCTIONS,
    "# Clients of the trial end, and those of before that it has ended or moved.",
    `${DHCP_CLIENT} list | while read -r link family; do`,
    `  case "$link $family" in`,
    ...kept.map((one) => `    ${word(`${one.interface} ${one.family}`)}) continue ;;`),
    "  esac",
    `  ${DHCP_CLIENT} stop "$link" "$family"`,
    "done",
    "# Links of the trial go; cards get their names back, by way of names that nobody else has.",
    ...[...wantedKinds.keys()].filter((name) => !isKept(name))
      .map((name) => attempt("try", ["ip", "link", "del", "dev", name])),
    ...cards.map((link) =>
      `[ "$(name_of ${link.index})" = ${word(link.name)} ] || move ${link.index} ${aside(link)}`
    ),
    ...cards.map((link) => attempt("must", ["move", `${link.index}`, link.name])),
    ...cards.flatMap((link) =>
      link.otherNames.map((name) =>
        attempt("try", ["ip", "link", "property", "add", "dev", link.name, "altname", name])
      )
    ),
    "# Links that were there are there again.",
    ...inOrder(madeLinks, made.links).filter(({ name }) => !isKept(name)).map(({ name }) =>
      `ip link show dev ${word(name)} >/dev/null 2>&1 || ${
        attempt("must", makeLink(name, made.links[name]!))
      }`
    ),
    ...touched.flatMap((link) => restoreLink(link, state, made.links[link.name])),
    ...touched.flatMap((link) => restoreAddresses(link, aim, clients)),
    ...touched.flatMap((link) => restoreRoutes(link, state, clients)),
    "# What is known of DNS, and of what the agent has made.",
    ...Object.entries(before).flatMap(([file, content]) => restoreFile(file, content)),
    ...clients.flatMap((one) => [
      ...restoreFile(settingsFile(one), one.settings),
      `${DHCP_CLIENT} start ${
        [one.interface, `${one.family}`, ...clientOptions(one)].map(word).join(" ")
      } &`,
    ]),
    "wait",
    `${RESOLV_CONF} write`,
    'exit "$failed"',
    "",
  ].join("\n");
}

/** Clients that run now and would not go on as they are: the trial wants another, or moves what they are on. */
function clientsToRestart(
  { interfaces, cards, dhcp }: Found["aim"],
  state: NetworkState,
  isKept: (name: string) => boolean,
): Client[] {
  const wanted = interfaces.flatMap((one) => clientsOf(one, dhcp));
  return state.clients.filter((client) => {
    const { interface: name, family, settings } = client;
    const isWanted = wanted.some((one) =>
      one.interface === name && one.family === family && one.settings === settings
    );
    const stays = cards.get(name)?.name === name || isKept(name);
    return !isWanted || !stays;
  });
}

function restoreLink(
  link: LinkState,
  state: NetworkState,
  kind: MadeKind | undefined,
): string[] {
  const { name, master, mtu, isUp } = link;
  const settings = IPV6_SETTINGS.flatMap((setting) => {
    const value = state.ipv6.get(`${name} ${setting}`);
    return value === undefined
      ? []
      : [`echo ${word(value)} 2>/dev/null >${word(`${IPV6_CONF}/${name}/${setting}`)}`];
  });
  const primary = kind?.is === "bond" ? kind.options["primary"] : undefined;
  return [
    ...kind?.is === "bridge" ? [attempt("try", setBridge(name, kind))] : [],
    master === undefined
      ? attempt("must", ["lone", name])
      : attempt("must", ["enslave", name, master]),
    attempt("try", setLink(name, "mtu", `${mtu}`)),
    ...settings,
    attempt("must", setLink(name, isUp ? "up" : "down")),
    ...primary ? [attempt("try", setPrimary(name, primary))] : [],
  ];
}

/** Addresses that were there, but for those that clients get again; the trial's go first. */
function restoreAddresses(
  { name, index, addresses }: LinkState,
  { interfaces, cards }: Found["aim"],
  restarted: readonly Client[],
): string[] {
  const leased = restarted.filter((one) => one.interface === name)
    .flatMap(({ lease }) => lease.addresses);
  const has = addresses.map(({ cidr }) => cidr);
  const tried = interfaces.filter((one) =>
    (cards.get(one.name)?.index ?? -1) === index || (one.kind.is !== "card" && one.name === name)
  ).flatMap((one) => one.addresses).filter((one) => !has.includes(plainCidr(one)));
  const permanent = addresses.filter(({ cidr, isGlobal, isDynamic }) =>
    isGlobal && !isDynamic && !leased.includes(cidr)
  ).map(({ cidr }) => cidr);
  return [
    ...tried.map((cidr) => attempt("try", deleteAddress(name, cidr))),
    ...permanent.map((cidr) =>
      `has ${word(name)} ${word(cidr)} || ${attempt("must", addAddress(name, cidr))}`
    ),
  ];
}

function restoreRoutes(
  { name }: LinkState,
  { routes }: NetworkState,
  restarted: readonly Client[],
): string[] {
  const isLeased = restarted.some((one) => one.interface === name);
  const own = routes.filter(({ device, protocol }) =>
    device === name && !["kernel", "ra"].includes(protocol) && !(isLeased && protocol === "dhcp")
  ).sort((a, b) => Number(a.via !== undefined) - Number(b.via !== undefined));
  return [
    ...([4, 6] as const).map((family) =>
      attempt("try", ["ip", `-${family}`, "route", "flush", "dev", name, "proto", OUR_PROTOCOL])
    ),
    ...own.map(({ family, to, via, metric, protocol, onLink }) =>
      attempt("try", [
        ...["ip", `-${family}`, "route", "replace", to, ...via === undefined ? [] : ["via", via]],
        ...["dev", name, ...metric === 0 ? [] : ["metric", `${metric}`]],
        ...["proto", protocol === "dhcp" ? "16" : protocol || "boot", ...onLink ? ["onlink"] : []],
      ])
    ),
  ];
}

/** Links that others are made of first. */
function inOrder(links: readonly LinkState[], kinds: Readonly<Record<string, MadeKind>>) {
  const rank = ({ name }: LinkState): number => {
    const kind = kinds[name];
    if (kind?.is !== "vlan") return 0;
    const carrier = links.find((one) => one.name === kind.link);
    return carrier ? 1 + rank(carrier) : 1;
  };
  return [...links].sort((a, b) => rank(a) - rank(b));
}

function sameKind(a: MadeKind | undefined, b: MadeKind | undefined): boolean {
  return a !== undefined && b !== undefined && text(canonicalJson(a)) === text(canonicalJson(b));
}

function attempt(how: "try" | "must", command: Command): string {
  return `${how} ${command.map(word).join(" ")}`;
}

function restoreFile(file: string, content: string | undefined): string[] {
  if (content === undefined) return file === RESOLV_FILE ? [] : [`rm -f ${word(file)}`];
  return [
    `mkdir -p ${word(DHCP_DIR)}`,
    `printf %s ${word(content)} >${word(`${file}.back`)}`,
    ...file === RESOLV_FILE ? [`chmod 644 ${word(`${file}.back`)}`] : [],
    `mv -f ${word(`${file}.back`)} ${word(file)}`,
  ];
}

/** One word of a shell's command. */
function word(given: string): string {
  return /^[A-Za-z0-9_./:=+-]+$/.test(given) ? given : `'${given.replaceAll("'", `'\\''`)}'`;
}
