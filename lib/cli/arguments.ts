/**
 * Looks over a command line before it is parsed: options and verbs that do not exist, or not together, are refused in words
 * that name what does. What the words and values have to be is the parser's business.
 *
 * @module
 */
import type { Usage } from "@optique/core/usage";
import { nearest } from "../nearest.ts";
import { UsageError } from "./failures.ts";

/** One way of calling a program: with a verb, or without any. */
interface Form {
  verb?: string;
  /** Each option, and whether a value follows it. */
  options: Map<string, boolean>;
}

/** Options that the runner itself answers, wherever they stand. */
const ANSWERED = ["--help", "--version"];

/**
 * Checks `args` against what `usage` knows. With `quiet` nothing is repeated that was written: it may be a secret.
 *
 * @throws {UsageError}
 */
export function checkArguments(usage: Usage, args: readonly string[], quiet: boolean): void {
  const forms = formsOf(usage);
  const everything = new Map(forms.flatMap(({ options }) => [...options]));
  const { options, words } = scan(args, everything);
  if (options.some((name) => ANSWERED.includes(name) && !everything.has(name))) return;
  const written = (text: string) => quiet ? "(not shown, as it may be a secret)" : text;
  for (const name of options) {
    if (everything.has(name)) continue;
    throw new UsageError(`unknown option ${written(name)}${hint(name, [...everything.keys()])}`);
  }
  const plain = forms.find(({ verb }) => verb === undefined);
  const verbs = forms.flatMap(({ verb }) => verb === undefined ? [] : [verb]);
  const [first] = words;
  const form = forms.find(({ verb }) => verb !== undefined && verb === first) ?? plain;
  if (!form) {
    throw new UsageError(
      first === undefined
        ? `a verb is missing: ${verbs.join(", ")}`
        : `unknown verb ${written(first)}${hint(first, verbs, `; there is ${verbs.join(", ")}`)}`,
    );
  }
  const stray = options.find((name) => !form.options.has(name));
  if (stray === undefined) return;
  const owners = forms.filter(({ options }) => options.has(stray)).map(({ verb }) => verb);
  const named = owners.filter((verb) => verb !== undefined);
  throw new UsageError(
    named.length > 0
      ? `${stray} goes with ${named.join(", ")}`
      : `${stray} does not go with ${form.verb}`,
  );
}

/** The options by name and the words of a command line, without the options' values. */
function scan(args: readonly string[], known: ReadonlyMap<string, boolean>) {
  const options: string[] = [];
  const words: string[] = [];
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!;
    if (arg === "--") return { options, words: [...words, ...args.slice(i + 1)] };
    if (!arg.startsWith("-") || arg === "-") {
      words.push(arg);
      continue;
    }
    const [name = ""] = arg.split("=", 1);
    options.push(name);
    if (known.get(name) && !arg.includes("=")) i++;
  }
  return { options, words };
}

function hint(written: string, known: readonly string[], otherwise = ""): string {
  const near = nearest(written, known);
  return near === undefined ? otherwise : `, did you mean ${near}?`;
}

/** The forms that a usage has: its alternatives, each with the options that stand outside of them. */
function formsOf(usage: Usage): Form[] {
  const add = (terms: Usage, to: Form): Form[] => {
    let grown = [to];
    for (const term of terms) {
      grown = grown.flatMap((form): Form[] => {
        switch (term.type) {
          case "command":
            return [{ ...form, verb: term.name }];
          case "option": {
            const options = term.names.map((name) => [name, term.metavar !== undefined] as const);
            return [{ ...form, options: new Map([...form.options, ...options]) }];
          }
          case "optional":
          case "multiple":
            return add(term.terms, form);
          case "exclusive": {
            const alternatives = term.terms.map((one) => add(one, { ...form, options: new Map() }));
            const hasVerbs = alternatives.flat().some(({ verb }) => verb !== form.verb);
            const all = alternatives.flat().map(({ verb, options }) => ({
              ...verb === undefined ? {} : { verb },
              options: new Map([...form.options, ...options]),
            }));
            // Options that exclude each other are no forms: the parser tells them apart.
            return hasVerbs
              ? all
              : [{ ...form, options: new Map(all.flatMap(({ options }) => [...options])) }];
          }
          default:
            return [form];
        }
      });
    }
    return grown;
  };
  return add(usage, { options: new Map() });
}
