/**
 * The forms of the agent, best first:
 *
 * - musl: compiled, linked with the system's own C library;
 * - glibc: compiled, with the few files of glibc that it needs;
 * - bundle: one script, run by the system's package `deno`.
 *
 * They are the same script with the same rights.
 *
 * @module
 */

/** The forms, best first. */
export const AGENT_FORMS = ["musl", "glibc", "bundle"] as const;
/** One of {@linkcode AGENT_FORMS}. */
export type AgentForm = typeof AGENT_FORMS[number];
/** What can be asked for: a form, or the best that can be had. */
export const FORM_CHOICES = ["auto", ...AGENT_FORMS] as const;
/** One of {@linkcode FORM_CHOICES}. */
export type FormChoice = typeof FORM_CHOICES[number];

/**
 * The packages of an image with this agent: what the agent needs is added, and Deno, which only the bundle needs, is left
 * out with the others.
 */
export function worldWithAgent(
  packages: readonly string[],
  agent: { form: AgentForm; packages: readonly string[] },
): string[] {
  const names = packages.map((dependency) => dependency.replace(/[<>=~@].*$/, ""));
  const kept = packages.filter((_, i) => agent.form === "bundle" || names[i] !== "deno");
  return [...kept, ...agent.packages.filter((name) => !names.includes(name))];
}
