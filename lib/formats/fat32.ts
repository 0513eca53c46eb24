/**
 * A writer of FAT32 file systems as firmware reads EFI system partitions: files laid out one behind the
 * other, long names, one fixed time, the same bytes for the same input.
 * Refused: sizes that are not FAT32, names that FAT can't hold, content that does not fit.
 * Spec: Microsoft FAT specification (August 2005).
 *
 * @module
 */
import { type Bytes, utf8 } from "../bytes.ts";
import { UserError } from "../errors.ts";
import type { Extent } from "./extents.ts";
import { DIR_ENTRY, type EncodedName, encodeNames } from "./fat_names.ts";

/** What {@linkcode fat32} lays out. */
export interface Fat32Options {
  /** Size in sectors of 512 bytes. */
  sectors: number;
  /** At most 11 characters out of A-Z 0-9 _ and -. */
  label: string;
  /** Files by path, segments separated by "/"; folders come from the paths. */
  files: ReadonlyMap<string, Uint8Array>;
  /** Volume serial number, 32 bits. */
  serial: number;
  /** Sectors before the partition on its disk, default 0. */
  hiddenSectors?: number;
  /** Time of every entry in seconds since 1970, read as UTC; FAT knows 1980 to 2107. Default 1980. */
  epoch?: number;
}

const SECTOR = 512;
const FATS = 2;
const INFO_SECTOR = 1;
const BACKUP_SECTOR = 6;
const MIN_RESERVED = 32;
const MEDIA = 0xf8;
/** Firmware tells FAT16 from FAT32 by the number of clusters alone. */
const MIN_CLUSTERS = 65525;
const MAX_CLUSTERS = 0x0fff_fff5;
const MAX_FILE = 0xffff_ffff;
/** Deepest path; firmware takes 260 characters. */
const MAX_DEPTH = 64;
const END_OF_CHAIN = 0x0fff_ffff;
const FIRST_CLUSTER = 2;

const ATTRIBUTE = { volume: 0x08, directory: 0x10, archive: 0x20 } as const;

/** The file system as extents relative to its start. @throws {UserError} */
export function fat32(options: Fat32Options): Extent[] {
  const { label, sectors } = options;
  if (!/^[A-Z0-9_-]{1,11}$/.test(label)) {
    throw new UserError("write FAT", `label ${JSON.stringify(label)} is not A-Z 0-9 _ -`);
  }
  const shape = geometry(sectors);
  const stamp = fatTime(options.epoch ?? 0);
  const root = tree(options.files);
  const chains: number[] = [];
  const extents: Extent[] = [];
  const used = place(root, shape, stamp, label, chains, extents);
  const table = fatTable(chains, used);
  const boot = bootSector(options, shape);
  const info = infoSector(shape.clusters - (used - FIRST_CLUSTER), used);
  const head: Extent[] = [];
  for (const base of [0, BACKUP_SECTOR]) {
    head.push({ offset: base * SECTOR, data: boot });
    head.push({ offset: (base + INFO_SECTOR) * SECTOR, data: info });
    head.push({ offset: (base + 2) * SECTOR, data: signed(new Uint8Array(SECTOR)) });
  }
  for (let i = 0; i < FATS; i++) {
    head.push({ offset: (shape.reserved + i * shape.fatSectors) * SECTOR, data: table });
  }
  return [...head, ...extents];
}

interface Shape {
  sectors: number;
  perCluster: number;
  clusterBytes: number;
  reserved: number;
  fatSectors: number;
  clusters: number;
}

/** Cluster size and the sizes of all areas; contents start at a multiple of the cluster size. */
function geometry(sectors: number): Shape {
  // The largest cluster up to 4 KiB that leaves enough of them; large disks get larger ones.
  for (const perCluster of [8, 4, 2, 1, 16, 32, 64]) {
    // Entries of 4 bytes: how many FAT sectors cover the clusters that are left beside them.
    const fatSectors = Math.ceil(
      (sectors - MIN_RESERVED + 2 * perCluster) / (perCluster * SECTOR / 4 + FATS),
    );
    const start = MIN_RESERVED + FATS * fatSectors;
    const reserved = MIN_RESERVED + (perCluster - start % perCluster) % perCluster;
    const clusters = Math.floor((sectors - reserved - FATS * fatSectors) / perCluster);
    const large = sectors > 8 * 2 ** 21;
    if (large && perCluster < 16) continue;
    // A margin of 16: some drivers are off by a few at the border to FAT16.
    if (clusters < MIN_CLUSTERS + 16 || clusters > MAX_CLUSTERS) continue;
    return {
      sectors,
      perCluster,
      clusterBytes: perCluster * SECTOR,
      reserved,
      fatSectors,
      clusters,
    };
  }
  throw new UserError("write FAT", `${sectors} sectors is no size for FAT32`);
}

