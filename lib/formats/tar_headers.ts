/**
 * The walk over the headers of a tar archive, for all who read one: each entry comes with what extended
 * headers in front of it (pax `x` and `g`, GNU `L` and `K`) say about it. Every step goes forward by at least
 * one block, whatever the archive says.
 *
 * @module
 */
import type { Bytes } from "../bytes.ts";
import { UserError } from "../errors.ts";
import { TAR_BLOCK, type TarKind } from "./tar_entry.ts";
import {
  type BadEntry,
  badEntry,
  checkChecksum,
  decimal,
  numberField,
  textField,
} from "./tar_fields.ts";
import { parsePax } from "./tar_pax.ts";

/** The header of one entry. */
export interface TarHeader {
  /** The 512 bytes. */
  block: Uint8Array;
  /** As the header says; see {@linkcode storedPath} for old directories. */
  kind: TarKind;
  /** As the header or a pax record says, in bytes; other kinds than files have no content all the same. */
  size: number;
  /** Where the content starts in the archive. The archive may end before the content does. */
  start: number;
  /** Bytes of content in the archive. */
  length: number;
  /** Pax records that hold for this entry, the global ones included. */
  records: ReadonlyMap<string, string>;
  /** Makes errors about this entry. */
  bad: BadEntry;
}

/** Most bytes in one extended header or GNU long name. */
export const MAX_EXTENDED = 1 << 20;
/** Most pax records that hold for one entry. */
export const MAX_PAX_RECORDS = 256;
/** Longest path or link target, in characters: Linux has none that are longer. */
export const MAX_TAR_PATH = 4096;

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

/** Headers in archive order, up to the end of the archive. @throws {UserError} where it is malformed or cut. */
export function* tarHeaders(bytes: Bytes): Generator<TarHeader> {
  const globals = new Map<string, string>();
  let next = new Map<string, string>();
  for (let at = 0; at < bytes.length;) {
    if (at + TAR_BLOCK > bytes.length) throw new UserError("read tar", "truncated");
    const bad = badEntry(at);
    const block = bytes.subarray(at, at + TAR_BLOCK);
    if (block[0] === 0 && block.every((byte) => byte === 0)) {
      requireZeros(bytes, at);
      break;
    }
    checkChecksum(block, bad);
    const type = String.fromCharCode(block[156]!);
    const extended = "xgLK".includes(type);
    // A global or a local record may replace fields of a file's header, never of another extension.
    const recorded = extended ? undefined : next.get("size") ?? globals.get("size");
    const size = recorded ? decimal(recorded, bad) : numberField(block, 124, 12, bad);
    const kind = KINDS[type];
    // Other kinds have no content, whatever hint the size field of a directory holds.
    const length = extended || kind === "file" ? size : 0;
    const start = at + TAR_BLOCK;
    at = start + Math.ceil(length / TAR_BLOCK) * TAR_BLOCK;
    if (extended) {
      if (size > MAX_EXTENDED) throw bad(`has an extended header above ${MAX_EXTENDED} bytes`);
      if (at > bytes.length) throw new UserError("read tar", "truncated");
      const data = bytes.subarray(start, start + length);
      if (type === "L" || type === "K") {
        next.set(type === "L" ? "path" : "linkpath", textField(data, bad));
      } else {
        const records = type === "g" ? globals : next;
        for (const [key, value] of parsePax(data, bad)) records.set(key, value);
      }
      if (globals.size + next.size > MAX_PAX_RECORDS) {
        throw bad(`has more than ${MAX_PAX_RECORDS} pax records`);
      }
      continue;
    }
    if (!kind) throw bad(`has the unsupported type ${JSON.stringify(type)}`);
    const records = globals.size === 0 ? next : new Map([...globals, ...next]);
    next = new Map();
    yield { block, kind, size, start, length, records, bad };
    if (at > bytes.length) throw new UserError("read tar", "truncated");
  }
  if (next.size > 0) throw new UserError("read tar", "extended header without an entry");
}

/**
 * Path of the first entry of an archive of which only the beginning may be there, as it is stored; undefined when
 * what is there does not get so far, or is no archive.
 */
export function firstTarPath(beginning: Bytes): string | undefined {
  try {
    const { value } = tarHeaders(beginning).next();
    return value && storedPath(value);
  } catch (error) {
    // Cut or malformed: whoever reads the whole will say so.
    if (error instanceof UserError) return undefined;
    throw error;
  }
}

/** Whether the header is one of POSIX's, GNU tar's, or older than both. */
export function tarDialect({ block, bad }: TarHeader): "posix" | "gnu" | "v7" {
  const magic = String.fromCharCode(...block.subarray(257, 265));
  if (magic === "ustar\x0000") return "posix";
  if (magic === "ustar  \0") return "gnu";
  if (magic === "\0".repeat(8)) return "v7";
  throw bad("has an unknown magic");
}

/** The path as it stands in the archive, with all of its slashes and dots. @throws {UserError} */
export function storedPath(header: TarHeader): string {
  const { block, records, bad } = header;
  let path = records.get("path");
  if (!path) {
    path = textField(block.subarray(0, 100), bad);
    // GNU keeps other things where ustar has the prefix.
    const prefix = tarDialect(header) === "posix" ? textField(block.subarray(345, 500), bad) : "";
    if (prefix !== "") path = `${prefix}/${path}`;
  }
  if (path === "") throw bad("has no name");
  if (path.length > MAX_TAR_PATH) throw bad(`has a path above ${MAX_TAR_PATH} characters`);
  return path;
}

/** A link's target as it stands in the archive. @throws {UserError} */
export function storedTarget({ block, records, bad }: TarHeader): string {
  const target = records.get("linkpath") || textField(block.subarray(157, 257), bad);
  if (target === "") throw bad("is a link without a target");
  if (target.length > MAX_TAR_PATH) throw bad(`has a target above ${MAX_TAR_PATH} characters`);
  return target;
}

/** After the first zero block only zeros may follow: data behind the end would be read by no one. */
function requireZeros(bytes: Uint8Array, from: number) {
  if (bytes.length % TAR_BLOCK !== 0) throw new UserError("read tar", "truncated");
  for (let i = from; i < bytes.length; i++) {
    if (bytes[i] !== 0) throw new UserError("read tar", "data behind the end of the archive");
  }
}
