/**
 * The change of text that puts an `!age` value into a place of a YAML file.
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
  flowGroup,
  flowText,
  INDENT,
  indentAt,
  newline,
  restOfLine,
  scalarText,
  type Splice,
  startOf,
  TAG,
} from "./yaml_text.ts";

/** The change that puts `addition` into `place`. */
export function spliceFor(source: string, place: Place, addition: Addition): Splice {
  switch (place.kind) {
    case "value":
      return valueSplice(source, place.pair, addition.armored, place.flow);
    case "item":
      return itemSplice(source, place.node, addition.armored, place.flow);
    case "mapping":
      return addToMap(source, place, addition);
    case "list":
      return addToList(source, place, addition.armored);
    case "nothing":
      return begin(source, place, addition);
  }
}

/** A mapping or list in place of nothing, of `{}` or of `[]`. */
function begin(
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
  const end = isBlank(node) && !flow ? start : Math.max(start, endOf(node));
  if (flow) return { start, end, text: ` ${flowGroup(keys, addition)}` };
  const rest = restOfLine(source, end);
  const column = indentAt(source, startOf(pair.key));
  // Comments stay above what is added: a block of lines would swallow them.
  const below = commentsBelow(source, rest.end, column);
  const kept = source.slice(rest.end, below.end).trimEnd();
  return {
    start,
    end: below.end,
    text: rest.text.trimEnd() + nl + (kept && kept + nl) +
      blockLines(keys, addition, column + INDENT, nl, true),
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
  const indent = indentAt(source, startOf(items[0]!.key));
  end = commentsBelow(source, end, indent).end;
  const gap = source[end - 1] === "\n" ? "" : nl;
  return { start: end, end, text: gap + blockLines(keys, addition, indent, nl, false) };
}

/** One more item at the end of a list that has some. */
function addToList(
  source: string,
  { list, flow }: Extract<Place, { kind: "list" }>,
  armored: string,
): Splice {
  const last = list.items.at(-1);
  let end = endOf(last);
  if (flow) return { start: end, end, text: `, ${TAG}${scalarText(armored, true, 0, "", "")}` };
  const nl = newline(source);
  if (source[end - 1] !== "\n") end = restOfLine(source, end).end;
  const column = startOf(list) - source.lastIndexOf("\n", startOf(list) - 1) - 1;
  end = commentsBelow(source, end, column).end;
  const gap = source[end - 1] === "\n" ? "" : nl;
  const item = scalarText(armored, false, column + 2 * INDENT, nl, "");
  return { start: end, end, text: `${gap}${" ".repeat(column)}- ${TAG}${item}` };
}

/**
 * The value of a pair, whatever single value it was. A block of lines would swallow comments that stand between the key
 * and its value or deeper than the key: they move above the key.
 */
function valueSplice(
  source: string,
  pair: Pair<unknown, unknown>,
  armored: string,
  flow: boolean,
): Splice {
  const node = pair.value;
  const start = afterColon(source, pair);
  const column = indentAt(source, startOf(pair.key));
  const indent = column + INDENT;
  const anchor = isScalar(node) && node.anchor ? ` &${node.anchor}` : "";
  const head = `${anchor} ${TAG}`;
  const blank = isBlank(node);
  if (flow) {
    const end = Math.max(start, endOf(node));
    return { start, end, text: head + scalarText(armored, true, indent, newline(source), "") };
  }
  const line = source.lastIndexOf("\n", startOf(pair.key) - 1) + 1;
  const splice = blank
    ? blankSplice(source, start, armored, indent)
    : scalarSplice(source, node as Node, armored, false, indent);
  const below = commentsBelow(source, splice.end, column);
  const between = blank ? [] : commentsIn(source.slice(start, startOf(node)));
  const pad = /^[ \t]*/.exec(source.slice(line))![0];
  const above = [...between, ...below.comments].map((one) => pad + one + newline(source)).join("");
  return {
    start: line,
    end: below.end,
    text: above + source.slice(line, start) + head + splice.text,
  };
}

/** What takes the place of nothing behind the colon that ends before `start`; a comment stays on its line. */
function blankSplice(source: string, start: number, armored: string, indent: number): Splice {
  const rest = restOfLine(source, start);
  const props = /^(?:[ \t]+[&!]\S*)*/.exec(rest.text)![0].length;
  const text = scalarText(armored, false, indent, newline(source), rest.text.slice(props));
  return { start, end: rest.end, text };
}

/** Whether a value has no text of its own. */
function isBlank(node: unknown): boolean {
  return !isNode(node) || (isScalar(node) && node.range![0] === node.range![1]);
}

/** The comments in what stands between a key's colon and its value: at most properties beside them. */
function commentsIn(gap: string): string[] {
  return gap.split("\n").flatMap((line) => /(?:^|\s)(#.*)$/.exec(line.trimEnd())?.[1] ?? []);
}

/** The comments from the line that begins at `at` that stand deeper than `column`, and where the last one's line ends. */
function commentsBelow(
  source: string,
  at: number,
  column: number,
): { comments: string[]; end: number } {
  const comments: string[] = [];
  let end = at;
  for (let next = at; next < source.length && source[next - 1] === "\n";) {
    const line = restOfLine(source, next);
    const text = line.text.trim();
    next = line.end;
    if (text === "") continue;
    if (!text.startsWith("#") || line.text.indexOf("#") <= column) break;
    comments.push(text);
    end = next;
  }
  return { comments, end };
}

/** An item of a list. */
function itemSplice(source: string, node: Node, armored: string, flow: boolean): Splice {
  const indent = indentAt(source, startOf(node)) + INDENT;
  const splice = scalarSplice(source, node, armored, flow, indent);
  const tagged = isScalar(node) && node.value instanceof Sealed;
  return tagged ? splice : { ...splice, text: TAG + splice.text };
}

/** The text of a scalar without its tag. */
export function scalarSplice(
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
  const start = afterColon(source, pair);
  // The parser lets nothing end behind the comments that follow it.
  const isBare = isBlank(value) && !(isScalar(value) && (value.anchor || value.tag));
  return isBare ? start : Math.max(start, endOf(value));
}

function afterColon(source: string, pair: Pair<unknown, unknown>): number {
  return source.indexOf(":", endOf(pair.key)) + 1;
}
