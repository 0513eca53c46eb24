/**
 * What a node tells about itself: the one-line messages on its console and its status document.
 * The agent writes both, the lab and people read them. Neither ever holds a secret.
 *
 * @module
 */

/** Every console message starts with this, so it can be found among kernel lines. */
export const CONSOLE_MARK = "psyopsOS:";

/** What a console message is about; the first word after the mark. */
export const CONSOLE_EVENTS = [
  /** The agent has started: version, form. */
  "started",
  /** The identity drive was read: node. */
  "identity",
  /** An interface has an address: interface, address, via. */
  "network",
  /** The site's documents were verified: serial, expires, source. */
  "verified",
  /** Changes were made: changes, seconds. */
  "applied",
  /** The node is what the site says: node, serial, source. */
  "configured",
  /** A check of trust failed: check, document, reason, retry. */
  "refused",
  /** Something is missing and the agent keeps looking: what, reason, retry. */
  "waiting",
  /** Configured, but something needs attention: reason. */
  "degraded",
] as const;

/** One of {@linkcode CONSOLE_EVENTS}. */
export type ConsoleEvent = typeof CONSOLE_EVENTS[number];

/** Facts of a console message; undefined ones are left out. */
export type ConsoleFacts = Record<string, string | number | undefined>;

/** `psyopsOS: event key=value key="value with blanks"`, on one line, printable ASCII and UTF-8 text only. */
export function formatConsoleLine(event: ConsoleEvent, facts: ConsoleFacts = {}): string {
  const words = Object.entries(facts).flatMap(([key, value]) => {
    if (value === undefined) return [];
    const plain = String(value);
    return [`${key}=${/^[^\s"=\\\p{Cc}]+$/u.test(plain) ? plain : JSON.stringify(plain)}`];
  });
  return [CONSOLE_MARK, event, ...words].join(" ");
}

/** A message found in a line of a console; undefined when the line holds none. Text before the mark is skipped. */
export function parseConsoleLine(
  line: string,
): { event: ConsoleEvent; facts: Record<string, string> } | undefined {
  const at = line.indexOf(`${CONSOLE_MARK} `);
  if (at < 0) return undefined;
  const [word = "", ...rest] = line.slice(at + CONSOLE_MARK.length + 1).trimEnd().split(" ");
  const event = CONSOLE_EVENTS.find((known) => known === word);
  if (!event) return undefined;
  const facts: Record<string, string> = {};
  for (const match of rest.join(" ").matchAll(/([A-Za-z0-9_.-]+)=("(?:[^"\\]|\\.)*"|\S+)/g)) {
    const value = match[2]!;
    facts[match[1]!] = value.startsWith('"') ? unquote(value) : value;
  }
  return { event, facts };
}

function unquote(value: string): string {
  try {
    return String(JSON.parse(value));
  } catch {
    // A console line can be cut or mixed with a kernel message: show what came.
    return value;
  }
}

/** Where a node stands. */
export type Phase =
  | "starting"
  | "waiting-identity"
  | "waiting-network"
  | "fetching"
  | "applying"
  | "configured"
  | "degraded";

/** Why a node is not (or not wholly) what its site says. */
export interface Problem {
  /** One word: signature, key, hash, serial, expired, type, node, schema, identity, network, unreachable, full, apply … */
  check: string;
  /** One line for people. */
  message: string;
  /** Site path of the document concerned. */
  document?: string;
  /** RFC 3339 time of the first occurrence in a row, and how many there were. */
  since: string;
  attempts: number;
}

/**
 * Stands for the SHA-256 of what only the node may know (a private file that is as demanded, a private script's output): the
 * hash of a short secret gives the secret away.
 */
export const PRIVATE_DIGEST = "private";

/** What the node really is, read back after applying. Hashes are of SHA-256, or {@linkcode PRIVATE_DIGEST}. */
export interface Observed {
  hostname: string;
  users: { name: string; uid: number; groups: string[]; sshKeys: string[] }[];
  files: { path: string; sha256: string; mode: string; owner: string; group: string }[];
  scripts: { name: string; exitCode: number; outputSha256: string }[];
}

/** The status document, `/run/psyopsos/status.json` on the node; sizes in KiB, times in RFC 3339. */
export interface Status {
  node?: string;
  phase: Phase;
  /** Image version and kernel release. */
  image: { version: string; kernel: string };
  agent: { version: string; commit: string; form: string };
  /** Where the applied documents came from. */
  source?: "site" | "last-good";
  serial?: number;
  expires?: string;
  /** What guards against older serials: the drive's record, or only the image's floor. */
  rollbackGuard?: "drive" | "image";
  problem?: Problem;
  /** Printed forms of the steps of the last apply; secrets never appear. */
  steps: string[];
  observed?: Observed;
  memory?: { totalKiB: number; availableKiB: number; agentRssKiB: number };
  /** Seconds since the kernel started at which each phase was first reached. */
  reached: Partial<Record<Phase | "identity" | "network" | "verified", number>>;
  updated: string;
}
