/**
 * What a child tells its parent, line by line: the number of each case before it is run, so that a case which never ends has
 * a name, and now and then what became of those before.
 *
 * @module
 */
import * as v from "valibot";

const tallySchema = v.object({
  cases: v.number(),
  accepted: v.number(),
  /** Refusals by the check of trust that failed; all others under "". */
  refused: v.record(v.string(), v.number()),
  slowestMs: v.number(),
  busyMs: v.number(),
  /** What became of the last case. */
  last: v.string(),
});
const faultSchema = v.object({
  case: v.number(),
  kind: v.string(),
  steps: v.array(v.string()),
  detail: v.string(),
});
const shownSchema = v.object({
  steps: v.array(v.string()),
  /** Names and contents of the parts, in base64. */
  parts: v.array(v.tuple([v.string(), v.string()])),
});
const noteSchema = v.union([
  v.object({ tally: tallySchema }),
  v.object({ fault: faultSchema }),
  v.object({ shown: shownSchema }),
]);

/** What became of the cases of one child so far. */
export type Tally = v.InferOutput<typeof tallySchema>;
/** A fault that the child itself has seen. */
export type SeenFault = v.InferOutput<typeof faultSchema>;

/** The input of a case. */
export type ShownCase = v.InferOutput<typeof shownSchema>;

/** One line of a child. */
export type ChildLine = { ready: true } | { begins: number } | v.InferOutput<typeof noteSchema>;

/** Word of a child's command line, in the place of a last case: asks for what the case before it reads. */
export const SHOW = "show";

/** Longest detail of a fault, in characters. */
const MAX_DETAIL = 4000;
const READY = "ready";

/** A tally of nothing. */
export function emptyTally(): Tally {
  return { cases: 0, accepted: 0, refused: {}, slowestMs: 0, busyMs: 0, last: "" };
}

/** The text of a line, with its newline. */
export function formatChildLine(line: ChildLine): string {
  if ("ready" in line) return `${READY}\n`;
  if ("begins" in line) return `${line.begins}\n`;
  if (!("fault" in line)) return `${JSON.stringify(line)}\n`;
  const detail = line.fault.detail.slice(0, MAX_DETAIL);
  return `${JSON.stringify({ fault: { ...line.fault, detail } })}\n`;
}

/** Reads a line; undefined for what no child writes. */
export function parseChildLine(text: string): ChildLine | undefined {
  if (text === READY) return { ready: true };
  if (/^\d{1,15}$/.test(text)) return { begins: Number(text) };
  try {
    const note = v.safeParse(noteSchema, JSON.parse(text));
    return note.success ? note.output : undefined;
  } catch {
    // A line that was cut when its child was killed.
    return undefined;
  }
}
