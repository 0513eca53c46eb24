/**
 * Publishes a built site: finds out what the target lacks, uploads it in an order that leaves the old publication whole
 * until the new one is (upload_plan.ts), removes what is no longer needed when asked to.
 *
 * What the target has is known from its own timestamp: content it lists was uploaded before it. Whether the copies for
 * people were completed too is known from a mark on the page that goes last. Without that mark, or when told to, all is
 * listed and compared.
 *
 * @module
 */
import { sha256Hex } from "../../lib/bytes.ts";
import { RefusedError, UserError } from "../../lib/errors.ts";
import type { Host } from "../../lib/host.ts";
import { inParallel } from "../../lib/publish/pool.ts";
import { inMemory, type ListedFile, type Target } from "../../lib/publish/target.ts";
import type { SiteView } from "../../lib/trust/client.ts";
import {
  keysOf,
  MAX_TIMESTAMP_BYTES,
  parseTimestamp,
  publicationId,
  type Timestamp,
  TIMESTAMP_PATH,
} from "../../lib/trust/freshness.ts";
import { keyIdHex, parseSignature, type PublicKey } from "../../lib/trust/minisign.ts";
import { OWNED } from "../build/write.ts";
import { difference, type ReadFile, storedFiles } from "./lists.ts";
import { LocalSite } from "./local_site.ts";
import {
  cacheControlOf,
  contentTypeOf,
  LAST_PATH,
  type Stage,
  uploadStages,
  type WantedFile,
} from "./upload_plan.ts";

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
  /** List and compare everything. */
  full?: boolean;
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
  /** Number and size of uploads, and how many of them it took until nodes got the new publication. */
  uploads: number;
  bytes: number;
  uploadsUntilLive: number;
  /** Whether all was listed and compared. */
  listed: boolean;
  dryRun: boolean;
}

/** Publishes. @throws {UserError} when the site in `from` does not hold, the target has a newer one, or fails. */
export async function uploadSite(host: Host, options: UploadOptions): Promise<Uploaded> {
  const { target, from, parallel = DEFAULT_PARALLEL, dryRun = false } = options;
  const local = new LocalSite(host, from);
  const view = await local.open(options.pinned);
  const stampBytes = view.files.get(TIMESTAMP_PATH)!;
  const there = await target.get(TIMESTAMP_PATH, MAX_TIMESTAMP_BYTES);
  const theirs = there && readable(there.bytes);
  if (theirs) refuseOlder(target.name, view, theirs);

  const listing = options.full || options.prune;
  const known = !listing && theirs ? await compareByLists(local, view, theirs, target) : undefined;
  const { wanted, surplus } = known ?? await compareAll(local, view, target);
  if (!there || sha256Hex(there.bytes) !== sha256Hex(stampBytes)) {
    wanted.push({ path: TIMESTAMP_PATH, size: stampBytes.length, replaces: there !== undefined });
  }
  const mark = publicationId(view.timestamp);
  const stages = uploadStages(wanted);
  const removed = options.prune ? surplus : [];
  if (!dryRun) {
    for (const stage of stages) {
      options.onStage?.(stage);
      await inParallel(stage.files, parallel, async ({ path }) => {
        const stamp = path === TIMESTAMP_PATH;
        const content = stamp ? inMemory(stampBytes) : await local.content(path);
        const facts = {
          contentType: contentTypeOf(path),
          cacheControl: cacheControlOf(path),
          sha256: await local.checkedHash(path, content),
          mark: path === LAST_PATH ? mark : undefined,
        };
        await target.put(path, content, facts, stamp ? { tag: there?.tag } : undefined);
      });
    }
    await inParallel(removed, parallel, (path) => target.remove(path));
  }
  const files = stages.flatMap((stage) => stage.files);
  const live = files.findIndex(({ path }) => path === TIMESTAMP_PATH) + 1;
  return {
    target: target.name,
    serial: view.timestamp.serial,
    expires: view.timestamp.expires,
    stages: stages.map(({ name, files }) => ({
      name,
      files: files.map(({ path, size }) => ({ path, size })),
    })),
    removed,
    uploads: files.length,
    bytes: files.reduce((sum, { size }) => sum + size, 0),
    uploadsUntilLive: live,
    listed: known === undefined,
    dryRun,
  };
}

interface Comparison {
  wanted: WantedFile[];
  surplus: string[];
}

