/**
 * Which steps lead from what is mounted and swapped to to what is wanted. Pure.
 *
 * @module
 */
import { createHmac } from "node:crypto";
import { text } from "../../lib/bytes.ts";
import { parentsOf } from "../../lib/config/owners.ts";
import type { WantedMount, WantedStorage, WantedVolume } from "../../lib/config/storage.ts";
import { canonicalJson } from "../../lib/json.ts";
import { mountedAt } from "../system/mounts.ts";
import { type Choice, chooseDevice } from "./choose.ts";
import type { Found } from "./devices.ts";
import type { Look } from "./look.ts";
import { mapperName } from "./luks.ts";
import type { StorageRecord } from "./record.ts";
import { swapTexts, ZRAM, ZRAM_PATH } from "./swap.ts";
import type { VolumeWork } from "./volume.ts";

/** One change. */
export type Change =
  & { readonly text: string }
  & (
    | {
      readonly what: "release";
      readonly point: string;
      readonly entry: Entry;
      readonly isMounted: boolean;
      readonly isOpen: boolean;
    }
    /** Its disk is gone: nothing can be saved. */
    | {
      readonly what: "let go";
      readonly point: string;
      readonly entry: Entry;
      readonly isOpen: boolean;
    }
    | { readonly what: "volume"; readonly work: VolumeWork }
    | {
      readonly what: "keys";
      readonly volume: WantedVolume;
      readonly device: string;
      readonly keys: string;
    }
    | { readonly what: "mount"; readonly mount: WantedMount; readonly wanted: string }
    | { readonly what: "swap"; readonly name: string; readonly wanted: string }
    | {
      readonly what: "leave swap";
      readonly name: string;
      readonly isUsed: boolean;
      readonly isKept: boolean;
    }
    | { readonly what: "refuse"; readonly state: string }
  );

/** One mount of the record. */
export type Entry = StorageRecord["mounts"][string];

/** What is. */
export interface Actual {
  look: Look;
  record: StorageRecord;
  /** Mounts of the record that go: they are not as they are wanted, or lie on what goes. */
  going: ReadonlySet<string>;
  /** Disks and partitions, where a volume has to be found. */
  devices: readonly Found[];
  /** Digests of the keys that are wanted, by volume. */
  keys: ReadonlyMap<string, string>;
}

/** The steps, in order. */
export function planStorage(wanted: WantedStorage, actual: Actual): Change[] {
  return [
    ...planLeaving(wanted, actual),
    ...planReleases(actual),
    ...wanted.volumes.flatMap((volume) => planVolume(volume, wanted, actual)),
    ...wanted.mounts.filter((mount) => !isMounted(mount.path, mountText(mount), actual))
      .map((mount): Change => ({
        what: "mount",
        mount,
        wanted: mountText(mount),
        text: mount.bind === undefined
          ? `mount ${mount.device} at ${mount.path}`
          : `show ${mount.bind} at ${mount.path}`,
      })),
    ...planSwaps(wanted, actual),
  ];
}

/** Where nothing is to be seen. */
export const NOTHING: Look = { mounts: [], swaps: new Set(), blocks: new Set(), mapped: new Set() };

/** Whether nothing is wanted. */
export function isNothing({ volumes, mounts, swap }: WantedStorage): boolean {
  return volumes.length + mounts.length + swapTexts(swap).size === 0;
}

/** Whether nothing has been done in this boot that could be undone. */
export function isUnused({ mounts, swaps }: StorageRecord): boolean {
  return Object.keys(mounts).length + Object.keys(swaps).length === 0;
}

/** All that is wanted of a volume's mount, without its keys. */
function volumeText({ name, filesystem, label, options, luks }: WantedVolume): string {
  return text(canonicalJson({ name, filesystem, label, options, luks: luks !== undefined }));
}

/** All that is wanted of another mount. */
export function mountText({ options, ...mount }: WantedMount): string {
  return text(canonicalJson({ ...mount, options }));
}

/** A digest of the keys of a volume, under a key of the node's own. */
export function keysText({ luks }: WantedVolume, key: Uint8Array): string {
  if (!luks) return "";
  return createHmac("sha256", key).update(canonicalJson(luks)).digest("hex");
}

/** Whether what is wanted is mounted, and stays. */
export function isMounted(
  point: string,
  wanted: string,
  { look, record, going }: Pick<Actual, "look" | "record" | "going">,
): boolean {
  const isWanted = record.mounts[point]?.wanted === wanted && !going.has(point);
  return isWanted && mountedAt(look.mounts, point) !== undefined;
}

/** {@linkcode isMounted} of a volume. */
export function isUp(
  volume: WantedVolume,
  now: Pick<Actual, "look" | "record" | "going">,
): boolean {
  return isMounted(volume.mount, volumeText(volume), now);
}

