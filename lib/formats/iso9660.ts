/**
 * Reads ISO 9660 images as mkimage.sh makes them: one session, Rock Ridge names, El Torito boot entries.
 * Refused: files in several extents (4 GiB and more), relocated directories, interleaving, directories
 * that overlap or loop, anything outside of the image. Joliet is ignored: Rock Ridge has the real names.
 * Spec: ECMA-119 (volume descriptors 8, directory records 9.1), IEEE P1281 SUSP, P1282 RRIP,
 * "El Torito" Bootable CD-ROM 1.0 section 2.
 *
 * @module
 */
import { type Bytes, concat, text } from "../bytes.ts";
import { UserError } from "../errors.ts";
import { safePath } from "./safe_path.ts";

/** A file, directory or link of the image. */
export interface IsoEntry {
  kind: "file" | "directory" | "symlink";
  /** Of a file's content, in bytes. */
  size: number;
  /** Where the content starts in the image, in bytes. */
  offset: number;
  /** Permission bits, where Rock Ridge has them. */
  mode?: number;
  linkTarget?: string;
}

/** One way to boot from the image. */
export interface IsoBootEntry {
  platform: "bios" | "uefi" | "other";
  bootable: boolean;
  /** Where the boot image starts, in bytes. */
  offset: number;
  /** How much the firmware loads, in units of 512 bytes; often less than there is. */
  sectors: number;
}

/** What an image holds. */
export interface IsoImage {
  volumeId: string;
  systemId: string;
  /** By path without leading slash; the root directory has none. */
  entries: ReadonlyMap<string, IsoEntry>;
  boot: readonly IsoBootEntry[];
}

/** Bytes per logical block; other sizes are refused. */
export const ISO_SECTOR = 2048;
/** Most files and directories. */
export const MAX_ISO_ENTRIES = 50_000;
/** Deepest directory. */
export const MAX_ISO_DEPTH = 32;
/** Longest path, in characters, and longest name, in bytes. */
export const MAX_ISO_PATH = 1024;
const MAX_ISO_NAME = 255;
/** Largest directory, in bytes. */
export const MAX_ISO_DIRECTORY = 16 * 2 ** 20;
/** Most continuation areas of one record. */
export const MAX_ISO_CONTINUATIONS = 32;
/** Most volume descriptors and most boot entries. */
const MAX_DESCRIPTORS = 64;
const MAX_BOOT_ENTRIES = 64;

const FIRST_DESCRIPTOR = 16;
const DIRECTORY = 0x02, ASSOCIATED = 0x04, MULTI_EXTENT = 0x80;

/** Reads the descriptors and all directories. @throws {UserError} */
export function readIso(bytes: Bytes): IsoImage {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let primary: number | undefined;
  let catalog: number | undefined;
  for (let i = 0;; i++) {
    if (i >= MAX_DESCRIPTORS) throw bad(`more than ${MAX_DESCRIPTORS} volume descriptors`);
    const at = (FIRST_DESCRIPTOR + i) * ISO_SECTOR;
    if (at + ISO_SECTOR > bytes.length) throw bad("truncated, or no ISO 9660 image");
    if (ascii(bytes, at + 1, 5) !== "CD001") {
      throw bad(`no volume descriptor in sector ${at / ISO_SECTOR}`);
    }
    const type = bytes[at]!;
    if (type === 255) break;
    if (type === 1) primary ??= at;
    if (type === 0 && ascii(bytes, at + 7, 32).startsWith("EL TORITO SPECIFICATION")) {
      catalog ??= view.getUint32(at + 0x47, true);
    }
  }
  if (primary === undefined) throw bad("no primary volume descriptor");
  if (both16(view, primary + 128, "block size") !== ISO_SECTOR) {
    throw bad("blocks of an unusual size");
  }
  return {
    systemId: ascii(bytes, primary + 8, 32).trimEnd(),
    volumeId: ascii(bytes, primary + 40, 32).trimEnd(),
    entries: readTree(bytes, view, primary + 156),
    boot: catalog === undefined ? [] : readBootCatalog(bytes, view, catalog),
  };
}

