/**
 * GUID partition tables: a protective MBR, the table and its copy, for 512-byte sectors.
 * Pure layout: GUIDs are inputs, contents of partitions are the caller's.
 * Spec: UEFI 2.10, section 5 (GPT disk layout).
 *
 * @module
 */
import { crc32 } from "node:zlib";
import { type Bytes, concat } from "../bytes.ts";
import { UserError } from "../errors.ts";
import type { Extent } from "./extents.ts";

/** One partition. Sectors are counted from the start of the disk. */
export interface Partition {
  type: string;
  guid: string;
  firstSector: number;
  /** The last sector that belongs to it. */
  lastSector: number;
  /** At most 36 UTF-16 units. */
  name: string;
}

/** What {@linkcode gpt} lays out. */
export interface Table {
  sectors: number;
  diskGuid: string;
  partitions: readonly Partition[];
}

/** Bytes per sector. */
export const SECTOR = 512;
/** Partition type of an EFI system partition. */
export const ESP_TYPE = "c12a7328-f81f-11d2-ba4b-00a0c93ec93b";

const ENTRIES = 128;
const ENTRY = 128;
const HEADER = 92;
/** Sectors that the entries take. */
const TABLE_SECTORS = ENTRIES * ENTRY / SECTOR;
/** First sector a partition may use: behind MBR, header and entries. */
const FIRST_USABLE = 2 + TABLE_SECTORS;

/** MBR, table and its copy at the end. @throws {UserError} for partitions that do not fit. */
export function gpt(table: Table): Extent[] {
  const { sectors, partitions } = table;
  const last = sectors - 1;
  const lastUsable = last - TABLE_SECTORS - 1;
  if (!Number.isSafeInteger(sectors) || lastUsable < FIRST_USABLE) {
    throw new UserError("partition", `a disk of ${sectors} sectors is too small`);
  }
  const entries = entryArray(partitions, lastUsable);
  const header = (own: number, other: number, at: number) =>
    headerSector(table, { own, other, at, lastUsable, check: crc32(entries) });
  return [
    { offset: 0, data: protectiveMbr(sectors) },
    { offset: SECTOR, data: header(1, last, 2) },
    { offset: 2 * SECTOR, data: entries },
    { offset: (last - TABLE_SECTORS) * SECTOR, data: entries },
    { offset: last * SECTOR, data: header(last, 1, last - TABLE_SECTORS) },
  ];
}

/** Bytes of a GUID as disks hold it: the first three groups are little-endian. */
export function guidBytes(guid: string): Bytes {
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(guid)) {
    throw new UserError("partition", `${JSON.stringify(guid)} is no GUID`);
  }
  const groups = guid.split("-").map((group) =>
    Uint8Array.from(group.match(/../g)!, (byte) => parseInt(byte, 16))
  );
  for (const group of groups.slice(0, 3)) group.reverse();
  return concat(groups);
}

function entryArray(partitions: readonly Partition[], lastUsable: number): Bytes {
  if (partitions.length > ENTRIES) {
    throw new UserError("partition", `more than ${ENTRIES} partitions`);
  }
  const out = new Uint8Array(ENTRIES * ENTRY);
  const view = new DataView(out.buffer);
  let free = FIRST_USABLE;
  partitions.forEach((partition, index) => {
    const { firstSector, lastSector, name } = partition;
    if (firstSector < free || lastSector < firstSector || lastSector > lastUsable) {
      throw new UserError(
        "partition",
        `${
          name || index + 1
        } (sectors ${firstSector}-${lastSector}) is not within ${free}-${lastUsable}`,
      );
    }
    if (name.length > 36) throw new UserError("partition", `name ${name} is too long`);
    free = lastSector + 1;
    const at = index * ENTRY;
    out.set(guidBytes(partition.type), at);
    out.set(guidBytes(partition.guid), at + 16);
    view.setBigUint64(at + 32, BigInt(firstSector), true);
    view.setBigUint64(at + 40, BigInt(lastSector), true);
    for (let i = 0; i < name.length; i++) {
      view.setUint16(at + 56 + 2 * i, name.charCodeAt(i), true);
    }
  });
  return out;
}

interface HeaderPlace {
  own: number;
  other: number;
  /** First sector of the entries that belong to this header. */
  at: number;
  lastUsable: number;
  /** CRC-32 of the entries. */
  check: number;
}

function headerSector(table: Table, place: HeaderPlace): Bytes {
  const out = new Uint8Array(SECTOR);
  const view = new DataView(out.buffer);
  const u64 = (offset: number, value: number) => view.setBigUint64(offset, BigInt(value), true);
  out.set(new TextEncoder().encode("EFI PART"), 0);
  view.setUint32(8, 0x00010000, true); // revision 1.0
  view.setUint32(12, HEADER, true);
  u64(24, place.own);
  u64(32, place.other);
  u64(40, FIRST_USABLE);
  u64(48, place.lastUsable);
  out.set(guidBytes(table.diskGuid), 56);
  u64(72, place.at);
  view.setUint32(80, ENTRIES, true);
  view.setUint32(84, ENTRY, true);
  view.setUint32(88, place.check, true);
  view.setUint32(16, crc32(out.subarray(0, HEADER)), true);
  return out;
}

/** One MBR partition of type EE over the whole disk, so that old tools see no free space. */
function protectiveMbr(sectors: number): Bytes {
  const out = new Uint8Array(SECTOR);
  const view = new DataView(out.buffer);
  out.set([0x00, 0x00, 0x02, 0x00, 0xee, 0xff, 0xff, 0xff], 446);
  view.setUint32(454, 1, true);
  view.setUint32(458, Math.min(sectors - 1, 0xffff_ffff), true);
  out.set([0x55, 0xaa], 510);
  return out;
}
