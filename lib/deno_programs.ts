/**
 * Running programs through Deno: to their end with a time limit, or beside this one.
 *
 * @module
 */
import { type Bytes, utf8 } from "./bytes.ts";
import {
  type Child,
  type Ended,
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
  const limit = limitOf(options);
  const end = async (): Promise<RunResult> => {
    const feed = options.stdin === undefined ? undefined : feedStdin(child, options.stdin);
    const [{ code }, stdout, stderr] = await Promise.all([
      child.status,
      ...output === "piped"
        ? [take(child.stdout, limit), take(child.stderr, limit)]
        : [new Uint8Array(), new Uint8Array()],
    ]);
    await feed;
    return { code, stdout: stdout!, stderr: stderr! };
  };
  return await within(options, limit, child, end());
}

/** All that comes out of a stream, at most as much as the limit allows; what is more is not kept. */
async function take(stream: ReadableStream<Bytes>, limit: Limit): Promise<Bytes> {
  const pieces: Bytes[] = [];
  let length = 0;
  for await (const piece of stream) {
    if (length + piece.length > limit.maxBytes) {
      limit.reach("output");
      // Read on: until it is ended, the program may write.
      continue;
    }
    length += piece.length;
    pieces.push(piece);
  }
  const whole = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
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

/** Why a program is ended, for people. */
const ENDED: Readonly<Record<Ended, string>> = {
  time: "it did not end in time",
  signal: "it was stopped",
  output: "it wrote more than it may",
};

/** What `done` gives, or that the program was ended. */
async function within(
  { session }: RunOptions,
  limit: Limit,
  child: Deno.ChildProcess,
  done: Promise<RunResult>,
): Promise<RunResult> {
  // Where nobody awaits it any more, its rejection must not count as unhandled.
  done.catch(() => {});
  const first = await Promise.race([done, limit.reached]).finally(limit.forget);
  if (typeof first !== "string") return first;
  if (session) await runProgram(endSessionCommand(child.pid), { output: "null" });
  else tell(child, "SIGTERM");
  // A session has had its time; its first process ends with it, or at once.
  const soon = session ? undefined : await doneWithin(done, KILL_MS);
  if (!soon) tell(child, "SIGKILL");
  const reason = utf8(ENDED[first]);
  const killed = { code: KILLED, stdout: new Uint8Array(), stderr: reason };
  const last = soon ?? await doneWithin(done, LEAVE_MS) ?? killed;
  // What it wrote of its own end says less than that it was ended.
  const stderr = first === "output" ? reason : last.stderr;
  return { ...last, stderr, code: last.code || KILLED, ended: first };
}

/** Time limit, signal and bound of output. */
interface Limit {
  /** Which of them comes first. */
  reached: Promise<Ended>;
  reach(why: Ended): void;
  maxBytes: number;
  forget(): void;
}

function limitOf({ timeoutMs, signal, maxOutputBytes = Infinity }: RunOptions): Limit {
  const { promise: reached, resolve: reach } = Promise.withResolvers<Ended>();
  const timer = timeoutMs === undefined ? undefined : setTimeout(() => reach("time"), timeoutMs);
  const stop = () => reach("signal");
  signal?.addEventListener("abort", stop);
  if (signal?.aborted) stop();
  const forget = () => {
    clearTimeout(timer);
    signal?.removeEventListener("abort", stop);
  };
  return { reached, reach, maxBytes: maxOutputBytes, forget };
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
