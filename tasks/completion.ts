/**
 * `deno task completion`: completes `deno task …` in a shell.
 *
 * @module
 */
import { suggestSync } from "@optique/core/parser";
import { type Console, rawConsole } from "../lib/cli/console.ts";
import { parserOf, runProgram } from "../lib/cli/program.ts";
import type { ExitCode } from "../lib/errors.ts";
import { PROGRAMS } from "./lines/mod.ts";
import { program, SHELLS } from "./lines/completion.ts";

/** The task. Shells read what it prints, and not as lines of text: zsh takes words with a zero byte behind each. */
export function main(
  args: readonly string[],
  console: Console = rawConsole,
): Promise<ExitCode> {
  const [name = "", ...typed] = args;
  const asked = typed.length > 0 && typed.join() !== "--help" && Object.hasOwn(SHELLS, name);
  // What somebody has typed so far is no command line of this task.
  return runProgram(program, asked ? [name] : args, async ({ shell: chosen }) => {
    const shell = SHELLS[chosen]!;
    if (!asked) {
      return console.out(shell.generateScript("deno", ["task", "-q", "completion", chosen]));
    }
    const text = [...shell.encodeSuggestions(await suggestionsFor(typed))].join("");
    if (text !== "") console.out(text);
  }, console);
}

/** What fits behind `deno`; the last word is the one that is being typed. */
async function suggestionsFor(words: readonly string[]) {
  // Deno's own options may stand before the task's name.
  const [first, ...others] = words;
  while (others.length > 1 && others[0]!.startsWith("-")) others.shift();
  const [task, ...rest] = others;
  if (first !== "task" || task === undefined) {
    return [{ kind: "file" as const, type: "any" as const, pattern: words.at(-1)! }];
  }
  if (rest.length === 0) {
    const names = Object.keys(PROGRAMS).filter((name) => name.startsWith(task));
    return names.map((text) => ({ kind: "literal" as const, text }));
  }
  if (!Object.hasOwn(PROGRAMS, task)) return [];
  const { program } = await PROGRAMS[task]!();
  return suggestSync(parserOf(program), rest as [string, ...string[]]);
}

if (import.meta.main) Deno.exit(await main(Deno.args));
