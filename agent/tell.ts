/**
 * What the agent's verbs print for people: of what was verified, and of a plan.
 *
 * @module
 */
import type { Plan, Verified } from "./course/look.ts";

/** Lines of a text by themselves. */
const indented = (lines: readonly string[]) => lines.map((line) => `    ${line}`);

/** What was verified, in one line. */
export function verifiedText({ node, serial, issued, expires }: Verified): string {
  return `${node}: serial ${serial} of ${issued} holds until ${expires}, and this node can read it`;
}

/** A plan: what it is made by, then its steps with what changes, then what can't be done. */
export function planText(plan: Plan): string {
  const { node, serial, source, trouble, steps, problems } = plan;
  const from = source === "site" ? "the site" : "the identity drive (last good)";
  return [
    ...trouble ? [trouble.message] : [],
    `${node} by serial ${serial} from ${from}`,
    ...steps.length === 0 ? ["nothing to change"] : [],
    ...steps.flatMap(({ step, diff = [] }) => [`  ${step}`, ...indented(diff)]),
    ...problems.map((problem) => `  ! ${problem}`),
  ].join("\n");
}
