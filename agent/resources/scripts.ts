/**
 * Scripts of the configuration. Each runs as root in the order of their names; its output (both streams) is kept for root only.
 *
 * `when: boot` runs once in every boot, `when: change` also runs again in the same boot when the text is new. One that fails is
 * tried again at every check, so scripts must bear being repeated. A `#!` line is honoured; without one `/bin/sh` reads it.
 *
 * @module
 */
import * as v from "valibot";
import { sha256Hex, utf8 } from "../../lib/bytes.ts";
import { UserError } from "../../lib/errors.ts";
import type { Host } from "../../lib/host.ts";
import { canonicalJson } from "../../lib/json.ts";
import { SCRIPTS_DIR } from "../system/paths.ts";
import type { Resource, Step } from "./resource.ts";

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

interface DesiredScript {
  name: string;
  run: string;
  sha256: string;
  when: "boot" | "change";
  bootId: string;
  node: string;
}

interface Change extends Step {
  readonly script: DesiredScript;
}

export const scripts: Resource<DesiredScript[], Map<string, ScriptRecord>, Change> = {
  name: "scripts",

  desire: ({ identity, config, bootId }) =>
    Object.entries(config.scripts ?? {})
      .sort(([a], [b]) => a < b ? -1 : 1)
      .map(([name, { run, when }]) => ({
        name,
        run,
        sha256: sha256Hex(utf8(run)),
        when: when ?? "boot",
        bootId,
        node: identity.name,
      })),

  async read(host, desired) {
    const records = new Map<string, ScriptRecord>();
    for (const { name } of desired) {
      const record = await readScriptRecord(host, name);
      if (record) records.set(name, record);
    }
    return records;
  },

  plan: (desired, records) =>
    desired.flatMap((script) => {
      const { name, when, sha256, bootId } = script;
      const last = records.get(name);
      const why = last === undefined || last.bootId !== bootId
        ? "first time in this boot"
        : last.exitCode !== 0
        ? "it failed before"
        : when === "change" && last.sha256 !== sha256
        ? "it has changed"
        : undefined;
      return why ? [{ script, text: `run script ${name} (${why})` }] : [];
    }),

  async apply({ script }, host) {
    const { name, sha256, bootId } = script;
    const exitCode = await runScript(host, script);
    const outputSha256 = await hashOutput(host, name);
    const record: ScriptRecord = { bootId, sha256, exitCode, outputSha256 };
    await host.writeFile(`${SCRIPTS_DIR}/${name}.json`, canonicalJson(record), { mode: 0o600 });
    if (exitCode !== 0) {
      throw new UserError(
        `run script ${name}`,
        `it ended with exit code ${exitCode}, its output is in ${outputFile(name)}`,
      );
    }
  },
};

/** How the last run of a script went; undefined when it has not run in this boot. */
export async function readScriptRecord(
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

async function runScript(host: Host, { name, run, node }: DesiredScript): Promise<number> {
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
