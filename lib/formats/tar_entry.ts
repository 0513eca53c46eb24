/**
 * What the tar reader and writer share: the shape of an entry.
 *
 * @module
 */
import type { Bytes } from "../bytes.ts";

/** What a tar entry can be. */
export type TarKind =
  | "file"
  | "directory"
  | "symlink"
  | "hardlink"
  | "char"
  | "block"
  | "fifo";

/** One entry of an archive, in archive order. */
export interface TarEntry {
  /** Without leading "./" or "/" and without trailing "/"; the root itself is ".". */
  path: string;
  kind: TarKind;
  /** Permission bits with setuid, setgid and sticky, e.g. 0o4755. */
  mode: number;
  uid: number;
  gid: number;
  uname?: string;
  gname?: string;
  /** Whole seconds since 1970. */
  mtime: number;
  /** Content of a file (an empty array for an empty one); undefined for every other kind. */
  data?: Bytes;
  /** Target of a symlink as stored; path of a hardlink's target in the form of `path`. */
  linkTarget?: string;
  devMajor?: number;
  devMinor?: number;
  /**
   * Pax records that no field above stands for, e.g. `APK-TOOLS.checksum.SHA1`. Values of
   * `SCHILY.xattr.*` are bytes, one character (0-255) each; all others are text.
   */
  pax?: Record<string, string>;
}

/** Bytes per block: headers and data are padded to it. */
export const TAR_BLOCK = 512;
