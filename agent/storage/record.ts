/**
 * What the agent has mounted and swaps to in this boot, so that it can be undone when it is no longer told. Each entry is
 * written before the thing is done: an agent that is killed in between has forgotten nothing.
 *
 * @module
 */
import * as v from "valibot";
import type { Host } from "../../lib/host.ts";
import { readRecord, writeRecord } from "../system/account_files.ts";
import { STORAGE_FILE } from "../system/paths.ts";

const schema = v.object({
  /** By the path of the mount. */
  mounts: v.record(
    v.string(),
    v.object({
      /** All that is wanted of it in one text, without secrets: another text is another mount. */
      wanted: v.string(),
      /** Whose it is. */
      volume: v.optional(v.string()),
      /** Kernel name of the device that it is on. */
      device: v.optional(v.string()),
    }),
  ),
  /** Files and "zram", each with all that is wanted of it. */
  swaps: v.record(v.string(), v.string()),
  /** Digest of the keys that volumes have by now, by the volume's name. */
  keys: v.record(v.string(), v.string()),
});
/** The record. */
export type StorageRecord = v.InferOutput<typeof schema>;

/** The record of this boot. @throws {UserError} */
export async function readStorageRecord(host: Host): Promise<StorageRecord> {
  return await readRecord(host, STORAGE_FILE, schema) ?? { mounts: {}, swaps: {}, keys: {} };
}

/** Changes the record. @throws {UserError} */
export async function changeStorageRecord(
  host: Host,
  change: (record: StorageRecord) => void,
): Promise<void> {
  const record = await readStorageRecord(host);
  change(record);
  await writeRecord(host, STORAGE_FILE, record);
}
