/**
 * The command line of `deno task publish`.
 *
 * @module
 */
import { object, or } from "@optique/core/constructs";
import { map, optional } from "@optique/core/modifiers";
import type { InferValue } from "@optique/core/parser";
import { needed, number, on, value, word } from "../../lib/cli/options.ts";
import type { Program } from "../../lib/cli/program.ts";
import { PATIENCE } from "../../lib/publish/s3_client.ts";
import { DEFAULT_PARALLEL } from "../../site/upload/upload.ts";

const MAX_PARALLEL = 256;
const MAX_TIMEOUT_SECONDS = 3600;

const parser = object({
  target: optional(word("TARGET")),
  from: value("from", "DIR", "the built site", { default: "public" }),
  keys: value("keys", "DIR", "the keys that nodes trust, if they are here", { default: "keys" }),
  dryRun: on("dry-run", "say what would be done, change nothing"),
  prune: on("prune", "then remove what the site no longer has (never releases, never other files)"),
  full: on("full", "list and compare everything, e.g. when files were removed by hand"),
  parallel: number("parallel", { from: 1, to: MAX_PARALLEL }, "uploads at a time", {
    default: DEFAULT_PARALLEL,
  }),
  endpoint: value("endpoint", "URL", "S3 server, default AWS_ENDPOINT_URL_S3 or Amazon's"),
  region: value("region", "NAME", "default AWS_REGION, the profile's, or us-east-1"),
  profile: value("profile", "NAME", "profile of ~/.aws/credentials and ~/.aws/config"),
  pathStyle: optional(or(
    map(
      needed("path-style", "the bucket in the path; default with an endpoint of your own"),
      () => true,
    ),
    map(needed("virtual-host", "the bucket in the host name; default at Amazon"), () => false),
  )),
  timeoutSeconds: number(
    "timeout",
    { from: 1, to: MAX_TIMEOUT_SECONDS },
    "seconds to wait for an answer, beside the time a file's size takes",
    { default: PATIENCE.timeoutSeconds },
  ),
  json: on("json", "print what was done as JSON"),
});

/** What a target looks like. */
export const TARGETS = "s3://BUCKET[/PREFIX] or file:DIRECTORY";

/** The program. */
export const program: Program<InferValue<typeof parser>> = {
  name: "deno task publish",
  summary: "Upload what changed of the built site; nodes see the old publication or the new one.",
  parser,
  notes: [
    "Order: content under names of its own, then timestamp.json in one step, then the copies for people, then --prune. A\n" +
    "publish that was cut off is resumed by the same command.",
    `TARGET is ${TARGETS}; without one PSYOPSOS_PUBLISH names it.`,
    "Credentials: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, else\n" +
    "AWS_PROFILE in AWS_SHARED_CREDENTIALS_FILE and AWS_CONFIG_FILE; a profile given by option counts first.",
    "Rights: s3:GetObject, s3:PutObject, s3:ListBucket; --prune also s3:DeleteObject. Network: the S3 server only.",
  ],
};
