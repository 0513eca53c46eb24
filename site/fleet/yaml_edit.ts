/**
 * Puts `!age` values into a YAML file by changing only the text of the value: comments, the order of keys and all other
 * bytes stay as they are.
 *
 * Supported: replacing a value; adding one, with the mappings that lead to it, to block and flow mappings. Refused:
 * values inside an alias, new items of lists, mappings where the value should be. What comes out is read again and
 * compared: an edit that would change anything else is refused.
 *
 * @module
 */
import { isAlias, isMap, isNode, isScalar, isSeq, type Node, type Pair, visit } from "yaml";
import { UserError } from "../../lib/errors.ts";
import { replaceSealed, Sealed } from "./sealed.ts";
import { type ParsedYaml, parseYaml } from "./yaml_file.ts";

/** Columns by which new lines stand further in than their parent. */
const INDENT = 2;

type Path = readonly (string | number)[];

/** A piece of text that takes the place of another. */
interface Splice {
  start: number;
  end: number;
  text: string;
}

/** The text of `parsed` with each `!age` value that is in `fresh` replaced. */
export function replaceArmored(parsed: ParsedYaml, fresh: ReadonlyMap<string, string>): string {
  const splices: Splice[] = [];
  visit(parsed.document, {
    Scalar: (_, node, ancestors) => {
      if (!(node.value instanceof Sealed)) return;
      const armored = fresh.get(node.value.armored);
      if (armored === undefined) return;
      const flow = ancestors.some((one) => isNode(one) && "flow" in one && one.flow === true);
      const column = indentAt(parsed.source, node.range![0]);
      splices.push(scalarSplice(parsed.source, node, armored, flow, column + INDENT));
    },
  });
  const edited = applied(parsed.source, splices);
  const expected = replaceSealed(parsed.value, ({ armored }) => ({
    age: fresh.get(armored) ?? armored,
  }));
  return checked(parsed, edited, expected);
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
  const { source, document, file } = parsed;
  const fail = (state: string) =>
    new UserError(`edit ${file}`, `${path.join(".")} ${state}`, {
      hint: "edit it by hand: an !age value is armored age text, encrypted to the admins",
    });
  let node: unknown = document.contents;
  let pair: Pair<unknown, unknown> | undefined;
  let flow = false;
  for (let depth = 0;; depth++) {
    if (isAlias(node) && depth < path.length) throw fail("is inside an alias");
    const key = path[depth];
    if (key === undefined) {
      if (isMap(node) || isSeq(node)) throw fail("is no single value");
      const splice = pair
        ? valueSplice(source, pair, armored, flow)
        : itemSplice(source, node as Node, armored, flow);
      return checked(parsed, applied(source, [splice]), withValue(parsed.value, path, armored));
    }
    if (isMap(node)) {
      flow ||= node.flow === true;
      const found = node.items.find((item) => keyOf(item.key) === String(key));
      if (found) {
        pair = found as Pair<unknown, unknown>;
        node = pair.value;
        continue;
      }
      if (node.items.length > 0) {
        const splice = addToMap(source, node.items, flow, path.slice(depth), armored, beside);
        return checked(
          parsed,
          applied(source, [splice]),
          withValue(parsed.value, path, armored, beside),
        );
      }
      if (node.anchor || flow && pair && source.slice(startOf(node), endOf(node)) !== "{}") {
        throw fail("is in a mapping that can't be added to");
      }
    } else if (isSeq(node)) {
      flow ||= node.flow === true;
      pair = undefined;
      node = node.items[Number(key)];
      if (node === undefined) throw fail("is no item of the list");
      continue;
    } else if (node !== null && !(isScalar(node) && node.value === null)) {
      throw fail("is below a single value");
    }
    // Nothing there, or an empty mapping: it begins here.
    const splice = beginMap(source, pair, node, flowAround(document.contents, path, depth), {
      keys: path.slice(depth),
      armored,
      beside,
    });
    return checked(
      parsed,
      applied(source, [splice]),
      withValue(parsed.value, path, armored, beside),
    );
  }
}

/** Whether the mapping at `path[0..depth-1]` lies inside a flow collection that is not itself. */
function flowAround(contents: unknown, path: Path, depth: number): boolean {
  let node = contents;
  for (const key of path.slice(0, depth)) {
    if (isMap(node) || isSeq(node)) {
      if (node.flow) return true;
      node = node.get(key, true);
    }
  }
  return false;
}

