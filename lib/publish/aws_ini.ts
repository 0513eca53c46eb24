/**
 * The format of the files that Amazon's tools share: that of Python's `configparser`, as botocore uses it.
 *
 * Supported: `[section]`; `key = value` and `key: value`, keys in any case; values over several lines, of which the others are
 * indented; one level of keys within a value that begins on its second line (`s3 =`, then `  addressing_style = path`); lines
 * that are comments (`#`, `;`, nothing behind a value is one); `[DEFAULT]`, whose values hold in all sections. Refused, as there:
 * a section or a key that comes twice, a line that is none of these, a file that begins with a key.
 *
 * No message holds a value.
 *
 * @module
 */
import { printable } from "../visible.ts";

/** A value: text, or the keys within it. */
export type AwsValue = string | ReadonlyMap<string, string>;

/** Values by key. */
export type AwsValues = ReadonlyMap<string, AwsValue>;

/** A file that was read. */
export interface AwsFile {
  /** Names of its sections, in their order. */
  readonly names: readonly string[];
  /** A section's values, with those that hold in all; undefined when there is none of this name. */
  section(name: string): AwsValues | undefined;
}

/** A file that is not there. */
export const NO_AWS_FILE: AwsFile = { names: [], section: () => undefined };

/** What is no such file, or one that says two things at once. */
export class AwsFileError extends Error {}

/** Longest name that a message shows whole, in characters. */
const MAX_SHOWN = 80;

/** A name as messages show it. */
export function shownName(name: string): string {
  return printable(name, MAX_SHOWN);
}

/** The section whose values hold in all others. */
const FOR_ALL = "DEFAULT";
const SECTION = /^\[(.+)\]/;

/** Reads such a file. @throws {AwsFileError} */
export function parseAwsFile(source: string): AwsFile {
  const sections = new Map<string, Map<string, string[]>>();
  const forAll = new Map<string, string[]>();
  let section: Map<string, string[]> | undefined;
  let open: string[] | undefined;
  let level = 0;
  for (const [i, line] of source.split(/\r\n|\r|\n/).entries()) {
    const fail = (state: string) => new AwsFileError(`line ${i + 1}: ${state}`);
    const text = line.trim();
    if (/^[#;]/.test(text)) continue;
    if (text === "") {
      open?.push("");
      continue;
    }
    const indent = line.search(/\S/);
    if (open && indent > level) {
      open.push(text);
      continue;
    }
    level = indent;
    const name = SECTION.exec(text)?.[1];
    if (name !== undefined) {
      if (name !== FOR_ALL && sections.has(name)) throw fail(`[${shownName(name)}] comes twice`);
      section = name === FOR_ALL ? forAll : new Map();
      if (name !== FOR_ALL) sections.set(name, section);
      open = undefined;
      continue;
    }
    if (!section) throw fail("it belongs to no [section]");
    const at = text.search(/[=:]/);
    const key = text.slice(0, Math.max(0, at)).trim().toLowerCase();
    if (key === "") throw fail("it is no section, key or comment");
    if (section.has(key)) throw fail(`${shownName(key)} comes twice in its section`);
    open = [text.slice(at + 1).trim()];
    section.set(key, open);
  }
  const read = (name: string, values: ReadonlyMap<string, readonly string[]>): AwsValues =>
    new Map([...values].map(([key, lines]) => [key, valueOf(name, key, lines)]));
  const shared = read(FOR_ALL, forAll);
  const own = new Map([...sections].map(([name, values]) => [name, read(name, values)]));
  return {
    names: [...own.keys()],
    section: (name) => own.has(name) ? new Map([...shared, ...own.get(name)!]) : undefined,
  };
}

function valueOf(section: string, key: string, lines: readonly string[]): AwsValue {
  const text = lines.join("\n").trimEnd();
  if (!text.startsWith("\n")) return text;
  const values = new Map<string, string>();
  for (const line of text.split("\n").filter((line) => line !== "")) {
    const at = line.indexOf("=");
    if (at < 0) {
      const where = `[${shownName(section)}] ${shownName(key)}`;
      throw new AwsFileError(`${where}: a line in it is no key = value`);
    }
    values.set(line.slice(0, at).trim(), line.slice(at + 1).trim());
  }
  return values;
}

/** The words of a section's name as a shell reads them, e.g. of `profile "my fleet"`; undefined where a quote is not closed. */
export function wordsOf(name: string): string[] | undefined {
  const words: string[] = [];
  const word = /(?:[^\s'"\\]|\\[^]|'[^']*'|"(?:[^"\\]|\\[^])*")+/y;
  for (let at = 0; at < name.length;) {
    const blank = /\s*/y;
    blank.lastIndex = at;
    at += blank.exec(name)![0].length;
    if (at === name.length) break;
    word.lastIndex = at;
    const [found] = word.exec(name) ?? [];
    if (found === undefined) return undefined;
    at += found.length;
    if (at < name.length && !/\s/.test(name[at]!)) return undefined;
    words.push(
      found.replaceAll(
        /\\([^])|'([^']*)'|"((?:[^"\\]|\\[^])*)"/g,
        (_, one, single, double) => one ?? single ?? double.replaceAll(/\\(["\\])/g, "$1"),
      ),
    );
  }
  return words;
}
