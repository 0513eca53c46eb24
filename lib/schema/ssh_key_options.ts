/**
 * Options of a line of `authorized_keys` (sshd(8), "AUTHORIZED_KEYS FILE FORMAT"), all that OpenSSH 9 knows.
 *
 * Refused although sshd reads them: tabs inside options, names of services where an option wants a port (they would mean
 * what the node's /etc/services says), and values by which sshd would let nobody in, which it tells nobody but its log.
 *
 * @module
 */
import { ipFamily, isNetwork } from "./ip.ts";

/** An option that has a value: its name in lower case, and the value without quotes. */
export type ValuedOption = [name: string, value: string];

/** Options that are on or off; those that may have `no-` before them. */
const FLAGS =
  /^(?:restrict|cert-authority|(?:no-)?(?:port-forwarding|agent-forwarding|x11-forwarding|touch-required|verify-required|pty|user-rc))/i;
const VALUED =
  /^(command|principals|from|expiry-time|environment|permitopen|permitlisten|tunnel)=/i;
/** Options that may be given once. */
const ONCE = ["command", "principals", "from"];

/** The options of a line that have values, or what is wrong with one of all (completing "the line …"). */
export function parseKeyOptions(options: string): ValuedOption[] | { problem: string } {
  const found: ValuedOption[] = [];
  for (let rest = options; rest !== "";) {
    const [flag] = FLAGS.exec(rest) ?? [];
    const [start, given] = VALUED.exec(rest) ?? [];
    if (flag !== undefined) rest = rest.slice(flag.length);
    else if (start !== undefined) {
      const name = given!.toLowerCase();
      const quoted = /^"((?:\\"|[^"])*)"/.exec(rest.slice(start.length));
      if (!quoted) return { problem: `has the option ${name} without a value in double quotes` };
      if (ONCE.includes(name) && found.some(([other]) => other === name)) {
        return { problem: `has the option ${name} twice` };
      }
      const value = quoted[1]!.replaceAll('\\"', '"');
      const problem = VALUES[name]!(value);
      if (problem !== undefined) return { problem: `has an option ${name} ${problem}` };
      found.push([name, value]);
      rest = rest.slice(start.length + quoted[0].length);
    }
    if (rest === "") break;
    // What an unknown option is called may be a secret that stands in the wrong place.
    if (rest[0] !== ",") return { problem: "has an option that sshd does not know" };
    // Nothing between two commas, or behind the last, is no fault to sshd.
    rest = rest.slice(1);
  }
  return found;
}

/**
 * Why sshd lets nobody in by a line with these options although it reads them, as far as that can be told of a node that is
 * not asked (completing "… lets nobody in: …"); undefined when it can't.
 */
export function uselessBecause(options: readonly ValuedOption[], now: Date): string | undefined {
  for (const [name, value] of options) {
    if (name === "expiry-time") {
      const { at, isLocal } = timeOf(value)!;
      // The last place on earth where a day ends is twelve hours behind UTC.
      const end = at + (isLocal ? 12 * 60 * 60 * 1000 : 0);
      if (end <= now.getTime()) return `its expiry-time ${value} is past`;
    } else if (name === "from" && value.split(",").every(matchesNoAddress)) {
      return "its from= has host names alone, which sshd looks up only where its settings say UseDNS yes";
    }
  }
  return undefined;
}

const NOT_VALID = "whose value is not valid";
/** What is wrong with a value (completing "has an option NAME …"). */
const VALUES: Readonly<Record<string, (value: string) => string | undefined>> = {
  command: valid(isText),
  principals: (value) => value === "" ? "that names nobody" : valid(isText)(value),
  from: fromProblem,
  "expiry-time": valid((value) => timeOf(value) !== undefined),
  environment: valid((value) => isText(value) && /^[A-Za-z0-9_]+=/.test(value)),
  permitopen: valid(isHostPort),
  permitlisten: valid((value) => isHostPort(value.includes(":") ? value : `*:${value}`)),
  tunnel: valid((value) => /^any$/i.test(value) || isUpTo(value, 0x7ffffffd)),
};

function valid(isValid: (value: string) => boolean): (value: string) => string | undefined {
  return (value) => isValid(value) ? undefined : NOT_VALID;
}

function isText(value: string): boolean {
  return !value.includes("\t");
}

/**
 * What is wrong with a list of patterns, addresses and networks of clients (ssh_config(5), "PATTERNS"). One entry that is
 * empty, or a network with a wrong prefix, and sshd lets nobody in, whatever the others say.
 */
function fromProblem(value: string): string | undefined {
  const entries = value.split(",");
  for (const [i, entry] of entries.entries()) {
    if (isClient(entry.replace(/^!/, ""))) continue;
    return `whose entry ${i + 1} is no address, network or pattern of hosts, e.g. ` +
      "192.0.2.7,198.51.100.0/24,2001:db8::/32,!198.51.100.9: sshd lets nobody in by it";
  }
  if (entries.every((entry) => entry.startsWith("!"))) {
    return "that only says from where not: sshd lets nobody in without an entry that matches, e.g. *,!192.0.2.7";
  }
  return undefined;
}

/** Whether an entry can match the address or the name of a client. */
function isClient(entry: string): boolean {
  if (entry.includes("/")) return isNetwork(entry);
  if (entry === "" || /[ \t!"]/.test(entry)) return false;
  // A link-local address comes with the name of the node's interface.
  const address = entry.replace(/%[\w.-]+$/, "");
  // With wildcards, or with letters that no address has, it is a pattern.
  return /[*?]/.test(entry) || !/^[\d.]+$|:/.test(entry) || ipFamily(address) !== undefined;
}

/** Whether an entry matches no address, but perhaps the name of a host. */
function matchesNoAddress(entry: string): boolean {
  return entry.startsWith("!") || /[^\d.:a-f*?/]/i.test(entry.replace(/%[\w.-]+$/, ""));
}

function isUpTo(value: string, most: number): boolean {
  return /^\d{1,10}$/.test(value) && Number(value) <= most;
}

function isHostPort(value: string): boolean {
  const [, port] = /^(?:\[[^\]]*\]|[^[:/][^:/]*|)[:/](.*)$/s.exec(value) ?? [];
  return port !== undefined && (port === "*" || (isUpTo(port, 65535) && Number(port) > 0));
}

/**
 * The time that a value of `expiry-time` says, in ms since 1970 as if it were in UTC, and whether it is in the node's own
 * zone: a day, or a time to the minute or second, after the beginning of 1970.
 */
function timeOf(value: string): { at: number; isLocal: boolean } | undefined {
  const found = /^(\d{4})(\d\d)(\d\d)(?:(\d\d)(\d\d)(\d\d)?)?(Z|UTC)?$/i.exec(value);
  if (!found) return undefined;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = found.slice(1, 7)
    .map((part) => Number(part ?? 0));
  const at = Date.UTC(year, month - 1, day, hour, minute, second);
  const isTime = month >= 1 && month <= 12 && day >= 1 && day <= 31 && hour < 24 && minute < 60 &&
    second <= 61 && at > 0;
  return isTime ? { at, isLocal: found[7] === undefined } : undefined;
}
