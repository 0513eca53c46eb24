/**
 * What is of the kernel, as far as a wanted state and the record of this boot ask for it.
 *
 * @module
 */
import type { WantedKernel } from "../../lib/config/kernel.ts";
import {
  KERNEL_SETTINGS,
  MAX_KERNEL_SETTINGS,
  optionLine,
} from "../../lib/documents/kernel_settings.ts";
import type { Host } from "../../lib/host.ts";
import { readKernelFiles } from "../system/kernel_files.ts";
import { EARLY_MODULES, KERNEL_KEPT, STATE_DIR } from "../system/paths.ts";
import { readTextIfFile } from "../system/read_file.ts";
import { type KernelRecord, readRecord } from "./kernel_record.ts";

const RELEASE = "/proc/sys/kernel/osrelease";

const initPath = (module: string) => `/sys/module/${module}/initstate`;
/** Where the kernel shows a module's parameter, if it does. */
export const parameterPath = (module: string, name: string) =>
  `/sys/module/${module}/parameters/${name}`;

/** What is. */
export interface ActualKernel {
  /** Modules in the kernel: part of it, or loaded. */
  modules: ReadonlyMap<string, "built in" | "loaded">;
  /** Content of files that are there, by path. */
  values: ReadonlyMap<string, string>;
  record: KernelRecord;
  /** Modules that were loaded before the drive was found. */
  early: ReadonlySet<string>;
  /** Lines of the settings that this boot has started with. */
  kept: readonly string[];
  /** Lines of those that were tried at a boot and not confirmed. */
  tried: readonly string[];
}

/** Looks at all that `wanted` and the record name; runs no program where that is nothing. */
export async function readKernel(host: Host, wanted: WantedKernel): Promise<ActualKernel> {
  const record = await readRecord(host);
  const names = [...wanted.modules.map(({ name }) => name), ...wanted.blacklist];
  const values = await readKernelFiles(host, [
    ...new Set([
      ...names.map(initPath),
      ...wanted.modules.flatMap(({ name, parameters }) =>
        parameters.map((one) => parameterPath(name, one.name))
      ),
      ...wanted.settings.map(({ path }) => path),
      ...Object.keys(record.before),
    ]),
  ]);
  return {
    modules: await readModules(host, names, values),
    values,
    record,
    early: new Set(await readLines(host, EARLY_MODULES)),
    kept: await readLines(host, KERNEL_KEPT),
    tried: (await readTried(host) ?? "").split("\n"),
  };
}

/** Whether a module that does not show this parameter was loaded with it. */
export function wasLoadedWith(
  { record, early, kept }: ActualKernel,
  module: string,
  parameter: string,
  value: string,
): boolean {
  const ours = record.loaded[module]?.split(" ") ?? [];
  return ours.includes(`${parameter}=${value}`) ||
    !early.has(module) && kept.includes(optionLine(module, parameter, value));
}

async function readModules(
  host: Host,
  names: readonly string[],
  values: ReadonlyMap<string, string>,
): Promise<Map<string, "built in" | "loaded">> {
  const modules = new Map<string, "built in" | "loaded">();
  for (const name of names) if (values.has(initPath(name))) modules.set(name, "loaded");
  const others = names.filter((name) => !modules.has(name));
  if (others.length === 0) return modules;
  const builtIn = await readBuiltIn(host);
  for (const name of others) if (builtIn.has(name)) modules.set(name, "built in");
  return modules;
}

/** Modules that are part of the running kernel: it shows only those that have parameters. */
async function readBuiltIn(host: Host): Promise<Set<string>> {
  const release = (await readKernelFiles(host, [RELEASE])).get(RELEASE);
  const list = await readTextIfFile(host, `/lib/modules/${release}/modules.builtin`) ?? "";
  const names = list.split("\n").map((path) => path.slice(path.lastIndexOf("/") + 1));
  return new Set(names.map((name) => name.replace(/\.ko.*$/, "").replaceAll("-", "_")));
}

/** The settings that were tried, where the drive can be read. */
async function readTried(host: Host): Promise<string | undefined> {
  try {
    return await readKept(host, "tried");
  } catch {
    // Only the wording of a message depends on it; a drive that was pulled is told of elsewhere.
    return undefined;
  }
}

/** Text of a file of the kernel's settings on the drive; undefined where there is none, "" for what no agent has written. */
export async function readKept(
  host: Host,
  which: keyof typeof KERNEL_SETTINGS,
): Promise<string | undefined> {
  const path = `${STATE_DIR}/${KERNEL_SETTINGS[which]}`;
  const info = await host.stat(path);
  if (!info) return undefined;
  if (info.kind !== "file" || info.size > MAX_KERNEL_SETTINGS) return "";
  return new TextDecoder().decode(await host.readFile(path));
}

async function readLines(host: Host, path: string): Promise<string[]> {
  if (!await host.stat(path)) return [];
  return (await host.readTextFile(path)).split("\n");
}
