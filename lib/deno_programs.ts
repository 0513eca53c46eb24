/**
 * Running programs through Deno: to their end with a time limit, or beside this one.
 *
 * @module
 */
import { type Bytes, utf8 } from "./bytes.ts";
import type { Child, RunOptions, RunResult, SpawnOptions } from "./host.ts";

/** How long a program that was told to end may take, and one that was killed, in milliseconds. */
const KILL_MS = 2_000;

const LEAVE_MS = 500;

/** Exit code of a program that was killed, as shells give it. */
const KILLED = 137;

/** Runs a program to its end; see {@linkcode Host.run}. */
export async function runProgram(
  command: readonly string[],
  options: RunOptions = {},
): Promise<RunResult> {
  const [program = "", ...args] = command;
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
    return { code: 127, stdout: new Uint8Array(), stderr: reason };
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
  return options.timeoutMs === undefined
    ? await end()
    : await within(options.timeoutMs, child, end());
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

/** What `done` gives, or that it was killed. */
async function within(
  timeoutMs: number,
  child: Deno.ChildProcess,
  done: Promise<RunResult>,
): Promise<RunResult> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const pause = (ms: number) => new Promise<void>((resolve) => timer = setTimeout(resolve, ms));
  const tell = (signal: Deno.Signal) => {
    try {
      child.kill(signal);
    } catch {
      // The program has ended already; only processes that it left behind may still run.
    }
  };
  const late = async (): Promise<RunResult> => {
    await pause(timeoutMs);
    tell("SIGTERM");
    await pause(KILL_MS);
    tell("SIGKILL");
    await pause(LEAVE_MS);
    return { code: KILLED, stdout: new Uint8Array(), stderr: utf8("it did not end in time") };
  };
  try {
    return await Promise.race([done, late()]);
  } finally {
    clearTimeout(timer);
    // After a timeout nobody awaits `done` any more, so its rejection must not count as unhandled.
    done.catch(() => {});
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
