/**
 * One child from outside: its lines, its signs of life, its memory. Linux tells the memory of a process in /proc; elsewhere
 * only V8's own bound holds.
 *
 * @module
 */
import { type ChildLine, parseChildLine } from "./child_lines.ts";

/** Bounds of a child. */
export interface Bounds {
  /** How long it may give no sign of life, in milliseconds. */
  silenceMs: number;
  /** Most memory that it may hold, in bytes. */
  maxBytes: number;
}

/** What a child is run as. */
export interface ChildSpec extends Bounds {
  /** Path of its program. */
  program: string;
  args: readonly string[];
  onLine: (line: ChildLine) => void;
}

/** How a child ended: by itself, or why it was killed. */
export interface ChildEnd {
  kind: "done" | "hang" | "memory" | "died";
  /** Words for people; empty when it is done. */
  detail: string;
}

/** How often children are looked at, in milliseconds. */
const LOOK_MS = 100;
/** How long it may take until the first case: its program and packages are loaded, for the first time perhaps. */
const START_MS = 120_000;
const PAGE_BYTES = 4096;
/** What V8 itself may hold, in MiB; the rest is for buffers. */
const HEAP_MIB = 320;
/** As much of a child's standard error is kept, in characters. */
const MAX_STDERR = 2000;
/** Exit codes that shells give for signals begin here. */
const SIGNALLED = 128;

/** Runs a child to its end. */
export async function runChild(spec: ChildSpec): Promise<ChildEnd> {
  const { silenceMs, maxBytes, program, args, onLine } = spec;
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "--quiet", "--no-prompt", "-P=pure"],
      `--v8-flags=--max-old-space-size=${HEAP_MIB},--expose-gc`,
      program,
      ...args,
    ],
    env: { NO_COLOR: "1", RUST_BACKTRACE: "0" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  let end: ChildEnd | undefined;
  let heard = performance.now();
  let patience = START_MS;
  const kill = (kind: ChildEnd["kind"], detail: string) => {
    end ??= { kind, detail };
    try {
      child.kill("SIGKILL");
    } catch {
      // It has ended in the meantime.
    }
  };
  const timer = setInterval(() => {
    const silent = performance.now() - heard;
    if (silent > patience) kill("hang", `no sign of life for ${Math.round(silent / 1000)} s`);
    const bytes = memoryOf(child.pid);
    if (bytes > maxBytes) kill("memory", `${Math.round(bytes / 2 ** 20)} MiB of memory`);
  }, LOOK_MS);
  try {
    const [status, stderr] = await Promise.all([
      child.status,
      endOf(child.stderr),
      eachLine(child.stdout, (line) => {
        heard = performance.now();
        patience = silenceMs;
        onLine(line);
      }),
    ]);
    if (end) return end;
    if (status.success) return { kind: "done", detail: "" };
    const code = status.signal ??
      (status.code > SIGNALLED ? `signal ${status.code - SIGNALLED}` : `code ${status.code}`);
    return { kind: "died", detail: `it ended with ${code}: ${stderr.trim()}` };
  } finally {
    clearInterval(timer);
  }
}

/** Memory that a process holds, in bytes; 0 where nobody tells. */
function memoryOf(pid: number): number {
  try {
    const pages = Deno.readTextFileSync(`/proc/${pid}/statm`).split(" ")[1];
    return Number(pages) * PAGE_BYTES;
  } catch {
    return 0;
  }
}

async function eachLine(
  stream: ReadableStream<Uint8Array>,
  onLine: (line: ChildLine) => void,
): Promise<void> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of stream) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop()!;
    for (const text of lines) {
      const line = parseChildLine(text);
      if (line) onLine(line);
    }
  }
}

async function endOf(stream: ReadableStream<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of stream) {
    text = (text + decoder.decode(chunk, { stream: true })).slice(-MAX_STDERR);
  }
  return text;
}
