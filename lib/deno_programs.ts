/**
 * Running programs through Deno: to their end with a time limit, or beside this one.
 *
 * @module
 */
import { type Bytes, utf8 } from "./bytes.ts";
import {
  type Child,
  NO_PROGRAM,
  type RunOptions,
  type RunResult,
  type SpawnOptions,
} from "./host.ts";
import { endSessionCommand, ownSessionCommand } from "./session.ts";

/** How long a program that was told to end may take, in milliseconds. */
const KILL_MS = 2_000;
/** How long one that was killed may take. */
const LEAVE_MS = 500;

/** Exit code of a program that was killed, as shells give it. */
const KILLED = 137;

/** Runs a program to its end; see {@linkcode Host.run}. */
export async function runProgram(
  command: readonly string[],
  options: RunOptions = {},
): Promise<RunResult> {
  const [program = "", ...args] = options.session ? ownSessionCommand(command) : command;
  const output = options.terminal ? "inherit" : options.output ?? "piped";
  let child: Deno.ChildProcess;
  try {
    child = new Deno.Command(program, {
      args,
      cwd: options.cwd,
      env: options.env,
      clearEnv: options.clearEnv,
      stdin: options.terminal ? "inherit" : options.stdin === undefined ? "null" : "piped",
      stdout: output,
      stderr: output,
    }).spawn();
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    const reason = utf8(`${program}: not found`);
    return { code: NO_PROGRAM, stdout: new Uint8Array(), stderr: reason };
  }
  const end = async (): Promise<RunResult> => {
    const feed = options.stdin === undefined ? undefined : feedStdin(child, options.stdin);
    const none = { stdout: new Uint8Array(), stderr: new Uint8Array() };
    const { code, stdout, stderr } = output === "piped"
      ? await child.output()
      : { ...none, ...await child.status };
    await feed;
    return { code, stdout, stderr };
  };
  return options.timeoutMs === undefined && !options.signal
    ? await end()
    : await within(options, child, end());
}

/** Starts a program; see {@linkcode Host.spawn}. */
export function spawnProgram(command: readonly string[], options: SpawnOptions = {}): Child {
  const [program = "", ...args] = command;
  const child = new Deno.Command(program, {
    args,
    cwd: options.cwd,
    env: options.env,
    clearEnv: options.clearEnv,
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  return {
    pid: child.pid,
    stdout: child.stdout,
    stderr: child.stderr,
    stdin: child.stdin,
    done: child.status.then((status) => status.code),
    kill: (signal) => {
      try {
        child.kill(signal);
      } catch (error) {
        // Already gone: that is what the caller wanted.
        if (!(error instanceof Deno.errors.NotFound || error instanceof TypeError)) throw error;
      }
    },
  };
}

/** What `done` gives, or that the program was ended. */
async function within(
  { timeoutMs, signal, session }: RunOptions,
  child: Deno.ChildProcess,
  done: Promise<RunResult>,
): Promise<RunResult> {
  // Where nobody awaits it any more, its rejection must not count as unhandled.
  done.catch(() => {});
  const limit = limitOf(timeoutMs, signal);
  const first = await Promise.race([done, limit.reached]).finally(limit.forget);
  if (typeof first !== "string") return first;
  if (session) await runProgram(endSessionCommand(child.pid), { output: "null" });
  else tell(child, "SIGTERM");
  // A session has had its time; its first process ends with it, or at once.
  const soon = session ? undefined : await doneWithin(done, KILL_MS);
  if (!soon) tell(child, "SIGKILL");
  const reason = utf8(first === "time" ? "it did not end in time" : "it was stopped");
  const killed = { code: KILLED, stdout: new Uint8Array(), stderr: reason };
  const last = soon ?? await doneWithin(done, LEAVE_MS) ?? killed;
  return { ...last, code: last.code || KILLED, ended: first };
}

/** The time limit and the signal: which of them comes first. */
function limitOf(timeoutMs: number | undefined, signal: AbortSignal | undefined) {
  const { promise: reached, resolve } = Promise.withResolvers<"time" | "signal">();
  const timer = timeoutMs === undefined ? undefined : setTimeout(() => resolve("time"), timeoutMs);
  const stop = () => resolve("signal");
  signal?.addEventListener("abort", stop);
  if (signal?.aborted) stop();
  const forget = () => {
    clearTimeout(timer);
    signal?.removeEventListener("abort", stop);
  };
  return { reached, forget };
}

/** What `done` gives within `ms` milliseconds, else undefined. */
async function doneWithin(
  done: Promise<RunResult>,
  ms: number,
): Promise<RunResult | undefined> {
  const { promise: late, resolve } = Promise.withResolvers<undefined>();
  const timer = setTimeout(() => resolve(undefined), ms);
  try {
    return await Promise.race([done, late]);
  } finally {
    clearTimeout(timer);
  }
}

function tell(child: Deno.ChildProcess, signal: Deno.Signal): void {
  try {
    child.kill(signal);
  } catch {
    // The program has ended already; only processes that it left behind may still run.
  }
}

async function feedStdin(child: Deno.ChildProcess, data: Uint8Array | string): Promise<void> {
  const writer = child.stdin.getWriter();
  try {
    await writer.write(typeof data === "string" ? utf8(data) : data as Bytes);
    await writer.close();
  } catch (error) {
    // The program may end without reading all of its input; its exit code tells whether that is wrong.
    if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
  }
}
