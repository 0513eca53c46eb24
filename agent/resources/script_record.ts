/**
 * What is kept of a script in a boot, for root only: its text, its output, the process that runs it, and how its last run
 * went. That it has begun is written before it begins: whatever ends the agent, no run is forgotten.
 *
 * @module
 */
import * as v from "valibot";
import type { Host } from "../../lib/host.ts";
import { canonicalJson } from "../../lib/json.ts";
import { SCRIPTS_DIR } from "../system/paths.ts";

const recordSchema = v.object({
  bootId: v.string(),
  sha256: v.string(),
  /** Undefined from the beginning of a run until its end is known. */
  exitCode: v.optional(v.number()),
  /** How many runs of this text have begun since one was last seen to its end, with this one. */
  begun: v.optional(v.number(), 0),
});

/** How a script's last run went. */
export type ScriptRecord = v.InferOutput<typeof recordSchema>;

const RECORD_END = ".json";

/** Files of a script. */
export function scriptFiles(name: string) {
  const base = `${SCRIPTS_DIR}/${name}`;
  return {
    record: `${base}${RECORD_END}`,
    text: `${base}.run`,
    /** Both streams. */
    output: `${base}.out`,
    /** What the kernel says of the process that runs it. */
    process: `${base}.process`,
  };
}

/** Names of the scripts that have run in this boot. */
export async function recordedScripts(host: Host): Promise<string[]> {
  const names = await host.readDir(SCRIPTS_DIR);
  return names.filter((name) => name.endsWith(RECORD_END)).map((name) =>
    name.slice(0, -RECORD_END.length)
  );
}

/** How the last run of a script went; undefined when it has not run in this boot. */
export async function readScriptRecord(
  host: Host,
  name: string,
): Promise<ScriptRecord | undefined> {
  const path = scriptFiles(name).record;
  if (!await host.stat(path)) return undefined;
  try {
    return v.parse(recordSchema, JSON.parse(await host.readTextFile(path)));
  } catch {
    // Never written in part; if it is not what we wrote, running again is what repairs it.
    return undefined;
  }
}

/**
 * Forgets how scripts have gone in this boot, so that each runs again. One that runs still, though its agent was killed, is
 * not lost sight of: it is ended before it runs anew.
 */
export async function forgetRuns(host: Host): Promise<void> {
  for (const name of await recordedScripts(host)) {
    const record = await readScriptRecord(host, name);
    if (!record || record.exitCode !== undefined) await host.remove(scriptFiles(name).record);
    else await writeScriptRecord(host, name, { ...record, begun: 0 });
  }
}

/** Keeps how a run goes. */
export async function writeScriptRecord(
  host: Host,
  name: string,
  record: ScriptRecord,
): Promise<void> {
  await host.mkdir(SCRIPTS_DIR, { mode: 0o700 });
  await host.writeFile(scriptFiles(name).record, canonicalJson(record), { mode: 0o600 });
}
