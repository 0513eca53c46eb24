/**
 * Forms that earlier versions wrote and that are no longer written: lists that are mappings today, so that layers can add to
 * them and take away. Nodes go on reading them in documents, because a site may be older than its nodes; in a fleet's files
 * they are refused, and `deno task site --migrate` writes them anew.
 *
 * @module
 */
import { parseKeyLine } from "../schema/ssh_key_line.ts";

/** How an item of such a list is written in the mapping. */
export interface OldList {
  /** Name of the `i`-th item, whose text is `item`; "" where it can't tell, as of an encrypted one. */
  nameOf(item: string, i: number): string;
  /** Whether the item itself is the name, and its value `true`. */
  isSet: boolean;
}

/** The lists by the path of their field; "<name>" stands for any. */
const LISTS: Readonly<Record<string, OldList>> = {
  "users.<name>.groups": { nameOf: (item) => item, isSet: true },
  "users.<name>.sshKeys": { nameOf: keyName, isSet: false },
};

/** What was a list at `path` of a configuration in an earlier version. */
export function oldListAt(path: readonly string[]): OldList | undefined {
  const [key, , field] = path;
  return path.length === 3 ? LISTS[`${key}.<name>.${field}`] : undefined;
}

/** `config`, of a document that nobody has checked yet, with the lists of earlier versions as mappings. */
export function inNewForm(config: unknown): unknown {
  return mapped(config, []);
}

function mapped(value: unknown, path: readonly string[]): unknown {
  const list = Array.isArray(value) ? oldListAt(path) : undefined;
  if (list) return Object.fromEntries(entriesOf(list, value as unknown[]));
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  if (path.length > 2) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, mapped(item, [...path, key])]),
  );
}

/** The entries of the mapping that a list is today. */
export function entriesOf(list: OldList, items: readonly unknown[]): [string, unknown][] {
  const names = namesOf(list, items);
  return items.map((item, i) => [names[i]!, list.isSet ? true : item]);
}

/** The names of a list's items in the mapping; none twice, but for items that are the same. */
export function namesOf({ nameOf, isSet }: OldList, items: readonly unknown[]): string[] {
  const taken = new Set<string>();
  return items.map((item, i) => {
    const given = nameOf(typeof item === "string" ? item : "", i);
    let name = given;
    for (let n = 2; !isSet && taken.has(name); n++) name = `${given}-${n}`;
    taken.add(name);
    return name;
  });
}

/** What a key is called: the first word of its comment, as far as it is fit for a name. */
function keyName(line: string, i: number): string {
  const parsed = parseKeyLine(line);
  const comment = "problem" in parsed ? "" : parsed.comment;
  const word = comment.trim().split(/\s+/)[0]!.replaceAll(/[^A-Za-z0-9@._-]/g, "").slice(0, 60);
  return /^[A-Za-z0-9]/.test(word) ? word : `key${i + 1}`;
}