/** Compares by what both publications list; undefined when that can't be relied on. */
async function compareByLists(
  local: LocalSite,
  view: SiteView,
  theirs: Timestamp,
  target: Target,
): Promise<Comparison | undefined> {
  const page = await target.stat(LAST_PATH);
  if (page?.mark !== publicationId(theirs)) return undefined;
  const readTheirs: ReadFile = async (path, max) => (await target.get(path, max))?.bytes;
  const changed = await difference(
    { timestamp: view.timestamp, read: (path) => local.read(path) },
    { timestamp: theirs, read: readTheirs },
  );
  if (!changed) return undefined;
  const wanted: WantedFile[] = [];
  for (const path of changed.stored) {
    wanted.push({ path, size: await local.size(path), replaces: false });
  }
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
  await inParallel(others, DEFAULT_PARALLEL, async (path) => {
    const found = path === LAST_PATH ? page : await target.stat(path);
    const size = await local.size(path);
    const outdated = path === LAST_PATH && page.mark !== publicationId(view.timestamp);
    if (
      !outdated && found?.size === size && found.sha256 !== undefined &&
      found.sha256 === await local.hash(path, "sha256")
    ) return;
    wanted.push({ path, size, replaces: found !== undefined });
  });
  return { wanted, surplus: [] };
}

/** Compares everything with a listing of the target. */
async function compareAll(
  local: LocalSite,
  view: SiteView,
  target: Target,
): Promise<Comparison> {
  // Make sure that no file is missing here: on the target it would count as one to remove.
  const { timestamp } = view;
  for (const path of await storedFiles({ timestamp, read: (path) => local.read(path) })) {
    await local.size(path);
  }
  const there = new Map<string, ListedFile>();
  // Files outside psyopsOS/ are not the site's, except its pages.
  for await (const file of target.list("psyopsOS/")) there.set(file.path, file);
  const ours = (await local.files([])).filter((path) => path !== TIMESTAMP_PATH);
  const wanted: WantedFile[] = [];
  await inParallel(ours, DEFAULT_PARALLEL, async (path) => {
    const size = await local.size(path);
    const known: Known | undefined = path.startsWith("psyopsOS/")
      ? there.get(path)
      : await target.stat(path);
    const unmarked = path === LAST_PATH && target.keepsMarks &&
      known?.mark !== publicationId(timestamp);
    const same = !unmarked && known?.size === size &&
      await sameContent(local, target, path, known);
    if (!same) wanted.push({ path, size, replaces: known !== undefined });
  });
  const kept = new Set(ours);
  const surplus = [...there.keys()].filter((path) =>
    OWNED.some((folder) => path.startsWith(`${folder}/`)) && !kept.has(path)
  ).sort();
  return { wanted, surplus };
}

/** What a listing or a look at one file tells. */
interface Known {
  size: number;
  md5?: string;
  sha256?: string;
  mark?: string;
}

async function sameContent(
  local: LocalSite,
  target: Target,
  path: string,
  known: Known,
): Promise<boolean> {
  if (known.md5 !== undefined && known.md5 === await local.hash(path, "md5")) return true;
  // What looks like an MD5 is none where the server encrypts, or where a file came in parts.
  const sha256 = known.sha256 ?? (await target.stat(path))?.sha256;
  return sha256 !== undefined && sha256 === await local.hash(path, "sha256");
}

/** The timestamp in `bytes`; undefined when it is none. */
function readable(bytes: Uint8Array): Timestamp | undefined {
  try {
    const timestamp = parseTimestamp(bytes);
    parseSignature(timestamp.publication.minisig, TIMESTAMP_PATH);
    return timestamp;
  } catch (error) {
    if (error instanceof RefusedError) return undefined;
    throw error;
  }
}

function refuseOlder(target: string, view: SiteView, theirs: Timestamp): void {
  const signer = keyIdHex(parseSignature(theirs.publication.minisig, TIMESTAMP_PATH));
  // The serial of a key that is no longer to be believed may be anything.
  if (!keysOf(view.root, "config").map(keyIdHex).includes(signer)) return;
  const { serial, issued } = view.timestamp;
  if (theirs.serial < serial || (theirs.serial === serial && theirs.issued <= issued)) return;
  const newer = theirs.serial > serial
    ? `serial ${theirs.serial}, newer than ${serial}`
    : `a timestamp of ${theirs.issued}, newer than ${issued}`;
  throw new UserError(`publish to ${target}`, `it has ${newer}`, {
    hint: "deno task site builds one that is newer still",
  });
}
