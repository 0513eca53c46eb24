/**
 * How far each machine is, from the lines of its console: pure state, and the lines that show it. Drawing on a terminal
 * is in terminal.ts.
 *
 * @module
 */
import { CONSOLE_EVENTS, type ConsoleEvent, parseConsoleLine } from "../documents/console_line.ts";
import type { ConsoleLine } from "./console.ts";

/** The way of a machine, in order. */
export const STAGES = [
  "firmware",
  "kernel",
  "agent",
  "network",
  "verified",
  "applied",
  "configured",
] as const;

/** One of {@linkcode STAGES}. */
export type Stage = typeof STAGES[number];

/** How far one machine is. */
export interface NodeProgress {
  readonly name: string;
  /** Seconds since its start at which a stage was reached. */
  readonly reached: Readonly<Partial<Record<Stage, number>>>;
  /** The newest thing worth telling. */
  readonly note: string;
  /** Set while something is wrong: refused, waiting, degraded. */
  readonly trouble?: ConsoleEvent;
}

/** Console events that are stages, and the others that are shown. */
const STAGE_OF: Partial<Record<ConsoleEvent, Stage>> = {
  started: "agent",
  network: "network",
  verified: "verified",
  applied: "applied",
  configured: "configured",
};
const TROUBLE: readonly ConsoleEvent[] = ["refused", "waiting", "degraded"];

/** A machine that was just started. */
export function newProgress(name: string): NodeProgress {
  return { name, reached: {}, note: "" };
}

/** State after one more line; the same object when the line tells nothing new. */
export function advance(progress: NodeProgress, line: ConsoleLine): NodeProgress {
  const message = parseConsoleLine(line.text);
  if (message) {
    const stage = STAGE_OF[message.event];
    const note = [message.event, ...Object.entries(message.facts).map(([k, v]) => `${k}=${v}`)]
      .join(" ");
    return {
      name: progress.name,
      reached: stage ? reach(progress.reached, stage, line.at) : progress.reached,
      note,
      trouble: TROUBLE.includes(message.event) ? message.event : undefined,
    };
  }
  const stage = /Linux version \d/.test(line.text)
    ? "kernel"
    : line.text !== ""
    ? "firmware"
    : undefined;
  if (!stage || progress.reached[stage] !== undefined || progress.reached.agent !== undefined) {
    return progress;
  }
  return { ...progress, reached: reach(progress.reached, stage, line.at) };
}

function reach(
  reached: NodeProgress["reached"],
  stage: Stage,
  at: number,
): NodeProgress["reached"] {
  return reached[stage] === undefined ? { ...reached, [stage]: at } : reached;
}

/** The last stage that was reached. */
export function lastStage(progress: NodeProgress): Stage | undefined {
  return STAGES.findLast((stage) => progress.reached[stage] !== undefined);
}

/** A line for a log: what changed between two states, undefined when it is not worth one. */
export function changeLine(before: NodeProgress, after: NodeProgress): string | undefined {
  if (before === after) return undefined;
  const stage = STAGES.find((one) =>
    before.reached[one] === undefined && after.reached[one] !== undefined
  );
  if (stage !== undefined) {
    const note = after.note && stage !== "kernel" && stage !== "firmware"
      ? `  ${withoutEvent(after.note)}`
      : "";
    return `${seconds(after.reached[stage]!)}  ${after.name}  ${stage}${note}`.trimEnd();
  }
  return after.trouble && after.note !== before.note
    ? `${" ".repeat(8)}  ${after.name}  ${after.note}`
    : undefined;
}

/**
 * One line per machine for a terminal of `width` columns: stages with their times, what it is at for how long, trouble.
 * Where that is too wide the oldest stages go.
 *
 * @param now Seconds since the machine's start, undefined when it runs no longer (or not yet).
 */
export function barLine(
  progress: NodeProgress,
  nameWidth: number,
  width: number,
  now?: number,
): string {
  const done = STAGES.filter((stage) => progress.reached[stage] !== undefined);
  const words = done.map((stage) => `${stage} ${progress.reached[stage]!.toFixed(0)}s`);
  const next = STAGES.find((stage) => progress.reached[stage] === undefined);
  if (next !== undefined && now !== undefined) words.push(`${next}… ${now.toFixed(0)}s`);
  if (progress.trouble) words.push(`! ${progress.note}`);
  const line = () => `${progress.name.padEnd(nameWidth)}  ${words.join("  ")}`;
  while (line().length > width && words.length > 2) words.shift();
  return line().slice(0, width);
}

/** "12.3 s", aligned for columns. */
export function seconds(value: number): string {
  return `${value.toFixed(1).padStart(6)} s`;
}

/** Columns padded to their widest cell, two blanks between them; the first row is the head. */
export function table(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)));
  return rows.map((row) => row.map((cell, i) => cell.padEnd(widths[i]!)).join("  ").trimEnd());
}

function withoutEvent(note: string): string {
  const [first = "", ...rest] = note.split(" ");
  return CONSOLE_EVENTS.some((event) => event === first) ? rest.join(" ") : note;
}
