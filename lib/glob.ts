/**
 * Shell patterns, as fnmatch(3) matches them: `*`, `?`, and sets in brackets with ranges, negated by `!` or `^`. Patterns come
 * from packages and modules: no pattern costs more time than its length times that of the text.
 *
 * @module
 */

/** One step of a pattern: any number of characters, one character of a set, or a certain one. */
type Step = "many" | "one" | string | Set;

interface Set {
  negated: boolean;
  /** First and last of each range, both included. */
  ranges: [string, string][];
}

/** Whether `pattern` matches all of `text`. A bracket that is not closed stands for itself. */
export function globMatches(pattern: string, text: string): boolean {
  const steps = stepsOf(pattern);
  let at = 0;
  let step = 0;
  // Where to go on when the rest does not fit: the last star takes one character more.
  let star = -1;
  let taken = 0;
  while (at < text.length) {
    const next = steps[step];
    if (next === "many") {
      star = step++;
      taken = at;
    } else if (next !== undefined && fits(next, text[at]!)) {
      step++;
      at++;
    } else if (star >= 0) {
      step = star + 1;
      at = ++taken;
    } else return false;
  }
  while (steps[step] === "many") step++;
  return step === steps.length;
}

function fits(step: Step, char: string): boolean {
  if (step === "one") return true;
  if (typeof step === "string") return step === char;
  return step.ranges.some(([first, last]) => first <= char && char <= last) !== step.negated;
}

function stepsOf(pattern: string): Step[] {
  const steps: Step[] = [];
  for (let at = 0; at < pattern.length; at++) {
    const char = pattern[at]!;
    if (char === "*") {
      if (steps.at(-1) !== "many") steps.push("many");
    } else if (char === "?") steps.push("one");
    else if (char === "[") {
      const negated = pattern[at + 1] === "!" || pattern[at + 1] === "^";
      const start = at + (negated ? 2 : 1);
      // A bracket in the first place is one of the set.
      const end = pattern.indexOf("]", start + 1);
      if (end < 0) steps.push(char);
      else {
        steps.push({ negated, ranges: rangesOf(pattern.slice(start, end)) });
        at = end;
      }
    } else steps.push(char);
  }
  return steps;
}

function rangesOf(set: string): [string, string][] {
  const ranges: [string, string][] = [];
  for (let at = 0; at < set.length; at++) {
    const isRange = set[at + 1] === "-" && at + 2 < set.length;
    ranges.push([set[at]!, isRange ? set[at + 2]! : set[at]!]);
    if (isRange) at += 2;
  }
  return ranges;
}
