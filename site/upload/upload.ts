/**
 * Publishes a built site: finds out what the target lacks, uploads it in an order that leaves the old publication whole
 * until the new one is (upload_plan.ts), sees that all is there, removes what is no longer needed when asked to.
 *
 * What the target has is known from its own timestamp, if that is verified (target_state.ts), and from a listing of what nodes read.
 * Whether the copies for people were completed too is known from a mark on the page that goes last. Without that mark, or when told
 * to, everything is compared.
 *
 * @module
 */
import { equal } from "../../lib/bytes.ts";
import type { Host } from "../../lib/host.ts";
import type { Target } from "../../lib/publish/target.ts";
import { publicationId, TIMESTAMP_PATH } from "../../lib/trust/freshness.ts";
import type { PublicKey } from "../../lib/trust/minisign.ts";
import { compareAll, compareByLists, type Sides } from "./compare.ts";
import { LocalSite } from "./local_site.ts";
import { mayBePruned, prune, PRUNE_HOURS, type Pruned } from "./prune.ts";
import { listStored, storedSizes } from "./stored.ts";
import { checkFound, lookAt } from "./target_state.ts";
import { type Stage, uploadStages } from "./upload_plan.ts";
import { Uploading } from "./uploading.ts";

/** Uploads at a time when nothing else is asked for. */
export const DEFAULT_PARALLEL = 8;

/** What {@linkcode uploadSite} needs. */
export interface UploadOptions {
  /** Directory of the built site. */
  from: string;
  target: Target;
  /** The key on the nodes' drives; default the one that the site's own first root document is signed with. */
  pinned?: PublicKey;
  parallel?: number;
  /** Remove what the site no longer has, once the new timestamp is up. */
  prune?: boolean;
  /** How old a file must be to be removed; default {@linkcode PRUNE_HOURS}. */
  pruneHours?: number;
  /** List and compare everything. */
  full?: boolean;
  /** Let also the files be read that stay as they are, see {@linkcode Target.allow}; only together with `full`. */
  allow?: boolean;
  /** Publish also over a timestamp that no node of this site accepts. */
  overwrite?: boolean;
  /** Find out what is to be done, and do nothing. */
  dryRun?: boolean;
  /** Told before each stage. */
  onStage?: (stage: Stage) => void;
}

/** What was uploaded, or would be. */
export interface Uploaded {
  target: string;
  serial: number;
  expires: string;
  /** In order. */
  stages: { name: Stage["name"]; files: { path: string; size: number }[] }[];
  removed: string[];
  /** Number of files that are not needed, and too young to be removed or in the publication that was replaced. */
  kept: number;
  /** Number and size of uploads, and how many of them it took until nodes got the new publication. */
  uploads: number;
  bytes: number;
  uploadsUntilLive: number;
  /** Whether everything was compared. */
  listed: boolean;
  /** What could not be done as it should be, a line each. */
  remarks: string[];
  dryRun: boolean;
}

/** Publishes. @throws {UserError} when the site in `from` does not hold, the target has a newer one, or fails. */
export async function uploadSite(host: Host, options: UploadOptions): Promise<Uploaded> {
  const { target, from, full = false, dryRun = false } = options;
  const local = new LocalSite(host, from);
  const pinned = await local.pinned(options.pinned);
  const view = await local.open(pinned);
  const { timestamp } = view;
  const found = await lookAt(local, target, pinned);
  const foundAgeMs = options.prune ? (await target.stat(TIMESTAMP_PATH))?.ageMs : undefined;
  const { overwrite } = options;
  checkFound(found, view, { target: target.name, now: host.now(), overwrite });
  const theirs = found.kind === "ours" ? found.timestamp : undefined;
  const stored = await storedSizes(local, timestamp);
  const there = await listStored(target);
  const sides: Sides = { local, view, stored, target, theirs, there };

  const byLists = full ? undefined : await compareByLists(sides);
  const { wanted, same } = byLists ??
    await compareAll(sides, full ? "content" : "facts", mayBePruned);
  const stamp = view.files.get(TIMESTAMP_PATH)!;
  const before = found.kind === "nothing" ? undefined : found.file;
  const switches = !before || !equal(before.bytes, stamp);
  if (switches) {
    const replaces = found.kind !== "nothing";
    wanted.push({ path: TIMESTAMP_PATH, size: stamp.length, replaces });
  }
  const stages = uploadStages(wanted);
  const uploading = new Uploading(local, target, options.parallel ?? DEFAULT_PARALLEL, {
    stamp,
    // What is too long to be read is overwritten as it is: somebody has said so.
    condition: found.kind === "foreign" && !before ? undefined : { before },
    mark: publicationId(timestamp),
  });
  if (!dryRun) {
    if (options.allow) {
      const staying = switches ? same : [...same, TIMESTAMP_PATH];
      await uploading.each(staying, (path) => target.allow(path));
    }
    for (const stage of stages) {
      options.onStage?.(stage);
      await uploading.put(stage.files.map(({ path }) => path));
      if (stage.name === "timestamp") await uploading.complete(stored);
    }
  }
  let pruned: Pruned = { removed: [], kept: 0 };
  if (options.prune) {
    const changes = theirs && publicationId(theirs) !== publicationId(timestamp);
    const replaced = changes ? theirs : undefined;
    const hours = options.pruneHours ?? PRUNE_HOURS;
    pruned = await prune(uploading, { hours, replaced, foundAgeMs, dryRun });
  }
  const files = stages.flatMap((stage) => stage.files);
  const live = files.findIndex(({ path }) => path === TIMESTAMP_PATH) + 1;
  return {
    target: target.name,
    serial: timestamp.serial,
    expires: timestamp.expires,
    stages: stages.map(({ name, files }) => ({
      name,
      files: files.map(({ path, size }) => ({ path, size })),
    })),
    removed: pruned.removed,
    kept: pruned.kept,
    uploads: files.length,
    bytes: files.reduce((sum, { size }) => sum + size, 0),
    uploadsUntilLive: live,
    listed: byLists === undefined,
    remarks: [...target.remarks, ...pruned.remark === undefined ? [] : [pruned.remark]],
    dryRun,
  };
}
