/**
 * One volume: made where that is due, opened, checked, mounted.
 *
 * While it is made, a mark stands in its last MiB, which no file system of a volume uses. What is found with the mark was never
 * mounted, so nothing is lost when it is made anew: that is how a volume comes about though power or agent fail at any moment.
 * Nothing is mounted before the mark is gone.
 *
 * @module
 */
import type { WantedVolume } from "../../lib/config/storage.ts";
import { UserError } from "../../lib/errors.ts";
import type { Host } from "../../lib/host.ts";
import { canonicalJson } from "../../lib/json.ts";
import { equal } from "../../lib/bytes.ts";
import { STORAGE } from "../system/paths.ts";
import { runOk } from "../system/programs.ts";
import { type Found, readContent, readSignatures } from "./devices.ts";
import { checkFileSystem, LONG_MS, makeFileSystem } from "./filesystem.ts";
import { changeKeys, closeLuks, formatLuks, LUKS_SECTORS, mapperPath, openLuks } from "./luks.ts";
import { makeMountPoint, mountOn } from "./mount.ts";
import { changeStorageRecord } from "./record.ts";

/** What is done about a volume that is not mounted. */
export interface VolumeWork {
  volume: WantedVolume;
  device: Found;
  isMade: boolean;
  /** Whether it is open already, by an agent that was ended. */
  isOpen: boolean;
  /** All that is wanted of it in one text. */
  wanted: string;
  /** Digest of its keys. */
  keys: string;
}

/** Where the file system of a volume is. */
function pathOf({ name, luks }: WantedVolume, device: { name: string }): string {
  return luks ? mapperPath(name) : `/dev/${device.name}`;
}

/**
 * Mounts a volume, making it if that is due, and has its keys be those that are wanted.
 *
 * @throws {UserError} where something is not as it was when it was planned, or can't be done.
 */
export async function bringUp(host: Host, doing: string, work: VolumeWork): Promise<void> {
  const { volume, device, isMade, isOpen, wanted } = work;
  const { name, luks, mount, filesystem } = volume;
  const path = pathOf(volume, device);
  await makeMountPoint(host, mount);
  // Begun by an agent that was ended; what it left open may be half of it.
  if (isOpen) await closeLuks(host, doing, name);
  // Which of its keys has opened it, the wanted one first.
  let opener = 0;
  if (isMade) await makeVolume(host, doing, work);
  else if (luks) {
    const keys = [luks.key, ...luks.oldKeys];
    opener = await openLuks(host, doing, { device: `/dev/${device.name}`, volume: name, keys });
  }
  const inside = await readSignatures(host, path);
  if (!inside.some(({ type }) => type === filesystem)) {
    throw new UserError(doing, `there is no ${filesystem} in it; it is left as it is`);
  }
  await checkFileSystem(host, doing, filesystem, path);
  await changeStorageRecord(host, ({ mounts }) => {
    mounts[mount] = { wanted, volume: name, device: device.name };
  });
  await mountOn(host, doing, mount, ["-t", filesystem], volume.options, path);
  if (!luks) return;
  if (opener > 0 || luks.oldKeys.length > 0) return await settleKeys(host, work);
  await changeStorageRecord(host, (record) => void (record.keys[name] = work.keys));
}

/** Has the keys of a volume be those that are wanted, and remembers that. @throws {UserError} */
export async function settleKeys(
  host: Host,
  { volume: { name, luks }, device, keys }: Pick<VolumeWork, "volume" | "keys"> & {
    device: { name: string };
  },
): Promise<void> {
  if (!luks) return;
  const doing = `change the keys of the volume ${name}`;
  await changeKeys(host, doing, { device: `/dev/${device.name}`, ...luks });
  await changeStorageRecord(host, (record) => void (record.keys[name] = keys));
}

async function makeVolume(
  host: Host,
  doing: string,
  { volume, device }: VolumeWork,
): Promise<void> {
  const { name, label, luks } = volume;
  const path = `/dev/${device.name}`;
  const now = await readContent(host, device.name);
  if (!equal(canonicalJson(now), canonicalJson(device.content))) {
    throw new UserError(doing, `what is on ${device.name} has changed since it was looked at`);
  }
  await runOk(host, doing, [STORAGE, "mark", device.name, label]);
  if (now.signatures.length > 0) await runOk(host, doing, ["wipefs", "--all", path]);
  let sectors = device.sectors;
  if (luks) {
    await formatLuks(host, doing, { device: path, label, key: luks.key });
    await openLuks(host, doing, { device: path, volume: name, keys: [luks.key] });
    sectors -= LUKS_SECTORS;
  }
  await makeFileSystem(host, doing, volume, { path: pathOf(volume, device), sectors });
  await runOk(host, doing, [STORAGE, "unmark", device.name], { timeoutMs: LONG_MS });
}