interface Addition {
  keys: Path;
  armored: string;
  beside: Readonly<Record<string, string>>;
}

/** A mapping in place of nothing or of `{}`. */
function beginMap(
  source: string,
  pair: Pair<unknown, unknown> | undefined,
  node: unknown,
  flow: boolean,
  addition: Addition,
): Splice {
  const { keys, armored, beside } = addition;
  const nl = newline(source);
  if (!pair) {
    // An empty document: comments in it stay above.
    const empty = isMap(node);
    const start = empty ? startOf(node) : source.length;
    const gap = start > 0 && source[start - 1] !== "\n" ? nl : "";
    return {
      start,
      end: empty ? endOf(node) : start,
      text: gap + blockLines(keys, armored, beside, 0, nl).trimEnd() + (empty ? "" : nl),
    };
  }
  const start = afterColon(source, pair);
  const end = node === null || node === undefined ? start : Math.max(start, endOf(node));
  if (flow) return { start, end, text: ` {${flowText(keys, armored, beside)}}` };
  const rest = restOfLine(source, end);
  const indent = indentAt(source, startOf(pair.key)) + INDENT;
  return {
    start,
    end: rest.end,
    text: rest.text.trimEnd() + nl + blockLines(keys, armored, beside, indent, nl),
  };
}

/** More keys at the end of a mapping that has some. */
function addToMap(
  source: string,
  items: readonly Pair<unknown, unknown>[],
  flow: boolean,
  keys: Path,
  armored: string,
  beside: Readonly<Record<string, string>>,
): Splice {
  const last = items.at(-1)!;
  let end = contentEnd(source, last);
  if (flow) return { start: end, end, text: `, ${flowText(keys, armored, beside)}` };
  const nl = newline(source);
  if (source[end - 1] !== "\n") end = restOfLine(source, end).end;
  const gap = source[end - 1] === "\n" ? "" : nl;
  const indent = indentAt(source, startOf(items[0]!.key));
  return { start: end, end, text: gap + blockLines(keys, armored, beside, indent, nl) };
}

/** The value of a pair, whatever single value it was. */
function valueSplice(
  source: string,
  pair: Pair<unknown, unknown>,
  armored: string,
  flow: boolean,
): Splice {
  const node = pair.value;
  const start = afterColon(source, pair);
  const indent = indentAt(source, startOf(pair.key)) + INDENT;
  if (!isNode(node) || (isScalar(node) && node.range![0] === node.range![1])) {
    const props = isScalar(node) && node.anchor ? ` &${node.anchor}` : "";
    const end = Math.max(start, isNode(node) ? endOf(node) : start);
    const text = scalarText(armored, flow, indent, newline(source), restOfLine(source, end).text);
    return {
      start,
      end: flow ? end : restOfLine(source, end).end,
      text: `${props} !age ${text}`,
    };
  }
  const splice = scalarSplice(source, node, armored, flow, indent);
  const anchor = isScalar(node) && node.anchor ? `&${node.anchor} ` : "";
  return { ...splice, start, text: ` ${anchor}!age ${splice.text}` };
}

/** An item of a list. */
function itemSplice(source: string, node: Node, armored: string, flow: boolean): Splice {
  const indent = indentAt(source, startOf(node)) + INDENT;
  const splice = scalarSplice(source, node, armored, flow, indent);
  const tagged = isScalar(node) && node.value instanceof Sealed;
  return tagged ? splice : { ...splice, text: `!age ${splice.text}` };
}

/** The text of a scalar without its tag. */
function scalarSplice(
  source: string,
  node: Node,
  armored: string,
  flow: boolean,
  indent: number,
): Splice {
  const [start, end] = [startOf(node), endOf(node)];
  const nl = newline(source);
  const isBlock = isScalar(node) && (node.type === "BLOCK_LITERAL" || node.type === "BLOCK_FOLDED");
  if (isBlock) {
    const comment = /\s+#.*$/.exec(source.slice(start, source.indexOf("\n", start)).trimEnd());
    return { start, end, text: scalarText(armored, false, indent, nl, comment?.[0] ?? "") };
  }
  if (flow) return { start, end, text: scalarText(armored, true, indent, nl, "") };
  const rest = restOfLine(source, end);
  return { start, end: rest.end, text: scalarText(armored, false, indent, nl, rest.text) };
}

