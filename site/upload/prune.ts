/**
 * Which files of a target nobody needs any more. Others may be publishing at the same time, and nodes may be reading what has just
 * been replaced, so a file goes only when it
 *  - lies in a folder of the site and is in neither the local site nor the publication that was replaced just now, and
 *  - has been there, as it is, for a day: a publisher that is at work has put what it needs anew (compare.ts), and
 *  - the publication before this command was there for some minutes: of the one that it replaced nothing is known any more.
 *
 * @module
 */
import { type Bytes, equal } from "../../lib/bytes.ts";
import type { Target } from "../../lib/publish/target.ts";
import { MAX_TIMESTAMP_BYTES, type Timestamp, TIMESTAMP_PATH } from "../../lib/trust/freshness.ts";
import { OWNED } from "../build/write.ts";
import { listFiles, storedAt } from "./stored.ts";
import type { Uploading } from "./uploading.ts";

/** How old a file is before it goes, when nothing else is asked for. */
export const PRUNE_HOURS = 24;
/** How long before that a publisher puts a file anew that it needs and no publication lists. */
const MARGIN_HOURS = 1;
const HOUR_MS = 3_600_000;
/** How long nodes may go on reading a publication that was replaced: a round of theirs, which is made of bounded requests. */
const READING_MS = 600_000;

/** What {@linkcode prune} needs. */
export interface PruneOptions {
  /** How old a file must be; 0 is for who knows that nobody else publishes: then nothing is kept for readers either. */
  hours: number;
  /** The publication that was replaced just now. */
  replaced?: Timestamp;
  /** How long the timestamp that this command found had been there, in milliseconds; undefined where the store does not tell. */
  foundAgeMs: number | undefined;
  /** Find out what would go. */
  dryRun: boolean;
}

/** What came of it. */
export interface Pruned {
  removed: string[];
  /** How many files can't go yet. */
  kept: number;
  /** Why nothing was removed. */
  remark?: string;
}

interface Surplus {
  path: string;
  ageMs: number;
}

/** Removes what nobody needs any more, after everything was put. */
export async function prune(
  uploading: Uploading,
  { hours, replaced, foundAgeMs, dryRun }: PruneOptions,
): Promise<Pruned> {
  const { local, target, special: { stamp } } = uploading;
  if (!dryRun && !await isCurrent(target, stamp)) {
    // What theirs needs may be what ours has no more.
    return {
      removed: [],
      kept: 0,
      remark: "somebody else has published since: nothing was removed",
    };
  }
  const ours = new Set(await local.files([]));
  // What was there before the publication that this command found may still be read, and nobody knows what that was.
  const tooSoon = hours > 0 && foundAgeMs !== undefined && foundAgeMs < READING_MS;
  const read = hours === 0 ? new Set<string>() : await storedAt(target, replaced);
  const surplus: Surplus[] = [];
  let kept = 0;
  for (const [path, { ageMs = 0 }] of await listFiles(target, OWNED)) {
    if (ours.has(path)) continue;
    if (!tooSoon && ageMs >= hours * HOUR_MS && !read.has(path)) surplus.push({ path, ageMs });
    else kept++;
  }
  const remark = tooSoon && kept > 0
    ? "the last publish was minutes before this one, and nodes may still read what it replaced: nothing was removed"
    : undefined;
  surplus.sort((a, b) => a.path < b.path ? -1 : 1);
  if (dryRun) return { removed: surplus.map(({ path }) => path), kept, remark };
  const removed = new Set<string>();
  await uploading.each(surplus, async (one) => {
    if (await removeUnlessNew(target, one)) removed.add(one.path);
    else kept++;
  });
  return {
    removed: surplus.map(({ path }) => path).filter((path) => removed.has(path)),
    kept,
    remark,
  };
}

/** Whether a file has been there for so long that somebody's prune may be about to remove it. */
export function mayBePruned(ageMs: number | undefined): boolean {
  return ageMs !== undefined && ageMs > (PRUNE_HOURS - MARGIN_HOURS) * HOUR_MS;
}

async function isCurrent(target: Target, stamp: Bytes): Promise<boolean> {
  const now = await target.get(TIMESTAMP_PATH, MAX_TIMESTAMP_BYTES);
  return now !== undefined && equal(now.bytes, stamp);
}

/** Removes a file unless somebody has put it anew since it was listed; tells whether it is gone. */
async function removeUnlessNew(target: Target, { path, ageMs }: Surplus): Promise<boolean> {
  const now = await target.stat(path);
  if (now?.ageMs !== undefined && now.ageMs < ageMs) return false;
  await target.remove(path);
  return true;
}
