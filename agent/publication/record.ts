/**
 * What a node remembers across boots, on its identity drive: the highest serial and root version it ever accepted, and
 * the documents it last accepted, as they came from the site. Two records take turns, so that one of them is whole
 * whenever the power goes; the documents are written before the record that names them.
 *
 * Layout below `state/`: `record-a.json`, `record-b.json`, `good-<serial>[.<n>]/<site path>`. Nothing read back is believed: the
 * record is checked against its own hash, the documents pass every check of trust again.
 *
 * @module
 */
import * as v from "valibot";
import { type Bytes, sha256Hex } from "../../lib/bytes.ts";
import { errorText, UserError } from "../../lib/errors.ts";
import type { Host } from "../../lib/host.ts";
import { canonicalJson } from "../../lib/json.ts";
import { MAX_KEPT_BYTES, MAX_KEPT_FILES } from "../../lib/limits.ts";
import {
  MAX_TIMESTAMP_BYTES,
  parseTimestamp,
  publicationId,
  TIMESTAMP_PATH,
} from "../../lib/trust/freshness.ts";
import { NO_STATE, type TrustState } from "../../lib/trust/roots.ts";

/** Largest record, in bytes. */
const MAX_RECORD_BYTES = 4096;

const SLOTS = ["record-a.json", "record-b.json"] as const;
const otherSlot = (slot: typeof SLOTS[number]) => slot === SLOTS[0] ? SLOTS[1] : SLOTS[0];
const isGood = (name: string) => name.startsWith("good-");

const whole = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
/**
 * A record holds these six facts and their digest, and must never hold more: agent 0.1.0 treats a record with one more
 * field as missing, and would then accept an older serial. What later agents have to remember goes into files of its
 * own beside the records. This reader ignores additional fields, so that it does not fail in the same way, whatever
 * later agents write.
 */
const recordSchema = v.object({
  sequence: whole,
  rootVersion: whole,
  rootDigest: v.optional(v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/))),
  serial: whole,
  issued: v.pipe(v.string(), v.maxLength(32)),
  good: v.optional(v.pipe(v.string(), v.regex(/^good-\d{1,16}(?:\.\d{1,16})?$/))),
  sha256: v.string(),
});

/** One record. */
export type StateRecord = v.InferOutput<typeof recordSchema>;

/** What was found on the drive. */
export interface Stored {
  trust: TrustState;
  /** Folder of the last good documents below `state/`. */
  good?: string;
  /** 0 when there was no record. */
  sequence: number;
  /** The record that may be overwritten next. */
  next: typeof SLOTS[number];
  /** What shows that there was a record, though none is whole: names of files. */
  remains?: string[];
}

/**
 * Reads the newer of the records that are whole. A drive that has none gives the state of a new node; what is left of one
 * is named then.
 */
export async function loadState(host: Host, dir: string): Promise<Stored> {
  let best: Stored = { trust: NO_STATE, sequence: 0, next: SLOTS[0] };
  for (const slot of SLOTS) {
    const record = await readRecord(host, `${dir}/${slot}`);
    if (!record || record.sequence <= best.sequence) continue;
    const { rootVersion, rootDigest, serial, issued, good, sequence } = record;
    best = {
      trust: { rootVersion, rootDigest, serial, issued },
      good,
      sequence,
      next: otherSlot(slot),
    };
  }
  if (best.sequence === 0) {
    const remains = await remainsIn(host, dir);
    return remains.length > 0 ? { ...best, remains } : best;
  }
  const publication = await goodPublication(host, dir, best);
  return publication === undefined ? best : { ...best, trust: { ...best.trust, publication } };
}

/** What shows that there was a record, where none is whole; a folder that can't be read shows it, too. */
async function remainsIn(host: Host, dir: string): Promise<string[]> {
  try {
    const info = await host.stat(dir);
    if (info && info.kind !== "directory") return [`a ${info.kind} in place of the folder`];
    const names = await host.readDir(dir);
    return names.filter((name) => SLOTS.some((slot) => slot === name) || isGood(name));
  } catch (error) {
    return [`a folder that can't be read, ${errorText(error)}`];
  }
}

/**
 * What the record can't say: which publication was accepted with its serial. The timestamp that was kept with it says so;
 * undefined where none was.
 */
async function goodPublication(
  host: Host,
  dir: string,
  { good, trust }: Stored,
): Promise<string | undefined> {
  if (good === undefined) return undefined;
  try {
    const fetch = goodFetch(host, `${dir}/${good}`);
    const timestamp = parseTimestamp(await fetch(TIMESTAMP_PATH, MAX_TIMESTAMP_BYTES));
    return timestamp.serial === trust.serial ? publicationId(timestamp) : undefined;
  } catch (error) {
    // Damaged documents are told of when they are to be used.
    if (error instanceof UserError) return undefined;
    throw error;
  }
}