function scalarText(
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

function blockLines(
  keys: Path,
  armored: string,
  beside: Readonly<Record<string, string>>,
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

function flowText(keys: Path, armored: string, beside: Readonly<Record<string, string>>): string {
  const [key, ...rest] = keys;
  if (rest.length === 0) return `${keyText(key!)}: !age ${JSON.stringify(armored)}`;
  const more = rest.length > 1 ? [] : Object.entries(beside).map((entry) => entry.join(": "));
  return `${keyText(key!)}: {${[...more, flowText(rest, armored, beside)].join(", ")}}`;
}

/** A key as YAML; in quotes unless it can't be taken for anything else. */
function keyText(key: string | number): string {
  const plain = typeof key === "string" && /^[A-Za-z/][A-Za-z0-9_./@-]*$/.test(key) &&
    !/^(?:true|false|null|yes|no|on|off|y|n)$/i.test(key);
  return plain ? key : JSON.stringify(String(key));
}

function applied(source: string, splices: readonly Splice[]): string {
  let text = source;
  for (const { start, end, text: piece } of [...splices].sort((a, b) => b.start - a.start)) {
    text = text.slice(0, start) + piece + text.slice(end);
  }
  return text;
}

/** `edited`, if it says `expected`. */
function checked(parsed: ParsedYaml, edited: string, expected: unknown): string {
  const again = parseYaml(parsed.file, edited);
  const says = !Array.isArray(again) &&
    JSON.stringify(replaceSealed(again.value, ({ armored }) => ({ age: armored })));
  if (says === JSON.stringify(expected)) return edited;
  throw new UserError(
    `edit ${parsed.file}`,
    "its layout is beyond what can be edited safely",
    {
      hint: "edit it by hand: an !age value is armored age text, encrypted to the admins",
    },
  );
}

/** `value` with the secret at `path`, in the form that {@linkcode checked} compares. */
function withValue(
  value: unknown,
  path: Path,
  armored: string,
  beside: Readonly<Record<string, string>> = {},
): unknown {
  const root = replaceSealed(value, (one) => ({ age: one.armored })) as Record<string, unknown>;
  let at = root;
  for (const [i, key] of path.slice(0, -1).entries()) {
    const isNew = at[key] === undefined;
    at[key] ??= {};
    at = at[key] as Record<string, unknown>;
    if (!isNew || i !== path.length - 2) continue;
    for (const [name, given] of Object.entries(beside)) at[name] = JSON.parse(given);
  }
  at[path.at(-1)!] = { age: armored };
  return root;
}

/** Where the text of a pair's value ends. */
function contentEnd(source: string, pair: Pair<unknown, unknown>): number {
  const { value } = pair;
  if ((isMap(value) || isSeq(value)) && !value.flow && value.items.length > 0) {
    const last: unknown = value.items.at(-1);
    if (isMap(value)) return contentEnd(source, last as Pair<unknown, unknown>);
    return isMap(last) && !last.flow && last.items.length > 0
      ? contentEnd(source, last.items.at(-1)!)
      : endOf(last);
  }
  return Math.max(afterColon(source, pair), isNode(value) ? endOf(value) : 0);
}

function afterColon(source: string, pair: Pair<unknown, unknown>): number {
  return source.indexOf(":", endOf(pair.key)) + 1;
}

function restOfLine(source: string, at: number): { text: string; end: number } {
  const stop = source.indexOf("\n", at);
  const end = stop < 0 ? source.length : stop + 1;
  return { text: source.slice(at, end), end };
}

/** Column of the first character of the line, after dashes of lists, that `offset` is on. */
function indentAt(source: string, offset: number): number {
  const line = source.slice(source.lastIndexOf("\n", offset - 1) + 1, offset);
  return /^(?:\s|- )*/.exec(line)![0].length;
}

function keyOf(key: unknown): string {
  return isScalar(key) ? String(key.value) : String(key);
}

function startOf(node: unknown): number {
  return isNode(node) ? node.range?.[0] ?? 0 : 0;
}

function endOf(node: unknown): number {
  return isNode(node) ? node.range?.[1] ?? 0 : 0;
}

function newline(source: string): string {
  return source.includes("\r\n") ? "\r\n" : "\n";
}
