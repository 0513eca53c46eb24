/**
 * What the lab repository remembers between runs: which inputs each group of packages was made of, so
 * that an unchanged group is neither unpacked nor compressed again.
 *
 * @module
 */
import { array, number, object, picklist, record, safeParse, string } from "valibot";
import type { Host } from "../host.ts";
import { KERNEL_FLAVOURS, type KernelFlavour } from "./packages/linux.ts";

/** A package file and its paragraph of the index. */
export interface CachedPackage {
  file: string;
  size: number;
  record: string;
}

/** Packages that were made together, of the same inputs. */
export interface CachedGroup {
  inputs: string;
  packages: CachedPackage[];
}

/** All that is remembered. */
export interface RepositoryState {
  /** Hash of everything that decides about a run without asking apt. */
  stamp: string;
  flavours: KernelFlavour[];
  groups: Record<string, CachedGroup>;
}

const schema = object({
  stamp: string(),
  flavours: array(picklist(KERNEL_FLAVOURS)),
  groups: record(
    string(),
    object({
      inputs: string(),
      packages: array(object({ file: string(), size: number(), record: string() })),
    }),
  ),
});

/** The state in `path`; an empty one when it is missing or not ours. */
export async function readState(host: Host, path: string): Promise<RepositoryState> {
  const empty = { stamp: "", flavours: [], groups: {} };
  if (!await host.stat(path)) return empty;
  try {
    const result = safeParse(schema, JSON.parse(await host.readTextFile(path)));
    return result.success ? result.output : empty;
  } catch (error) {
    if (error instanceof SyntaxError) return empty;
    throw error;
  }
}

/** Whether all files of `groups` are still in `dir` with their sizes. */
export async function filesThere(
  host: Host,
  dir: string,
  groups: readonly CachedGroup[],
): Promise<boolean> {
  for (const { file, size } of groups.flatMap(({ packages }) => packages)) {
    if ((await host.stat(`${dir}/${file}`))?.size !== size) return false;
  }
  return true;
}
