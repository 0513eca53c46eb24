/**
 * The one error class that commands and the agent show to people as a single line.
 * Anything else that reaches the top is a defect and says so.
 *
 * @module
 */

/** Exit codes of every task and of the agent. */
export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 2,
  refused: 3,
  missing: 4,
  interrupted: 130,
} as const;

/** What each exit code means; the README's table is made of it. */
export const EXIT_WORDS: Readonly<Record<keyof typeof EXIT, string>> = {
  ok: "done",
  failed: "failed: the line says what and what to do",
  usage: "the command line was not understood",
  refused: "refused: a check of trust failed",
  missing: "a tool or package is missing",
  interrupted: "stopped by Ctrl-C",
};

/** One of the documented exit codes. */
export type ExitCode = typeof EXIT[keyof typeof EXIT];

/** Options of {@linkcode UserError}. */
export interface UserErrorOptions extends ErrorOptions {
  /** Exit code, default `EXIT.failed`. */
  exitCode?: ExitCode;
  /** What to do next; printed after the message. */
  hint?: string;
}

/** An expected failure. Its message is one line: "Cannot <doing>: <state>". */
export class UserError extends Error {
  /** What could not be done; completes "Cannot …". */
  readonly doing: string;
  /** What stands in the way. */
  readonly state: string;
  readonly exitCode: ExitCode;
  readonly hint?: string;

  constructor(doing: string, state: string, options: UserErrorOptions = {}) {
    super(`Cannot ${doing}: ${state}`, { cause: options.cause });
    this.name = "UserError";
    this.doing = doing;
    this.state = state;
    this.exitCode = options.exitCode ?? EXIT.failed;
    this.hint = options.hint;
  }
}

/**
 * A check of trust that failed. `check` names it in one word so that the node's status, the console
 * and the tests can tell a bad signature from an expired timestamp.
 */
export class RefusedError extends UserError {
  readonly check: string;
  readonly document?: string;

  constructor(
    check: string,
    doing: string,
    state: string,
    options: UserErrorOptions & { document?: string } = {},
  ) {
    super(doing, state, { exitCode: EXIT.refused, ...options });
    this.name = "RefusedError";
    this.check = check;
    this.document = options.document;
  }
}

/** Why something failed, on one line, without what was being done: whoever caught it says that in its own words. */
export function reasonOf(error: unknown): string {
  return error instanceof UserError ? error.state : errorText(error);
}

/** The text of anything thrown, on one line. */
export function errorText(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  // By lines and not by a pattern of blanks: that takes ages over a message that quotes a million of them.
  return text.split("\n").map((line) => line.trim()).filter(Boolean).join(" ");
}
