/**
 * Runs one script: in a session of its own, so that its process group ends with it at the time limit and when the agent stops,
 * with bounded output, and so that the next agent can end it when this one was killed.
 *
 * @module
 */
import type { DesiredScript } from "../../lib/config/scripts.ts";
import type { Host, RunResult } from "../../lib/host.ts";
import { endSessionCommand } from "../../lib/session.ts";
import { PROGRAM_PATH, SCRIPTS_DIR } from "../system/paths.ts";
import { outputOf, run as runProgram } from "../system/programs.ts";
import { scriptFiles } from "./script_record.ts";

/** How long a script may take, in milliseconds. */
export const SCRIPT_TIMEOUT_MS = 15 * 60_000;
/** Longest output that is kept, in bytes; what follows is dropped. */
export const MAX_OUTPUT_BYTES = 1024 * 1024;
/** Unit of the shell's limit on files. */
const BLOCK_BYTES = 512;
/** How long the end of a script's output is waited for once the script has ended, in milliseconds. */
const OUTPUT_MS = 1_000;
const OUTPUT_POLL_MS = 20;

/**
 * What /bin/sh runs: `$1` a pipe to make, `$2` where output goes, `$3` its bound in blocks of 512 bytes, `$4` where the process
 * is noted, then the command. The output is not taken by the agent: a daemon that the script leaves behind may hold the pipe
 * for as long as it runs, and must not end when the agent does. What takes it is no child of the script, which may wait for
 * all of its children. It writes at once, and ends with the last process that holds the pipe, whose name it then removes.
 */
export const CAPTURE = `pipe=$1 out=$2 blocks=$3 process=$4
shift 4
read -r facts </proc/self/stat
( umask 077; echo "$facts" >"$process" )
if mkfifo -m 600 "$pipe"; then
  ( (
    trap '' TERM HUP INT XFSZ
    exec <"$pipe" >/dev/null 2>&1
    ( ulimit -f "$blocks"; cat >"$out" )
    cat
    rm -f "$pipe"
  ) & )
  exec "$@" >"$pipe" 2>&1
fi
exec "$@" >/dev/null 2>&1`;

/** Writes a script's text and makes the file for its output. */
export async function prepareScript(host: Host, { name, run }: DesiredScript): Promise<void> {
  await host.mkdir(SCRIPTS_DIR, { mode: 0o700 });
  const files = scriptFiles(name);
  // It may hold secrets: root's alone, and never on a command line.
  await host.writeFile(files.text, run, { mode: 0o700 });
  // Made before the script's own umask could matter, so that its output is root's alone as well.
  await host.writeFile(files.output, "", { mode: 0o600 });
}

/** Runs a prepared script to its end, or ends it. */
export async function runScript(
  host: Host,
  { name, run }: DesiredScript,
  { node, signal }: { node: string; signal: AbortSignal },
): Promise<RunResult> {
  const files = scriptFiles(name);
  const pipe = `${SCRIPTS_DIR}/${name}.${crypto.randomUUID()}.pipe`;
  const given = [pipe, files.output, `${MAX_OUTPUT_BYTES / BLOCK_BYTES}`, files.process];
  // Named here rather than left to the kernel: /run may be mounted noexec.
  const command = ["/bin/sh", "-c", CAPTURE, "sh", ...given, ...interpreter(run), files.text];
  const result = await runProgram(host, command, {
    clearEnv: true,
    cwd: "/",
    env: { PATH: PROGRAM_PATH, HOME: "/root", PSYOPSOS_NODE: node, PSYOPSOS_SCRIPT: name },
    output: "null",
    timeoutMs: SCRIPT_TIMEOUT_MS,
    session: true,
    signal,
  });
  for (let waited = 0; waited < OUTPUT_MS && await host.stat(pipe); waited += OUTPUT_POLL_MS) {
    await host.sleep(OUTPUT_POLL_MS);
  }
  await host.remove(pipe);
  return result;
}

/** The program (and at most one argument) that the first line names, as the kernel reads it. */
export function interpreter(script: string): string[] {
  const line = /^#![ \t]*([^\n]*)/.exec(script)?.[1]?.trim() ?? "";
  const match = /^(\/\S+)(?:[ \t]+(.*))?$/.exec(line);
  if (!match) return ["/bin/sh"];
  return match[2] === undefined ? [match[1]!] : [match[1]!, match[2]];
}

/** The process that runs the script still, though the agent that began it has ended; undefined where there is none. */
export async function findProcess(host: Host, name: string): Promise<number | undefined> {
  const path = scriptFiles(name).process;
  if (!await host.stat(path)) return undefined;
  const begun = parseProcess(await host.readTextFile(path));
  if (!begun) return undefined;
  const now = parseProcess(outputOf(await runProgram(host, ["cat", `/proc/${begun.pid}/stat`])));
  // The number alone may be another's by now.
  return now?.started === begun.started ? begun.pid : undefined;
}

/** Ends a script and what it started. */
export async function endScript(host: Host, pid: number): Promise<void> {
  await runProgram(host, endSessionCommand(pid), { output: "null" });
}

/** Id and time of start (in ticks since the boot) out of the kernel's line on a process; see proc_pid_stat(5). */
function parseProcess(line: string): { pid: number; started: string } | undefined {
  // The second field is a name in parentheses, which may hold anything.
  const pid = /^(\d+) \(/.exec(line)?.[1];
  const fields = line.slice(line.lastIndexOf(")") + 1).trim().split(" ");
  const started = fields[STARTED_FIELD];
  return pid === undefined || started === undefined ? undefined : { pid: Number(pid), started };
}

/** Number 22 of the line's fields, counted from the third. */
const STARTED_FIELD = 19;
