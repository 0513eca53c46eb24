/**
 * What a path is, by what Deno's own functions and Node's tell of it alike.
 *
 * @module
 */
import type { FileInfo } from "./host.ts";

/** The part of `Deno.FileInfo` and of Node's `BigIntStats` that is the same; null where a system has no such thing. */
export interface FileFacts {
  /** `st_mode` with the bits of its type. */
  readonly mode: number | bigint | null;
  readonly size: number | bigint;
  readonly uid: number | bigint | null;
  readonly gid: number | bigint | null;
  readonly mtime: Date | null;
}

/** The bits of `st_mode` that say the type, and what they mean (inode(7)). */
const TYPE_MASK = 0o170000;
const KINDS: ReadonlyMap<number, FileInfo["kind"]> = new Map([
  [0o100000, "file"],
  [0o040000, "directory"],
  [0o120000, "symlink"],
  [0o060000, "block"],
  [0o020000, "char"],
]);

/** The same as the host tells it. */
export function infoOf({ mode, size, uid, gid, mtime }: FileFacts): FileInfo {
  const bits = Number(mode ?? 0);
  return {
    kind: KINDS.get(bits & TYPE_MASK) ?? "other",
    size: Number(size),
    mode: bits & 0o7777,
    uid: Number(uid ?? 0),
    gid: Number(gid ?? 0),
    mtime: Math.floor((mtime?.getTime() ?? 0) / 1000),
  };
}
