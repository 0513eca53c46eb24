/**
 * `deno task publish`: uploads the built site to S3-compatible storage or into a directory.
 *
 * @module
 */
import { type Console, processConsole } from "../lib/cli/console.ts";
import { UsageError } from "../lib/cli/failures.ts";
import { runProgram } from "../lib/cli/program.ts";
import { DenoHost } from "../lib/deno_host.ts";
import type { Host } from "../lib/host.ts";
import { openTarget } from "../lib/publish/open_target.ts";
import { loadRoots } from "../lib/trust/root_sign.ts";
import { type Uploaded, uploadSite } from "../site/upload/upload.ts";
import { program, TARGETS } from "./lines/publish.ts";

/** The task. */
export function main(
  args: readonly string[],
  host: Host,
  console: Console = processConsole,
): Promise<number> {
  return runProgram(program, args, async (line, console) => {
    const { from, parallel, prune, full, dryRun, json } = line;
    const name = line.target ?? host.env("PSYOPSOS_PUBLISH");
    if (!name) throw new UsageError(`expected ${TARGETS}, here or in PSYOPSOS_PUBLISH`);
    const { endpoint, region, profile, pathStyle, timeoutSeconds } = line;
    const patience = { timeoutSeconds };
    const { target, retries } = await openTarget(host, name, {
      endpoint,
      region,
      profile,
      pathStyle,
      patience,
    });
    const chain = await loadRoots(host, line.keys);
    const uploaded = await uploadSite(host, {
      from,
      target,
      pinned: chain?.pinned,
      parallel,
      prune,
      full,
      dryRun,
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

if (import.meta.main) Deno.exit(await main(Deno.args, new DenoHost()));
