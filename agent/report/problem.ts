/**
 * What went wrong, as the node's status and console tell it: one word for the check, one line for people.
 *
 * @module
 */
import { deniedRight } from "../../lib/denied_right.ts";
import { errorText, RefusedError, UserError } from "../../lib/errors.ts";
import { printable } from "../../lib/visible.ts";

/** A failure that belongs to one part of the agent, which `check` names: identity, network, time, unreachable, state … */
export class AgentError extends UserError {
  readonly check: string;

  constructor(check: string, doing: string, state: string, options: ErrorOptions = {}) {
    super(doing, state, options);
    this.name = "AgentError";
    this.check = check;
  }
}

/** Longest message that is passed on, in characters: a serial console takes a second for ten of these. */
const MAX_MESSAGE = 1000;

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
    const doing = error instanceof UserError ? error.doing : "write";
    return { check: "full", message: `Cannot ${doing}: no space left in RAM`, refused: false };
  }
  if (error instanceof RefusedError) {
    const { check, document } = error;
    return { check, message: lineOf(error), document, refused: true };
  }
  if (error instanceof AgentError) {
    return { check: error.check, message: lineOf(error), refused: false };
  }
  if (error instanceof UserError) return { check, message: lineOf(error), refused: false };
  const denied = deniedRight(error);
  if (denied) {
    const message = printable(`Cannot ${denied.doing}: ${denied.state}`, MAX_MESSAGE);
    return { check: "rights", message, refused: false };
  }
  // A defect or an error of the operating system: still one line, never a stack trace.
  return { check, message: `Unexpected failure: ${lineOf(error)}`, refused: false };
}

/** The message of an error as people may see it: it may quote a server, or a document that is not believed. */
function lineOf(error: unknown): string {
  return printable(errorText(error), MAX_MESSAGE);
}

/** Whether a file could not be written because its file system has no space (or no inode) left. */
export function isFull(error: unknown): boolean {
  for (let at = error; at instanceof Error; at = at.cause) {
    if ("code" in at && (at.code === "ENOSPC" || at.code === "EDQUOT")) return true;
    if (/os error 28\)|No space left on device/.test(at.message)) return true;
  }
  return false;
}