/** Content of a file, as a view of `bytes`. @throws {UserError} when it is missing or no file. */
export function isoFile(bytes: Bytes, iso: IsoImage, path: string): Bytes {
  const entry = iso.entries.get(path);
  if (entry?.kind !== "file") throw new UserError("read the ISO", `it has no file /${path}`);
  return bytes.subarray(entry.offset, entry.offset + entry.size);
}

interface Directory {
  path: string;
  depth: number;
  offset: number;
  size: number;
}

function readTree(bytes: Bytes, view: DataView, rootRecord: number): Map<string, IsoEntry> {
  const entries = new Map<string, IsoEntry>();
  const root = extent(bytes, view, rootRecord, "the root directory");
  const todo: Directory[] = [{ path: "", depth: 0, ...root }];
  const seen = new Set([root.offset]);
  // Each byte of an image belongs to one directory at most, and to one continuation: who reads more runs in circles.
  let left = bytes.length;
  const continuations = { left: bytes.length };
  let skip = 0;
  for (const current of todo) {
    const { path: parent, depth } = current;
    if (current.size > MAX_ISO_DIRECTORY) throw bad(`directory /${parent} is too large`);
    left -= current.size;
    if (left < 0) throw bad(`directory /${parent} overlaps another`);
    const end = current.offset + current.size;
    let index = 0;
    for (let at = current.offset; at < end;) {
      const length = bytes[at]!;
      if (length === 0) {
        // Records don't cross sectors: the rest of this one is empty.
        at += ISO_SECTOR - (at - current.offset) % ISO_SECTOR;
        continue;
      }
      const nameLength = bytes[at + 32]!;
      const nameEnd = 33 + nameLength + (nameLength % 2 === 0 ? 1 : 0);
      if (length < 34 || at + length > end || 33 + nameLength > length) {
        throw bad(`directory /${parent} has a malformed record`);
      }
      const here = at;
      at += length;
      const special = index++ < 2;
      const area = { at: Math.min(here + nameEnd, here + length), end: here + length };
      if (special) {
        // The root's first record says how many bytes to skip in all others (SUSP 5.3).
        if (parent === "" && index === 1) skip = skipLength(bytes, area.at, area.end);
        continue;
      }
      const flags = bytes[here + 25]!;
      if (flags & ASSOCIATED) continue;
      const what = `an entry of /${parent}`;
      const own = { at: area.at + skip, end: area.end };
      const rock = readRockRidge(bytes, view, own, what, continuations);
      const name = rock.name ?? plainName(ascii(bytes, here + 33, nameLength));
      const path = parent === "" ? name : `${parent}/${name}`;
      if (name.includes("/") || !safePath(name)) throw bad(`the name ${JSON.stringify(path)}`);
      if (path.length > MAX_ISO_PATH) throw bad(`a path above ${MAX_ISO_PATH} characters`);
      if (flags & MULTI_EXTENT) throw bad(`/${path} is in several extents`);
      if (bytes[here + 26] !== 0 || bytes[here + 27] !== 0) throw bad(`/${path} is interleaved`);
      if (entries.has(path)) throw bad(`/${path} is there twice`);
      if (entries.size >= MAX_ISO_ENTRIES) throw bad(`more than ${MAX_ISO_ENTRIES} entries`);
      const kind = flags & DIRECTORY ? "directory" : rock.target === undefined ? "file" : "symlink";
      const place = kind === "symlink"
        ? { offset: 0, size: 0 }
        : extent(bytes, view, here, `/${path}`);
      entries.set(path, {
        kind,
        offset: place.offset,
        size: kind === "file" ? place.size : 0,
        ...(rock.mode === undefined ? {} : { mode: rock.mode }),
        ...(rock.target === undefined ? {} : { linkTarget: rock.target }),
      });
      if (kind !== "directory") continue;
      if (seen.has(place.offset)) throw bad(`directory /${path} is another one too`);
      seen.add(place.offset);
      if (depth + 1 > MAX_ISO_DEPTH) throw bad(`directories deeper than ${MAX_ISO_DEPTH}`);
      todo.push({ path, depth: depth + 1, ...place });
    }
  }
  return entries;
}

