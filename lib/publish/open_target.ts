/**
 * From a target's name to the target.
 *
 * @module
 */
import { errorText, UserError } from "../errors.ts";
import type { Host } from "../host.ts";
import { DirectoryTarget } from "./directory_target.ts";
import { parseTarget } from "./parse_target.ts";
import { PATIENCE, type Patience, PatientClient } from "./s3_client.ts";
import { findS3Settings, type S3Options } from "./s3_settings.ts";
import { S3Target } from "./s3_target.ts";
import type { Target } from "./target.ts";

/** What may be said of a target beside its name. */
export interface OpenTargetOptions extends S3Options {
  patience?: Partial<Patience>;
}

/** A target by its name; how often requests had to be repeated is told by `retries`. */
export async function openTarget(
  host: Host,
  name: string,
  options: OpenTargetOptions = {},
): Promise<{ target: Target; retries: () => number }> {
  const parsed = parseTarget(name);
  if (parsed.kind === "file") {
    return { target: new DirectoryTarget(host, parsed.dir), retries: () => 0 };
  }
  const settings = await findS3Settings(host, options);
  const patience = { ...PATIENCE, ...options.patience };
  let client: PatientClient;
  try {
    client = new PatientClient(host, settings, parsed.bucket, patience);
  } catch (error) {
    const state = errorText(error).replace(/\.$/, "");
    throw new UserError(`publish to ${name}`, state, { cause: error });
  }
  return {
    target: new S3Target(client, parsed.bucket, parsed.prefix),
    retries: () => client.retries,
  };
}