interface File {
  data: Uint8Array;
}

interface Folder {
  path: string;
  children: Map<string, File | Folder>;
  names: EncodedName[];
}

/** The tree of `files`, every folder sorted by name so that the order of the map does not matter. */
function tree(files: ReadonlyMap<string, Uint8Array>): Folder {
  const root: Folder = { path: "", children: new Map(), names: [] };
  for (const [path, data] of files) {
    const parts = path.split("/");
    if (parts.length > MAX_DEPTH) {
      throw new UserError("write FAT", `${path} is deeper than ${MAX_DEPTH} folders`);
    }
    const name = parts.pop()!;
    let folder = root;
    for (const part of parts) {
      const child = folder.children.get(part) ??
        {
          path: folder.path === "" ? part : `${folder.path}/${part}`,
          children: new Map(),
          names: [],
        };
      if (!("children" in child)) {
        throw new UserError("write FAT", `${path} is below the file ${part}`);
      }
      folder.children.set(part, child);
      folder = child;
    }
    if (folder.children.has(name)) {
      throw new UserError("write FAT", `${path} is a file and a folder`);
    }
    if (data.length > MAX_FILE) throw new UserError("write FAT", `${path} is above 4 GiB`);
    folder.children.set(name, { data });
  }
  finish(root);
  return root;
}

function finish(folder: Folder) {
  const sorted = [...folder.children].sort(([a], [b]) => a < b ? -1 : 1);
  folder.children = new Map(sorted);
  folder.names = encodeNames(sorted.map(([name]) => name), folder.path);
  for (const child of folder.children.values()) if ("children" in child) finish(child);
}

/** Bytes of a folder's entries; the root has a label, others have "." and "..". */
function folderBytes(folder: Folder): number {
  const own = folder.path === "" ? 1 : 2;
  return DIR_ENTRY * folder.names.reduce((sum, name) => sum + name.long.length + 1, own);
}

/**
 * Gives every folder and file its clusters, folders first, and their contents as extents; `chains`
 * gets, per cluster run, its first and last cluster.
 * @returns the first cluster that is free.
 */
function place(
  root: Folder,
  shape: Shape,
  stamp: Stamp,
  label: string,
  chains: number[],
  extents: Extent[],
): number {
  let next = FIRST_CLUSTER;
  const end = FIRST_CLUSTER + shape.clusters;
  const start = shape.reserved + FATS * shape.fatSectors;
  const offsetOf = (cluster: number) =>
    (start + (cluster - FIRST_CLUSTER) * shape.perCluster) * SECTOR;
  const take = (bytes: number) => {
    if (bytes === 0) return 0;
    const first = next;
    next += Math.ceil(bytes / shape.clusterBytes);
    chains.push(first, next - 1);
    return first;
  };
  const firstOf = new Map<File | Folder, number>();
  const files: File[] = [];
  const folders: { folder: Folder; parent?: Folder }[] = [];
  const visit = (folder: Folder, parent?: Folder) => {
    folders.push({ folder, parent });
    firstOf.set(folder, take(folderBytes(folder)));
    for (const child of folder.children.values()) {
      if ("children" in child) visit(child, folder);
      else files.push(child);
    }
  };
  visit(root);
  for (const file of files) firstOf.set(file, take(file.data.length));
  if (next > end) {
    const mib = shape.clusterBytes / 2 ** 20;
    throw new UserError(
      "write FAT",
      `${Math.ceil((next - FIRST_CLUSTER) * mib)} MiB of content, room for ${
        Math.floor(shape.clusters * mib)
      } MiB`,
    );
  }
  for (const { folder, parent } of folders) {
    const parts: Uint8Array[] = [];
    if (parent) {
      // ".." of a folder in the root says 0, not the root's cluster.
      const up = parent.path === "" ? 0 : firstOf.get(parent)!;
      parts.push(entry(utf8(".".padEnd(11)), ATTRIBUTE.directory, firstOf.get(folder)!, 0, stamp));
      parts.push(entry(utf8("..".padEnd(11)), ATTRIBUTE.directory, up, 0, stamp));
    } else {
      parts.push(entry(utf8(label.padEnd(11)), ATTRIBUTE.volume, 0, 0, stamp));
    }
    [...folder.children.values()].forEach((child, index) => {
      const name = folder.names[index]!;
      const first = firstOf.get(child)!;
      parts.push(...name.long);
      parts.push(
        "children" in child
          ? entry(name.short, ATTRIBUTE.directory, first, 0, stamp)
          : entry(name.short, ATTRIBUTE.archive, first, child.data.length, stamp),
      );
    });
    const data = new Uint8Array(parts.length * DIR_ENTRY);
    parts.forEach((part, index) => data.set(part, index * DIR_ENTRY));
    extents.push({ offset: offsetOf(firstOf.get(folder)!), data });
  }
  for (const file of files) {
    if (file.data.length === 0) continue;
    extents.push({ offset: offsetOf(firstOf.get(file)!), data: file.data });
  }
  return next;
}

