/**
 * The tar reader as it was before it refused negative numbers: a size of -512 in an extended header leads it back to that very
 * header, for ever. `deno task fuzz` has to find this.
 *
 * @module
 */
import { type Bytes, text } from "../../../lib/bytes.ts";
import { UserError } from "../../../lib/errors.ts";
import { parsePax } from "../../../lib/formats/tar_pax.ts";
import { TAR_BLOCK, type TarEntry, type TarKind } from "../../../lib/formats/tar_entry.ts";

/** Bounds of {@linkcode readTar}. */
export interface ReadTarOptions {
  /** Most entries, default {@linkcode MAX_ENTRIES}. */
  maxEntries?: number;
  /** Most bytes of file content in sum, default {@linkcode MAX_BYTES}. */
  maxBytes?: number;
}

/** Default bound on entries: many times a full Alpine root with all kernel modules. */
export const MAX_ENTRIES = 1_000_000;
/** Default bound on the sum of file contents. */
export const MAX_BYTES = 8 * 2 ** 30;
/** Most bytes in one extended header or GNU long name. */
export const MAX_EXTENDED = 1 << 20;

const KINDS: Readonly<Record<string, TarKind>> = {
  "\0": "file",
  "0": "file",
  "7": "file",
  "1": "hardlink",
  "2": "symlink",
  "3": "char",
  "4": "block",
  "5": "directory",
  "6": "fifo",
};

/** Pax keys that become fields of the entry; times other than mtime are dropped. */
const FIELD_KEYS = new Set([
  "path",
  "linkpath",
  "size",
  "uid",
  "gid",
  "uname",
  "gname",
  "mtime",
  "atime",
  "ctime",
]);

/** Entries of a tar archive; file contents are views of `bytes`. @throws {UserError} */
export function readTar(bytes: Bytes, options: ReadTarOptions = {}): TarEntry[] {
  const maxEntries = options.maxEntries ?? MAX_ENTRIES;
  let left = options.maxBytes ?? MAX_BYTES;
  const entries: TarEntry[] = [];
  let globals = new Map<string, string>();
  let next = new Map<string, string>();
  let at = 0;
  while (at < bytes.length) {
    const where = `at offset ${at}`;
    const bad = (why: string) => new UserError("read tar", `entry ${where} ${why}`);
    if (at + TAR_BLOCK > bytes.length) throw new UserError("read tar", "truncated");
    const header = bytes.subarray(at, at + TAR_BLOCK);
    if (header[0] === 0 && header.every((byte) => byte === 0)) {
      requireZeros(bytes, at);
      break;
    }
    checkChecksum(header, bad);
    const type = String.fromCharCode(header[156]!);
    const extended = "xgLK".includes(type);
    // A global or a local record may replace fields of a file's header, never of another extension.
    const record = (key: string) => extended ? undefined : next.get(key) ?? globals.get(key);
    const sizeText = record("size");
    const size = sizeText ? decimal(sizeText, bad) : number(header, 124, 12, bad);
    // Other kinds have no content, whatever hint the size field of a directory holds.
    const kind = KINDS[type];
    const length = extended || kind === "file" ? size : 0;
    const start = at + TAR_BLOCK;
    if (length > bytes.length - start) throw new UserError("read tar", "truncated");
    const data = bytes.subarray(start, start + length);
    at = start + Math.ceil(length / TAR_BLOCK) * TAR_BLOCK;
    if (at > bytes.length) throw new UserError("read tar", "truncated");

    if (extended) {
      if (size > MAX_EXTENDED) throw bad(`has an extended header above ${MAX_EXTENDED} bytes`);
      if (type === "g") globals = new Map([...globals, ...parsePax(data, bad)]);
      else if (type === "x") next = new Map([...next, ...parsePax(data, bad)]);
      else next.set(type === "L" ? "path" : "linkpath", string(data, bad));
      continue;
    }
    if (!kind) throw bad(`has the unsupported type ${JSON.stringify(type)}`);
    if (entries.length >= maxEntries) {
      throw new UserError("read tar", `more than ${maxEntries} entries`);
    }
    left -= length;
    if (left < 0) throw new UserError("read tar", "more bytes of content than allowed");
    const records = new Map([...globals, ...next]);
    next = new Map();
    entries.push(entryOf(header, kind, size, data, records, bad));
  }
  if (next.size > 0) throw new UserError("read tar", "extended header without an entry");
  return entries;
}

type Bad = (why: string) => UserError;

