/**
 * Looks into an initramfs that mkinitfs made: names and single files, whatever else is in there. The strict
 * reader of lib/formats/cpio.ts is for our own archives; mkinitfs's may have hard links.
 *
 * @module
 */
import { zstdDecompressSync } from "node:zlib";
import type { Bytes } from "../../bytes.ts";
import { UserError } from "../../errors.ts";
import { CPIO_TRAILER, cpioRecords } from "../../formats/cpio_records.ts";
import { gunzip } from "../../formats/gzip.ts";

/** Most bytes it may unpack to. */
export const MAX_INITRAMFS = 512 * 2 ** 20;
const MAX_ENTRIES = 200_000;

/** Content by path, without leading slash or "./"; directories and links have theirs too. @throws {UserError} */
export function initramfsFiles(bytes: Bytes): Map<string, Bytes> {
  const bad = (state: string) => new UserError("read the initramfs", state);
  const { archive, packed } = unpack(bytes, bad);
  const magic = String.fromCharCode(...archive.subarray(0, 5));
  if (magic.length === 5 && magic !== "07070") {
    throw bad(packed ? "no cpio archive" : "neither gzip nor zstd nor a cpio archive");
  }
  const files = new Map<string, Bytes>();
  try {
    for (const { path, data } of cpioRecords(archive)) {
      if (path === CPIO_TRAILER) break;
      if (files.size >= MAX_ENTRIES) throw bad(`more than ${MAX_ENTRIES} entries`);
      files.set(path.replace(/^(?:\.?\/)+/, ""), data);
    }
  } catch (error) {
    throw error instanceof UserError ? bad(error.state) : error;
  }
  return files;
}

/** mkinitfs packs with gzip unless its configuration says zstd, xz, lz4 or none. */
function unpack(
  bytes: Bytes,
  bad: (state: string) => UserError,
): { archive: Bytes; packed: boolean } {
  const starts = (...magic: number[]) => magic.every((byte, i) => bytes[i] === byte);
  if (starts(0x1f, 0x8b)) {
    return { archive: gunzip(bytes, { maxBytes: MAX_INITRAMFS }), packed: true };
  }
  if (!starts(0x28, 0xb5, 0x2f, 0xfd)) return { archive: bytes, packed: false };
  try {
    const archive = zstdDecompressSync(bytes, { maxOutputLength: MAX_INITRAMFS });
    return { archive: new Uint8Array(archive), packed: true };
  } catch {
    throw bad("its zstd data is damaged");
  }
}
