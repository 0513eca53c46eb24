/**
 * Puts a built site into a directory while nodes may be reading it: everything is written aside first, then moved in file
 * by file, content before signatures and bins, the timestamp last; what is no longer there is removed only after that.
 *
 * @module
 */
import { type Bytes, sha256Hex } from "../../lib/bytes.ts";
import { UserError } from "../../lib/errors.ts";
import type { Host } from "../../lib/host.ts";
import { inParallel } from "../../lib/publish/pool.ts";
import { VERSIONED_FOLDERS } from "../../lib/trust/freshness.ts";

/** Directories below which files that are not part of the site are removed. Releases are elsewhere and stay. */
export const OWNED: readonly string[] = ["psyopsOS/nodes", "psyopsOS/tags", ...VERSIONED_FOLDERS];

/** Up to so many files are synced one by one. */
const MAX_SINGLE_SYNCS = 16;
const PARALLEL_SYNCS = 8;

/** What {@linkcode writeSite} did. */
export interface Written {
  changed: string[];
  removed: string[];
}

/** Writes `files`, in their order, below `out`. Unchanged files are not touched, nor those in `kept`. */
export async function writeSite(
  host: Host,
  files: ReadonlyMap<string, Bytes>,
  out: string,
  kept: ReadonlyMap<string, unknown> = new Map(),
): Promise<Written> {
  const aside = `${out}.next`;
  const changed: string[] = [];
  const made = new Set<string>();
  const makeParent = async (path: string): Promise<void> => {
    const directory = parent(path);
    if (made.has(directory)) return;
    await host.mkdir(directory);
    made.add(directory);
  };
  try {
    await host.remove(aside);
    for (const [path, bytes] of files) {
      const info = await host.stat(`${out}/${path}`);
      if (info?.kind === "directory") {
        throw new UserError(`write ${out}/${path}`, "there is a directory of that name");
      }
      if (
        info?.size === bytes.length &&
        sha256Hex(await host.readFile(`${out}/${path}`)) === sha256Hex(bytes)
      ) continue;
      await makeParent(`${aside}/${path}`);
      await host.writeFile(`${aside}/${path}`, bytes, { sync: false });
      changed.push(path);
    }
    await syncAll(host, aside, changed);
    await host.mkdir(out);
    for (const path of changed) {
      await makeParent(`${out}/${path}`);
      await host.rename(`${aside}/${path}`, `${out}/${path}`);
    }
  } finally {
    await host.remove(aside);
  }
  const removed: string[] = [];
  const wanted = (path: string) => files.has(path) || kept.has(path);
  for (const directory of OWNED) {
    for (const path of await filesBelow(host, out, directory, wanted)) {
      await host.remove(`${out}/${path}`);
      removed.push(path);
    }
  }
  for (const name of await host.readDir(`${out}/psyopsOS`)) {
    const path = `psyopsOS/${name}`;
    if (!name.startsWith("os-update.") || files.has(path)) continue;
    await host.remove(`${out}/${path}`);
    removed.push(path);
  }
  return { changed, removed };
}

/** Syncs what was written below `aside`: many files by their file system, where the machine can. */
async function syncAll(host: Host, aside: string, paths: readonly string[]): Promise<void> {
  if (paths.length > MAX_SINGLE_SYNCS) {
    const { code } = await host.run(["sync", "-f", aside]);
    if (code === 0) return;
  }
  await inParallel(paths, PARALLEL_SYNCS, (path) => host.sync(`${aside}/${path}`));
}

/** The files below `directory` that are not wanted. */
async function filesBelow(
  host: Host,
  out: string,
  directory: string,
  wanted: (path: string) => boolean,
): Promise<string[]> {
  const found: string[] = [];
  for (const name of await host.readDir(`${out}/${directory}`)) {
    const path = `${directory}/${name}`;
    if (wanted(path)) continue;
    const kind = (await host.stat(`${out}/${path}`))?.kind;
    if (kind === "directory") found.push(...await filesBelow(host, out, path, wanted));
    else found.push(path);
  }
  return found;
}

function parent(path: string): string {
  return path.slice(0, path.lastIndexOf("/"));
}
