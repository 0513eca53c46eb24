/**
 * The command line of `deno task publish`.
 *
 * @module
 */
import { object, or } from "@optique/core/constructs";
import { map, optional } from "@optique/core/modifiers";
import type { InferValue } from "@optique/core/parser";
import { needed, number, on, oneOf, value, word } from "../../lib/cli/options.ts";
import type { Program } from "../../lib/cli/program.ts";
import { PATIENCE } from "../../lib/publish/s3_wire.ts";
import { PRUNE_HOURS } from "../../site/upload/prune.ts";
import { DEFAULT_PARALLEL } from "../../site/upload/upload.ts";

const MAX_PARALLEL = 256;
const MAX_TIMEOUT_SECONDS = 3600;
/** Those of S3's canned ACLs that make sense for a site. */
const ACLS = ["public-read", "private", "bucket-owner-full-control"] as const;

const parser = object({
  target: optional(word("TARGET")),
  from: value("from", "DIR", "the built site", { default: "public" }),
  keys: value("keys", "DIR", "the keys that nodes trust, if they are here", { default: "keys" }),
  dryRun: on("dry-run", "say what would be done, change nothing"),
  check: value("check", "URL", "then read the site there as nodes do, without credentials"),
  prune: on("prune", "then remove what the site no longer has (never releases, never other files)"),
  pruneHours: number("prune-after", { from: 0 }, "hours that a file must be old to be removed", {
    default: PRUNE_HOURS,
  }),
  full: on("full", "compare everything by its content, e.g. when files were changed by hand"),
  overwrite: on("overwrite", "publish also over a timestamp that no node of this site accepts"),
  acl: oneOf("acl", ACLS, "who may read what is put; with --full also what is there already"),
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

/** What the command line says. */
export type Line = InferValue<typeof parser>;

/** What a target looks like. */
export const TARGETS = "s3://BUCKET[/PREFIX] or file:DIRECTORY";

/** The program. */
export const program: Program<Line> = {
  name: "deno task publish",
  summary: "Upload what changed of the built site; nodes see the old publication or the new one.",
  parser,
  notes: [
    "Order: content under names of its own, then timestamp.json in one step, then a look whether all it leads to is there,\n" +
    "then the copies for people, then --prune. A publish that was cut off is resumed by the same command.",
    "--prune leaves what is younger than a day, as somebody else may be publishing it, and what the publication lists that\n" +
    "it replaces, as nodes may be reading it: a later --prune removes that. --prune-after 0 is for what must go at once.",
    `TARGET is ${TARGETS}; without one PSYOPSOS_PUBLISH names it. Without either, --check URL checks and does no more.`,
    "With --json and --check, a site that was published but can't be read has checked: null and the reason as error, and the\n" +
    "exit code of that; nothing on standard output means that nothing was published, or not all.",
    "Credentials: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, else\n" +
    "AWS_PROFILE in AWS_SHARED_CREDENTIALS_FILE and AWS_CONFIG_FILE; a profile given by option counts first.",
    "Rights: s3:GetObject, s3:PutObject, s3:ListBucket; --prune also s3:DeleteObject, --acl s3:PutObjectAcl. Network: the S3\n" +
    "server, and with --check the site.",
  ],
};
