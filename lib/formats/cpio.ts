/**
 * Cpio archives in the "newc" form (magic 070701) that Linux unpacks as initramfs: everything belongs
 * to root, times are zero, so the same entries give the same bytes.
 * Refused: hard links, the checksummed and the older forms, paths the kernel would drop in silence.
 * Spec: Linux, Documentation/driver-api/early-userspace/buffer-format.rst.
 *
 * @module
 */
import { type Bytes, utf8 } from "../bytes.ts";
import { UserError } from "../errors.ts";
import {
  CPIO_HEADER as HEADER,
  CPIO_TRAILER,
  type CpioRecord,
  cpioRecords,
  cpioText,
  MAX_CPIO_NAME,
} from "./cpio_records.ts";

/** What a cpio entry can be. */
export type CpioKind = "file" | "directory" | "symlink" | "char" | "block" | "fifo";

/** One entry of an archive, in archive order. */
export interface CpioEntry {
  /** Without leading "./" or "/" and without trailing "/". */
  path: string;
  kind: CpioKind;
  /** Permission bits with setuid, setgid and sticky, e.g. 0o755. */
  mode: number;
  /** Content of a file; undefined for every other kind. */
  data?: Bytes;
  linkTarget?: string;
  devMajor?: number;
  devMinor?: number;
}

/** Bounds of {@linkcode readCpio}. */
export interface ReadCpioOptions {
  /** Most entries, default {@linkcode MAX_ENTRIES}. */
  maxEntries?: number;
}

/** Default bound on entries. */
export const MAX_ENTRIES = 1_000_000;

const MAGIC = "070701";
const MAX_SIZE = 0xffff_ffff;
/** Length of the whole archive is a multiple of this, as cpio(1) writes it. */
const BLOCK = 512;

const TYPES: Readonly<Record<CpioKind, number>> = {
  fifo: 0o010000,
  char: 0o020000,
  directory: 0o040000,
  block: 0o060000,
  file: 0o100000,
  symlink: 0o120000,
};

const KINDS = new Map(Object.entries(TYPES).map(([kind, type]) => [type, kind as CpioKind]));

const align = (size: number, unit = 4) => Math.ceil(size / unit) * unit;

/**
 * The archive of `entries`. Every folder must come before what it holds: the kernel makes no parents.
 * @throws {UserError} for an entry that the kernel would not unpack.
 */
export function writeCpio(entries: Iterable<CpioEntry>): Bytes {
  const parts: { at: number; bytes: Uint8Array }[] = [];
  const folders = new Set([""]);
  let at = 0;
  let inode = 0;
  const add = (fields: Fields, name: string, data: Uint8Array) => {
    const nameBytes = utf8(name + "\0");
    const header = format({ ...fields, fileSize: data.length, nameSize: nameBytes.length });
    parts.push({ at, bytes: header }, { at: at + HEADER, bytes: nameBytes });
    at = align(at + HEADER + nameBytes.length);
    parts.push({ at, bytes: data });
    at = align(at + data.length);
  };
  for (const entry of entries) {
    const bad = (why: string) =>
      new UserError("write cpio", `${JSON.stringify(entry.path)} ${why}`);
    const { path, kind, mode } = entry;
    if (path === "" || path.includes("\0")) throw bad("is no path");
    if (/^\.?\//.test(path) || path.endsWith("/")) throw bad("starts or ends with a slash or ./");
    if (path === CPIO_TRAILER) throw bad("is the name that ends an archive");
    if (utf8(path).length >= MAX_CPIO_NAME) throw bad("is too long");
    if (!folders.has(path.slice(0, Math.max(0, path.lastIndexOf("/"))))) {
      throw bad("comes before its folder");
    }
    if (kind === "directory") folders.add(path);
    if (!Number.isInteger(mode) || mode < 0 || mode > 0o7777) throw bad(`has mode ${mode}`);
    if (kind !== "file" && entry.data?.length) throw bad(`is a ${kind} with content`);
    const data = kind === "symlink" ? utf8(entry.linkTarget ?? "") : entry.data ?? new Uint8Array();
    if (
      kind === "symlink" && (data.length === 0 || data.includes(0) || data.length >= MAX_CPIO_NAME)
    ) {
      throw bad("has no proper target");
    }
    if (data.length > MAX_SIZE) throw bad("is too large for the format");
    const device = kind === "char" || kind === "block";
    const [major, minor] = device ? [entry.devMajor, entry.devMinor] : [0, 0];
    if (!isU32(major) || !isU32(minor)) throw bad("has no device number");
    inode++;
    const links = kind === "directory" ? 2 : 1;
    add({ inode, mode: TYPES[kind] | mode, links, major, minor }, path, data);
  }
  add({ inode: 0, mode: 0, links: 1, major: 0, minor: 0 }, CPIO_TRAILER, new Uint8Array());
  const out = new Uint8Array(align(at, BLOCK));
  for (const part of parts) out.set(part.bytes, part.at);
  return out;
}

/** Entries of one archive; file contents are views of `bytes`. @throws {UserError} */
export function readCpio(bytes: Bytes, options: ReadCpioOptions = {}): CpioEntry[] {
  const maxEntries = options.maxEntries ?? MAX_ENTRIES;
  const entries: CpioEntry[] = [];
  let end = 0;
  for (const record of cpioRecords(bytes)) {
    end = record.end;
    if (record.path === CPIO_TRAILER) break;
    if (entries.length >= maxEntries) {
      throw new UserError("read cpio", `more than ${maxEntries} entries`);
    }
    entries.push(entryOf(record));
  }
  if (bytes.subarray(end).some((byte) => byte !== 0)) {
    throw new UserError("read cpio", "data behind the end of the archive");
  }
  return entries;
}

interface Fields {
  inode: number;
  mode: number;
  links: number;
  major: number;
  minor: number;
}

interface Sized extends Fields {
  fileSize: number;
  nameSize: number;
}

function entryOf(record: CpioRecord): CpioEntry {
  const { path, mode, links, data, bad } = record;
  if (record.checked) throw bad("is of the checksummed form");
  const kind = KINDS.get(mode & 0o170000);
  if (!kind) throw bad(`has the unknown type 0o${(mode & 0o170000).toString(8)}`);
  if (kind === "file" && links > 1) throw bad("is a hard link");
  const entry: CpioEntry = { path, kind, mode: mode & 0o7777 };
  if (kind === "file") entry.data = data;
  else if (kind === "symlink") {
    if (data.length >= MAX_CPIO_NAME) throw bad("has a target that is too long");
    entry.linkTarget = cpioText(data, bad);
  } else if (data.length > 0) throw bad(`is a ${kind} with content`);
  if (kind === "char" || kind === "block") {
    entry.devMajor = record.major;
    entry.devMinor = record.minor;
  }
  return entry;
}

/** A header: the magic and 13 numbers of 8 hex digits. */
function format(fields: Sized): Uint8Array {
  const { inode, mode, links, fileSize, major, minor, nameSize } = fields;
  const [owner, group, time, onMajor, onMinor, check] = [0, 0, 0, 0, 0, 0];
  const numbers = [inode, mode, owner, group, links, time, fileSize, onMajor, onMinor];
  numbers.push(major, minor, nameSize, check);
  return utf8(MAGIC + numbers.map((n) => n.toString(16).padStart(8, "0")).join(""));
}

function isU32(value: number | undefined): value is number {
  return Number.isInteger(value) && value! >= 0 && value! <= MAX_SIZE;
}
