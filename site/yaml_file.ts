/**
 * Reads a YAML file into a value that follows a schema; what is wrong is told with file, line and column.
 *
 * Supported: YAML 1.2 core schema, one document, aliases within bounds. Refused: custom tags, duplicate keys, merge
 * keys (`<<`), unknown keys (with the closest known one). Messages never quote a value: it may be a secret.
 *
 * @module
 */
import * as v from "valibot";
import { isAlias, isMap, isNode, isScalar, isSeq, LineCounter, parseDocument } from "yaml";
import type { Document } from "yaml";
import { closest } from "../lib/cli/closest.ts";
import { ruleOf } from "./document.ts";

/** Longest YAML file that is read, in characters. */
export const MAX_YAML_LENGTH = 8 * 1024 * 1024;

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
  /** A problem at the place of `path`, or of its nearest parent that exists. */
  problemAt(path: readonly (string | number)[], message: string): Problem;
}

/** `nodes/x.yaml:12:3: unknown key hostnam, did you mean hostname?` */
export function problemText(problem: Problem): string {
  return `${problem.file}:${problem.line}:${problem.column}: ${problem.message}`;
}

/** Reads `source`, the text of `file`. An empty file counts as an empty mapping. */
export function readYaml<Schema extends v.GenericSchema>(
  file: string,
  source: string,
  schema: Schema,
): YamlFile<v.InferOutput<Schema>> | Problem[] {
  const lines = new LineCounter();
  const at = (offset: number, message: string): Problem => {
    const { line, col } = lines.linePos(offset);
    return { file, line: Math.max(1, line), column: Math.max(1, col), message };
  };
  if (source.length > MAX_YAML_LENGTH) {
    return [{ file, line: 1, column: 1, message: `is over ${MAX_YAML_LENGTH} characters` }];
  }
  const document = parseDocument(source, { lineCounter: lines, prettyErrors: false });
  const faults = [...document.errors, ...document.warnings];
  if (faults.length > 0) return faults.map((fault) => at(fault.pos[0], yamlRule(fault)));
  let value: unknown;
  try {
    value = document.toJS() ?? {};
  } catch {
    return [at(0, "uses an alias that is not known, or too many of them")];
  }
  const where = (path: readonly Step[]) => offsetOf(document, path);
  const early = [
    ...forbiddenKeys(value).map((path) => at(where(path), "key not allowed")),
    ...listsAsMappings(schema, value).map((path) => at(where(path), "must be a mapping")),
  ];
  const result = v.safeParse(schema, value, { abortPipeEarly: true });
  if (early.length > 0) return early.sort(inOrder);
  if (!result.success) {
    return result.issues.map((issue) => at(where(stepsOf(issue)), issueText(schema, issue)))
      .sort(inOrder);
  }
  return {
    value: result.output,
    problemAt: (path, message) => at(where(path.map((key) => ({ key }))), message),
  };
}

function inOrder(a: Problem, b: Problem): number {
  return a.line - b.line || a.column - b.column;
}

/** A step into a document; `onKey` points at the key itself, not at its value. */
interface Step {
  key: string | number;
  onKey?: boolean;
}

/** The YAML parser's own messages name rules, with these exceptions that quote the text. */
function yamlRule(fault: { code: string; message: string }): string {
  if (fault.code === "TAG_RESOLVE_FAILED") return "tags (!…) are not supported here";
  if (fault.code === "MULTIPLE_DOCS") return "must be one document";
  if (fault.code === "BAD_DIRECTIVE") return "not valid YAML: unknown directive";
  const message = fault.message.split("\n")[0]!.replace(/[.:]\s.*$/, "").replace(/[.:]$/, "");
  return `not valid YAML: ${message[0]?.toLowerCase()}${message.slice(1)}`;
}

function stepsOf(issue: v.BaseIssue<unknown>): Step[] {
  const items = issue.path ?? [];
  const missing = issue.type === "strict_object" && issue.expected !== "never" &&
    issue.expected !== "Object";
  // A missing key has no place of its own: the mapping that lacks it is shown.
  const shown = missing ? items.slice(0, -1) : items;
  return shown.map((item, i) => ({
    key: item.key as string | number,
    onKey: i === shown.length - 1 && !missing && "origin" in item && item.origin === "key",
  }));
}

function issueText(schema: v.GenericSchema, issue: v.BaseIssue<unknown>): string {
  const rule = ruleOf(issue);
  const items = issue.path ?? [];
  const key = items.at(-1)?.key;
  const name = items.map((item) => String(item.key)).join(".");
  if (rule === "unknown key") {
    const known = keysAt(schema, items.slice(0, -1).map((item) => item.key));
    const near = closest(String(key), known);
    return `unknown key ${shown(String(key))}${
      near ? `, did you mean ${near}?` : `; known are ${known.join(", ")}`
    }`;
  }
  return name ? `${shown(name)} ${rule}` : rule;
}

/** A key as it may be printed: keys are names, but a slip of the pen can make a value one. */
function shown(name: string): string {
  return name.replaceAll(/\p{Cc}/gu, "?").slice(0, 120);
}

interface SchemaParts {
  type: string;
  entries?: Record<string, v.GenericSchema>;
  value?: v.GenericSchema;
  item?: v.GenericSchema;
  wrapped?: v.GenericSchema;
}

/** `schema` without what is wrapped around it. */
function unwrapped(schema: v.GenericSchema | undefined): SchemaParts | undefined {
  let inner = schema as SchemaParts | undefined;
  while (inner?.wrapped) inner = inner.wrapped as unknown as SchemaParts;
  return inner;
}

/** The schema of what `key` holds in a value of `schema`. */
function below(schema: v.GenericSchema | undefined, key: unknown): v.GenericSchema | undefined {
  const inner = unwrapped(schema);
  return inner?.entries?.[String(key)] ?? inner?.value ?? inner?.item;
}

/** Names of the keys that `schema` knows at `path`. */
function keysAt(schema: v.GenericSchema, path: readonly unknown[]): string[] {
  let at: v.GenericSchema | undefined = schema;
  for (const key of path) at = below(at, key);
  return Object.keys(unwrapped(at)?.entries ?? {});
}

/** Paths of lists where a mapping belongs; the schema library takes one for the other. */
function listsAsMappings(
  schema: v.GenericSchema | undefined,
  value: unknown,
  path: Step[] = [],
): Step[][] {
  if (typeof value !== "object" || value === null) return [];
  const inner = unwrapped(schema);
  if (Array.isArray(value) && (inner?.entries || inner?.value)) return [path];
  return Object.entries(value).flatMap(([key, item]) =>
    listsAsMappings(below(schema, key), item, [...path, { key }])
  );
}

function offsetOf(document: Document, path: readonly Step[]): number {
  let node: unknown = document.contents;
  let offset = isNode(node) ? node.range?.[0] ?? 0 : 0;
  for (const { key, onKey } of path) {
    if (isAlias(node)) node = node.resolve(document);
    if (isMap(node)) {
      const pair = node.items.find((item) =>
        isScalar(item.key) ? String(item.key.value) === String(key) : String(item.key) === key
      );
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

const FORBIDDEN = ["__proto__", "constructor", "prototype"];

/** Paths of keys that JavaScript objects treat specially; the schema library skips them without a word. */
function forbiddenKeys(value: unknown, path: Step[] = []): Step[][] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, item]) =>
    FORBIDDEN.includes(key)
      ? [[...path, { key, onKey: true }]]
      : forbiddenKeys(item, [...path, { key }])
  );
}