/** What of the record goes: with a mount go those that lie below it, and those that show a part of it elsewhere. */
export function goingOf(wanted: WantedStorage, look: Look, record: StorageRecord): Set<string> {
  const texts = new Map([
    ...wanted.volumes.map((volume) => [volume.mount, volumeText(volume)] as const),
    ...wanted.mounts.map((mount) => [mount.path, mountText(mount)] as const),
  ]);
  const sources = new Map(wanted.mounts.map(({ path, bind }) => [path, bind]));
  const going = new Set(
    Object.entries(record.mounts)
      .filter(([point, entry]) => texts.get(point) !== entry.wanted || isGone(entry, look))
      .map(([point]) => point),
  );
  // Each turn finds one more at least, or is the last.
  for (let known = -1; known < going.size;) {
    known = going.size;
    for (const point of Object.keys(record.mounts)) {
      if (isOn(going, point) || isOn(going, sources.get(point))) going.add(point);
    }
  }
  return going;
}

/** Whether a path is one of `points`, or lies below one. */
function isOn(points: ReadonlySet<string>, path: string | undefined): boolean {
  return path !== undefined && [path, ...parentsOf(path)].some((one) => points.has(one));
}

function isGone({ device }: Entry, { blocks }: Look): boolean {
  return device !== undefined && !blocks.has(device);
}

/** Whether it is swapped to as it is wanted. */
export function isSwapped(
  name: string,
  wanted: string,
  { look, record }: Pick<Actual, "look" | "record">,
): boolean {
  return record.swaps[name] === wanted && look.swaps.has(name === ZRAM ? ZRAM_PATH : name);
}

/** What is no longer wanted goes; a file on a volume that is mounted anew stays, and is swapped to again then. */
function planLeaving({ swap }: WantedStorage, { look, record, going }: Actual): Change[] {
  const wanted = swapTexts(swap);
  return Object.entries(record.swaps).flatMap(([name, have]): Change[] => {
    const isKept = wanted.get(name) === have;
    if (isKept && !isOn(going, name)) return [];
    const text = `swap to ${name} no more${isKept ? " for now" : ""}`;
    return [{ what: "leave swap", name, isUsed: look.swaps.has(name), isKept, text }];
  });
}

/** What is to go, goes: what lies deepest first, and what shows parts of volumes before those. */
function planReleases({ look, record, going }: Actual): Change[] {
  const inOrder = Object.entries(record.mounts).filter(([point]) => going.has(point))
    .sort(([a, one], [b, other]) =>
      Number(one.volume !== undefined) - Number(other.volume !== undefined) || (a < b ? 1 : -1)
    );
  return inOrder.map(([point, entry]): Change => {
    const isOpen = entry.volume !== undefined && look.mapped.has(mapperName(entry.volume));
    const isMounted = mountedAt(look.mounts, point) !== undefined;
    if (isMounted && isGone(entry, look)) {
      const text = `let go of ${point}, whose disk ${entry.device} is gone`;
      return { what: "let go", point, entry, isOpen, text };
    }
    return { what: "release", point, entry, isMounted, isOpen, text: `unmount ${point}` };
  });
}

function planVolume(volume: WantedVolume, wanted: WantedStorage, actual: Actual): Change[] {
  const { name, mount, optional, luks } = volume;
  const { look, record, going, devices } = actual;
  const keys = actual.keys.get(name)!;
  if (isUp(volume, actual)) {
    const device = record.mounts[mount]!.device!;
    if (!luks || record.keys[name] === keys) return [];
    return [{ what: "keys", volume, device, keys, text: `change the keys of the volume ${name}` }];
  }
  const doing = `mount the volume ${name} at ${mount}`;
  if (mountedAt(look.mounts, mount) && record.mounts[mount] === undefined) {
    return [{ what: "refuse", state: "something else is mounted there", text: doing }];
  }
  const held = wanted.volumes.map((one) => mapperName(one.name));
  const choice = chooseDevice(volume, devices, held);
  if (choice.what === "absent" && optional) return [];
  if (choice.what === "absent" || choice.what === "refuse") {
    return [{ what: "refuse", state: choice.state, text: doing }];
  }
  const { device } = choice;
  // What goes is closed by then.
  const isOpen = luks !== undefined && look.mapped.has(mapperName(name)) && !going.has(mount);
  const work = {
    volume,
    device,
    isMade: choice.what === "make",
    isOpen,
    wanted: volumeText(volume),
    keys,
  };
  return [{ what: "volume", work, text: workText(volume, choice) }];
}

function workText(
  { name, mount, filesystem, luks }: WantedVolume,
  choice: Choice & { device: Found },
): string {
  const verb = choice.what === "make"
    ? `make the volume ${name} (${
      luks ? "LUKS, " : ""
    }${filesystem}) on ${choice.device.name} and mount it`
    : `mount the volume ${name} (${choice.device.name})`;
  return `${verb} at ${mount}`;
}

function planSwaps({ swap }: WantedStorage, actual: Actual): Change[] {
  return [...swapTexts(swap)]
    .filter(([name, wanted]) => !isSwapped(name, wanted, actual) || isOn(actual.going, name))
    .map(([name, wanted]) => ({ what: "swap", name, wanted, text: `swap to ${name}` }));
}
