import {
  type CommandLine,
  type CommandSpec,
  type Console,
  processConsole,
  runCommand,
} from "../lib/cli/command.ts";
import { DenoHost } from "../lib/deno_host.ts";
import { EXIT, UserError } from "../lib/errors.ts";
import type { Host } from "../lib/host.ts";
import { openTarget } from "../lib/publish/open_target.ts";
import { PATIENCE } from "../lib/publish/s3_client.ts";
import { loadRoots } from "../lib/trust/root_sign.ts";
import { DEFAULT_PARALLEL, type Uploaded, uploadSite } from "../site/upload/upload.ts";

/**
 * `deno task publish`: uploads the built site to S3-compatible storage or into a directory.
 */

const SPEC: CommandSpec = {
  name: "deno task publish",
  summary: "Upload what changed of the built site; nodes see the old publication or the new one.",
  usage: ["s3://BUCKET[/PREFIX]", "file:DIRECTORY"],
  options: {
    from: { value: "DIR", help: "the built site, default public" },
    keys: { value: "DIR", help: "the keys that nodes trust, if they are here; default keys" },
    "dry-run": { help: "say what would be done, change nothing" },
    prune: { help: "then remove what the site no longer has (never releases, never other files)" },
    full: { help: "list and compare everything, e.g. when files were removed by hand" },
    parallel: { value: "N", help: `uploads at a time, default ${DEFAULT_PARALLEL}` },
    endpoint: { value: "URL", help: "S3 server, default AWS_ENDPOINT_URL_S3 or Amazon's" },
    region: { value: "NAME", help: "default AWS_REGION, the profile's, or us-east-1" },
    profile: { value: "NAME", help: "profile of ~/.aws/credentials and ~/.aws/config" },
    "path-style": { help: "the bucket in the path; default with an endpoint of your own" },
    "virtual-host": { help: "the bucket in the host name; default at Amazon" },
    timeout: {
      value: "SECONDS",
      help:
        `wait for an answer, beside the time a file's size takes; default ${PATIENCE.timeoutSeconds}`,
    },
    json: { help: "print what was done as JSON" },
  },
  notes: [
    "Order: content under names of its own, then timestamp.json in one step, then the copies for people, then --prune. A\n" +
    "publish that was cut off is resumed by the same command.",
    "Without a target PSYOPSOS_PUBLISH names it. Credentials: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, else\n" +
    "AWS_PROFILE in AWS_SHARED_CREDENTIALS_FILE and AWS_CONFIG_FILE; a profile given by option counts first.",
    "Rights: s3:GetObject, s3:PutObject, s3:ListBucket; --prune also s3:DeleteObject. Network: the S3 server only.",
  ],
};

const TARGET_FORMS = `${SPEC.usage.join(" or ")}, here or in PSYOPSOS_PUBLISH`;

/** The task. */
export function main(
  args: readonly string[],
  host: Host,
  console: Console = processConsole,
): Promise<number> {
  return runCommand(SPEC, args, async (line) => {
    const [named, ...rest] = line.words;
    const name = named ?? host.env("PSYOPSOS_PUBLISH");
    if (rest.length > 0 || !name) throw usage(`expected one target, ${TARGET_FORMS}`);
    if (line.on("path-style") && line.on("virtual-host")) {
      throw usage("--path-style and --virtual-host exclude each other");
    }
    const timeout = number(line, "timeout");
    const { target, retries } = await openTarget(host, name, {
      endpoint: line.value("endpoint"),
      region: line.value("region"),
      profile: line.value("profile"),
      pathStyle: line.on("path-style") ? true : line.on("virtual-host") ? false : undefined,
      patience: timeout === undefined ? {} : { timeoutSeconds: timeout },
    });
    const json = line.on("json");
    const chain = await loadRoots(host, line.value("keys") ?? "keys");
    const uploaded = await uploadSite(host, {
      from: line.value("from") ?? "public",
      target,
      pinned: chain?.pinned,
      parallel: number(line, "parallel"),
      prune: line.on("prune"),
      full: line.on("full"),
      dryRun: line.on("dry-run"),
      onStage: json
        ? undefined
        : ({ name, files }) => console.out(`  ${name.padEnd(10)}${sizes(files)}`),
    });
    if (json) {
      console.out(JSON.stringify({ ...uploaded, retries: retries() }, null, 2));
    } else {
      for (const text of report(uploaded, retries())) console.out(text);
    }
  }, console);
}

function report(uploaded: Uploaded, retries: number): string[] {
  const { target, serial, expires, stages, removed, uploads, dryRun } = uploaded;
  const lines = dryRun
    ? stages.flatMap(({ name, files }) =>
      files.map(({ path, size }) => `  ${name.padEnd(10)}${path}, ${size} bytes`)
    )
    : [];
  lines.push(...removed.map((path) => `  ${dryRun ? "remove" : "removed"}    ${path}`));
  const again = retries > 0
    ? `, ${retries} ${retries === 1 ? "request" : "requests"} repeated`
    : "";
  const state = uploads === 0
    ? "nothing to upload"
    : dryRun
    ? `${count(uploads)} to upload`
    : `${count(uploads)} uploaded, nodes saw it after ${uploaded.uploadsUntilLive}`;
  lines.push(`${target}: serial ${serial}, valid until ${expires}; ${state}${again}`);
  return lines;
}

function sizes(files: readonly { size: number }[]): string {
  const bytes = files.reduce((sum, { size }) => sum + size, 0);
  return `${count(files.length)}, ${bytes} bytes`;
}

function count(files: number): string {
  return `${files} ${files === 1 ? "file" : "files"}`;
}

function number(line: CommandLine, name: string): number | undefined {
  const value = line.value(name);
  if (value === undefined) return undefined;
  if (!/^[1-9]\d{0,3}$/.test(value)) throw usage(`--${name} must be a whole number from 1 on`);
  return Number(value);
}

function usage(state: string): UserError {
  return new UserError("read the command line", state, {
    exitCode: EXIT.usage,
    hint: `${SPEC.name} --help shows what it takes`,
  });
}

if (import.meta.main) Deno.exit(await main(Deno.args, new DenoHost()));
