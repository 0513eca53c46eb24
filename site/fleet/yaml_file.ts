/**
 * Reads a YAML file into a value that follows a schema; what is wrong is told with file, line and column.
 *
 * Supported: YAML 1.2 core schema, one document, aliases within bounds, `!age` on armored age text (sealed.ts) below
 * `private`. Refused: what lib/schema/yaml_oddities.ts lists, because it would be dropped or changed without a word; duplicate keys,
 * merge keys (`<<`), unknown keys (with the nearest known one). Messages never quote a value: it may be a secret.
 *
 * @module
 */
import * as v from "valibot";
import { isAlias, isMap, isNode, isScalar, isSeq, LineCounter, parseDocument } from "yaml";
import type { Document, Pair, YAMLMap } from "yaml";
import { secretHome } from "../../lib/documents/secret_text.ts";
import { schemaAt } from "../../lib/schema/paths.ts";
import { deskProblems } from "../../lib/schema/words.ts";
import { findOddity, hasTooMany, TOO_DEEP, TOO_MANY } from "../../lib/schema/yaml_oddities.ts";
import {
  AGE_TAG,
  BY_ALIAS,
  findSealed,
  homeProblem,
  NOT_ARMORED,
  replaceSealed,
  type Unsealed,
} from "./sealed.ts";
import { issueText, keysOf, shown, type Step, stepsOf } from "./yaml_message.ts";
import { earlyProblems, isSealedField } from "./yaml_rules.ts";
import { pathKey } from "./yaml_text.ts";

/** The tags of a fleet's files. */
const TAGS = { known: ["!age"], message: "of tags (!…) only !age is supported, on text" };

/** Longest YAML file that is read, in characters. */
export const MAX_YAML_LENGTH = 8 * 1024 * 1024;
/** What YAML's texts must not hold (YAML 1.2.2, production 1). */
// deno-lint-ignore no-control-regex -- they are what is refused
const NOT_PRINTABLE = /[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ufffe\uffff]/;

/** Something that is wrong in a file; line and column count from 1. */
export interface Problem {
  file: string;
  line: number;
  column: number;
  message: string;
}

/** A file that could be read. */
export interface YamlFile<Value> {
  value: Value;
  /** A problem at the place of `path`, or of its nearest parent that exists; with `onKey` at its key. */
  problemAt(path: readonly (string | number)[], message: string, onKey?: boolean): Problem;
}

/** `nodes/x.yaml:12:3: unknown key hostnam, did you mean hostname?` */
export function problemText(problem: Problem): string {
  return `${problem.file}:${problem.line}:${problem.column}: ${problem.message}`;
}

/** A file whose YAML is right; what it says is yet to be checked. */
export interface ParsedYaml {
  file: string;
  source: string;
  document: Document;
  /** The value, with {@linkcode Sealed} where a secret is. */
  value: unknown;
  /** The secrets in it, in the order of the file. */
  sealed: SealedAt[];
  /** Paths of keys without a value, as in `uid:`. YAML takes that for a written `null`. */
  blanks: (string | number)[][];
  problemAt: YamlFile<unknown>["problemAt"];
}

/** A secret in a file. */
export interface SealedAt {
  path: (string | number)[];
  armored: string;
  line: number;
  column: number;
  /** Whether it stands there by an alias of what is written elsewhere in the file. */
  byAlias: boolean;
}

/** How {@linkcode checkYaml} treats secrets. */
export interface CheckOptions {
  /** Their plaintext. */
  unsealed?: Unsealed;
  /** Leave out those whose plaintext is not given: for whoever only wants to know what is there. */
  survey?: boolean;
  /** Whose file it is, e.g. "nodes/alpha": what its secrets say of where they belong is compared with it. */
  owner?: string;
  /** Refuse secrets that do not say where they belong. */
  mustBeBound?: boolean;
}

/** Reads `source`, the text of `file`. An empty file counts as an empty mapping. */
export function readYaml<Schema extends v.GenericSchema>(
  file: string,
  source: string,
  schema: Schema,
  options: CheckOptions = {},
): YamlFile<v.InferOutput<Schema>> | Problem[] {
  const parsed = parseYaml(file, source);
  return Array.isArray(parsed) ? parsed : checkYaml(parsed, schema, options);
}

