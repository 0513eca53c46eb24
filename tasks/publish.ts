/**
 * `deno task publish`: uploads the built site to S3-compatible storage or into a directory, and reads it there as nodes do.
 *
 * @module
 */
import { alone, lockBeside } from "../lib/cli/alone.ts";
import { type Console, processConsole } from "../lib/cli/console.ts";
import { UsageError } from "../lib/cli/failures.ts";
import { runProgram } from "../lib/cli/program.ts";
import { DenoHost } from "../lib/deno_host.ts";
import { errorText } from "../lib/errors.ts";
import type { Host } from "../lib/host.ts";
import { openTarget } from "../lib/publish/open_target.ts";
import { TIMESTAMP_PATH } from "../lib/trust/freshness.ts";
import type { PublicKey } from "../lib/trust/minisign.ts";
import { loadRoots } from "../lib/trust/root_sign.ts";
import { type Checked, checkedUrl, checkPublished } from "../site/upload/check_site.ts";
import { LocalSite } from "../site/upload/local_site.ts";
import { type Uploaded, uploadSite } from "../site/upload/upload.ts";
import { type Line, program, TARGETS } from "./lines/publish.ts";

/** The task. */
export function main(
  args: readonly string[],
  host: Host,
  console: Console = processConsole,
): Promise<number> {
  return runProgram(program, args, async (line, console) => {
    const { from, json, check } = line;
    if (check !== undefined) checkedUrl(check);
    const name = line.target ?? host.env("PSYOPSOS_PUBLISH");
    const pinned = (await loadRoots(host, line.keys))?.pinned;
    if (!name) {
      if (check === undefined) {
        throw new UsageError(`expected ${TARGETS}, here or in PSYOPSOS_PUBLISH`);
      }
      const checked = await checkPublished(host, {
        url: check,
        pinned: await new LocalSite(host, from).pinned(pinned),
      });
      return console.out(json ? JSON.stringify({ checked }, null, 2) : checkedLine(checked));
    }
    const turn = { doing: `publish ${from}`, command: "task publish" };
    const { uploaded, retries } = await alone(
      host,
      await lockBeside(host, from),
      turn,
      () => upload(host, { ...line, name, pinned }, console),
    );
    const done = (checks: { checked?: Checked | null; error?: string }) =>
      console.out(JSON.stringify({ ...uploaded, retries, ...checks }, null, 2));
    if (!json) { for (const text of report(uploaded, retries)) console.out(text); }
    try {
      const checked = await checkUploaded(host, line, pinned);
      if (json) done({ checked });
      else if (checked) console.out(checkedLine(checked));
    } catch (error) {
      // All is published nevertheless: a script is to know that.
      if (json) done({ checked: null, error: errorText(error) });
      throw error;
    }
  }, console);
}

/** Reads what was just published, where that is asked for. */
async function checkUploaded(
  host: Host,
  { from, check, dryRun }: Line,
  pinned: PublicKey | undefined,
): Promise<Checked | undefined> {
  if (check === undefined) return undefined;
  const site = new LocalSite(host, from);
  return await checkPublished(host, {
    url: check,
    pinned: await site.pinned(pinned),
    stamp: dryRun ? undefined : await site.read(TIMESTAMP_PATH),
  });
}

async function upload(
  host: Host,
  line: Line & { name: string; pinned?: PublicKey },
  console: Console,
): Promise<{ uploaded: Uploaded; retries: number }> {
  const { name, pinned, timeoutSeconds, acl, full, json } = line;
  const { target, retries } = await openTarget(host, name, {
    endpoint: line.endpoint,
    region: line.region,
    profile: line.profile,
    pathStyle: line.pathStyle,
    patience: { timeoutSeconds },
    acl,
  });
  const uploaded = await uploadSite(host, {
    from: line.from,
    target,
    pinned,
    parallel: line.parallel,
    prune: line.prune,
    pruneHours: line.pruneHours,
    full,
    allow: full && acl !== undefined,
    overwrite: line.overwrite,
    dryRun: line.dryRun,
    onStage: json
      ? undefined
      : ({ name, files }) => console.out(`  ${name.padEnd(10)}${sizes(files)}`),
  });
  return { uploaded, retries: retries() };
}

function checkedLine({ url, serial, expires, bins, documents }: Checked): string {
  const what = `${documents} documents in ${bins} ${bins === 1 ? "bin" : "bins"}`;
  return `${url}: nodes read serial ${serial}, valid until ${expires}; ${what}`;
}

function report(uploaded: Uploaded, retries: number): string[] {
  const { target, serial, expires, stages, removed, kept, uploads, remarks, dryRun } = uploaded;
  const lines = dryRun
    ? stages.flatMap(({ name, files }) =>
      files.map(({ path, size }) => `  ${name.padEnd(10)}${path}, ${size} bytes`)
    )
    : [];
  lines.push(...removed.map((path) => `  ${dryRun ? "remove" : "removed"}    ${path}`));
  if (kept > 0) {
    const why = `as others may be publishing or reading ${kept === 1 ? "it" : "them"}`;
    lines.push(
      `  ${count(kept)} that the site no longer has ${
        kept === 1 ? "stays" : "stay"
      } for now, ${why}`,
    );
  }
  lines.push(...remarks.map((remark) => `  note: ${remark}`));
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
