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

/** Words with dots between them, each of which begins and ends with a letter or a digit. */
const BUCKET =
  /^(?=.{3,63}$)[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*$/;
const ADDRESS = /^\d+\.\d+\.\d+\.\d+$/;
const PREFIX = /^[A-Za-z0-9_-][A-Za-z0-9._-]*(?:\/[A-Za-z0-9_-][A-Za-z0-9._-]*)*$/;

/**
 * Reads a target's name. A `~` at the beginning of a directory is `home`: behind "file:" no shell looks for it.
 *
 * @throws {UserError} with `EXIT.usage`.
 */
export function parseTarget(given: string, home?: string): TargetName {
  // What stands before an "@" may be a password.
  const shown = given.replace(/(?<=:\/\/).*@/s, "…@");
  const fail = (state: string, hint = "a target is s3://BUCKET[/PREFIX] or file:DIRECTORY") =>
    new UserError(`publish to ${shown}`, state, { exitCode: EXIT.usage, hint });
  if (given.startsWith("s3://")) {
    const [bucket = "", ...rest] = given.slice("s3://".length).replace(/\/+$/, "").split("/");
    const prefix = rest.join("/");
    if (!BUCKET.test(bucket) || ADDRESS.test(bucket)) throw fail("that is no bucket's name");
    if (prefix !== "" && !PREFIX.test(prefix)) throw fail("a prefix is words with / between them");
    return { kind: "s3", bucket, prefix };
  }
  if (given.startsWith("file:")) {
    const [, host = "", path = ""] = /^file:(?:\/\/([^/]*))?(.*)$/s.exec(given) ?? [];
    if (host !== "" && host.toLowerCase() !== "localhost") {
      throw fail(
        "what stands between // and the next / is the name of a host",
        "file:DIR is a directory below the current one, file:/DIR one from the root",
      );
    }
    const dir = path.replace(/(?<=.)\/+$/, "");
    if (dir === "") throw fail("the directory is missing");
    if (!dir.startsWith("~")) return { kind: "file", dir };
    if (home && /^~(\/|$)/.test(dir)) return { kind: "file", dir: home + dir.slice(1) };
    throw fail("only your own ~ is known; ./~ is a directory of that name");
  }
  throw fail("that is no target");
}
