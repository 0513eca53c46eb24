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

/** A piece of text that takes the place of another. */
export interface Splice {
  start: number;
  end: number;
  text: string;
}

/** What is added: an `!age` value, and more keys with YAML values for the mapping that holds it, where that is new. */
export interface Addition {
  armored: string;
  beside: Readonly<Record<string, string>>;
}

/** An `!age` value without its tag, as a block of lines or, in flow, on one line. */
export function scalarText(
  armored: string,
  flow: boolean,
  indent: number,
  nl: string,
  comment: string,
): string {
  if (flow) return JSON.stringify(armored);
  const pad = " ".repeat(indent);
  const lines = armored.trimEnd().split("\n").map((line) => pad + line);
  return [`|${comment.trimEnd()}`, ...lines, ""].join(nl);
}

/** Keys, one inside the other, with the value, line by line. */
export function blockLines(
  keys: Path,
  { armored, beside }: Addition,
  indent: number,
  nl: string,
): string {
  let text = "";
  for (const [i, key] of keys.entries()) {
    const pad = " ".repeat(indent + i * INDENT);
    if (i < keys.length - 1) {
      text += `${pad}${keyText(key)}:${nl}`;
      continue;
    }
    if (i > 0) {
      for (const [name, value] of Object.entries(beside)) text += `${pad}${name}: ${value}${nl}`;
    }
    const inner = indent + (i + 1) * INDENT;
    text += `${pad}${keyText(key)}: !age ${scalarText(armored, false, inner, nl, "")}`;
  }
  return text;
}

/** The same on one line. */
export function flowText(keys: Path, addition: Addition): string {
  const [key, ...rest] = keys;
  const { armored, beside } = addition;
  if (rest.length === 0) return `${keyText(key!)}: !age ${JSON.stringify(armored)}`;
  const more = rest.length > 1 ? [] : Object.entries(beside).map((entry) => entry.join(": "));
  return `${keyText(key!)}: {${[...more, flowText(rest, addition)].join(", ")}}`;
}

/** A key as YAML; in quotes unless it can't be taken for anything else. */
function keyText(key: string | number): string {
  const plain = typeof key === "string" && /^[A-Za-z/][A-Za-z0-9_./@-]*$/.test(key) &&
    !/^(?:true|false|null|yes|no|on|off|y|n)$/i.test(key);
  return plain ? key : JSON.stringify(String(key));
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
