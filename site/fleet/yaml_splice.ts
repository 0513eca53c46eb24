/**
 * The change of text that puts a value into a place of a YAML file.
 *
 * @module
 */
import { isMap, isNode, isScalar, isSeq, type Node, type Pair } from "yaml";
import { Sealed } from "./sealed.ts";
import type { Place } from "./yaml_place.ts";
import {
  type Addition,
  blockLines,
  endOf,
  flowText,
  INDENT,
  indentAt,
  newline,
  restOfLine,
  scalarText,
  type Splice,
  startOf,
  tagText,
  type Value,
} from "./yaml_text.ts";

/** The change that puts `addition` into `place`. */
export function spliceFor(source: string, place: Place, addition: Addition): Splice {
  switch (place.kind) {
    case "value":
      return valueSplice(source, place.pair, addition.value, place.flow);
    case "item":
      return itemSplice(source, place.node, addition.value, place.flow);
    case "mapping":
      return addToMap(source, place, addition);
    case "nothing":
      return beginMap(source, place, addition);
  }
}

/** A mapping in place of nothing or of `{}`. */
function beginMap(
  source: string,
  { pair, node, keys, flow }: Extract<Place, { kind: "nothing" }>,
  addition: Addition,
): Splice {
  const nl = newline(source);
  if (!pair) {
    // An empty document: comments in it stay above.
    const empty = isMap(node);
    const start = empty ? startOf(node) : source.length;
    const gap = start > 0 && source[start - 1] !== "\n" ? nl : "";
    return {
      start,
      end: empty ? endOf(node) : start,
      text: gap + blockLines(keys, addition, 0, nl, true).trimEnd() + (empty ? "" : nl),
    };
  }
  const start = afterColon(source, pair);
  const end = node === null || node === undefined ? start : Math.max(start, endOf(node));
  if (flow) return { start, end, text: ` {${flowText(keys, addition, true)}}` };
  const rest = restOfLine(source, end);
  const indent = indentAt(source, startOf(pair.key)) + INDENT;
  return {
    start,
    end: rest.end,
    text: rest.text.trimEnd() + nl + blockLines(keys, addition, indent, nl, true),
  };
}

/** More keys at the end of a mapping that has some. */
function addToMap(
  source: string,
  { items, keys, flow }: Extract<Place, { kind: "mapping" }>,
  addition: Addition,
): Splice {
  const last = items.at(-1)!;
  let end = contentEnd(source, last);
  if (flow) return { start: end, end, text: `, ${flowText(keys, addition, false)}` };
  const nl = newline(source);
  if (source[end - 1] !== "\n") end = restOfLine(source, end).end;
  const gap = source[end - 1] === "\n" ? "" : nl;
  const indent = indentAt(source, startOf(items[0]!.key));
  return { start: end, end, text: gap + blockLines(keys, addition, indent, nl, false) };
}

/** The value of a pair, whatever single value it was. */
function valueSplice(
  source: string,
  pair: Pair<unknown, unknown>,
  value: Value,
  flow: boolean,
): Splice {
  const node = pair.value;
  const start = afterColon(source, pair);
  const indent = indentAt(source, startOf(pair.key)) + INDENT;
  if (!isNode(node) || (isScalar(node) && node.range![0] === node.range![1])) {
    const props = isScalar(node) && node.anchor ? ` &${node.anchor}` : "";
    const end = Math.max(start, isNode(node) ? endOf(node) : start);
    const text = scalarText(value, flow, indent, newline(source), restOfLine(source, end).text);
    return {
      start,
      end: flow ? end : restOfLine(source, end).end,
      text: `${props} ${tagText(value)}${text}`,
    };
  }
  const splice = scalarSplice(source, node, value, flow, indent);
  const anchor = isScalar(node) && node.anchor ? `&${node.anchor} ` : "";
  return { ...splice, start, text: ` ${anchor}${tagText(value)}${splice.text}` };
}

/** An item of a list. */
function itemSplice(source: string, node: Node, value: Value, flow: boolean): Splice {
  const indent = indentAt(source, startOf(node)) + INDENT;
  const splice = scalarSplice(source, node, value, flow, indent);
  const tagged = isScalar(node) && node.value instanceof Sealed;
  return tagged ? splice : { ...splice, text: tagText(value) + splice.text };
}

/** The text of a scalar without its tag. */
export function scalarSplice(
  source: string,
  node: Node,
  value: Value,
  flow: boolean,
  indent: number,
): Splice {
  const [start, end] = [startOf(node), endOf(node)];
  const nl = newline(source);
  const isBlock = isScalar(node) && (node.type === "BLOCK_LITERAL" || node.type === "BLOCK_FOLDED");
  if (isBlock) {
    const comment = /\s+#.*$/.exec(source.slice(start, source.indexOf("\n", start)).trimEnd());
    return { start, end, text: scalarText(value, false, indent, nl, comment?.[0] ?? "") };
  }
  if (flow) return { start, end, text: scalarText(value, true, indent, nl, "") };
  const rest = restOfLine(source, end);
  return { start, end: rest.end, text: scalarText(value, false, indent, nl, rest.text) };
}

/** Where the text of a pair's value ends. */
export function contentEnd(source: string, pair: Pair<unknown, unknown>): number {
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
