/**
 * Which device a volume is, and what may be done with it. Pure: this decides what is destroyed, so it holds no surprise.
 *
 * A device is used where it bears the volume's label. It is made where it is empty, where it holds nothing but what `wipe`
 * names, or where it was begun to be made. It is left alone in all other cases.
 *
 * @module
 */
import type { WantedVolume } from "../../lib/config/storage.ts";
import { DRIVE_LABEL } from "../../lib/documents/drive.ts";
import {
  type Content,
  describeSignature,
  type Found,
  MIB_SECTORS,
  type Signature,
} from "./devices.ts";

/** What comes of looking for a volume's device. */
export type Choice =
  | { what: "use"; device: Found }
  /** `wiped`: what is destroyed by it. */
  | { what: "make"; device: Found; wiped: readonly Signature[] }
  /** There is no such disk (now). */
  | { what: "absent"; state: string }
  | { what: "refuse"; state: string };

/** What LUKS is called by wipefs. */
export const LUKS_TYPE = "crypto_LUKS";

/** Labels of media that are never a volume: identity drives, and what nodes boot from. */
const OWN_MEDIA = /^psyops/i;
/** The kind of file system that only boot media have. */
const BOOT_TYPE = "iso9660";
/** The smallest volume, in MiB: LUKS takes 16 of it, and the mark one. */
const MIN_MIB = 64;
const GIB_SECTORS = 1024 * MIB_SECTORS;

/** The device that `volume` is to be on. `held`: names of mapped devices that are the agent's own. */
export function chooseDevice(
  volume: WantedVolume,
  devices: readonly Found[],
  held: readonly string[],
): Choice {
  const { disk, partition } = volume;
  const disks = devices.filter((one) => one.disk === undefined);
  const parts = (name: string) => devices.filter((one) => one.disk === name);
  const all = (one: Found) => [one, ...parts(one.disk ?? one.name)];
  const isFree = (one: Found) =>
    all(one).every(({ content }) => !content.signatures.some(isOwnMedium));

  const known = disk.label !== undefined || disk.uuid !== undefined;
  const byName = known || disk.serial !== undefined || disk.model !== undefined ||
    disk.path !== undefined;
  const meant = disks.filter((one) =>
    (disk.serial === undefined || one.serial === disk.serial) &&
    (disk.model === undefined || one.model === disk.model) &&
    (disk.path === undefined || `/${one.path}/`.includes(`/${disk.path}/`)) &&
    one.sectors >= (disk.minSizeGiB ?? 0) * GIB_SECTORS &&
    (byName || !one.isRemovable && !one.isUsb)
  );
  let candidates: Found[];
  if (known) {
    candidates = meant.flatMap((one) => all(one)).filter(({ content }) =>
      content.signatures.some(({ label, uuid }) =>
        (disk.label === undefined || label === disk.label) &&
        (disk.uuid === undefined || uuid === disk.uuid)
      )
    );
  } else if (disk.empty) {
    const ours = meant.filter(({ content }) =>
      isOurs(volume, content) || content.mark === volume.label
    );
    candidates = ours.length > 0
      ? ours
      : meant.filter((one) => isFree(one) && isEmpty(one.content));
  } else {
    candidates = meant;
  }
  // What can't be meant does not make a choice doubtful, unless it is all that there is.
  const free = candidates.filter(isFree);
  const [chosen, second] = free;
  if (!chosen) {
    const [own] = candidates;
    if (own) return { what: "refuse", state: `${own.name} is an identity drive or a boot medium` };
    return {
      what: "absent",
      state: disk.empty ? "no disk is empty or bears its label" : "there is no such disk",
    };
  }
  if (second) {
    const names = free.map(({ name }) => name).join(", ");
    return { what: "refuse", state: `${free.length} disks are such: ${names}` };
  }
  const device = partition === undefined
    ? chosen
    : devices.find((one) => one.disk === chosen.name && one.partition === partition);
  if (!device) {
    return {
      what: "refuse",
      state: `${chosen.name} has no partition ${partition}, and none is made`,
    };
  }
  return judge(volume, device, parts(device.name), { held, known });
}

function judge(
  volume: WantedVolume,
  device: Found,
  parts: readonly Found[],
  { held, known }: { held: readonly string[]; known: boolean },
): Choice {
  const { name, content: { signatures, mark, isBlank, unreadable } } = device;
  const refuse = (state: string): Choice => ({ what: "refuse", state: `${name} ${state}` });
  const [unknown] = [unreadable, ...parts.map(({ content }) => content.unreadable)]
    .filter((one) => one !== undefined);
  if (unknown !== undefined) return refuse(`can't be read: ${unknown}`);
  const others = [device, ...parts].flatMap(({ holders }) => holders).filter((one) =>
    !held.includes(one)
  );
  if (others.length > 0) return refuse(`is in use by ${others.join(", ")}`);
  const seen = signatures.map(describeSignature).join(", ");
  const begun = mark === volume.label;
  if (known || isOurs(volume, device.content) && !begun) {
    const wanted = volume.luks ? LUKS_TYPE : volume.filesystem;
    const alone = signatures.every(({ type }) => type === wanted);
    return alone ? { what: "use", device } : refuse(`holds ${seen}, not ${wanted} alone`);
  }
  if (device.isReadOnly) return refuse("can't be written");
  const inParts = parts.flatMap(({ content }) => content.signatures);
  const precious = [...signatures, ...inParts].find((one) => one.label === volume.label);
  if (precious && !begun) {
    return refuse(
      `holds ${describeSignature(precious)}: what bears the volume's label is never made anew`,
    );
  }
  const foreign = signatures.filter((one) =>
    !(begun && isMade(volume, one)) && !isNamed(volume, one)
  );
  if (foreign.length > 0) {
    return refuse(
      `is not empty, it holds ${
        foreign.map(describeSignature).join(", ")
      }: name that in wipe if it may be destroyed`,
    );
  }
  if (signatures.length === 0 && !isBlank && !begun) {
    return refuse(
      "is not empty, it holds something unknown: write zeros over it if it may be destroyed",
    );
  }
  if (device.sectors < MIN_MIB * MIB_SECTORS) return refuse(`is smaller than ${MIN_MIB} MiB`);
  return { what: "make", device, wiped: signatures };
}

/** Whether it is the volume, by its label. */
function isOurs({ label, luks, filesystem }: WantedVolume, { signatures }: Content): boolean {
  const wanted = luks ? LUKS_TYPE : filesystem;
  return signatures.some((one) => one.type === wanted && one.label === label);
}

/** Whether making the volume leaves this when it is cut off: all makers write type and label at once. */
function isMade(volume: WantedVolume, { type, label }: Signature): boolean {
  const wanted = volume.luks ? LUKS_TYPE : volume.filesystem;
  return type === wanted && label === volume.label;
}

/** Whether `wipe` names it. A table of partitions has a sign of protection beside. */
function isNamed({ wipe }: WantedVolume, { type, uuid }: Signature): boolean {
  if (wipe === undefined) return false;
  return wipe === uuid || wipe === type.toLowerCase() || type === "PMBR" && wipe === "gpt";
}

function isEmpty({ signatures, isBlank, mark }: Content): boolean {
  return signatures.length === 0 && isBlank && mark === undefined;
}

function isOwnMedium({ type, label }: Signature): boolean {
  return type === BOOT_TYPE || label === DRIVE_LABEL ||
    label !== undefined && OWN_MEDIA.test(label);
}
