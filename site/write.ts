/**
 * Puts a built site into a directory while nodes may be reading it: everything is written aside first, then moved in file
 * by file, content before signatures and bins, the timestamp last; what is no longer there is removed only after that.
 *
 * @module
 */
import { type Bytes, equal } from "../lib/bytes.ts";
import { UserError } from "../lib/errors.ts";
import type { Host } from "../lib/host.ts";
import { VERSIONED_FOLDERS } from "../lib/trust/freshness.ts";

/** Directories below which files that are not part of the site are removed. Releases are elsewhere and stay. */
export const OWNED: readonly string[] = ["psyopsOS/nodes", "psyopsOS/tags", ...VERSIONED_FOLDERS];

/** What {@linkcode writeSite} did. */
export interface Written {
  changed: string[];
  removed: string[];
}

/** Writes `files`, in their order, below `out`. Unchanged files are not touched. */
export async function writeSite(
  host: Host,
  files: ReadonlyMap<string, Bytes>,
  out: string,
): Promise<Written> {
  const aside = `${out}.next`;
  const changed: string[] = [];
  try {
    await host.remove(aside);
    for (const [path, bytes] of files) {
      const info = await host.stat(`${out}/${path}`);
      if (info?.kind === "directory") {
        throw new UserError(`Cannot write ${out}/${path}: there is a directory of that name`);
      }
      if (info?.size === bytes.length && equal(await host.readFile(`${out}/${path}`), bytes)) {
        continue;
      }
      await host.mkdir(parent(`${aside}/${path}`));
      await host.writeFile(`${aside}/${path}`, bytes);
      changed.push(path);
    }
    await host.mkdir(out);
    for (const path of changed) {
      await host.mkdir(parent(`${out}/${path}`));
      await host.rename(`${aside}/${path}`, `${out}/${path}`);
    }
  } finally {
    await host.remove(aside);
  }
  const removed: string[] = [];
  for (const directory of OWNED) {
    for (const path of await filesBelow(host, out, directory)) {
      if (files.has(path)) continue;
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

async function filesBelow(host: Host, out: string, directory: string): Promise<string[]> {
  const found: string[] = [];
  for (const name of await host.readDir(`${out}/${directory}`)) {
    const path = `${directory}/${name}`;
    const kind = (await host.stat(`${out}/${path}`))?.kind;
    if (kind === "directory") found.push(...await filesBelow(host, out, path));
    else found.push(path);
  }
  return found;
}

function parent(path: string): string {
  return path.slice(0, path.lastIndexOf("/"));
}
