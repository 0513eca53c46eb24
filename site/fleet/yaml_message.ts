/**
 * What the schema library's issues are called in messages, and which keys lead to them. Messages never quote a value: it may be a
 * secret.
 *
 * @module
 */
import type * as v from "valibot";
import { nearest } from "../../lib/nearest.ts";
import { keysAt } from "../../lib/schema/paths.ts";
import { ruleOf } from "../../lib/schema/read.ts";
import { takenFor } from "../../lib/schema/yaml_oddities.ts";
import { printable } from "../../lib/visible.ts";

/** Longest name of a key that a message shows, in characters. */
const MAX_SHOWN = 120;

/** As much of a key is shown that may hold a value, in characters. */
const SHOWN_OF_VALUE = 12;

/** A step into a document; `onKey` points at the key itself, not at its value. */
export interface Step {
  key: string | number;
  onKey?: boolean;
}

/** The keys that lead to what an issue is about. */
export function keysOf(issue: v.BaseIssue<unknown>): string[] {
  return (issue.path ?? []).map((item) => String(item.key));
}

/** The steps that lead to what is shown of an issue. */
export function stepsOf(issue: v.BaseIssue<unknown>): Step[] {
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

/** What an issue says, with its place. */
export function issueText(schema: v.GenericSchema, issue: v.BaseIssue<unknown>): string {
  const rule = ruleOf(issue);
  const items = issue.path ?? [];
  const key = items.at(-1)?.key;
  const name = keysOf(issue).join(".");
  if (rule === "unknown key") {
    const known = keysAt(schema, items.slice(0, -1).map((item) => item.key));
    const near = nearest(String(key), known);
    return `unknown key ${keyShown(String(key))}${
      near ? `, did you mean ${near}?` : `; known are ${known.join(", ")}`
    }`;
  }
  const text = name ? `${shown(name)} ${rule}` : rule;
  if (issue.type !== "string") return text;
  // A number or truth value where text belongs: as a rule somebody forgot the quotes.
  const taken = takenFor(issue.input);
  return taken ? `${text}: without quotes YAML takes it for ${taken}` : text;
}

/** A key as it may be printed: keys are names, but a slip of the pen can make a value one. */
export function shown(name: string): string {
  return printable(name, MAX_SHOWN);
}

/**
 * A key that nobody knows, as far as it is like one: without its colon and blank (`content"hunter2"`), a line's value is part of
 * its key.
 */
function keyShown(key: string): string {
  return /^[A-Za-z][A-Za-z0-9_-]{0,23}$/.test(key) || key.length < SHOWN_OF_VALUE
    ? shown(key)
    : `${shown(/^[A-Za-z0-9_-]*/.exec(key)![0].slice(0, SHOWN_OF_VALUE))}…`;
}