/** Start and length that a directory record gives; both must lie in the image. */
function extent(bytes: Bytes, view: DataView, record: number, what: string) {
  const offset = both32(view, record + 2, what) * ISO_SECTOR;
  const size = both32(view, record + 10, what);
  if (size > 0 && offset + size > bytes.length) throw bad(`${what} lies outside of the image`);
  return { offset, size };
}

interface RockRidge {
  name?: string;
  mode?: number;
  target?: string;
}

interface Area {
  at: number;
  end: number;
}

/** The system use entries of one record, continuation areas included. */
function readRockRidge(
  bytes: Bytes,
  view: DataView,
  first: Area,
  what: string,
  continuations: { left: number },
): RockRidge {
  const result: RockRidge = {};
  const names: Uint8Array[] = [];
  const links: LinkParts = { parts: [], open: false };
  let linked = false;
  let next: Area | undefined = first;
  for (let areas = 0; next; areas++) {
    if (areas > MAX_ISO_CONTINUATIONS) throw bad(`${what} has too many continuations`);
    const { end } = next;
    let { at } = next as Area;
    next = undefined;
    while (at + 4 <= end) {
      const signature = ascii(bytes, at, 2);
      const length = bytes[at + 2]!;
      if (bytes[at] === 0) break;
      if (length < 4 || at + length > end) throw bad(`${what} has a malformed system use entry`);
      const data = bytes.subarray(at + 4, at + length);
      if (signature === "ST") break;
      else if (signature === "NM") {
        if (length < 5) throw bad(`${what} has a malformed name`);
        // "." and "..", which are skipped as records, are the only others.
        if ((data[0]! & 0x06) === 0) names.push(data.subarray(1));
      } else if (signature === "PX") {
        if (length < 12) throw bad(`${what} has malformed permissions`);
        result.mode = view.getUint32(at + 4, true) & 0o7777;
      } else if (signature === "SL") {
        linked = true;
        readLink(data, links, what);
      } else if (signature === "CL" || signature === "PL" || signature === "RE") {
        throw bad(`${what} is a relocated directory`);
      } else if (signature === "CE") {
        if (length < 28) throw bad(`${what} has a malformed continuation`);
        const start = both32(view, at + 4, what) * ISO_SECTOR + both32(view, at + 12, what);
        const size = both32(view, at + 20, what);
        if (start + size > bytes.length) throw bad(`${what} continues outside of the image`);
        continuations.left -= size;
        if (size > ISO_SECTOR || continuations.left < 0) {
          throw bad(`${what} continues for more than there is`);
        }
        next = { at: start, end: start + size };
      }
      at += length;
    }
  }
  if (names.reduce((sum, part) => sum + part.length, 0) > MAX_ISO_NAME) {
    throw bad(`${what} has a name above ${MAX_ISO_NAME} bytes`);
  }
  try {
    if (names.length > 0) result.name = text(concat(names));
    if (linked) result.target = links.parts.map((part) => text(concat(part))).join("/") || "/";
  } catch {
    throw bad(`${what} has a name that is not UTF-8`);
  }
  return result;
}

interface LinkParts {
  parts: Uint8Array[][];
  /** Whether the last part goes on in the next record. */
  open: boolean;
}

const encoder = new TextEncoder();

