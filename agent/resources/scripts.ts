/**
 * Scripts of the configuration. Each runs as root in the order of their names; its output (both streams) is kept for root only.
 *
 * `when: boot` runs once in every boot, `when: change` also runs again in the same boot when the text is new. One that fails is
 * tried again at every check, so scripts must bear being repeated. A `#!` line is honoured; without one `/bin/sh` reads it.
 *
 * @module
 */
import * as v from "valibot";
import { sha256Hex } from "../../lib/bytes.ts";
import { PRIVATE_DIGEST } from "../../lib/config/key.ts";
import type { ObservedOf } from "../../lib/config/mod.ts";
import type { DesiredScript } from "../../lib/config/scripts.ts";
import { UserError } from "../../lib/errors.ts";
import type { Host } from "../../lib/host.ts";
import { canonicalJson } from "../../lib/json.ts";
import { SCRIPTS_DIR } from "../system/paths.ts";
import type { KeyResource, Step } from "./resource.ts";

/** How long a script may take, in milliseconds. */
export const SCRIPT_TIMEOUT_MS = 15 * 60_000;
/** Largest output that is hashed, in bytes; a longer one is kept all the same. */
const MAX_OUTPUT_BYTES = 1024 * 1024;
const PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

const recordSchema = v.object({
  bootId: v.string(),
  sha256: v.string(),
  exitCode: v.number(),
  outputSha256: v.string(),
});

/** How a script's last run went. */
export type ScriptRecord = v.InferOutput<typeof recordSchema>;

/** What is known of the scripts of a node in a boot. */
interface Actual {
  records: ReadonlyMap<string, ScriptRecord>;
  bootId: string;
  /** The node's name, which scripts are told. */
  node: string;
}

interface Change extends Step {
  readonly script: DesiredScript;
  readonly bootId: string;
  readonly node: string;
}

export const scripts: KeyResource<"scripts", Actual, Change> = {
  async read(host, wanted, { identity, bootId }) {
    const records = new Map<string, ScriptRecord>();
    for (const { name } of wanted) {
      const record = await readScriptRecord(host, name);
      if (record) records.set(name, record);
    }
    return { records, bootId, node: identity.name };
  },

  plan: (wanted, { records, bootId, node }) =>
    wanted.flatMap((script) => {
      const { name, when, sha256 } = script;
      const last = records.get(name);
      const why = last === undefined || last.bootId !== bootId
        ? "first time in this boot"
        : last.exitCode !== 0
        ? "it failed before"
        : when === "change" && last.sha256 !== sha256
        ? "it has changed"
        : undefined;
      return why ? [{ script, bootId, node, text: `run script ${name} (${why})` }] : [];
    }),

  async apply({ script, bootId, node }, host) {
    const { name, sha256 } = script;
    const exitCode = await runScript(host, script, node);
    const outputSha256 = await hashOutput(host, name);
    const record: ScriptRecord = { bootId, sha256, exitCode, outputSha256 };
    await host.writeFile(`${SCRIPTS_DIR}/${name}.json`, canonicalJson(record), { mode: 0o600 });
    if (exitCode !== 0) {
      const state = `it ended with exit code ${exitCode}, its output is in ${outputFile(name)}`;
      throw new UserError(`run script ${name}`, state);
    }
  },

  async observe(host, wanted, shown) {
    const found: ObservedOf<"scripts"> = [];
    for (const { name, run } of wanted) {
      const record = await readScriptRecord(host, name);
      if (!record) continue;
      const { exitCode } = record;
      const open = shown.some((one) => one.name === name && one.run === run);
      found.push({ name, exitCode, outputSha256: open ? record.outputSha256 : PRIVATE_DIGEST });
    }
    return found;
  },
};

/** How the last run of a script went; undefined when it has not run in this boot. */
async function readScriptRecord(
  host: Host,
  name: string,
): Promise<ScriptRecord | undefined> {
  const path = `${SCRIPTS_DIR}/${name}.json`;
  if (!await host.stat(path)) return undefined;
  try {
    return v.parse(recordSchema, JSON.parse(await host.readTextFile(path)));
  } catch {
    // Never written in part; if it is not what we wrote, running again is what repairs it.
    return undefined;
  }
}

async function runScript(
  host: Host,
  { name, run }: DesiredScript,
  node: string,
): Promise<number> {
  await host.mkdir(SCRIPTS_DIR, { mode: 0o700 });
  const file = `${SCRIPTS_DIR}/${name}.run`;
  // It may hold secrets: root's alone, and never on a command line.
  await host.writeFile(file, run, { mode: 0o700 });
  // Made before the script's own umask could matter, so that its output is root's alone as well.
  await host.writeFile(outputFile(name), "", { mode: 0o600 });
  const redirect = 'exec "$@" >"$0" 2>&1';
  // Named here rather than left to the kernel: /run may be mounted noexec.
  const command = ["/bin/sh", "-c", redirect, outputFile(name), ...interpreter(run), file];
  const { code } = await host.run(command, {
    clearEnv: true,
    cwd: "/",
    env: { PATH, HOME: "/root", PSYOPSOS_NODE: node, PSYOPSOS_SCRIPT: name },
    // Not piped: a daemon that a script starts would hold the pipe for as long as it runs.
    output: "null",
    timeoutMs: SCRIPT_TIMEOUT_MS,
  });
  return code;
}

/** The program (and at most one argument) that the first line names, as the kernel reads it. */
export function interpreter(script: string): string[] {
  const line = /^#![ \t]*([^\n]*)/.exec(script)?.[1]?.trim() ?? "";
  const match = /^(\/\S+)(?:[ \t]+(.*))?$/.exec(line);
  if (!match) return ["/bin/sh"];
  return match[2] === undefined ? [match[1]!] : [match[1]!, match[2]];
}

async function hashOutput(host: Host, name: string): Promise<string> {
  const path = outputFile(name);
  const size = (await host.stat(path))?.size ?? 0;
  if (size > MAX_OUTPUT_BYTES) return "longer-than-1-MiB";
  return sha256Hex(await host.readFile(path));
}

function outputFile(name: string): string {
  return `${SCRIPTS_DIR}/${name}.out`;
}
