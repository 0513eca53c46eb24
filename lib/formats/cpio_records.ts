/**
 * The walk over the records of a cpio archive in the "newc" form, for all who read one: the strict reader of
 * cpio.ts and whoever looks into an initramfs that others made. Every step goes forward by at least a header.
 *
 * @module
 */
import { type Bytes, text } from "../bytes.ts";
import { UserError } from "../errors.ts";

/** One record as it is stored. */
export interface CpioRecord {
  path: string;
  /** Type and permission bits. */
  mode: number;
  /** Names of the inode. */
  links: number;
  /** Of a device. */
  major: number;
  minor: number;
  data: Bytes;
  /** Whether it is of the form with checksums (070702), which are not compared. */
  checked: boolean;
  /** Offset of the next record. */
  end: number;
  /** Makes errors about this record. */
  bad: (why: string) => UserError;
}

/** Bytes of a header. */
export const CPIO_HEADER = 110;
/** The name that ends an archive. */
export const CPIO_TRAILER = "TRAILER!!!";
/** Longest name with its NUL: what the kernel takes (PATH_MAX). */
export const MAX_CPIO_NAME = 4096;

const align = (size: number) => Math.ceil(size / 4) * 4;

/** Records in archive order, the last being the trailer's. @throws {UserError} where it is malformed or cut. */
export function* cpioRecords(bytes: Bytes): Generator<CpioRecord> {
  for (let at = 0;;) {
    const where = at;
    const bad = (why: string) => new UserError("read cpio", `entry at offset ${where} ${why}`);
    const truncated = () => new UserError("read cpio", "truncated");
    if (at + CPIO_HEADER > bytes.length) throw truncated();
    const header = String.fromCharCode(...bytes.subarray(at, at + CPIO_HEADER));
    if (!/^07070[12]/.test(header)) throw bad("is no newc header");
    if (!/^[0-9a-fA-F]+$/.test(header)) throw bad("has a malformed number");
    const field = (index: number) => parseInt(header.slice(6 + 8 * index, 14 + 8 * index), 16);
    const size = field(6), nameSize = field(11);
    if (nameSize < 2 || nameSize > MAX_CPIO_NAME) throw bad("has a name of bad length");
    // Header and name are padded together.
    const nameEnd = at + CPIO_HEADER + nameSize;
    const start = align(nameEnd);
    if (start + size > bytes.length) throw truncated();
    const name = bytes.subarray(at + CPIO_HEADER, nameEnd);
    if (name.indexOf(0) !== name.length - 1) throw bad("has a name with a NUL in it");
    const path = cpioText(name.subarray(0, -1), bad);
    at = align(start + size);
    yield {
      path,
      mode: field(1),
      links: field(4),
      major: field(9),
      minor: field(10),
      data: bytes.subarray(start, start + size),
      checked: header.startsWith("070702"),
      end: at,
      bad,
    };
    if (path === CPIO_TRAILER) return;
  }
}

/** Text of a name or a link's target. @throws {UserError} */
export function cpioText(bytes: Uint8Array, bad: CpioRecord["bad"]): string {
  try {
    return text(bytes);
  } catch {
    throw bad("has a name that is not UTF-8");
  }
}
