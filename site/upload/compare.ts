/**
 * What a target lacks of a local site: by what both publications list, or by looking at everything.
 *
 * @module
 */
import { inParallel } from "../../lib/publish/pool.ts";
import type { Belief, Target } from "../../lib/publish/target.ts";
import type { SiteView } from "../../lib/trust/client.ts";
import { publicationId, type Timestamp, TIMESTAMP_PATH } from "../../lib/trust/freshness.ts";
import { OWNED } from "../build/write.ts";
import type { LocalSite } from "./local_site.ts";
import { difference, type ReadFile } from "./lists.ts";
import { absent, listFiles, type Listing, storedAt } from "./stored.ts";
import { isHashed, LAST_PATH, type WantedFile } from "./upload_plan.ts";

/** Looks at a time, where the target is asked file by file. */
const PARALLEL = 8;

/** Both sides of a comparison. */
export interface Sides {
  local: LocalSite;
  view: SiteView;
  /** Sizes of the local site's stored files. */
  stored: ReadonlyMap<string, number>;
  target: Target;
  /** The target's own publication, verified. */
  theirs?: Timestamp;
  /** Its stored files. */
  there: Listing;
}

/** What is to be uploaded, and what is there already with the same content, if that was looked at. */
export interface Comparison {
  wanted: WantedFile[];
  same: string[];
}

/** Compares by what both publications list; undefined when that can't be relied on. */
export async function compareByLists(
  { local, view, stored, target, theirs, there }: Sides,
): Promise<Comparison | undefined> {
  if (!theirs) return undefined;
  const page = await target.stat(LAST_PATH);
  if (page?.mark !== publicationId(theirs)) return undefined;
  const readTheirs: ReadFile = async (path, max) => (await target.get(path, max))?.bytes;
  const changed = await difference(
    { timestamp: view.timestamp, read: (path) => local.read(path) },
    { timestamp: theirs, read: readTheirs },
  );
  if (!changed) return undefined;
  // What their publication does not list is sent even if it lies there from earlier: whoever prunes may be about to remove it.
  const wanted: WantedFile[] = [...new Set([...changed.stored, ...absent(stored, there)])]
    .map((path) => ({ path, size: stored.get(path)!, replaces: false }));
  const copies = new Set(changed.documents.flatMap((path) => [path, `${path}.minisig`]));
  for (const path of copies) {
    if (await local.has(path)) {
      wanted.push({ path, size: await local.size(path), replaces: true });
    }
  }
  // Beside the documents of each node and tag: pages, roots, the index, releases.
  const others = (await local.files(OWNED)).filter((path) =>
    path !== TIMESTAMP_PATH && !copies.has(path)
  );
  await inParallel(others, PARALLEL, async (path) => {
    const found = path === LAST_PATH ? page : await target.stat(path);
    const size = await local.size(path);
    const outdated = path === LAST_PATH && page.mark !== publicationId(view.timestamp);
    if (
      !outdated && found?.size === size && found.sha256 !== undefined &&
      found.sha256 === await local.hash(path)
    ) return;
    wanted.push({ path, size, replaces: found !== undefined });
  });
  return { wanted, same: [] };
}

/**
 * Compares everything with what is there.
 *
 * @param isOld Whether a file has been there for so long that somebody may be about to remove it, unless a publication lists it.
 */
export async function compareAll(
  { local, view, target, theirs }: Sides,
  belief: Belief,
  isOld: (ageMs: number | undefined) => boolean,
): Promise<Comparison> {
  // Files outside psyopsOS/ are not the site's, except its pages.
  const there = await listFiles(target, ["psyopsOS"]);
  const listed = await storedAt(target, theirs);
  const ours = (await local.files([])).filter((path) => path !== TIMESTAMP_PATH);
  const wanted: WantedFile[] = [];
  const same: string[] = [];
  await inParallel(ours, PARALLEL, async (path) => {
    const content = await local.content(path);
    const { size } = content;
    const known = there.get(path);
    if (path.startsWith("psyopsOS/")) {
      const stale = isHashed(path) && !listed.has(path) && isOld(known?.ageMs);
      if (known && !stale && await target.holds(known, content, belief)) same.push(path);
      else wanted.push({ path, size, replaces: known !== undefined });
      return;
    }
    const found = await target.stat(path);
    const unmarked = path === LAST_PATH && target.keepsMarks &&
      found?.mark !== publicationId(view.timestamp);
    const file = found && { path, size: found.size, tag: found.tag };
    if (file && !unmarked && await target.holds(file, content, belief)) same.push(path);
    else wanted.push({ path, size, replaces: found !== undefined });
  });
  return { wanted, same };
}
