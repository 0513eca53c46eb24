/**
 * Where programs print.
 *
 * @module
 */

/** Where a command prints. */
export interface Console {
  out(line: string): void;
  err(line: string): void;
}

/** The process's own standard output and error. */
export const processConsole: Console = {
  // deno-lint-ignore no-console -- the one place that prints
  out: (line) => console.log(line),
  // deno-lint-ignore no-console -- the one place that prints
  err: (line) => console.error(line),
};