function readLink(data: Uint8Array, links: LinkParts, what: string): void {
  for (let at = 1; at < data.length;) {
    const flags = data[at]!;
    const length = data[at + 1] ?? 0;
    if (at + 2 + length > data.length) throw bad(`${what} has a malformed link`);
    const content = flags & 2 ? encoder.encode(".") : flags & 4
      ? encoder.encode("..")
      // The root is an empty first part: the slash comes when parts are joined.
      : flags & 8
      ? new Uint8Array()
      : data.subarray(at + 2, at + 2 + length);
    if (links.open) links.parts.at(-1)!.push(content);
    else links.parts.push([content]);
    links.open = (flags & 1) !== 0;
    at += 2 + length;
  }
}

/** LEN_SKP of the root's SP entry; 0 without one. */
function skipLength(bytes: Bytes, at: number, end: number): number {
  const present = at + 7 <= end && ascii(bytes, at, 2) === "SP" && bytes[at + 4] === 0xbe &&
    bytes[at + 5] === 0xef;
  return present ? bytes[at + 6]! : 0;
}

/** An ISO 9660 file name without its version, for images without Rock Ridge. */
function plainName(name: string): string {
  return name.replace(/;\d+$/, "").replace(/\.$/, "");
}

const PLATFORMS: Readonly<Record<number, IsoBootEntry["platform"]>> = { 0: "bios", 0xef: "uefi" };

function readBootCatalog(bytes: Bytes, view: DataView, block: number): IsoBootEntry[] {
  const start = block * ISO_SECTOR;
  if (start + ISO_SECTOR > bytes.length) throw bad("the boot catalog lies outside of the image");
  let sum = 0;
  for (let i = 0; i < 32; i += 2) sum = (sum + view.getUint16(start + i, true)) & 0xffff;
  const valid = bytes[start] === 1 && bytes[start + 30] === 0x55 && bytes[start + 31] === 0xaa;
  if (!valid || sum !== 0) throw bad("the boot catalog is damaged");
  const entries: IsoBootEntry[] = [];
  const platform = (id: number) => PLATFORMS[id] ?? "other";
  const add = (at: number, id: number) => {
    const offset = view.getUint32(at + 8, true) * ISO_SECTOR;
    if (offset >= bytes.length) throw bad("a boot image lies outside of the image");
    const sectors = view.getUint16(at + 6, true);
    entries.push({ platform: platform(id), bootable: bytes[at] === 0x88, offset, sectors });
  };
  add(start + 32, bytes[start + 1]!);
  const end = start + ISO_SECTOR;
  for (let at = start + 64; at + 32 <= end;) {
    const header = bytes[at]!;
    if (header !== 0x90 && header !== 0x91) break;
    const id = bytes[at + 1]!;
    let count = view.getUint16(at + 2, true);
    for (at += 32; count > 0 && at + 32 <= end; at += 32) {
      // 0x44 carries more selection criteria of the entry before it.
      if (bytes[at] === 0x44) continue;
      if (entries.length >= MAX_BOOT_ENTRIES) {
        throw bad(`more than ${MAX_BOOT_ENTRIES} boot entries`);
      }
      add(at, id);
      count--;
    }
    if (header === 0x91) break;
  }
  return entries;
}

/** A number that is stored in both byte orders. */
function both32(view: DataView, at: number, what: string): number {
  const value = view.getUint32(at, true);
  if (value !== view.getUint32(at + 4, false)) {
    throw bad(`${what} has two different numbers for one`);
  }
  return value;
}

function both16(view: DataView, at: number, what: string): number {
  const value = view.getUint16(at, true);
  if (value !== view.getUint16(at + 2, false)) {
    throw bad(`${what} has two different numbers for one`);
  }
  return value;
}

function ascii(bytes: Uint8Array, at: number, length: number): string {
  let out = "";
  for (let i = at; i < at + length; i++) out += String.fromCharCode(bytes[i]!);
  return out;
}

function bad(state: string): UserError {
  return new UserError("read the ISO", state);
}
