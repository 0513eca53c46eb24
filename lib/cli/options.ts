/**
 * What a command line can hold, over Optique: options with values, switches, words and verbs. Each is a parser that
 * checks its value, tells it in the help and completes it in a shell.
 *
 * @module
 */
import { object } from "@optique/core/constructs";
import { type Message, text } from "@optique/core/message";
import type { NonEmptyString } from "@optique/core/nonempty";
import { multiple, optional, withDefault } from "@optique/core/modifiers";
import { type InferValue, type Parser, parseSync } from "@optique/core/parser";
import { argument, command, constant, flag, option } from "@optique/core/primitives";
import { choice, integer, string, type ValueParser } from "@optique/core/valueparser";
import * as v from "valibot";
import { nearest } from "../nearest.ts";

/** Parses a part of the command line. */
export type Part<T> = Parser<"sync", T, unknown>;

/** Name of a value in the help: DIR and FILE are completed with what lies in the file system. */
type Metavar = NonEmptyString;

/** What holds where an option is absent. */
interface Absent<T> {
  default: T;
}

/** What a value has to be. */
interface Checked {
  /** What is wrong with it, e.g. "must be a host name". */
  check?: (value: string) => string | undefined;
}

/** `words` as a message: line breaks in it are blanks. */
export function words(words: string): Message {
  return [text(words)];
}

/** A switch: true when it is given. */
export function on(name: string, help: string): Part<boolean> {
  return withDefault(flag(`--${name}`, { description: words(help) }), false, { message: [] });
}

/** A switch that must be given: one of several that exclude each other. */
export function needed(name: string, help: string): Part<true> {
  return flag(`--${name}`, { description: words(help) });
}

/** An option with text that is not empty and no option itself; undefined, or the default, when it is absent. */
export function value(
  name: string,
  metavar: Metavar,
  help: string,
  more?: Checked,
): Part<string | undefined>;
export function value(
  name: string,
  metavar: Metavar,
  help: string,
  more: Absent<string> & Checked,
): Part<string>;
export function value(
  name: string,
  metavar: Metavar,
  help: string,
  more: Partial<Absent<string>> & Checked = {},
): Part<string | undefined> {
  const { default: absent, check } = more;
  const parser = option(`--${name}`, textValue(metavar, check), { description: words(help) });
  return maybe(parser, absent === undefined ? undefined : { default: absent });
}

/** How often something may be written. */
interface Times {
  min?: 0 | 1;
  max?: number;
}

/** An option that may be repeated. */
export function values(
  name: string,
  metavar: Metavar,
  help: string,
  { min = 0, max, check }: Times & Checked = {},
): Part<readonly string[]> {
  return multiple(option(`--${name}`, textValue(metavar, check), { description: words(help) }), {
    min,
    ...max === undefined ? {} : { max },
    errors: {
      tooFew: words(`--${name} is missing`),
      tooMany: words(`--${name} may be given ${max} times`),
    },
  });
}

/** Bounds of a number, both included. */
export interface Range {
  from?: number;
  to?: number;
}

/** An option with a whole number in decimal. */
export function number(name: string, range: Range, help: string): Part<number | undefined>;
export function number(
  name: string,
  range: Range,
  help: string,
  absent: Absent<number>,
): Part<number>;
export function number(
  name: string,
  { from = 0, to = Number.MAX_SAFE_INTEGER }: Range,
  help: string,
  absent?: Absent<number>,
): Part<number | undefined> {
  const expected = words(
    to === Number.MAX_SAFE_INTEGER
      ? `it must be a whole number from ${from} on`
      : `it must be a whole number from ${from} to ${to}`,
  );
  const parser = integer({
    metavar: "N",
    min: from,
    max: to,
    errors: {
      invalidInteger: expected,
      unsafeInteger: expected,
      belowMinimum: expected,
      aboveMaximum: expected,
    },
  });
  return maybe(option(`--${name}`, parser, { description: words(help) }), absent);
}

/** An option with one of `known`. */
export function oneOf<T extends string>(
  name: string,
  known: readonly T[],
  help: string,
): Part<T | undefined>;
export function oneOf<T extends string>(
  name: string,
  known: readonly T[],
  help: string,
  absent: Absent<NoInfer<T>>,
): Part<T>;
export function oneOf<T extends string>(
  name: string,
  known: readonly T[],
  help: string,
  absent?: Absent<NoInfer<T>>,
): Part<T | undefined> {
  return maybe(
    option(`--${name}`, choiceValue(metavarOf(name), known), { description: words(help) }),
    absent,
  );
}

