/**
 * What a target is called on the command line: `s3://BUCKET[/PREFIX]` or `file:DIRECTORY`.
 *
 * @module
 */
import { EXIT, UserError } from "../errors.ts";

/** A target as it was named. */
export type TargetName =
  | { kind: "s3"; bucket: string; prefix: string }
  | { kind: "file"; dir: string };

const BUCKET = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;
const PREFIX = /^[A-Za-z0-9_-][A-Za-z0-9._-]*(?:\/[A-Za-z0-9_-][A-Za-z0-9._-]*)*$/;

/**
 * Reads a target's name. A `~` at the beginning of a directory is `home`: behind "file:" no shell looks for it.
 *
 * @throws {UserError} with `EXIT.usage`.
 */
export function parseTarget(given: string, home?: string): TargetName {
  const fail = (state: string) =>
    new UserError(`publish to ${given}`, state, {
      exitCode: EXIT.usage,
      hint: "a target is s3://BUCKET[/PREFIX] or file:DIRECTORY",
    });
  if (given.startsWith("s3://")) {
    const [bucket = "", ...rest] = given.slice("s3://".length).replace(/\/+$/, "").split("/");
    const prefix = rest.join("/");
    if (!BUCKET.test(bucket)) throw fail("that is no bucket's name");
    if (prefix !== "" && !PREFIX.test(prefix)) throw fail("a prefix is words with / between them");
    return { kind: "s3", bucket, prefix };
  }
  if (given.startsWith("file:")) {
    const dir = given.slice("file:".length).replace(/^\/\/(?=\/)/, "").replace(/(?<=.)\/+$/, "");
    if (dir === "") throw fail("the directory is missing");
    if (!dir.startsWith("~")) return { kind: "file", dir };
    if (home && /^~(\/|$)/.test(dir)) return { kind: "file", dir: home + dir.slice(1) };
    throw fail("only your own ~ is known; ./~ is a directory of that name");
  }
  throw fail("that is no target");
}
