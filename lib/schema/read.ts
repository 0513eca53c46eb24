/**
 * Reads JSON by a schema, within a bound: what is not as the schema says is refused with the place and the rule, never with
 * the value, which may be a secret.
 *
 * @module
 */
import * as v from "valibot";
import { text, utf8 } from "../bytes.ts";
import { RefusedError } from "../errors.ts";
import { printable } from "../visible.ts";
import { listsAsMappings } from "./paths.ts";

/** What is wrong with a text; `state` completes "Cannot read X: …". */
export class UnreadableError extends Error {
  constructor(readonly state: string) {
    super(state);
    this.name = "UnreadableError";
  }
}

/** Deepest nesting that is read; documents need less than ten levels. Whatever walks a value would run out of stack. */
const MAX_DEPTH = 64;

/**
 * Most lists and mappings that are read. Empty ones take twenty times the memory of their text; a document of 4 MiB that
 * says something has some ten thousand.
 */
const MAX_CONTAINERS = 65_536;

/**
 * The value in `bytes`; `renew` brings one of an earlier version into today's form.
 *
 * @throws {UnreadableError}
 */
export function readJson<Schema extends v.GenericSchema>(
  schema: Schema,
  bytes: Uint8Array,
  maxBytes: number,
  renew: (value: unknown) => unknown = (value) => value,
): v.InferOutput<Schema> {
  if (bytes.length > maxBytes) throw new UnreadableError(`it is longer than ${maxBytes} bytes`);
  if (countContainers(bytes) > MAX_CONTAINERS) {
    throw new UnreadableError(`it has more than ${MAX_CONTAINERS} lists and mappings`);
  }
  let value: unknown;
  try {
    value = JSON.parse(text(bytes));
  } catch {
    // The parser's message quotes the text.
    throw new UnreadableError("it is no JSON in UTF-8");
  }
  if (isDeeper(value, MAX_DEPTH)) {
    throw new UnreadableError(`it is nested more than ${MAX_DEPTH} deep`);
  }
  value = renew(value);
  const [list] = listsAsMappings(schema, value);
  if (list) {
    throw new UnreadableError(quotable(`${list.join(".") || "the document"}: must be a mapping`));
  }
  const result = v.safeParse(schema, value, { abortEarly: true });
  if (!result.success) {
    const [issue] = result.issues;
    const place = v.getDotPath(issue) ?? "the document";
    throw new UnreadableError(quotable(`${place}: ${ruleOf(issue)}`));
  }
  const [forbidden] = forbiddenKeys(value);
  if (forbidden) throw new UnreadableError(quotable(`${forbidden.join(".")}: key not allowed`));
  return result.output;
}

/** How many lists and mappings begin in a text that may be JSON. */
function countContainers(bytes: Uint8Array): number {
  let count = 0;
  let isQuoted = false;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at];
    if (byte === QUOTE) isQuoted = !isQuoted;
    else if (!isQuoted) count += byte === BRACE || byte === BRACKET ? 1 : 0;
    else if (byte === BACKSLASH) at++;
  }
  return count;
}

const [QUOTE, BACKSLASH, BRACE, BRACKET] = utf8('"\\{[');

function isDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== "object" || value === null) return false;
  return levels === 0 || Object.values(value).some((item) => isDeeper(item, levels - 1));
}

/** The value in a document of the site. @throws {RefusedError} "schema" */
export function readDocument<Schema extends v.GenericSchema>(
  schema: Schema,
  bytes: Uint8Array,
  path: string,
  maxBytes: number,
  renew?: (value: unknown) => unknown,
): v.InferOutput<Schema> {
  try {
    return readJson(schema, bytes, maxBytes, renew);
  } catch (error) {
    if (!(error instanceof UnreadableError)) throw error;
    throw unreadable(path, error.state);
  }
}

/** The refusal of a document that says something it must not. */
export function unreadable(path: string, state: string): RefusedError {
  return new RefusedError("schema", `read ${path}`, state, { document: path });
}

/** Longest part of a message that quotes the keys of a document, in characters. */
const MAX_QUOTED = 300;

/** What may be shown of a text that quotes a document which is not believed. */
function quotable(text: string): string {
  return printable(text, MAX_QUOTED);
}

const FORBIDDEN = ["__proto__", "constructor", "prototype"];

/** Paths of keys that JavaScript objects treat specially; the schema library skips them without a word. */
export function forbiddenKeys(value: unknown, path: readonly string[] = []): string[][] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, item]) =>
    FORBIDDEN.includes(key) ? [[...path, key]] : forbiddenKeys(item, [...path, key])
  );
}

/** What {@linkcode ruleOf} says of a field that must be there. */
export const MISSING = "is missing";

/** What an issue says, without the value that broke the rule. */
export function ruleOf(issue: v.BaseIssue<unknown>): string {
  if (issue.type !== "strict_object" && issue.type !== "object") return issue.message;
  if (issue.expected === "Object") return issue.message;
  return issue.expected === "never" ? "unknown key" : MISSING;
}
