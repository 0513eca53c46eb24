/**
 * Rewrites in a fleet's files what earlier versions wrote as lists and is a mapping today. Only the lists change: comments,
 * quotes and the rest of the text stay as they are.
 *
 * @module
 */
import { isMap, isScalar, isSeq, type YAMLMap, type YAMLSeq } from "yaml";
import { equal } from "../../lib/bytes.ts";
import { inNewForm, namesOf, type OldList, oldListAt } from "../../lib/config/old_forms.ts";
import { UserError } from "../../lib/errors.ts";
import type { Host } from "../../lib/host.ts";
import { canonicalJson } from "../../lib/json.ts";
import { fleetError } from "./assemble.ts";
import { readFleetFiles } from "./fleet.ts";
import { Sealed } from "./sealed.ts";
import { type ParsedYaml, parseYaml, type Problem } from "./yaml_file.ts";
import { applied, endOf, INDENT, indentAt, type Splice, startOf } from "./yaml_text.ts";

/** Rewrites the files in `directory` that need it; gives their paths. @throws {UserError} before any file is written. */
export async function migrateFleet(host: Host, directory: string): Promise<string[]> {
  const written = new Map<string, string>();
  for (const [path, text] of await readFleetFiles(host, directory)) {
    const migrated = migrateText(`${directory}/${path}`, text);
    if (Array.isArray(migrated)) throw fleetError(migrated);
    if (migrated !== text) written.set(`${directory}/${path}`, migrated);
  }
  for (const [file, text] of written) await host.writeFile(file, text);
  return [...written.keys()];
}

/** `source`, the text of `file`, with today's mappings in place of lists; or what keeps it from being rewritten. */
export function migrateText(file: string, source: string): string | Problem[] {
  const parsed = parseYaml(file, source);
  if (Array.isArray(parsed)) return parsed;
  const lists = oldLists(parsed);
  const problems = lists.flatMap((list) => problemsOf(parsed, list));
  if (problems.length > 0) return problems;
  const text = applied(source, lists.flatMap((list) => splicesOf(source, list)));
  const after = parseYaml(file, text);
  if (Array.isArray(after) || !equal(renewed(parsed.value), renewed(after.value))) {
    // A spelling that nobody foresaw: better left to a person.
    throw new UserError(
      `rewrite the lists of ${file}`,
      "their text is too unusual: write them anew",
    );
  }
  return text;
}

/** A list that is a mapping today. */
interface Found {
  path: (string | number)[];
  old: OldList;
  /** Where its key begins. */
  keyStart: number;
  list: YAMLSeq;
}

function oldLists({ document }: ParsedYaml): Found[] {
  const found: Found[] = [];
  const visit = (map: YAMLMap, path: string[]) => {
    for (const { key, value } of map.items) {
      if (!isScalar(key)) continue;
      const at = [...path, String(key.value)];
      const old = oldListAt(at.slice(1));
      // One by an alias is rewritten where it is written.
      if (old && isSeq(value)) found.push({ path: at, old, keyStart: startOf(key), list: value });
      else if (isMap(value)) visit(value, at);
    }
  };
  const top = document.contents;
  if (!isMap(top)) return [];
  for (const part of ["config", "private"]) {
    const value = top.get(part);
    if (isMap(value)) visit(value, [part]);
  }
  return found;
}

function problemsOf({ problemAt }: ParsedYaml, { path, old, list }: Found): Problem[] {
  return list.items.flatMap((item, i) => {
    const value = isScalar(item) ? item.value : undefined;
    if (value instanceof Sealed) {
      const key = [...path.slice(1), "NAME"].join(".");
      const hint = `deno task secret set writes it at ${key}`;
      return [problemAt([...path, i], `is encrypted for its place in the list: ${hint}`)];
    }
    if (typeof value !== "string") return [problemAt([...path, i], "must be text")];
    const isTwice = old.isSet &&
      list.items.slice(0, i).some((one) => isScalar(one) && one.value === value);
    return isTwice ? [problemAt([...path, i], "stands twice in the list: remove one")] : [];
  });
}

/** The changes that make a mapping of a list. */
function splicesOf(source: string, { old, keyStart, list }: Found): Splice[] {
  const names = namesOf(old, list.items.map((item) => isScalar(item) ? item.value : undefined));
  const items = list.items.map((item, i) => ({
    start: startOf(item),
    before: old.isSet ? "" : `${names[i]}: `,
    end: endOf(item),
    after: old.isSet ? ": true" : "",
  }));
  const [from, to] = [list.range![0], list.range![1]];
  if (list.flow) {
    // The last bracket comes before what is put in front of it: of two changes at one place the first is made first.
    return [
      { start: to - 1, end: to, text: "}" },
      { start: from, end: from + 1, text: "{" },
      ...items.flatMap(({ start, before, end, after }) => [
        { start, end: start, text: before },
        { start: end, end, text: after },
      ]),
    ];
  }
  const dashes = items.map(({ start }) => source.lastIndexOf("-", start - 1));
  // A list may stand as far left as its key, a mapping may not.
  const isLevel = indentAt(source, dashes[0]!) <= indentAt(source, keyStart);
  const shifted = isLevel ? lineStarts(source, dashes[0]!, to) : [];
  return [
    ...shifted.map((start) => ({ start, end: start, text: " ".repeat(INDENT) })),
    ...items.flatMap(({ start, before, end, after }, i) => [
      { start: dashes[i]!, end: start, text: before },
      { start: end, end, text: after },
    ]),
  ];
}

/** Where the lines between two places begin that are not empty, that of `from` included. */
function lineStarts(source: string, from: number, to: number): number[] {
  const starts: number[] = [];
  let at = source.lastIndexOf("\n", from - 1) + 1;
  while (at < to) {
    if (!/^[ \t]*(?:\r?\n|$)/.test(source.slice(at, at + 1000))) starts.push(at);
    const next = source.indexOf("\n", at);
    if (next < 0) break;
    at = next + 1;
  }
  return starts;
}

/** What a file says in today's form, to compare. */
function renewed(value: unknown): Uint8Array {
  const { config, private: secret, ...rest } = value as Record<string, unknown>;
  return canonicalJson({ ...rest, config: inNewForm(config), private: inNewForm(secret) });
}
