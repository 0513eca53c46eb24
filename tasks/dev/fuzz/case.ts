/**
 * Runs one case: changes an input, lets the reader read it, and judges what comes of it.
 *
 * @module
 */
import process from "node:process";
import { errorText, RefusedError, UserError } from "../../../lib/errors.ts";
import { Random } from "./random.ts";
import { type Input, type Mutant, type Subject, WrongAnswer } from "./target.ts";

/** What a reader may do with an input. */
export interface Answer {
  kind: "accepted" | "refused";
  /** Why it was refused. */
  message?: string;
  /** The check of trust that failed, where it was one. */
  check?: string;
}

/** What it must not do. */
export interface Misdeed {
  kind: "threw" | "wrong" | "wordy" | "printed";
  detail: string;
}

/** No input may put more than this into a message, in characters. */
export const MAX_MESSAGE = 2000;
/** What programs say when they trip over a value that they did not expect. */
const SLIP = /undefined|null|is not a function|is not iterable|Invalid array length|call stack/i;

/** The input of case `number`; the same for the same seed. */
export function caseInput(subject: Subject, seed: number, number: number): Mutant {
  return subject.mutate(new Random(seed, number), "any");
}

/** Lets the subject read `input`. */
export async function judge(subject: Subject, input: Input): Promise<Answer | Misdeed> {
  printed.length = 0;
  const outcome = await answerOf(subject, input);
  if (printed.length > 0) return { kind: "printed", detail: printed.join("\n") };
  return outcome;
}

/** Whether it is something that a reader must not do. */
export function isMisdeed(outcome: Answer | Misdeed): outcome is Misdeed {
  return outcome.kind !== "accepted" && outcome.kind !== "refused";
}

const printed: string[] = [];

/**
 * From now on notes what readers print, which counts as a misdeed: it may be a secret, and libraries warn of things that
 * nobody asked for. For a process that runs cases and nothing else.
 */
export function watchPrinting(): void {
  const note = (...words: unknown[]) => void printed.push(words.map(String).join(" "));
  for (const name of ["log", "info", "debug", "warn", "error"] as const) {
    // deno-lint-ignore no-console -- it is replaced
    console[name] = note;
  }
  process.emitWarning = note;
}

async function answerOf(subject: Subject, input: Input): Promise<Answer | Misdeed> {
  try {
    let value = subject.read(input);
    if (value instanceof Promise) value = await value;
    return value === undefined ? { kind: "refused", message: "nothing" } : { kind: "accepted" };
  } catch (error) {
    return judgeError(subject, error);
  }
}

function judgeError({ refuses }: Subject, error: unknown): Answer | Misdeed {
  const detail = error instanceof Error ? error.stack ?? error.message : String(error);
  if (error instanceof WrongAnswer) return { kind: "wrong", detail: error.message };
  if (!(error instanceof UserError || refuses?.(error))) return { kind: "threw", detail };
  const message = errorText(error);
  if (message.length > MAX_MESSAGE) {
    const begin = message.slice(0, 200);
    return { kind: "wordy", detail: `a message of ${message.length} characters: ${begin}…` };
  }
  const slip = slipOf(error);
  if (slip) return { kind: "threw", detail: slip.stack ?? slip.message };
  const check = error instanceof RefusedError ? error.check : undefined;
  return { kind: "refused", message, ...(check === undefined ? {} : { check }) };
}

/** A defect that was taken for a refusal on its way. */
function slipOf(error: unknown): Error | undefined {
  let cause = error instanceof Error ? error.cause : undefined;
  while (cause instanceof Error) {
    const isDefect = cause instanceof TypeError || cause instanceof RangeError;
    if (isDefect && SLIP.test(cause.message)) return cause;
    cause = cause.cause;
  }
  return undefined;
}
