/**
 * The plaintext of an `!age` value in a fleet's files, version 1: a line that says where the value belongs, then the value.
 *
 * ```text
 * psyopsos-secret 1 {"owner":"nodes/orchid","path":["files","/etc/k3s/token","content"]}
 * K10f…
 * ```
 *
 * The line is inside what age encrypts and authenticates: who can't decrypt the value can't change it. So the armored text,
 * copied to another place of the fleet's files, is refused there. A plaintext without such a line is one of before there were
 * any, or from another program; it belongs nowhere.
 *
 * @module
 */
import { printable } from "../visible.ts";

/** Where a value belongs. */
export interface SecretHome {
  /** "global", "tags/lab" or "nodes/alpha": whose file it stands in. */
  owner: string;
  /**
   * Keys below `private`, or a node's own field (`seed`), which is the name of no key of the configuration; an item of a list
   * belongs to the list.
   */
  path: readonly string[];
}

/** What a plaintext says. */
export interface SecretText {
  value: string;
  /** Undefined where it does not say. */
  home?: SecretHome;
}

/** Longest first line, in characters. */
const MAX_HOME_LINE = 16 * 1024;
/** Longest name of a home that a message shows, in characters. */
const MAX_NAME = 200;

const MARK = "psyopsos-secret ";
const VERSION = "1";

/** The plaintext of `value` with the place that it belongs to. */
export function formatSecret({ owner, path }: SecretHome, value: string): string {
  return `${MARK}${VERSION} ${JSON.stringify({ owner, path })}\n${value}`;
}

/** What `plain` says, or why it can't be told (completing "<place> …"). */
export function parseSecret(plain: string): SecretText | { problem: string } {
  if (!plain.startsWith(MARK)) return { value: plain };
  const end = plain.slice(0, MAX_HOME_LINE).indexOf("\n");
  const [version, ...rest] = plain.slice(MARK.length, Math.max(end, MARK.length)).split(" ");
  if (end >= 0 && /^\d+$/.test(version ?? "") && version !== VERSION) {
    return { problem: `is of version ${version!.slice(0, 8)}, which needs a later psyopsOS` };
  }
  const home = version === VERSION ? parseHome(rest.join(" ")) : undefined;
  return home
    ? { value: plain.slice(end + 1), home }
    : { problem: "has a first line that does not say where it belongs" };
}

function parseHome(text: string): SecretHome | undefined {
  let given: unknown;
  try {
    given = JSON.parse(text);
  } catch {
    return undefined;
  }
  const { owner, path } = (given ?? {}) as Partial<Record<"owner" | "path", unknown>>;
  const isPath = Array.isArray(path) && path.every((key) => typeof key === "string");
  if (typeof owner !== "string" || !isPath) return undefined;
  // One spelling only, as it is written here.
  return JSON.stringify({ owner, path }) === text ? { owner, path } : undefined;
}

/** Where the value at `path` in the file of `owner` belongs: a value below "private", or a field of the file itself. */
export function secretHome(owner: string, path: readonly (string | number)[]): SecretHome {
  const keys = path[0] === "private" ? path.slice(1) : path;
  return { owner, path: keys.filter((key) => typeof key === "string") };
}

/** Whether two are one. */
export function isSameHome(a: SecretHome, b: SecretHome): boolean {
  return a.owner === b.owner && JSON.stringify(a.path) === JSON.stringify(b.path);
}

/** "nodes/alpha files./etc/token.content", for messages; it may be what somebody else wrote, and is cut. */
export function homeName({ owner, path }: SecretHome): string {
  return printable(`${owner} ${path.join(".")}`, MAX_NAME);
}
