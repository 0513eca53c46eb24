/**
 * Puts `!age` values and names into a YAML file by changing only the text of the value: comments, the order of keys and
 * all other bytes stay as they are.
 *
 * Supported: replacing a value; adding one, with the mappings and the list that lead to it, to block and flow mappings and at
 * the end of lists; one more item of a list of names. Refused: values inside an alias, mappings where the value should be. What comes out is read again
 * and compared: an edit that would change anything else, or lose a comment, is refused.
 *
 * @module
 */
import { isMap, isNode, isPair, isScalar, isSeq, Lexer, visit } from "yaml";
import { UserError } from "../../lib/errors.ts";
import { replaceSealed, saidBy, Sealed } from "./sealed.ts";
import { type ParsedYaml, parseYaml } from "./yaml_file.ts";
import { findPlace } from "./yaml_place.ts";
import { contentEnd, scalarSplice, spliceFor } from "./yaml_splice.ts";
import {
  applied,
  endOf,
  INDENT,
  indentAt,
  newline,
  type Path,
  pathKey,
  plainText,
  restOfLine,
  type Splice,
  startOf,
} from "./yaml_text.ts";

/**
 * The text of `parsed` with other armored text in the `!age` values at the places in `fresh`, by their {@linkcode pathKey}.
 *
 * @throws {UserError} when one of them stands there by an alias.
 */
export function replaceArmored(parsed: ParsedYaml, fresh: ReadonlyMap<string, string>): string {
  const splices: Splice[] = [];
  visit(parsed.document, {
    Scalar: (_, node, ancestors) => {
      if (!(node.value instanceof Sealed)) return;
      const armored = fresh.get(pathKey(pathTo(node, ancestors)));
      if (armored === undefined) return;
      const flow = ancestors.some((one) => isNode(one) && "flow" in one && one.flow === true);
      const column = indentAt(parsed.source, node.range![0]);
      splices.push(scalarSplice(parsed.source, node, armored, flow, column + INDENT));
    },
  });
  const edited = applied(parsed.source, splices);
  const expected = replaceSealed(parsed.value, ({ armored }, path) => ({
    age: fresh.get(pathKey(path)) ?? armored,
  }));
  return checked(parsed, edited, expected);
}

/** Keys and indexes that lead to a node. */
function pathTo(node: unknown, ancestors: readonly unknown[]): Path {
  return [...ancestors, node].flatMap((one, i, chain): (string | number)[] => {
    if (isPair(one) && isScalar(one.key)) return [String(one.key.value)];
    return isSeq(one) ? [one.items.indexOf(chain[i + 1])] : [];
  });
}

/** The text of `parsed` with one more key at its top, below `after` and all that it holds. */
export function addKey(parsed: ParsedYaml, after: string, key: string, text: string): string {
  const { source, document } = parsed;
  const items = isMap(document.contents) ? document.contents.items : [];
  const pair = items.find((item) => isScalar(item.key) && item.key.value === after);
  if (!pair) throw beyond(parsed.file);
  const entry = `${key}: ${plainText(text)}`;
  let at = contentEnd(source, pair);
  const record = saidBy(parsed.value);
  const expected = Object.fromEntries(
    Object.entries(record).flatMap(([name, value]): [string, unknown][] =>
      name === after ? [[name, value], [key, text]] : [[name, value]]
    ),
  );
  if (isMap(document.contents) && document.contents.flow) {
    return checked(parsed, applied(source, [{ start: at, end: at, text: `, ${entry}` }]), expected);
  }
  const nl = newline(source);
  if (source[at - 1] !== "\n") at = restOfLine(source, at).end;
  const gap = source[at - 1] === "\n" ? "" : nl;
  return checked(
    parsed,
    applied(source, [{ start: at, end: at, text: `${gap}${entry}${nl}` }]),
    expected,
  );
}

/**
 * The text of `parsed` with the value `armored` at `path`. `beside` are more keys with YAML values for the mapping that
 * holds it, written only where that mapping is new.
 *
 * @throws {UserError} when the file's layout does not allow it.
 */
