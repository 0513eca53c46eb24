/**
 * Volumes, other mounts and swap. Disks are looked at only while a volume is not mounted; what may be done with one is decided
 * in `agent/storage/choose.ts`.
 *
 * @module
 */
import { ABSENT, storageFacts } from "../../lib/config/storage.ts";
import { UserError } from "../../lib/errors.ts";
import type { Host } from "../../lib/host.ts";
import { readContents, readDevices } from "../storage/devices.ts";
import { lookAround } from "../storage/look.ts";
import { closeLuks, mapperName } from "../storage/luks.ts";
import { mountOther, unmount } from "../storage/mount.ts";
import {
  type Actual,
  type Change,
  type Entry,
  goingOf,
  isMounted,
  isNothing,
  isSwapped,
  isUnused,
  isUp,
  keysText,
  mountText,
  NOTHING,
  planStorage,
} from "../storage/plan.ts";
import { changeStorageRecord, readStorageRecord } from "../storage/record.ts";
import { leaveSwap, swapTexts, useSwap } from "../storage/swap.ts";
import { bringUp, settleKeys } from "../storage/volume.ts";
import { STORAGE } from "../system/paths.ts";
import { run } from "../system/programs.ts";
import { digestKey } from "./made.ts";
import type { KeyResource } from "./resource.ts";

/** Reported of what is not as it must be. */
const MISSING = "missing";

export const storage: KeyResource<"storage", Actual, Change> = {
  async read(host, wanted, { identity }) {
    const record = await readStorageRecord(host);
    const keys = new Map(
      wanted.volumes.map((one) => [one.name, keysText(one, digestKey(identity))]),
    );
    const idle = isNothing(wanted) && isUnused(record);
    const look = idle ? NOTHING : await lookAround(host);
    const going = goingOf(wanted, look, record);
    const isComplete = wanted.volumes.every((volume) => isUp(volume, { look, record, going }));
    const devices = isComplete ? [] : await readContents(host, await readDevices(host));
    return { look, record, going, devices, keys };
  },

  plan: planStorage,

  async apply(step, host) {
    switch (step.what) {
      case "release":
        if (step.entry.volume === undefined) await run(host, [STORAGE, "never", step.point]);
        if (step.isMounted) await unmount(host, step.text, step.point);
        return await forget(host, step.text, step.point, step.entry, step.isOpen);
      case "let go":
        await run(host, ["umount", "-l", step.point]);
        if (step.isOpen) {
          await run(host, ["cryptsetup", "close", "--deferred", mapperName(step.entry.volume!)]);
        }
        return await forget(host, step.text, step.point, step.entry, false);
      case "volume":
        return await bringUp(host, step.text, step.work);
      case "keys": {
        const { volume, device, keys } = step;
        return await settleKeys(host, { volume, device: { name: device }, keys });
      }
      case "mount":
        return await mountOther(host, step.text, step.mount, step.wanted);
      case "swap":
        return await useSwap(host, step.text, step.name, step.wanted);
      case "leave swap":
        return await leaveSwap(host, step.text, step);
      case "refuse":
        throw new UserError(step.text, step.state);
    }
  },

  async observe(host, wanted) {
    if (isNothing(wanted)) return [];
    const look = await lookAround(host);
    const record = await readStorageRecord(host);
    const now = { look, record, going: goingOf(wanted, look, record) };
    const up = new Set([
      ...wanted.volumes.filter((volume) => isUp(volume, now)).map(({ name }) => `volume ${name}`),
      ...wanted.mounts.filter((mount) => isMounted(mount.path, mountText(mount), now))
        .map(({ path }) => `mount ${path}`),
      ...[...swapTexts(wanted.swap)].filter(([name, text]) =>
        isSwapped(name, text, { look, record })
      )
        .map(([name]) => `swap ${name}`),
    ]);
    const optional = new Set(
      wanted.volumes.filter((one) => one.optional).map(({ name }) => `volume ${name}`),
    );
    return storageFacts(wanted).map(([what, is]) => ({
      what,
      is: up.has(what) ? is : optional.has(what) ? ABSENT : MISSING,
    }));
  },
};

/** Closes what was unmounted, and forgets it. */
async function forget(
  host: Host,
  doing: string,
  point: string,
  { volume }: Entry,
  isOpen: boolean,
): Promise<void> {
  if (isOpen) await closeLuks(host, doing, volume!);
  await changeStorageRecord(host, (record) => {
    delete record.mounts[point];
    if (volume !== undefined) delete record.keys[volume];
  });
}