function entryOf(
  header: Uint8Array,
  storedKind: TarKind,
  size: number,
  data: Bytes,
  records: ReadonlyMap<string, string>,
  bad: Bad,
): TarEntry {
  for (const key of records.keys()) {
    if (key.startsWith("GNU.sparse.")) throw bad("is a sparse file");
  }
  const magic = String.fromCharCode(...header.subarray(257, 265));
  const posix = magic === "ustar\x0000";
  const gnu = magic === "ustar  \0";
  if (!posix && !gnu && magic !== "\0".repeat(8)) throw bad("has an unknown magic");
  let path = records.get("path") || string(header.subarray(0, 100), bad);
  // GNU keeps other things where ustar has the prefix.
  const prefix = posix && !records.get("path") ? string(header.subarray(345, 500), bad) : "";
  if (prefix !== "") path = `${prefix}/${path}`;
  if (path === "") throw bad("has no name");
  // Before ustar had a type for directories, a trailing slash marked them.
  const kind = storedKind === "file" && path.endsWith("/") ? "directory" : storedKind;
  if (kind !== storedKind && size > 0) throw bad("is a directory with content");
  if ((kind === "symlink" || kind === "hardlink") && size > 0) throw bad("is a link with content");

  const id = (key: string, offset: number) => {
    const value = records.get(key);
    return value ? decimal(value, bad) : number(header, offset, 8, bad);
  };
  const entry: TarEntry = {
    path: plainPath(path),
    kind,
    mode: number(header, 100, 8, bad) & 0o7777,
    uid: id("uid", 108),
    gid: id("gid", 116),
    mtime: seconds(records.get("mtime")) ?? number(header, 136, 12, bad),
  };
  const named = posix || gnu;
  const uname = records.get("uname") ?? (named ? string(header.subarray(265, 297), bad) : "");
  const gname = records.get("gname") ?? (named ? string(header.subarray(297, 329), bad) : "");
  if (uname) entry.uname = uname;
  if (gname) entry.gname = gname;
  if (kind === "file") entry.data = data;
  if (kind === "symlink" || kind === "hardlink") {
    const target = records.get("linkpath") || string(header.subarray(157, 257), bad);
    if (target === "") throw bad("is a link without a target");
    entry.linkTarget = kind === "hardlink" ? plainPath(target) : target;
  }
  if (kind === "char" || kind === "block") {
    entry.devMajor = number(header, 329, 8, bad);
    entry.devMinor = number(header, 337, 8, bad);
  }
  const rest = [...records].filter(([key, value]) => !FIELD_KEYS.has(key) && value !== "");
  if (rest.length > 0) entry.pax = Object.fromEntries(rest);
  return entry;
}

/** `path` without leading "./" and "/" and trailing "/"; "." for the root. */
function plainPath(path: string): string {
  const plain = path.replace(/^(?:\.?\/+)+/, "").replace(/\/+$/, "");
  return plain === "" ? "." : plain;
}

function checkChecksum(header: Uint8Array, bad: Bad) {
  let sum = 8 * 0x20;
  for (let i = 0; i < TAR_BLOCK; i++) if (i < 148 || i >= 156) sum += header[i]!;
  if (number(header, 148, 8, bad) !== sum) throw bad("has a wrong checksum");
}

/** After the first zero block only zeros may follow: data behind the end would be read by no one. */
function requireZeros(bytes: Uint8Array, from: number) {
  if (bytes.length % TAR_BLOCK !== 0) throw new UserError("read tar", "truncated");
  for (let i = from; i < bytes.length; i++) {
    if (bytes[i] !== 0) throw new UserError("read tar", "data behind the end of the archive");
  }
}

/** Text up to the first NUL. */
function string(field: Uint8Array, bad: Bad): string {
  const end = field.indexOf(0);
  try {
    return text(end < 0 ? field : field.subarray(0, end));
  } catch {
    throw bad("has a name that is not UTF-8");
  }
}

/** A numeric field: octal digits, or GNU's base-256 when the top bit is set. */
function number(header: Uint8Array, offset: number, length: number, bad: Bad): number {
  const field = header.subarray(offset, offset + length);
  const first = field[0]!;
  if (first & 0x80) {
    // Two's complement; bit 6 of the first byte is the sign.
    let value = first & 0x40 ? -0x80 + (first & 0x7f) : first & 0x3f;
    for (const byte of field.subarray(1)) value = value * 256 + byte;
    if (!Number.isSafeInteger(value)) throw bad("has a number out of range");
    return value;
  }
  const digits = String.fromCharCode(...field).replace(/\0.*$/s, "").trim();
  if (digits === "") return 0;
  if (!/^[0-7]+$/.test(digits)) throw bad("has a malformed number");
  return parseInt(digits, 8);
}

function decimal(value: string, bad: Bad): number {
  const result = Number(value);
  if (!/^[0-9]+$/.test(value) || !Number.isSafeInteger(result)) {
    throw bad("has a malformed number in its pax header");
  }
  return result;
}

/** Pax times may be fractional and negative; whole seconds are kept, rounded down. */
function seconds(value: string | undefined): number | undefined {
  if (!value) return undefined;
  if (!/^-?[0-9]+(\.[0-9]*)?$/.test(value)) {
    throw new UserError("read tar", `malformed time ${JSON.stringify(value)} in a pax header`);
  }
  return Math.floor(Number(value));
}