export function putArmored(
  parsed: ParsedYaml,
  path: Path,
  armored: string,
  beside: Readonly<Record<string, string>> = {},
): string {
  const place = findPlace(parsed, path);
  const splice = spliceFor(parsed.source, place, { armored, beside });
  const expected = withValue(parsed.value, path, armored, beside);
  return checked(parsed, applied(parsed.source, [splice]), expected);
}

/**
 * The text of `parsed` with one more item at the end of the list that `key` holds.
 *
 * @throws {UserError} when there is no such list, or the file's layout does not allow it.
 */
export function appendItem(parsed: ParsedYaml, key: string, text: string): string {
  const { source, document } = parsed;
  const list: unknown = isMap(document.contents) ? document.contents.get(key, true) : undefined;
  const last: unknown = isSeq(list) ? list.items.at(-1) : undefined;
  const expected = saidBy(parsed.value);
  const items = expected[key];
  if (!isSeq(list) || !Array.isArray(items)) throw beyond(parsed.file);
  items.push(text);
  if (list.flow || last === undefined) {
    const start = last === undefined ? endOf(list) - 1 : endOf(last);
    const splice = {
      start,
      end: start,
      text: `${last === undefined ? "" : ", "}${plainText(text)}`,
    };
    return checked(parsed, applied(source, [splice]), expected);
  }
  const dash = startOf(last) - source.lastIndexOf("\n", startOf(last) - 1) - 1 - "- ".length;
  const { end } = restOfLine(source, endOf(last));
  const nl = newline(source);
  const gap = source[end - 1] === "\n" ? "" : nl;
  const line = `${gap}${" ".repeat(Math.max(0, dash))}- ${plainText(text)}${nl}`;
  return checked(parsed, applied(source, [{ start: end, end, text: line }]), expected);
}

function beyond(file: string): UserError {
  return new UserError(`edit ${file}`, "its layout is beyond what can be edited safely", {
    hint: "edit it by hand: an !age value is armored age text, encrypted to the admins",
  });
}

/** The comments in the text of a YAML file, sorted. */
function commentsOf(source: string): string[] {
  const comments: string[] = [];
  let before = "";
  for (const token of new Lexer().lex(source)) {
    // The lexer puts this character before the text of a scalar, which may begin with a number sign, too.
    if (token.startsWith("#") && before !== "\x1f") comments.push(token.trimEnd());
    before = token;
  }
  return comments.sort();
}

/** `edited`, if it says `expected` and has the comments of before. */
function checked(parsed: ParsedYaml, edited: string, expected: unknown): string {
  const again = parseYaml(parsed.file, edited);
  const says = !Array.isArray(again) &&
    JSON.stringify(saidBy(again.value));
  if (says !== JSON.stringify(expected)) throw beyond(parsed.file);
  if (commentsOf(edited).join("\n") === commentsOf(parsed.source).join("\n")) return edited;
  throw new UserError(`edit ${parsed.file}`, "a comment beside the value would be lost", {
    hint: "move the comment to a line of its own above the key",
  });
}

/** `value` with the secret at `path`, in the form that {@linkcode checked} compares. */
function withValue(
  value: unknown,
  path: Path,
  armored: string,
  beside: Readonly<Record<string, string>>,
): unknown {
  const root = saidBy(value);
  let at = root;
  for (const [i, key] of path.slice(0, -1).entries()) {
    // A script may have the name of a method that every object has.
    const isNew = !Object.hasOwn(at, key) || at[key] === undefined || at[key] === null;
    if (isNew) at[key] = typeof path[i + 1] === "number" ? [] : {};
    at = at[key] as Record<string, unknown>;
    if (!isNew || i !== path.length - 2) continue;
    for (const [name, given] of Object.entries(beside)) at[name] = JSON.parse(given);
  }
  at[path.at(-1)!] = { age: armored };
  return root;
}
