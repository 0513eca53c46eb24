/**
 * How a text file changes, in the form of `diff -u`.
 *
 * @module
 */

/** Lines that are shown before and after what changes. */
const CONTEXT = 3;
/** Most lines that are shown of one file. */
const MAX_LINES = 200;

/**
 * The lines of a unified diff from `before` (undefined: there is no file) to `after`: one hunk from the first line that
 * differs to the last. The end of a long one is left out, and said to be.
 */
export function fileDiff(path: string, before: string | undefined, after: string): string[] {
  if (before === after) return [];
  const [old, now] = [linesOf(before ?? ""), linesOf(after)];
  let start = 0;
  while (start < old.length && start < now.length && old[start] === now[start]) start++;
  let [oldEnd, nowEnd] = [old.length, now.length];
  while (oldEnd > start && nowEnd > start && old[oldEnd - 1] === now[nowEnd - 1]) {
    oldEnd--;
    nowEnd--;
  }
  const from = Math.max(0, start - CONTEXT);
  const more = Math.min(CONTEXT, old.length - oldEnd);
  const range = (end: number) => {
    const count = end + more - from;
    return `${count === 0 ? from : from + 1},${count}`;
  };
  const lines = [
    ...old.slice(from, start).map((line) => ` ${line}`),
    ...old.slice(start, oldEnd).map((line) => `-${line}`),
    ...now.slice(start, nowEnd).map((line) => `+${line}`),
    ...old.slice(oldEnd, oldEnd + more).map((line) => ` ${line}`),
  ];
  const left = lines.length - MAX_LINES;
  return [
    `--- ${before === undefined ? "/dev/null" : path}`,
    `+++ ${path}`,
    `@@ -${range(oldEnd)} +${range(nowEnd)} @@`,
    ...lines.slice(0, MAX_LINES),
    ...left > 0 ? [`(and ${left} lines more)`] : [],
  ];
}

/** The lines of a text; a last one without its end is told from one that has it. */
function linesOf(text: string): string[] {
  const lines = text.split("\n");
  const last = lines.pop()!;
  return last === "" ? lines : [...lines, `${last}\\ no end of line`];
}
