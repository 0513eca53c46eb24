/**
 * What Deno says when a program lacks a right, in our own words: a program that was started with fewer rights than it needs
 * (a wrapper that somebody changed, an image whose agent is another version's) says which one is missing.
 *
 * @module
 */
import { errorText } from "./errors.ts";

/** What can't be done by each kind of access that Deno names. */
const DOING: Readonly<Record<string, (what: string) => string>> = {
  read: (path) => `read ${path}`,
  write: (path) => `write ${path}`,
  run: (program) => `run ${program}`,
  net: (server) => `connect to ${server}`,
  env: (name) => `read the variable ${name}`,
  sys: (fact) => `ask the system for ${fact}`,
};
const DENIED = /^Requires (\w+) access(?: to "(.*)")?, run again with the (--allow-\w+) flag$/;

/** What can't be done and why, to complete "Cannot …: …"; undefined where `error` is no denial of a right. */
export function deniedRight(error: unknown): { doing: string; state: string } | undefined {
  if (!(error instanceof Error) || error.name !== "NotCapable") return undefined;
  const found = DENIED.exec(errorText(error));
  if (!found) return undefined;
  const [, kind, what = "anything", right] = found;
  const doing = DOING[kind!]?.(what) ?? `have ${kind} access to ${what}`;
  return { doing, state: `this program was started without the right to (${right})` };
}
