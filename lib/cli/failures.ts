/**
 * How every program ends: what it could not do in one line on standard error, and an exit code.
 *
 * @module
 */
import { errorText, EXIT, type ExitCode, UserError } from "../errors.ts";
import type { Console } from "./console.ts";
import { systemFailure } from "./system_error.ts";

/** A command line that makes no sense; the program adds where its help is. */
export class UsageError extends UserError {
  constructor(state: string, doing = "read the command line") {
    super(doing, state, { exitCode: EXIT.usage });
    this.name = "UsageError";
  }
}

/** Options of {@linkcode withFailures}. */
export interface FailureOptions {
  /** Name of the program, as people type it. */
  name: string;
  console: Console;
  /** Show stack traces. */
  debug: boolean;
}

/**
 * Runs `body`. A {@linkcode UserError} and what the operating system refuses become one line on standard error (and a
 * hint), anything else is reported as a defect.
 */
export async function withFailures(
  { name, console, debug }: FailureOptions,
  body: () => Promise<ExitCode | void>,
): Promise<ExitCode> {
  try {
    return await body() ?? EXIT.ok;
  } catch (error) {
    const own = error instanceof UserError;
    const help = error instanceof UsageError ? `${name} --help shows what it takes` : undefined;
    const told = own
      ? { message: errorText(error), hint: error.hint ?? help, exitCode: error.exitCode }
      : systemFailure(error);
    console.err(told?.message ?? `Unexpected failure: ${errorText(error)}`);
    if (told?.hint) console.err(`  ${told.hint}`);
    if (!told && !debug) console.err("  This is a defect in psyopsOS; --debug shows where.");
    if (debug && error instanceof Error) console.err(error.stack ?? "");
    return told?.exitCode ?? EXIT.failed;
  }
}