/** The first half of {@linkcode readYaml}: YAML only. */
export function parseYaml(file: string, source: string): ParsedYaml | Problem[] {
  const lines = new LineCounter();
  const at = (offset: number, message: string): Problem => {
    const { line, col } = lines.linePos(offset);
    return { file, line: Math.max(1, line), column: Math.max(1, col), message };
  };
  if (source.length > MAX_YAML_LENGTH) {
    return [{ file, line: 1, column: 1, message: `is over ${MAX_YAML_LENGTH} characters` }];
  }
  if (hasTooMany(source)) return [{ file, line: 1, column: 1, message: TOO_MANY }];
  const control = NOT_PRINTABLE.exec(source);
  if (control) {
    return [{
      file,
      ...placeOf(source, control.index),
      message: "not valid YAML: control character",
    }];
  }
  let document: Document;
  let value: unknown;
  try {
    document = parseDocument(source, {
      lineCounter: lines,
      prettyErrors: false,
      customTags: [AGE_TAG],
    });
    // What follows the first fault is as a rule its consequence.
    const [fault] = [...document.errors, ...document.warnings];
    if (fault) return [at(fault.pos[0], yamlRule(fault))];
    const odd = findOddity(document, TAGS);
    if (odd) return [at(odd.offset, odd.message)];
  } catch (error) {
    // The parser's stack.
    if (!(error instanceof RangeError)) throw error;
    return [at(0, TOO_DEEP)];
  }
  try {
    value = document.toJS() ?? {};
  } catch {
    return [at(0, "uses too many aliases")];
  }
  const problemAt = (path: readonly (string | number)[], message: string, onKey = false) =>
    at(
      offsetOf(document, path.map((key, i) => ({ key, onKey: onKey && i === path.length - 1 }))),
      message,
    );
  const sealed = findSealed(value).map(({ path, armored }) => {
    const { line, column } = problemAt(path, "");
    return { path, armored, line, column, byAlias: standsByAlias(document, path) };
  });
  return { file, source, document, value, sealed, blanks: blanksOf(document), problemAt };
}

/** Paths of values without text of their own. */
function blanksOf(document: Document): (string | number)[][] {
  const found: (string | number)[][] = [];
  const visit = (node: unknown, path: (string | number)[]) => {
    const target = isAlias(node) ? node.resolve(document) : node;
    if (isMap(target)) {
      for (const { key, value } of target.items) {
        visit(value, [...path, isScalar(key) ? String(key.value) : String(key)]);
      }
    } else if (isSeq(target)) target.items.forEach((item, i) => visit(item, [...path, i]));
    else if (!target || isScalar(target) && target.value === null && !target.source) {
      found.push(path);
    }
  };
  visit(document.contents, []);
  return found.filter((path) => path.length > 0);
}

/** Line and column of `offset`, from 1. */
export function placeOf(source: string, offset: number): { line: number; column: number } {
  const before = source.slice(0, offset).split("\n");
  return { line: before.length, column: before.at(-1)!.length + 1 };
}

