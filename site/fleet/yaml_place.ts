/**
 * Where in a YAML file a value stands, or where one that is not there yet belongs.
 *
 * @module
 */
import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  type Node,
  type Pair,
  type YAMLMap,
  type YAMLSeq,
} from "yaml";
import { UserError } from "../../lib/errors.ts";
import { endOf, type Path, startOf } from "./yaml_text.ts";
import type { ParsedYaml } from "./yaml_file.ts";

/** A place in a file. `flow` tells whether it is inside brackets or braces, where nothing may be on a line of its own. */
export type Place =
  /** The value of a key, or the nothing behind its colon. */
  | { kind: "value"; pair: Pair<unknown, unknown>; flow: boolean }
  /** An item of a list, or the document's only value. */
  | { kind: "item"; node: Node; flow: boolean }
  /** A mapping with keys to which `keys`, one inside the other, are added. */
  | { kind: "mapping"; items: readonly Pair<unknown, unknown>[]; keys: Path; flow: boolean }
  /** A list with items to which one is added. */
  | { kind: "list"; list: YAMLSeq; flow: boolean }
  /**
   * Nothing, or an empty mapping or list, where `keys` begin, one inside the other: behind a key, or the document itself. A
   * number among them, the last, is an item of a new list.
   */
  | { kind: "nothing"; pair?: Pair<unknown, unknown>; node: unknown; keys: Path; flow: boolean };

/** What the first keys of a path lead to. */
interface Reached {
  node: unknown;
  /** The pair whose value it is, unless it is an item of a list or the document. */
  pair?: Pair<unknown, unknown>;
  flow: boolean;
}

type Fail = (state: string) => UserError;

/** Finds the place that `path` names. @throws {UserError} when the file's layout has none. */
export function findPlace({ file, source, document }: ParsedYaml, path: Path): Place {
  const fail: Fail = (state) =>
    new UserError(`edit ${file}`, `${path.join(".")} ${state}`, {
      hint: "edit it by hand: an !age value is armored age text, encrypted to the admins",
    });
  let reached: Reached = { node: document.contents, flow: false };
  for (const [depth, key] of path.entries()) {
    const next = step(reached, key, fail);
    if (!next) {
      checkNumbers(path, depth, fail);
      return placeOfNew(source, reached, path.slice(depth), fail);
    }
    reached = next;
  }
  const { node, pair, flow } = reached;
  if (isMap(node) || isSeq(node)) throw fail("is no single value");
  return pair ? { kind: "value", pair, flow } : { kind: "item", node: node as Node, flow };
}

/** One key further; undefined where there is no such key yet. */
function step({ node, flow }: Reached, key: string | number, fail: Fail): Reached | undefined {
  if (isAlias(node)) throw fail("is inside an alias");
  if (isMap(node)) {
    const pair = node.items.find((item) => keyOf(item.key) === String(key));
    return pair && { node: pair.value, pair, flow: flow || node.flow === true };
  }
  if (isSeq(node)) {
    const item: unknown = node.items[Number(key)];
    if (item === undefined) {
      if (Number(key) === node.items.length) return undefined;
      throw fail(noItem(node.items.length));
    }
    return { node: item, flow: flow || node.flow === true };
  }
  if (node !== null && !(isScalar(node) && node.value === null)) {
    throw fail("is below a single value");
  }
  return undefined;
}

/** Refuses a path that begins a list with another item than its first. */
function checkNumbers(path: Path, depth: number, fail: Fail): void {
  for (const [i, key] of path.entries()) {
    if (i > depth && typeof key === "number" && key !== 0) throw fail(noItem(0));
  }
}

/** Items are added one by one, at the end. */
function noItem(next: number): string {
  return `is no item of the list: the next one to be added is ${next}`;
}

function placeOfNew(source: string, { node, pair, flow }: Reached, keys: Path, fail: Fail): Place {
  const nothing: Place = { kind: "nothing", pair, node, keys, flow };
  if (isSeq(node)) {
    if (node.items.length > 0) {
      return { kind: "list", list: node, flow: flow || node.flow === true };
    }
    if (mayBegin(source, node, "[]")) return nothing;
    throw fail("is in a list that can't be added to");
  }
  if (!isMap(node)) return nothing;
  const inFlow = flow || node.flow === true;
  if (node.items.length > 0) return { kind: "mapping", items: node.items, keys, flow: inFlow };
  if (pair === undefined && node.anchor === undefined) return nothing;
  if (mayBegin(source, node, "{}")) return nothing;
  throw fail("is in a mapping that can't be added to");
}

/** Whether an empty mapping or list is no more than its brackets. */
function mayBegin(source: string, node: YAMLMap | YAMLSeq, brackets: string): boolean {
  const isPlain = !node.flow || source.slice(startOf(node), endOf(node)) === brackets;
  return node.anchor === undefined && isPlain;
}

function keyOf(key: unknown): string {
  return isScalar(key) ? String(key.value) : String(key);
}