/** The FAT up to the last cluster in use. */
function fatTable(chains: readonly number[], used: number): Bytes {
  const table = new Uint8Array(used * 4);
  const view = new DataView(table.buffer);
  view.setUint32(0, 0x0fff_ff00 | MEDIA, true);
  view.setUint32(4, END_OF_CHAIN, true); // clean, no errors
  for (let i = 0; i < chains.length; i += 2) {
    const last = chains[i + 1]!;
    for (let cluster = chains[i]!; cluster < last; cluster++) {
      view.setUint32(cluster * 4, cluster + 1, true);
    }
    view.setUint32(last * 4, END_OF_CHAIN, true);
  }
  return table;
}

interface Stamp {
  date: number;
  time: number;
}

/** FAT's local time, taken as UTC, in steps of two seconds. */
function fatTime(epoch: number): Stamp {
  const earliest = Date.UTC(1980, 0, 1) / 1000;
  const latest = Date.UTC(2107, 11, 31, 23, 59, 58) / 1000;
  const when = new Date(Math.min(latest, Math.max(earliest, epoch)) * 1000);
  return {
    date: (when.getUTCFullYear() - 1980) << 9 | (when.getUTCMonth() + 1) << 5 | when.getUTCDate(),
    time: when.getUTCHours() << 11 | when.getUTCMinutes() << 5 | when.getUTCSeconds() >> 1,
  };
}

function entry(
  short: Uint8Array,
  attributes: number,
  cluster: number,
  size: number,
  stamp: Stamp,
): Uint8Array {
  const out = new Uint8Array(DIR_ENTRY);
  const view = new DataView(out.buffer);
  out.set(short, 0);
  out[11] = attributes;
  view.setUint16(14, stamp.time, true); // created
  view.setUint16(16, stamp.date, true);
  view.setUint16(18, stamp.date, true); // accessed
  view.setUint16(20, cluster >>> 16, true);
  view.setUint16(22, stamp.time, true); // written
  view.setUint16(24, stamp.date, true);
  view.setUint16(26, cluster & 0xffff, true);
  view.setUint32(28, size, true);
  return out;
}

function bootSector(options: Fat32Options, shape: Shape): Bytes {
  const out = new Uint8Array(SECTOR);
  const view = new DataView(out.buffer);
  out.set([0xeb, 0x58, 0x90]);
  out.set(utf8("MSWIN4.1"), 3); // what every driver expects of a maker
  view.setUint16(11, SECTOR, true);
  out[13] = shape.perCluster;
  view.setUint16(14, shape.reserved, true);
  out[16] = FATS;
  out[21] = MEDIA;
  view.setUint16(24, 63, true); // sectors per track
  view.setUint16(26, 255, true); // heads
  view.setUint32(28, options.hiddenSectors ?? 0, true);
  view.setUint32(32, shape.sectors, true);
  view.setUint32(36, shape.fatSectors, true);
  view.setUint32(44, FIRST_CLUSTER, true); // the root folder
  view.setUint16(48, INFO_SECTOR, true);
  view.setUint16(50, BACKUP_SECTOR, true);
  out[64] = 0x80; // drive number
  out[66] = 0x29; // serial, label and type follow
  view.setUint32(67, options.serial, true);
  out.set(utf8(options.label.padEnd(11)), 71);
  out.set(utf8("FAT32".padEnd(8)), 82);
  return signed(out);
}

/** The sector that tells how many clusters are free, and from where on. */
function infoSector(free: number, next: number): Bytes {
  const out = new Uint8Array(SECTOR);
  const view = new DataView(out.buffer);
  view.setUint32(0, 0x41615252, true);
  view.setUint32(484, 0x61417272, true);
  view.setUint32(488, free, true);
  view.setUint32(492, next, true);
  return signed(out);
}

function signed(sector: Bytes): Bytes {
  sector.set([0x55, 0xaa], 510);
  return sector;
}