/** The second half of {@linkcode readYaml}: the schema, with secrets in their places. */
export function checkYaml<Schema extends v.GenericSchema>(
  parsed: ParsedYaml,
  schema: Schema,
  options: CheckOptions = {},
): YamlFile<v.InferOutput<Schema>> | Problem[] {
  const { problemAt } = parsed;
  const faults: Problem[] = [];
  const value = parsed.sealed.length === 0
    ? parsed.value
    : replaceSealed(parsed.value, (one, path) => {
      const isOwn = isSealedField(schema, path);
      if (path[0] !== "private" && !isOwn) {
        return void faults.push(
          problemAt(path, "!age values belong below private: all else is readable by everyone"),
        );
      }
      if ((options.survey || isOwn) && !options.unsealed?.has(one.armored)) {
        return one.isValid() ? "" : void faults.push(problemAt(path, NOT_ARMORED));
      }
      const plain = options.unsealed?.get(one.armored) ??
        { problem: "is encrypted, and there is no age identity to decrypt it" };
      if ("problem" in plain) return void faults.push(problemAt(path, plain.problem));
      const home = secretHome(options.owner ?? "", path);
      const wrong = homeProblem(plain, home, options.mustBeBound ?? false);
      if (wrong !== undefined) {
        const byAlias = parsed.sealed.some((at) =>
          at.byAlias && pathKey(at.path) === pathKey(path)
        );
        return void faults.push(problemAt(path, byAlias ? BY_ALIAS : wrong));
      }
      return schemaAt(schema, path)?.type === "number" ? numberOf(plain.value) : plain.value;
    });
  if (faults.length > 0) return faults.sort(inOrder);
  const early = earlyProblems(schema, { sealed: parsed.value, value, blanks: parsed.blanks })
    .map(({ path, message, onKey }) => problemAt(path, message, onKey));
  const result = v.safeParse(schema, value, { abortPipeEarly: true });
  if (early.length > 0) return early.sort(inOrder);
  const unread = parsed.sealed.filter(({ armored, path }) =>
    (options.survey || isSealedField(schema, path)) && !options.unsealed?.has(armored)
  );
  const hidden = new Set(unread.map(({ path }) => pathKey(path)));
  if (!result.success) {
    const issues = result.issues.filter((issue) => !hidden.has(pathKey(keysOf(issue))));
    if (issues.length > 0) {
      return issues.map((issue) => {
        const steps = stepsOf(issue);
        return problemAt(
          steps.map(({ key }) => key),
          issueText(schema, issue),
          steps.at(-1)?.onKey,
        );
      }).sort(inOrder);
    }
  }
  const broken = deskProblems(schema, value).filter(({ path }) => !hidden.has(pathKey(path)));
  if (broken.length > 0) {
    return broken.map(({ path, rule }) => problemAt(path, `${shown(path.join("."))} ${rule}`))
      .sort(inOrder);
  }
  return { value: result.output as v.InferOutput<Schema>, problemAt };
}

/** What a number is encrypted as: its digits. Anything else stays text, which the schema refuses. */
function numberOf(given: string): unknown {
  return /^\s*-?\d{1,15}\s*$/.test(given) ? Number(given) : given;
}

function inOrder(a: Problem, b: Problem): number {
  return a.line - b.line || a.column - b.column;
}

/** The YAML parser's own messages name rules, with these exceptions that quote the text. */
function yamlRule(fault: { code: string; message: string }): string {
  if (fault.code === "TAG_RESOLVE_FAILED") {
    return TAGS.message;
  }
  if (fault.code === "MULTIPLE_DOCS") return "must be one document";
  if (fault.code === "BAD_DIRECTIVE") return "not valid YAML: unknown directive";
  const message = fault.message.split("\n")[0]!.replace(/[.:]\s.*$/, "").replace(/[.:]$/, "");
  return `not valid YAML: ${message[0]?.toLowerCase()}${message.slice(1)}`;
}

function standsByAlias(document: Document, path: readonly (string | number)[]): boolean {
  let node: unknown = document.contents;
  for (const key of path) {
    if (isMap(node)) node = pairOf(node, key)?.value;
    else if (isSeq(node)) node = node.items[Number(key)];
    if (isAlias(node)) return true;
  }
  return false;
}

function pairOf(map: YAMLMap, key: string | number): Pair | undefined {
  return map.items.find((item) =>
    isScalar(item.key) ? String(item.key.value) === String(key) : String(item.key) === key
  );
}

function offsetOf(document: Document, path: readonly Step[]): number {
  let node: unknown = document.contents;
  let offset = isNode(node) ? node.range?.[0] ?? 0 : 0;
  for (const { key, onKey } of path) {
    if (isAlias(node)) node = node.resolve(document);
    if (isMap(node)) {
      const pair = pairOf(node, key);
      if (!pair) return offset;
      const place = isNode(pair.key) ? pair.key.range?.[0] : undefined;
      offset = place ?? offset;
      // A value without text of its own (`uid:`) is shown at its key.
      const value = isNode(pair.value) ? pair.value : undefined;
      const empty = isScalar(value) && value.value === null;
      if (!onKey && !empty) offset = value?.range?.[0] ?? offset;
      node = pair.value;
    } else if (isSeq(node)) {
      node = node.items[Number(key)];
      offset = isNode(node) ? node.range?.[0] ?? offset : offset;
    } else return offset;
  }
  return offset;
}
