/**
 * The files that have their content's hash in their name, which is all that nodes read beside timestamp and root documents: which of
 * them a publication needs, and which of them a target has.
 *
 * @module
 */
import type { ListedFile, Target } from "../../lib/publish/target.ts";
import { isSitePath } from "../../lib/trust/comment.ts";
import { type Timestamp, VERSIONED_FOLDERS } from "../../lib/trust/freshness.ts";
import type { LocalSite } from "./local_site.ts";
import { type Publication, storedFiles, storedIn } from "./lists.ts";

/** Files of a target by path. */
export type Listing = ReadonlyMap<string, ListedFile>;

/**
 * What a target has below `folders`. Names in a bucket are anybody's: those that are no paths of a site are passed over, so that
 * nothing outside is asked for, put or removed on their account.
 */
export async function listFiles(target: Target, folders: readonly string[]): Promise<Listing> {
  const found = new Map<string, ListedFile>();
  for (const folder of folders) {
    for await (const file of target.list(`${folder}/`)) {
      if (isSitePath(file.path) && file.path.startsWith(`${folder}/`)) found.set(file.path, file);
    }
  }
  return found;
}

/** {@linkcode listFiles} of all stored files. */
export function listStored(target: Target): Promise<Listing> {
  return listFiles(target, VERSIONED_FOLDERS);
}

/** Sizes of the stored files of a local site. @throws {UserError} when one is missing or a bin is damaged. */
export async function storedSizes(
  local: LocalSite,
  timestamp: Timestamp,
): Promise<ReadonlyMap<string, number>> {
  const sizes = new Map<string, number>();
  for (const path of await storedFiles({ timestamp, read: (path) => local.read(path) })) {
    sizes.set(path, await local.size(path));
  }
  return sizes;
}

/** Those of `wanted` that are not there, or not in their size. */
export function absent(wanted: ReadonlyMap<string, number>, there: Listing): string[] {
  return [...wanted].filter(([path, size]) => there.get(path)?.size !== size)
    .map(([path]) => path);
}

/** The stored files that a publication at a target lists, as far as its bins can be read. */
export async function storedAt(
  target: Target,
  timestamp: Timestamp | undefined,
): Promise<ReadonlySet<string>> {
  if (!timestamp) return new Set();
  const publication: Publication = {
    timestamp,
    read: async (path, maxBytes) => (await target.get(path, maxBytes))?.bytes,
  };
  return new Set(await storedIn(publication));
}
