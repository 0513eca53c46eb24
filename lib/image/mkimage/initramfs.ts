/**
 * Looks into an initramfs that mkinitfs made: names and single files, whatever else is in there. The strict
 * reader of lib/formats/cpio.ts is for our own archives; mkinitfs's may have hard links.
 *
 * @module
 */
import { zstdDecompressSync } from "node:zlib";
import { type Bytes, text } from "../../bytes.ts";
import { UserError } from "../../errors.ts";
import { gunzip } from "../../formats/gzip.ts";

/** Most bytes it may unpack to. */
export const MAX_INITRAMFS = 512 * 2 ** 20;
const MAX_ENTRIES = 200_000;
const HEADER = 110;

/** Content by path, without leading slash or "./"; directories and links have theirs too. @throws {UserError} */
export function initramfsFiles(bytes: Bytes): Map<string, Bytes> {
  const bad = (state: string) => new UserError("read the initramfs", state);
  const { archive, packed } = unpack(bytes, bad);
  const files = new Map<string, Bytes>();
  for (let at = 0;;) {
    if (at + HEADER > archive.length) throw bad("truncated");
    const header = String.fromCharCode(...archive.subarray(at, at + HEADER));
    if (!/^07070[12][0-9a-fA-F]{104}$/.test(header)) {
      throw bad(packed ? "no cpio archive" : "neither gzip nor zstd nor a cpio archive");
    }
    const field = (index: number) => parseInt(header.slice(6 + 8 * index, 14 + 8 * index), 16);
    const size = field(6), nameSize = field(11);
    const start = align(at + HEADER + nameSize);
    if (nameSize < 1 || start + size > archive.length) throw bad("truncated");
    let name: string;
    try {
      name = text(archive.subarray(at + HEADER, at + HEADER + nameSize - 1));
    } catch {
      throw bad("a name is not UTF-8");
    }
    if (name === "TRAILER!!!") return files;
    if (files.size >= MAX_ENTRIES) throw bad(`more than ${MAX_ENTRIES} entries`);
    files.set(name.replace(/^(?:\.?\/)+/, ""), archive.subarray(start, start + size));
    at = align(start + size);
  }
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

function align(size: number): number {
  return Math.ceil(size / 4) * 4;
}
