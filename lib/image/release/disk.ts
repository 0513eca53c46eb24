/**
 * The disk image: GPT with one EFI system partition (FAT32), made without root, loop devices or tools.
 * Deterministic: GUIDs and the volume's serial come from a seed, times from an epoch.
 *
 * @module
 */
import { encodeHex } from "@std/encoding/hex";
import { sha256, utf8 } from "../../bytes.ts";
import { UserError } from "../../errors.ts";
import { type Extent, shifted } from "../../formats/extents.ts";
import { fat32 } from "../../formats/fat32.ts";
import { ESP_TYPE, gpt, SECTOR } from "../../formats/gpt.ts";

/** What {@linkcode diskImage} needs. */
export interface DiskOptions {
  /** Files of the EFI system partition by path. */
  files: ReadonlyMap<string, Uint8Array>;
  /** FAT label, e.g. "PSYOPSOS". */
  label: string;
  /** Size in MiB; default 512, or as much as three slots of this content need. */
  sizeMiB?: number;
  /** GUIDs and serial number are derived from it: another seed gives another disk. */
  seed: string;
  /** Time of all files in seconds since 1970; default FAT's earliest, 1980. */
  epoch?: number;
}

/** A disk image as extents for {@linkcode Host.writeExtents}. */
export interface DiskImage {
  /** In bytes. */
  size: number;
  /** In order of offset, not overlapping; everything else is zero. */
  extents: Extent[];
  /** Where the partition lies, in bytes; `guid` is what LoaderDevicePartUUID tells. */
  partition: { offset: number; size: number; guid: string };
}

const MIB = 2 ** 20;
/** Default size; a medium of 1 GB is the smallest sold. */
export const DEFAULT_SIZE_MIB = 512;
/** Smallest size: FAT32 needs 33 MiB, the partition table one at each end. */
export const MIN_SIZE_MIB = 36;
/** FAT32's sector count is 32 bits wide. */
export const MAX_SIZE_MIB = 2 ** 21 - 2;
/** Room by default: the running slot, the one being written, and one more. */
const SLOTS = 3;

/** The image. @throws {UserError} when the files do not fit or have names FAT can't hold. */
export function diskImage(options: DiskOptions): DiskImage {
  const { files, label, seed } = options;
  const sizeMiB = options.sizeMiB ?? defaultSize(files);
  if (!Number.isInteger(sizeMiB) || sizeMiB < MIN_SIZE_MIB || sizeMiB > MAX_SIZE_MIB) {
    throw new UserError("make a disk image", `${sizeMiB} MiB is not ${MIN_SIZE_MIB} or more`);
  }
  const size = sizeMiB * MIB;
  const partition = {
    // Aligned to a MiB at both ends, as all partitioning tools do.
    offset: MIB,
    size: size - 2 * MIB,
    guid: seededGuid(`${seed}/partition`),
  };
  const table = gpt({
    sectors: size / SECTOR,
    diskGuid: seededGuid(`${seed}/disk`),
    partitions: [{
      type: ESP_TYPE,
      guid: partition.guid,
      firstSector: partition.offset / SECTOR,
      lastSector: (partition.offset + partition.size) / SECTOR - 1,
      name: "psyopsOS",
    }],
  });
  const volume = fat32({
    files,
    label,
    sectors: partition.size / SECTOR,
    hiddenSectors: partition.offset / SECTOR,
    serial: new DataView(sha256(utf8(`${seed}/volume`)).buffer).getUint32(0),
    epoch: options.epoch,
  });
  const extents = [...table, ...shifted(volume, partition.offset)];
  extents.sort((a, b) => a.offset - b.offset);
  return { size, extents, partition };
}

/** A GUID of version 8 (custom, RFC 9562) made of the seed's SHA-256. */
function seededGuid(seed: string): string {
  const bytes = sha256(utf8(seed)).slice(0, 16);
  bytes[6] = bytes[6]! & 0x0f | 0x80;
  bytes[8] = bytes[8]! & 0x3f | 0x80;
  const hex = encodeHex(bytes);
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

function defaultSize(files: ReadonlyMap<string, Uint8Array>): number {
  let content = 0;
  for (const data of files.values()) content += data.length;
  // Rounded to 64 MiB, and a fifth more, so that small growth does not change every image's size.
  const wanted = Math.ceil(SLOTS * content * 1.2 / (64 * MIB)) * 64;
  return Math.max(DEFAULT_SIZE_MIB, wanted);
}