async function readRecord(host: Host, path: string): Promise<StateRecord | undefined> {
  try {
    const info = await host.stat(path);
    if (info?.kind !== "file" || info.size > MAX_RECORD_BYTES) return undefined;
    const record = v.parse(recordSchema, JSON.parse(await host.readTextFile(path)));
    return record.sha256 === digest(record) ? record : undefined;
  } catch {
    // The record is torn, overwritten or unreadable, so the other record counts.
    return undefined;
  }
}

/**
 * Keeps an accepted publication; the drive must be writable. The documents are written first, then the record that
 * names them. After that, all documents that this record does not name are removed.
 *
 * @returns What {@linkcode loadState} would give now.
 */
export async function saveState(
  host: Host,
  dir: string,
  before: Stored,
  trust: TrustState,
  files: ReadonlyMap<string, Bytes>,
): Promise<Stored> {
  await host.mkdir(dir, { mode: 0o700 });
  // Never overwrite the documents in use: extending a timestamp does not change the serial.
  const base = `good-${trust.serial}`;
  const good = before.good?.startsWith(base) ? `${base}.${before.sequence + 1}` : base;
  await removeOthers(host, dir, before.good);
  const size = [...files.values()].reduce((sum, data) => sum + data.length, 0);
  const fits = files.size <= MAX_KEPT_FILES && size <= MAX_KEPT_BYTES;
  if (fits) await writeGood(host, `${dir}/${good}`, files);
  const named = fits ? good : before.good;
  const stored = await writeRecord(host, dir, before, trust, named);
  if (!fits) {
    throw new UserError(
      "keep the documents on the identity drive",
      `${files.size} files of ${size} bytes are too many`,
    );
  }
  return stored;
}

/**
 * Keeps that what was accepted before is not to be believed any more, and removes its documents; the drive must be
 * writable. `left` is what still binds.
 */
export async function dropState(
  host: Host,
  dir: string,
  before: Stored,
  left: TrustState,
): Promise<Stored> {
  await host.mkdir(dir, { mode: 0o700 });
  return await writeRecord(host, dir, before, left);
}

/** Writes the next record, then removes all documents that it does not name. */
async function writeRecord(
  host: Host,
  dir: string,
  before: Stored,
  trust: TrustState,
  good?: string,
): Promise<Stored> {
  const { rootVersion, rootDigest, serial, issued } = trust;
  const sequence = before.sequence + 1;
  const facts = { sequence, rootVersion, rootDigest, serial, issued, good };
  const record: StateRecord = { ...facts, sha256: digest(facts) };
  await host.writeFile(`${dir}/${before.next}`, canonicalJson(record), { mode: 0o600 });
  await host.sync(dir);
  await removeOthers(host, dir, good);
  return { trust, good, sequence, next: otherSlot(before.next) };
}

async function writeGood(
  host: Host,
  dir: string,
  files: ReadonlyMap<string, Bytes>,
): Promise<void> {
  const folders = new Set<string>([dir]);
  for (const [path, data] of files) {
    const parts = path.split("/").slice(0, -1);
    let folder = dir;
    for (const part of parts) folders.add(folder = `${folder}/${part}`);
    await host.mkdir(folder, { mode: 0o700 });
    await host.writeFile(`${dir}/${path}`, data, { mode: 0o600 });
  }
  for (const folder of folders) await host.sync(folder);
}

async function removeOthers(host: Host, dir: string, keep: string | undefined): Promise<void> {
  for (const name of await host.readDir(dir)) {
    const ours = isGood(name) || name.includes(".tmp-");
    if (ours && name !== keep) await host.remove(`${dir}/${name}`);
  }
}

/** Reads the kept documents as {@linkcode openSite} wants them. */
export function goodFetch(host: Host, dir: string): (path: string, max: number) => Promise<Bytes> {
  return async (path, maxBytes) => {
    const file = `${dir}/${path}`;
    const info = await host.stat(file);
    if (info?.kind !== "file" || info.size > maxBytes) {
      throw new UserError(`read ${path}`, "it was not kept");
    }
    return await host.readFile(file);
  };
}

/** The state that the kept documents must be newer than: they were accepted when theirs was the highest serial. */
export function stateForGood(stored: Stored): TrustState {
  const serial = parseInt(stored.good?.slice("good-".length) ?? "0");
  return { ...stored.trust, serial: Math.min(serial, stored.trust.serial) };
}

/** Whether the kept set holds these very files, so that nothing has to be written. */
export async function sameGood(
  host: Host,
  dir: string,
  files: ReadonlyMap<string, Bytes>,
): Promise<boolean> {
  for (const [path, data] of files) {
    const file = `${dir}/${path}`;
    if ((await host.stat(file))?.size !== data.length) return false;
    if (sha256Hex(await host.readFile(file)) !== sha256Hex(data)) return false;
  }
  return true;
}

function digest(record: Omit<StateRecord, "sha256">): string {
  const { sequence, rootVersion, rootDigest, serial, issued, good } = record;
  return sha256Hex(canonicalJson({ sequence, rootVersion, rootDigest, serial, issued, good }));
}
