/**
 * Swap: files on volumes, and packed memory.
 *
 * @module
 */
import type { WantedSwap } from "../../lib/config/storage.ts";
import { UserError } from "../../lib/errors.ts";
import type { Host } from "../../lib/host.ts";
import { STORAGE } from "../system/paths.ts";
import { runOk } from "../system/programs.ts";
import { findFirmWay } from "../system/way.ts";
import { readSignatures } from "./devices.ts";
import { LONG_MS } from "./filesystem.ts";
import { changeStorageRecord } from "./record.ts";

/** What packed memory is called in the record. */
export const ZRAM = "zram";
/** Its device. */
export const ZRAM_PATH = "/dev/zram0";

const MIB = 1024 * 1024;

/** Each swap that is wanted: its name in the record, and all that is wanted of it in one text. */
export function swapTexts({ zram, files }: WantedSwap): Map<string, string> {
  return new Map([
    ...zram ? [[ZRAM, `${zram.percent} ${zram.algorithm}`] as const] : [],
    ...files.map(({ path, sizeMiB }) => [path, `${sizeMiB}`] as const),
  ]);
}

/** Swaps to a file or to packed memory. @throws {UserError} */
export async function useSwap(
  host: Host,
  doing: string,
  name: string,
  wanted: string,
): Promise<void> {
  if (name === ZRAM) {
    await changeStorageRecord(host, ({ swaps }) => void (swaps[name] = wanted));
    await runOk(host, doing, [STORAGE, "zram", ...wanted.split(" ")]);
    return;
  }
  const place = await findFirmWay(host, name, { doing });
  const info = await host.stat(place);
  if (info) {
    const isSwap = info.kind === "file" && info.uid === 0 &&
      (await readSignatures(host, place)).some(({ type }) => type === "swap");
    if (!isSwap) throw new UserError(doing, "something else is there");
  }
  await changeStorageRecord(host, ({ swaps }) => void (swaps[name] = wanted));
  if (info?.size !== Number(wanted) * MIB || info.mode !== 0o600) {
    await runOk(host, doing, [STORAGE, "swapfile", place, wanted], { timeoutMs: LONG_MS });
  }
  await runOk(host, doing, ["swapon", place]);
}

/** Swaps there no more; the file goes unless it `isKept`. @throws {UserError} */
export async function leaveSwap(
  host: Host,
  doing: string,
  { name, isUsed, isKept }: { name: string; isUsed: boolean; isKept: boolean },
): Promise<void> {
  if (name === ZRAM) await runOk(host, doing, [STORAGE, "zram-off"], { timeoutMs: LONG_MS });
  else {
    const place = await findFirmWay(host, name, { doing });
    if (isUsed) await runOk(host, doing, ["swapoff", place], { timeoutMs: LONG_MS });
    if (!isKept) await host.removeEntry(place);
  }
  await changeStorageRecord(host, ({ swaps }) => void delete swaps[name]);
}
