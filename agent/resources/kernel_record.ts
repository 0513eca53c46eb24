/**
 * What was changed of the kernel in this boot: how each setting was before, so that it can have its earlier value again, and
 * which modules were loaded with which options, since the kernel does not show all parameters.
 *
 * @module
 */
import * as v from "valibot";
import type { Host } from "../../lib/host.ts";
import { canonicalJson } from "../../lib/json.ts";
import { KERNEL_BEFORE, KERNEL_FILE, RUN_DIR } from "../system/paths.ts";

const recordSchema = v.object({
  /** Values by path. */
  before: v.record(v.string(), v.string()),
  /** Options of modules that the agent has loaded, as in modprobe's files. */
  loaded: v.record(v.string(), v.string()),
});

/** The record. */
export type KernelRecord = v.InferOutput<typeof recordSchema>;

/** Reads the record of this boot; at first it holds what the start of the system has changed. */
export async function readRecord(host: Host): Promise<KernelRecord> {
  // Both files are root's own, in RAM; this one is never half written.
  if (await host.stat(KERNEL_FILE)) {
    return v.parse(recordSchema, JSON.parse(await host.readTextFile(KERNEL_FILE)));
  }
  return { before: await readBefore(host), loaded: {} };
}

/** Changes the record. */
export async function changeRecord(
  host: Host,
  change: (record: KernelRecord) => void,
): Promise<void> {
  const record = await readRecord(host);
  change(record);
  await host.mkdir(RUN_DIR, { mode: 0o700 });
  await host.writeFile(KERNEL_FILE, canonicalJson(record), { mode: 0o600, sync: false });
}

async function readBefore(host: Host): Promise<Record<string, string>> {
  if (!await host.stat(KERNEL_BEFORE)) return {};
  const before: Record<string, string> = {};
  for (const line of (await host.readTextFile(KERNEL_BEFORE)).split("\n")) {
    const [, path, value] = /^(\/proc\/sys\/\S+) (.*)$/.exec(line) ?? [];
    if (path !== undefined && value !== undefined) before[path] ??= value;
  }
  return before;
}
