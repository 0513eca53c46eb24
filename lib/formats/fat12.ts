/**
 * Reads single files out of small FAT12 and FAT16 file systems, as the boot image of a CD is one.
 * Supported: short names (8.3), which is what firmware looks for. Refused: FAT32 (fat32.ts writes it),
 * anything that points outside of the image. Spec: Microsoft, FAT: General Overview, sections 3 to 6.
 *
 * @module
 */
import { type Bytes, concat } from "../bytes.ts";
import { UserError } from "../errors.ts";

/** Most entries of one directory. */
export const MAX_FAT_ENTRIES = 65_536;

const ENTRY = 32;
const DIRECTORY = 0x10, VOLUME = 0x08;

interface Layout {
  bytes: Bytes;
  clusterSize: number;
  clusters: number;
  wide: boolean;
  fat: number;
  root: number;
  rootEntries: number;
  data: number;
}

/** Content of the file at `path`, e.g. "EFI/BOOT/BOOTX64.EFI"; undefined when it is missing. @throws {UserError} */
export function fatFile(bytes: Bytes, path: string): Bytes | undefined {
  const layout = readLayout(bytes);
  let folder: Bytes = bytes.subarray(layout.root, layout.root + layout.rootEntries * ENTRY);
  const names = path.toUpperCase().split("/");
  for (const [i, name] of names.entries()) {
    const entry = findEntry(folder, name);
    if (!entry) return undefined;
    const last = i === names.length - 1;
    if (entry.directory === last) return undefined;
    const content = chain(layout, entry.cluster, last ? entry.size : undefined);
    if (last) return content;
    folder = content;
  }
  return undefined;
}

function readLayout(bytes: Bytes): Layout {
  if (bytes.length < 512) throw bad("truncated");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (view.getUint16(510, true) !== 0xaa55) throw bad("no FAT file system");
  const sector = view.getUint16(11, true);
  const perCluster = bytes[13]!;
  const reserved = view.getUint16(14, true);
  const fats = bytes[16]!;
  const rootEntries = view.getUint16(17, true);
  const sectors = view.getUint16(19, true) || view.getUint32(32, true);
  const perFat = view.getUint16(22, true);
  if (
    ![512, 1024, 2048, 4096].includes(sector) || perCluster === 0 || reserved === 0 || fats === 0
  ) {
    throw bad("no FAT file system");
  }
  if (perFat === 0 || rootEntries === 0) throw bad("FAT32 is not supported");
  const fat = reserved * sector;
  const root = fat + fats * perFat * sector;
  const data = root + Math.ceil(rootEntries * ENTRY / sector) * sector;
  const clusterSize = perCluster * sector;
  const clusters = Math.floor((sectors * sector - data) / clusterSize);
  if (sectors * sector > bytes.length || clusters < 1) throw bad("truncated");
  const wide = clusters >= 4085;
  const needed = wide ? (clusters + 2) * 2 : Math.ceil((clusters + 2) * 3 / 2);
  if (needed > perFat * sector) throw bad("its allocation table is too short");
  return { bytes, clusterSize, clusters, wide, fat, root, rootEntries, data };
}

interface Found {
  directory: boolean;
  cluster: number;
  size: number;
}

function findEntry(folder: Bytes, wanted: string): Found | undefined {
  const view = new DataView(folder.buffer, folder.byteOffset, folder.length);
  for (let at = 0; at + ENTRY <= folder.length; at += ENTRY) {
    if (at / ENTRY > MAX_FAT_ENTRIES) throw bad("a directory is too large");
    const first = folder[at]!;
    if (first === 0) return undefined;
    const attributes = folder[at + 11]!;
    // 0xe5: deleted. Long names have the volume bit too.
    if (first === 0xe5 || attributes & VOLUME) continue;
    const part = (from: number, to: number) =>
      String.fromCharCode(...folder.subarray(at + from, at + to)).trimEnd();
    const extension = part(8, 11);
    if (`${part(0, 8)}${extension ? `.${extension}` : ""}` !== wanted) continue;
    return {
      directory: (attributes & DIRECTORY) !== 0,
      cluster: view.getUint16(at + 26, true),
      size: view.getUint32(at + 28, true),
    };
  }
  return undefined;
}

/** Content of a chain of clusters; as long as it is, or `size` bytes. */
function chain(layout: Layout, first: number, size: number | undefined): Bytes {
  if (size === 0) return new Uint8Array();
  const { bytes, clusterSize, clusters, data } = layout;
  const parts: Uint8Array[] = [];
  for (let cluster = first; !isEnd(layout, cluster); cluster = next(layout, cluster)) {
    if (cluster < 2 || cluster >= clusters + 2) throw bad("a chain of clusters leads outside");
    if (parts.length > clusters) throw bad("a chain of clusters is a loop");
    const at = data + (cluster - 2) * clusterSize;
    parts.push(bytes.subarray(at, at + clusterSize));
  }
  const content = concat(parts);
  if (size === undefined) return content;
  if (content.length < size) throw bad("a file is shorter than its directory says");
  return content.subarray(0, size);
}

function isEnd({ wide }: Layout, cluster: number): boolean {
  return cluster >= (wide ? 0xfff8 : 0xff8);
}

function next({ bytes, fat, wide }: Layout, cluster: number): number {
  if (wide) return bytes[fat + cluster * 2]! | bytes[fat + cluster * 2 + 1]! << 8;
  const at = fat + Math.floor(cluster * 3 / 2);
  const pair = bytes[at]! | bytes[at + 1]! << 8;
  return cluster % 2 === 0 ? pair & 0xfff : pair >> 4;
}

function bad(state: string): UserError {
  return new UserError("read the FAT image", state);
}
