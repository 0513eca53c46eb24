/**
 * What YAML allows and a file that people write for psyopsOS must not hold, because it would be dropped or changed without
 * a word, or mean another thing than it looks: tags beside those of the core schema (`!!set`, `!!omap`, `!!binary`, …), keys
 * that are no text, another version of YAML, anchors that are given twice, aliases of nothing or of what they are in,
 * endless depth, and more parts than can be read in a moment.
 *
 * @module
 */
import { type Document, isAlias, isScalar, Lexer, type Node, type Pair, visit } from "yaml";

/** Deepest nesting that is read; a fleet's files need 8 levels. */
const MAX_DEPTH = 64;
/** Said of what is nested deeper. */
export const TOO_DEEP = `is nested more than ${MAX_DEPTH} deep`;
/**
 * Most words, blanks and marks of a file, each of which takes the parser up to a kilobyte of memory. A thousand accounts with
 * all that can be said of them need a third of it.
 */
const MAX_LEXEMES = 200_000;
/** Said of a file that has more. */
export const TOO_MANY = `has more than ${MAX_LEXEMES} words, blanks and marks`;
/** Tags that say no more than what a value is anyway. */
const CORE = ["str", "int", "float", "bool", "null", "map", "seq"]
  .map((name) => `tag:yaml.org,2002:${name}`);
const PLAIN_TAGS: ReadonlySet<string> = new Set(["!", ...CORE]);

/** A place in the text, and what is wrong there. */
export interface Oddity {
  offset: number;
  message: string;
}

/** Tags that a file may have beside those of the core schema, and what is said of all others. */
export interface TagRule {
  known: readonly string[];
  message: string;
}

/** Whether `source` has more parts than a parser is to be given. */
export function hasTooMany(source: string): boolean {
  // Marks of the lexer's own stand for no letter, at most one beside each word.
  if (source.length <= MAX_LEXEMES / 2) return false;
  let count = 0;
  for (const _ of new Lexer().lex(source)) if (++count > MAX_LEXEMES) return true;
  return false;
}

/** The first oddity of a document whose YAML is right. */
export function findOddity(document: Document, tags: TagRule): Oddity | undefined {
  const { version, explicit } = document.directives?.yaml ?? {};
  if (explicit && version !== "1.2") return { offset: 0, message: "must be YAML 1.2" };
  const anchors = new Map<string, unknown>();
  let found: Oddity | undefined;
  visit(document, {
    Pair: (_key, pair, path) => {
      const message = keyProblem(pair) ?? twinProblem(pair, path.at(-1));
      if (message !== undefined) found = { offset: offsetOf(pair.key), message };
      return found && visit.BREAK;
    },
    Node: (_key, node, path) => {
      const message = path.length > 2 * MAX_DEPTH
        ? TOO_DEEP
        : tagProblem(node, tags) ?? anchorProblem(node, path, anchors);
      if (message !== undefined) found = { offset: offsetOf(node), message };
      return found && visit.BREAK;
    },
  });
  return found;
}

/** What YAML takes a value for that has no quotes; undefined for text and for what is no single value. */
export function takenFor(value: unknown): string | undefined {
  if (value === null) return "nothing";
  if (typeof value === "boolean") return "true or false";
  return typeof value === "number" ? "a number" : undefined;
}

function tagProblem(node: Node, { known, message }: TagRule): string | undefined {
  if (isAlias(node)) return undefined;
  const { tag } = node as { tag?: string };
  return tag === undefined || PLAIN_TAGS.has(tag) || known.includes(tag) ? undefined : message;
}

function anchorProblem(
  node: Node,
  path: readonly unknown[],
  anchors: Map<string, unknown>,
): string | undefined {
  if (isAlias(node)) {
    const target = anchors.get(node.source);
    if (target === undefined) return "is an alias of what is not there";
    return path.some((above) => above === target) ? "is an alias of what it is in" : undefined;
  }
  const { anchor } = node as { anchor?: string };
  if (anchor === undefined) return undefined;
  // Which of them an alias means would depend on where it stands.
  if (anchors.has(anchor)) return "has the anchor of something else";
  anchors.set(anchor, node);
  return undefined;
}

/** A key is a name. One that YAML takes for something else would be called otherwise: `0x10` would be `16`. */
function keyProblem({ key }: Pair): string | undefined {
  if (!isScalar(key)) return "a key must be text";
  if (typeof key.value === "string") return undefined;
  if (typeof key.value === "number" && String(key.value) === key.source) return undefined;
  const taken = takenFor(key.value);
  return `a key must be text${taken ? `: without quotes YAML takes it for ${taken}` : ""}`;
}

/** The parser tells of keys that are given twice, but takes `1` and `"1"` for two. */
function twinProblem(pair: Pair, map: unknown): string | undefined {
  const name = nameOf(pair);
  const { items = [] } = map as { items?: readonly Pair[] };
  const isNumber = (one: Pair) => isScalar(one.key) && typeof one.key.value === "number";
  const twin = isNumber(pair) && items.some((one) => one !== pair && nameOf(one) === name);
  return twin ? "not valid YAML: map keys must be unique" : undefined;
}

function nameOf({ key }: Pair): string {
  return isScalar(key) ? String(key.value) : "";
}

function offsetOf(node: unknown): number {
  return (node as { range?: readonly number[] } | null)?.range?.[0] ?? 0;
}
