/**
 * Runs the node's own programs, with a time limit, bounded output and one-line failures. All of the agent runs programs
 * through here: one that hangs or floods must not keep a node from its next round.
 *
 * @module
 */
import { complaintOf } from "../../lib/complaint.ts";
import { UserError } from "../../lib/errors.ts";
import { type Host, NO_PROGRAM, type RunOptions, type RunResult } from "../../lib/host.ts";

/** How long an ordinary program of the system may take, in milliseconds. */
const PROGRAM_TIMEOUT_MS = 60_000;
/** Most that a program may write to each of its outputs, in bytes. */
const MAX_OUTPUT_BYTES = 1024 * 1024;

const lossy = new TextDecoder();

/** Standard output of a program as text. */
export function outputOf(result: RunResult): string {
  return lossy.decode(result.stdout);
}

/** Runs a program to its end, within a minute unless `options` say otherwise; one that writes more than 1 MiB is ended. */
export function run(
  host: Host,
  command: readonly string[],
  options: RunOptions = {},
): Promise<RunResult> {
  return host.run(command, {
    timeoutMs: PROGRAM_TIMEOUT_MS,
    maxOutputBytes: MAX_OUTPUT_BYTES,
    ...options,
  });
}

/**
 * {@linkcode run}, expecting success. `doing` completes "Cannot …" in the message.
 *
 * @returns Standard output.
 * @throws {UserError} with the program's complaint.
 */
export async function runOk(
  host: Host,
  doing: string,
  command: readonly string[],
  options: RunOptions = {},
): Promise<string> {
  const result = await run(host, command, options);
  if (result.code !== 0) throw new UserError(doing, failureOf(result, command));
  return outputOf(result);
}

/** Why a program has failed, in words: the image has none of that name, or what the program complains of. */
function failureOf(result: RunResult, [program = ""]: readonly string[]): string {
  // A shell gives this code, too, for what it does not find.
  const isMissing = result.code === NO_PROGRAM &&
    lossy.decode(result.stderr) === `${program}: not found`;
  const name = program.slice(program.lastIndexOf("/") + 1);
  return isMissing ? `this image lacks ${name}` : complaintOf(result);
}
