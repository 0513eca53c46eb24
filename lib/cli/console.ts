/**
 * Where programs print.
 *
 * @module
 */
import { visible } from "../visible.ts";

/** Where a command prints. */
export interface Console {
  out(line: string): void;
  err(line: string): void;
}

/** `console` with what is printed on it made {@linkcode visible}: names, errors and answers are often other people's. */
export function plainConsole(console: Console): Console {
  return {
    out: (line) => console.out(visible(line)),
    err: (line) => console.err(visible(line)),
  };
}

/** Standard output and error as they are: for what a program reads, such as the words that a shell completes with. */
export const rawConsole: Console = {
  // deno-lint-ignore no-console -- the one place that prints
  out: (line) => console.log(line),
  // deno-lint-ignore no-console -- the one place that prints
  err: (line) => console.error(line),
};

/** The process's own standard output and error, for people. */
export const processConsole: Console = plainConsole(rawConsole);
