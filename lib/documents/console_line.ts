/**
 * The one-line messages that a node prints on its console: the agent writes them, the lab reads them, people read them too.
 * They never hold a secret.
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
