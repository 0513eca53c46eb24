/**
 * The tar reader: strict about checksums, lengths and the end, so that a damaged archive is an error
 * and never a shorter tree.
 *
 * @module
 */
import type { Bytes } from "../bytes.ts";
import { UserError } from "../errors.ts";
import type { TarEntry } from "./tar_entry.ts";
import { decimal, numberField, seconds, signedField, textField } from "./tar_fields.ts";
import { storedPath, storedTarget, tarDialect, type TarHeader, tarHeaders } from "./tar_headers.ts";

/** Bounds of {@linkcode readTar}, and what it does with paths. */
export interface ReadTarOptions {
  /** Most entries, default {@linkcode MAX_ENTRIES}. */
  maxEntries?: number;
  /** Most bytes of file content in sum, default {@linkcode MAX_BYTES}. */
  maxBytes?: number;
  /**
   * Whether paths and targets of hard links keep the `./` or `/` that they are stored with, for formats where
   * `./x` is another name than `x`; default false.
   */
  storedPaths?: boolean;
}

/** Default bound on entries: many times a full Alpine root with all kernel modules. */
export const MAX_ENTRIES = 1_000_000;
/** Default bound on the sum of file contents. */
export const MAX_BYTES = 8 * 2 ** 30;

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
  const pathOf = options.storedPaths ? untrailed : plainPath;
  let left = options.maxBytes ?? MAX_BYTES;
  const entries: TarEntry[] = [];
  for (const header of tarHeaders(bytes)) {
    if (entries.length >= maxEntries) {
      throw new UserError("read tar", `more than ${maxEntries} entries`);
    }
    left -= header.length;
    if (left < 0) throw new UserError("read tar", "more bytes of content than allowed");
    // A content that is cut here ends the walk with an error at its next step.
    const data = bytes.subarray(header.start, header.start + header.length);
    entries.push(entryOf(header, data, pathOf));
  }
  return entries;
}

function entryOf(header: TarHeader, data: Bytes, pathOf: (path: string) => string): TarEntry {
  const { block, records, size, bad } = header;
  for (const key of records.keys()) {
    if (key.startsWith("GNU.sparse.")) throw bad("is a sparse file");
  }
  const dialect = tarDialect(header);
  const path = storedPath(header);
  // Before ustar had a type for directories, a trailing slash marked them.
  const kind = header.kind === "file" && path.endsWith("/") ? "directory" : header.kind;
  if (kind !== header.kind && size > 0) throw bad("is a directory with content");
  if ((kind === "symlink" || kind === "hardlink") && size > 0) throw bad("is a link with content");

  const id = (key: string, offset: number) => {
    const value = records.get(key);
    return value ? decimal(value, bad) : numberField(block, offset, 8, bad);
  };
  const mtime = records.get("mtime");
  const entry: TarEntry = {
    path: pathOf(path),
    kind,
    mode: numberField(block, 100, 8, bad) & 0o7777,
    uid: id("uid", 108),
    gid: id("gid", 116),
    mtime: mtime ? seconds(mtime, bad) : signedField(block, 136, 12, bad),
  };
  const named = dialect !== "v7";
  const uname = records.get("uname") ?? (named ? textField(block.subarray(265, 297), bad) : "");
  const gname = records.get("gname") ?? (named ? textField(block.subarray(297, 329), bad) : "");
  if (uname) entry.uname = uname;
  if (gname) entry.gname = gname;
  if (kind === "file") entry.data = data;
  if (kind === "symlink") entry.linkTarget = storedTarget(header);
  if (kind === "hardlink") entry.linkTarget = pathOf(storedTarget(header));
  if (kind === "char" || kind === "block") {
    entry.devMajor = numberField(block, 329, 8, bad);
    entry.devMinor = numberField(block, 337, 8, bad);
  }
  const rest = [...records].filter(([key, value]) => !FIELD_KEYS.has(key) && value !== "");
  if (rest.length > 0) entry.pax = Object.fromEntries(rest);
  return entry;
}

/** `path` without trailing "/"; "." for the root. */
function untrailed(path: string): string {
  // By characters and not by a pattern: that takes the square of the length over many slashes.
  let end = path.length;
  while (end > 1 && path[end - 1] === "/") end--;
  return path.slice(0, end);
}

/** `path` without leading "./" and "/" and trailing "/"; "." for the root. */
function plainPath(path: string): string {
  const plain = untrailed(path.replace(/^(?:\.?\/+)+/, ""));
  return plain === "" ? "." : plain;
}