/** An option with one of `known` that may be repeated. */
export function someOf<T extends string>(
  name: string,
  known: readonly T[],
  help: string,
): Part<readonly T[]> {
  return multiple(
    option(`--${name}`, choiceValue(metavarOf(name), known), { description: words(help) }),
  );
}

/** A word that must be there. */
export function word(metavar: Metavar, { check }: Checked = {}): Part<string> {
  return argument(wordValue(metavar, check), {
    errors: { endOfInput: words(`${metavar} is missing`) },
  });
}

/** A word that is one of `known` and may be absent. */
export function wordOf<T extends string>(
  metavar: Metavar,
  known: readonly T[],
): Part<T | undefined> {
  return optional(argument(choiceValue(metavar, known)));
}

/** All remaining words, `min` of them or more. */
export function wordList(
  metavar: Metavar,
  { min = 0, check }: Times & Checked = {},
): Part<readonly string[]> {
  const errors = { tooFew: words(`${metavar} is missing`) };
  return multiple(argument(wordValue(metavar, check)), { min, errors });
}

/**
 * Words that the command line must not have. The program itself refuses them without quoting them: they may be a
 * secret, which the usual message would show.
 */
export function unwelcome(): Part<readonly string[]> {
  return multiple(argument(string(), { hidden: true }));
}

/** A check by the schema of a field. */
export function bySchema(schema: v.GenericSchema): (value: string) => string | undefined {
  return (value) => {
    const { issues } = v.safeParse(schema, value, { abortEarly: true, abortPipeEarly: true });
    return issues?.[0].message;
  };
}

/** A verb with what belongs to it; its value carries the verb's name as `verb`. */
export function verb<N extends string, F extends Record<string, Part<unknown>>>(
  name: N,
  fields: F,
  help: string,
  more?: string,
): Part<{ verb: N } & { [K in keyof F]: InferValue<F[K]> }> {
  const parser = object({ verb: constant(name), ...fields });
  return command(name, parser, {
    brief: words(help),
    ...(more === undefined ? {} : { description: words(more) }),
  }) as Part<{ verb: N } & { [K in keyof F]: InferValue<F[K]> }>;
}

/** What `parser` reads; where there is nothing for it, what `otherwise` gives for an empty command line. */
export function orElse<T, D extends T>(parser: Part<T>, otherwise: Part<D>): Part<T> {
  const empty = parseSync(otherwise, []);
  if (!empty.success) {
    throw new TypeError("A command line that may be empty needs defaults for all");
  }
  // The help lists the verbs one by one, as if one of them were required.
  return { ...withDefault(parser, empty.value, { message: [] }), usage: parser.usage };
}

function maybe<T>(parser: Part<T>, absent: Absent<T> | undefined): Part<T | undefined> {
  if (!absent) return optional(parser);
  return withDefault(parser, absent.default, { message: words(String(absent.default)) });
}

/** "agent-form" takes a FORM. */
function metavarOf(name: string): Metavar {
  return name.slice(name.lastIndexOf("-") + 1).toUpperCase() as Metavar;
}

function choiceValue<T extends string>(
  metavar: Metavar,
  known: readonly T[],
): ValueParser<"sync", T> {
  const invalidChoice = (input: string) => {
    const near = nearest(input, known);
    return words(`it must be ${known.join(", ")}${near ? `; did you mean ${near}?` : ""}`);
  };
  return choice(known, { metavar, errors: { invalidChoice } });
}

/** The value of an option; an option where a value is due is a forgotten value. */
function textValue(metavar: Metavar, check?: Checked["check"]): ValueParser<"sync", string> {
  return checkedValue(
    metavar,
    (given) =>
      given === "" || given.startsWith("--") ? `it needs a value (${metavar})` : check?.(given),
  );
}

/** A word; behind `--` it may look like an option. */
function wordValue(metavar: Metavar, check?: Checked["check"]): ValueParser<"sync", string> {
  return checkedValue(metavar, (given) => given === "" ? "it is empty" : check?.(given));
}

function checkedValue(
  metavar: Metavar,
  problem: (given: string) => string | undefined,
): ValueParser<"sync", string> {
  const parser = string({ metavar });
  return withFiles({
    ...parser,
    parse(given) {
      const wrong = problem(given);
      return wrong === undefined ? parser.parse(given) : { success: false, error: words(wrong) };
    },
  });
}

/** Completes DIR and FILE by what lies in the file system. */
function withFiles(parser: ValueParser<"sync", string>): ValueParser<"sync", string> {
  const { metavar } = parser;
  if (metavar !== "DIR" && metavar !== "FILE") return parser;
  const type = metavar === "DIR" ? "directory" : "file";
  return {
    ...parser,
    *suggest(prefix) {
      yield { kind: "file", type, pattern: prefix, includeHidden: false };
    },
  };
}
