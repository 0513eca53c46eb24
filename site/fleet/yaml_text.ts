/**
 * Text of a YAML file: where its nodes stand in it, and new pieces of it.
 *
 * @module
 */
import { isNode } from "yaml";

/** Columns by which new lines stand further in than their parent. */
export const INDENT = 2;

/** Keys and indexes from the outside in. */
export type Path = readonly (string | number)[];

/** A path as one text, for sets and comparisons: no two paths have the same, whatever their keys hold. */
export function pathKey(path: Path): string {
  return JSON.stringify(path.map(String));
}

/** A piece of text that takes the place of another. */
export interface Splice {
  start: number;
  end: number;
  text: string;
}

/** What is added: an `!age` value's armored text, and more keys with YAML values for the mapping that holds it, where that is new. */
export interface Addition {
  armored: string;
  beside: Readonly<Record<string, string>>;
}

/** The tag of a value with the blank behind it. */
export const TAG = "!age ";

/** A value without its tag: armored text as a block of lines or, in flow, on one line. */
export function scalarText(
  armored: string,
  flow: boolean,
  indent: number,
  nl: string,
  comment: string,
): string {
  if (flow) return quoted(armored);
  const pad = " ".repeat(indent);
  const lines = armored.trimEnd().split("\n").map((line) => pad + line);
  return [`|${comment.trimEnd()}`, ...lines, ""].join(nl);
}

/**
 * Keys, one inside the other, with the value, line by line; `isNew` tells that the mapping of the first one is new, too. A
 * number, which is the last, is an item of a list.
 */
export function blockLines(
  keys: Path,
  { armored, beside }: Addition,
  indent: number,
  nl: string,
  isNew: boolean,
): string {
  let text = "";
  for (const [i, key] of keys.entries()) {
    const pad = " ".repeat(indent + i * INDENT);
    if (i < keys.length - 1) {
      text += `${pad}${plainText(String(key))}:${nl}`;
      continue;
    }
    if (i > 0 || isNew) {
      for (const [name, one] of Object.entries(beside)) text += `${pad}${name}: ${one}${nl}`;
    }
    const isItem = typeof key === "number";
    const inner = indent + (i + (isItem ? 2 : 1)) * INDENT;
    const start = isItem ? "-" : `${plainText(String(key))}:`;
    text += `${pad}${start} ${TAG}${scalarText(armored, false, inner, nl, "")}`;
  }
  return text;
}

/** The same on one line. */
export function flowText(keys: Path, addition: Addition, isNew: boolean): string {
  const [key, ...rest] = keys;
  const { armored, beside } = addition;
  const value = `${TAG}${scalarText(armored, true, 0, "", "")}`;
  if (typeof key === "number") return value;
  const name = plainText(key!);
  if (rest.length > 0) return `${name}: ${flowGroup(rest, addition)}`;
  const more = isNew ? Object.entries(beside).map((entry) => `${entry.join(": ")}, `) : [];
  return `${more.join("")}${name}: ${value}`;
}

/** A new mapping or list with them, on one line. */
export function flowGroup(keys: Path, addition: Addition): string {
  const text = flowText(keys, addition, true);
  return typeof keys[0] === "number" ? `[${text}]` : `{${text}}`;
}

/** Words that no version of YAML takes for anything but text, as long as they are none of {@linkcode NOT_TEXT}. */
const PLAIN = /^[A-Za-z/][A-Za-z0-9_./@+=-]*(?: [A-Za-z0-9/][A-Za-z0-9_./@+=-]*)*$/;
/** Words of YAML 1.1 and 1.2 that are truth values, nothing, or (to some readers of 1.1) numbers. */
const NOT_TEXT = /^(?:true|false|null|yes|no|on|off|y|n|e[-+]?\d+)$/i;

/** `text` as YAML, a key or a value: in quotes unless every reader of YAML takes it for just this text. */
export function plainText(text: string): string {
  return PLAIN.test(text) && !NOT_TEXT.test(text) ? text : quoted(text);
}

/** What JSON leaves as it is within quotes and YAML's texts must not hold or would take for a line's end. */
const TO_ESCAPE = /[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]/g;

/** `text` in quotes, which both YAML and JSON read. */
export function quoted(text: string): string {
  return JSON.stringify(text).replaceAll(
    TO_ESCAPE,
    (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** The text with each piece in its place. */
export function applied(source: string, splices: readonly Splice[]): string {
  let text = source;
  for (const { start, end, text: piece } of [...splices].sort((a, b) => b.start - a.start)) {
    text = text.slice(0, start) + piece + text.slice(end);
  }
  return text;
}

/** The rest of the line that `at` is on, with its line end. */
export function restOfLine(source: string, at: number): { text: string; end: number } {
  const stop = source.indexOf("\n", at);
  const end = stop < 0 ? source.length : stop + 1;
  return { text: source.slice(at, end), end };
}

/** Column of the first character of the line, after dashes of lists, that `offset` is on. */
export function indentAt(source: string, offset: number): number {
  const line = source.slice(source.lastIndexOf("\n", offset - 1) + 1, offset);
  return /^(?:\s|- )*/.exec(line)![0].length;
}

/** Where a node begins; 0 for what has no place. */
export function startOf(node: unknown): number {
  return isNode(node) ? node.range?.[0] ?? 0 : 0;
}

/** Where a node ends; 0 for what has no place. */
export function endOf(node: unknown): number {
  return isNode(node) ? node.range?.[1] ?? 0 : 0;
}

/** The file's line end. */
export function newline(source: string): string {
  return source.includes("\r\n") ? "\r\n" : "\n";
}
