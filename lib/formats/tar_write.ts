/**
 * The tar writer: entries in the order given, the same bytes for the same entries. A field that does
 * not fit its ustar header goes into a pax record.
 *
 * @module
 */
import { type Bytes, utf8 } from "../bytes.ts";
import { UserError } from "../errors.ts";
import { formatPax } from "./tar_pax.ts";
import { TAR_BLOCK, type TarEntry, type TarKind } from "./tar_entry.ts";

/** Options of {@linkcode writeTar}. */
export interface WriteTarOptions {
  /** Whether two zero blocks end the archive; default true. Segments of an .apk go without. */
  end?: boolean;
}

const TYPES: Readonly<Record<TarKind, string>> = {
  file: "0",
  hardlink: "1",
  symlink: "2",
  char: "3",
  block: "4",
  directory: "5",
  fifo: "6",
};

/** Records that the writer makes itself from the entry's fields. */
const OWN_KEYS = new Set(["path", "linkpath", "size", "uid", "gid", "uname", "gname", "mtime"]);

const EMPTY = new Uint8Array();

/** The archive of `entries`. @throws {UserError} for an entry that no archive can hold. */
export function writeTar(entries: Iterable<TarEntry>, options: WriteTarOptions = {}): Bytes {
  const parts: Uint8Array[] = [];
  for (const entry of entries) {
    const { header, pax } = headerOf(entry);
    if (pax.size > 0) {
      const body = formatPax(pax);
      const fields = { name: utf8("././@PaxHeader"), type: "x", size: body.length, mode: 0o644 };
      parts.push(format(fields), body);
    }
    parts.push(header, entry.data ?? EMPTY);
  }
  const blocks = (part: Uint8Array) => Math.ceil(part.length / TAR_BLOCK) * TAR_BLOCK;
  let size = options.end === false ? 0 : 2 * TAR_BLOCK;
  for (const part of parts) size += blocks(part);
  const out = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += blocks(part);
  }
  return out;
}

function headerOf(entry: TarEntry): { header: Uint8Array; pax: Map<string, string> } {
  const bad = (why: string) => {
    throw new UserError("write tar", `${JSON.stringify(entry.path)} ${why}`);
  };
  checkPath(entry.path, bad);
  const pax = new Map<string, string>();
  const { kind } = entry;
  if (kind !== "file" && entry.data?.length) bad(`is a ${kind} with content`);
  const stored = (path: string) => path === "." ? "./" : path;
  const path = stored(entry.path) + (kind === "directory" && entry.path !== "." ? "/" : "");
  const split = splitPath(path);
  if (!split) pax.set("path", path);
  let link = "";
  if (kind === "symlink" || kind === "hardlink") {
    if (!entry.linkTarget || entry.linkTarget.includes("\0")) bad("is a link without a target");
    if (kind === "hardlink") checkPath(entry.linkTarget!, bad);
    link = entry.linkTarget!;
  }
  const linkBytes = utf8(link);
  if (linkBytes.length > 100) pax.set("linkpath", link);
  const octal = (key: string, value: number, max: number) => {
    if (!Number.isSafeInteger(value)) bad(`has ${key} ${value}`);
    if (value >= 0 && value <= max) return value;
    if (value < 0 && key !== "mtime") bad(`has ${key} ${value}`);
    pax.set(key, String(value));
    return 0;
  };
  const name = (key: "uname" | "gname") => {
    const bytes = utf8(entry[key] ?? "");
    if (bytes.includes(0)) bad(`has a NUL in its ${key}`);
    // 31 bytes: the field ends with a NUL.
    if (bytes.length <= 31) return bytes;
    pax.set(key, entry[key]!);
    return EMPTY;
  };
  const device = kind === "char" || kind === "block";
  const number = (value: number | undefined) => {
    if (!device) return 0;
    if (!Number.isInteger(value) || value! < 0 || value! > 0o7777777) bad("has no device number");
    return value!;
  };
  if (!Number.isInteger(entry.mode) || entry.mode < 0 || entry.mode > 0o7777) {
    bad(`has mode ${entry.mode}`);
  }
  const header = format({
    name: split?.name ?? cut(path),
    prefix: split?.prefix,
    type: TYPES[kind],
    size: octal("size", entry.data?.length ?? 0, 0o77777777777),
    mode: entry.mode,
    uid: octal("uid", entry.uid, 0o7777777),
    gid: octal("gid", entry.gid, 0o7777777),
    mtime: octal("mtime", entry.mtime, 0o77777777777),
    link: linkBytes.length > 100 ? cut(link) : linkBytes,
    uname: name("uname"),
    gname: name("gname"),
    major: number(entry.devMajor),
    minor: number(entry.devMinor),
  });
  for (const [key, value] of Object.entries(entry.pax ?? {})) {
    if (OWN_KEYS.has(key) || key === "" || key.includes("=")) bad(`has a pax record "${key}"`);
    pax.set(key, value);
  }
  return { header, pax };
}

function checkPath(path: string, bad: (why: string) => void) {
  if (path === "" || path.includes("\0")) bad("is no path");
  if (/^(\.?\/)/.test(path) || path.endsWith("/")) bad("starts or ends with a slash or ./");
}

/** Name and prefix of a path that fits ustar's two fields, else undefined. */
function splitPath(path: string): { name: Uint8Array; prefix: Uint8Array } | undefined {
  const bytes = utf8(path);
  if (bytes.length <= 100) return { name: bytes, prefix: EMPTY };
  for (let i = Math.max(1, bytes.length - 101); i <= 155 && i < bytes.length - 1; i++) {
    if (bytes[i] === 0x2f) return { name: bytes.subarray(i + 1), prefix: bytes.subarray(0, i) };
  }
  return undefined;
}

/** As much of a long name as the field takes, for readers that know no pax; whole characters. */
function cut(path: string): Uint8Array {
  let out = path.slice(0, 100);
  while (utf8(out).length > 100 || !out.isWellFormed()) out = out.slice(0, -1);
  return utf8(out);
}

interface Fields {
  name: Uint8Array;
  prefix?: Uint8Array;
  type: string;
  size: number;
  mode: number;
  uid?: number;
  gid?: number;
  mtime?: number;
  link?: Uint8Array;
  uname?: Uint8Array;
  gname?: Uint8Array;
  major?: number;
  minor?: number;
}

/** One ustar header block. */
function format(fields: Fields): Uint8Array {
  const block = new Uint8Array(TAR_BLOCK);
  const octal = (offset: number, digits: number, value: number) => {
    block.set(utf8(value.toString(8).padStart(digits, "0")), offset);
  };
  block.set(fields.name, 0);
  octal(100, 7, fields.mode);
  octal(108, 7, fields.uid ?? 0);
  octal(116, 7, fields.gid ?? 0);
  octal(124, 11, fields.size);
  octal(136, 11, fields.mtime ?? 0);
  block.fill(0x20, 148, 156);
  block.set(utf8(fields.type), 156);
  block.set(fields.link ?? EMPTY, 157);
  block.set(utf8("ustar\x0000"), 257);
  block.set(fields.uname ?? EMPTY, 265);
  block.set(fields.gname ?? EMPTY, 297);
  octal(329, 7, fields.major ?? 0);
  octal(337, 7, fields.minor ?? 0);
  block.set(fields.prefix ?? EMPTY, 345);
  let sum = 0;
  for (const byte of block) sum += byte;
  octal(148, 6, sum);
  block[154] = 0;
  return block;
}
