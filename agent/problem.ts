/**
 * What went wrong, as the node's status and console tell it: one word for the check, one line for people.
 *
 * @module
 */
import { errorText, RefusedError, UserError } from "../lib/errors.ts";

/** A failure that belongs to one part of the agent: identity, network, unreachable, apply, full, state. */
export class AgentError extends UserError {
  readonly check: string;

  constructor(check: string, message: string, options: ErrorOptions = {}) {
    super(message, options);
    this.name = "AgentError";
    this.check = check;
  }
}

/** One word and one line about a failure. */
export interface Trouble {
  check: string;
  message: string;
  /** Site path of the document concerned. */
  document?: string;
  /** Whether a check of trust failed, as opposed to something missing or broken. */
  refused: boolean;
}

/** What `error` means; `check` is the word for errors that bring none. */
export function troubleOf(error: unknown, check: string): Trouble {
  if (isFull(error)) {
    return { check: "full", message: `${fullText(error)}: no space left in RAM`, refused: false };
  }
  if (error instanceof RefusedError) {
    const message = errorText(error);
    const document = error.document ?? /psyopsOS\/[\w./+-]+\.(?:json|age)/.exec(message)?.[0];
    return { check: error.check, message, document, refused: true };
  }
  if (error instanceof AgentError) {
    return { check: error.check, message: errorText(error), refused: false };
  }
  if (error instanceof UserError) return { check, message: errorText(error), refused: false };
  // A defect or an error of the operating system: still one line, never a stack trace.
  return { check, message: `Unexpected failure: ${errorText(error)}`, refused: false };
}

/** Whether a file could not be written because its file system has no space (or no inode) left. */
export function isFull(error: unknown): boolean {
  for (let at = error; at instanceof Error; at = at.cause) {
    if ("code" in at && (at.code === "ENOSPC" || at.code === "EDQUOT")) return true;
    if (/os error 28\)|No space left on device/.test(at.message)) return true;
  }
  return false;
}

function fullText(error: unknown): string {
  return error instanceof UserError ? errorText(error).split(":")[0]! : "Cannot write";
}
