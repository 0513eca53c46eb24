/**
 * What a program says when it fails, in the one line that a message has room for.
 *
 * @module
 */
import type { RunResult } from "./host.ts";
import { printable } from "./visible.ts";

/** Longest line of a program's own words that is passed on, in characters. */
const MAX_SAID = 300;

const lossy = new TextDecoder();

/** Which of the lines that a program wrote says why it failed; they are never empty, but there may be none. */
export type PickLine = (lines: readonly string[]) => string | undefined;

/** For programs that explain themselves at length, once they have said why: compilers, bundlers. */
export const firstLine: PickLine = (lines) => lines[0];

/** For all others: what they say before it are warnings. */
const lastLine: PickLine = (lines) => lines.at(-1);

/** The lines of a program's output, without blanks at their ends and without empty ones; bytes that are no UTF-8 are U+FFFD. */
export function linesOf(output: Uint8Array): string[] {
  return lossy.decode(output).split("\n").map((line) => line.trim()).filter((line) => line !== "");
}

/**
 * The line by which a failed program says why on standard error, or else its exit code. It may quote what the program was
 * given, in any bytes: it comes out printable and of bounded length.
 */
export function complaintOf(
  { code, stderr }: Pick<RunResult, "code" | "stderr">,
  pick: PickLine = lastLine,
): string {
  return printable(pick(linesOf(stderr)) ?? `exit code ${code}`, MAX_SAID);
}
