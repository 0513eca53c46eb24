/**
 * From a target's name to the target.
 *
 * @module
 */
import { EXIT, UserError } from "../errors.ts";
import type { Host } from "../host.ts";
import { DirectoryTarget } from "./directory_target.ts";
import { parseTarget } from "./parse_target.ts";
import { findS3Settings, type S3Options } from "./s3_settings.ts";
import { S3Target } from "./s3_target.ts";
import { PATIENCE, type Patience, S3Wire } from "./s3_wire.ts";
import type { Target } from "./target.ts";

/** What may be said of a target beside its name. */
export interface OpenTargetOptions extends S3Options {
  patience?: Partial<Patience>;
  /** Who may read what is put, by S3's name for it; default: as the bucket says. */
  acl?: string;
}

/** A target by its name; how often requests had to be repeated is told by `retries`. */
export async function openTarget(
  host: Host,
  name: string,
  options: OpenTargetOptions = {},
): Promise<{ target: Target; retries: () => number }> {
  const parsed = parseTarget(name, host.env("HOME"));
  if (parsed.kind === "file") {
    if (options.acl !== undefined) {
      throw new UserError(`publish to ${name}`, "files in a directory have no ACL", {
        exitCode: EXIT.usage,
      });
    }
    return { target: new DirectoryTarget(host, parsed.dir), retries: () => 0 };
  }
  const settings = await findS3Settings(host, options, parsed.bucket);
  const wire = new S3Wire(host, settings, parsed.bucket, { ...PATIENCE, ...options.patience });
  return {
    target: new S3Target(wire, parsed.prefix, options.acl),
    retries: () => wire.retries,
  };
}
