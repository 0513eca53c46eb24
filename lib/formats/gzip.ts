/**
 * Gzip (RFC 1952): files of several members, as .apk and APKINDEX are, and a writer whose header holds
 * no time or name. Refused: unknown methods and flags, wrong sums, anything behind the last member.
 *
 * @module
 */
import { constants, crc32, deflateRawSync, inflateRawSync } from "node:zlib";
import { type Bytes, concat } from "../bytes.ts";
import { UserError } from "../errors.ts";

/** One member of a gzip file. */
export interface GzipMember {
  /** Where it starts in the file. */
  offset: number;
  /** Compressed bytes, header and trailer included. */
  length: number;
  /** What it unpacks to. */
  data: Bytes;
}

/** Bounds of {@linkcode gzipMembers}. */
export interface GzipOptions {
  /** Most unpacked bytes in sum, default {@linkcode MAX_UNPACKED}. */
  maxBytes?: number;
  /** Most members, default {@linkcode MAX_MEMBERS}. */
  maxMembers?: number;
}

/** Default bound on unpacked bytes: a kernel package unpacks to some 400 MB. */
export const MAX_UNPACKED = 1 << 30;
/** Default bound on members. */
export const MAX_MEMBERS = 1024;

const FHCRC = 2, FEXTRA = 4, FNAME = 8, FCOMMENT = 16, RESERVED = 0xe0;
const TRAILER = 8;
/** Compressed bytes that {@linkcode gunzipStart} looks at first, and at most: blocks may hold nothing at all. */
const PEEK_FIRST = 4096, PEEK_MOST = 64 * 1024;

/** All members of `bytes`, in order, each unpacked and its sums checked. @throws {UserError} */
export function gzipMembers(bytes: Uint8Array, options: GzipOptions = {}): GzipMember[] {
  const maxMembers = options.maxMembers ?? MAX_MEMBERS;
  let left = options.maxBytes ?? MAX_UNPACKED;
  const members: GzipMember[] = [];
  let offset = 0;
  do {
    if (members.length >= maxMembers) {
      throw new UserError("read gzip", `more than ${maxMembers} members`);
    }
    const member = gzipMember(bytes, offset, left);
    members.push(member);
    left -= member.data.length;
    offset += member.length;
  } while (offset < bytes.length);
  return members;
}

/** Everything a gzip file unpacks to. @throws {UserError} as {@linkcode gzipMembers}. */
export function gunzip(bytes: Uint8Array, options: GzipOptions = {}): Bytes {
  const members = gzipMembers(bytes, options);
  return members.length === 1 ? members[0]!.data : concat(members.map(({ data }) => data));
}

/** One member with a constant header; `level` is zlib's 0-9. */
export function gzip(data: Uint8Array, level = 9): Bytes {
  const header = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 3];
  const trailer = new Uint8Array(TRAILER);
  const view = new DataView(trailer.buffer);
  view.setUint32(0, crc32(data), true);
  view.setUint32(4, data.length % 2 ** 32, true);
  return concat([Uint8Array.from(header), deflateRawSync(data, { level }), trailer]);
}

/**
 * The one member that starts at `offset`, whatever follows it: for files whose first members say
 * whether the rest may be unpacked. @throws {UserError} also when it unpacks to more than `maxBytes`.
 */
export function gzipMember(bytes: Uint8Array, offset: number, maxBytes: number): GzipMember {
  const bad = (why: string) => new UserError("read gzip", `member at offset ${offset} ${why}`);
  const start = offset + headerLength(bytes.subarray(offset), bad);
  let unpacked: Uint8Array;
  let used: number;
  try {
    // An inflater needs a bound of at least one byte to unpack nothing.
    const options = { info: true, maxOutputLength: Math.max(1, maxBytes) };
    const result = inflateRawSync(bytes.subarray(start), options) as unknown as {
      buffer: Uint8Array;
      engine: { bytesWritten: number };
    };
    unpacked = result.buffer;
    used = result.engine.bytesWritten;
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
    if (code === "ERR_BUFFER_TOO_LARGE") throw bad("unpacks to more bytes than allowed");
    throw bad(code === "Z_BUF_ERROR" ? "is truncated" : "is damaged");
  }
  if (unpacked.length > maxBytes) throw bad("unpacks to more bytes than allowed");
  const end = start + used + TRAILER;
  if (end > bytes.length) throw bad("is truncated");
  const view = new DataView(bytes.buffer, bytes.byteOffset + start + used, TRAILER);
  if (view.getUint32(0, true) !== crc32(unpacked)) throw bad("has a wrong CRC");
  if (view.getUint32(4, true) !== unpacked.length % 2 ** 32) throw bad("has a wrong length");
  return { offset, length: end - offset, data: plain(unpacked) };
}

/**
 * The first `enough` bytes that the member at `offset` unpacks to; fewer when there are no more, none that are intact,
 * or none in its first 64 KiB. Nothing is checked: for a look at what a member is, before it is read. @throws {UserError} when there is
 * no member.
 */
export function gunzipStart(bytes: Bytes, offset: number, enough: number): Bytes {
  const bad = (why: string) => new UserError("read gzip", `member at offset ${offset} ${why}`);
  const start = offset + headerLength(bytes.subarray(offset), bad);
  let unpacked: Bytes = new Uint8Array();
  // zlib gives nothing of an output above a bound; a piece of the input bounds it too, to its thousandfold. Each piece is
  // unpacked from the start, so it doubles.
  for (let size = PEEK_FIRST;; size *= 2) {
    const end = start + size;
    try {
      const options = { finishFlush: constants.Z_SYNC_FLUSH };
      unpacked = plain(inflateRawSync(bytes.subarray(start, end), options));
    } catch {
      // Damaged in its last piece: what came before it is all there is.
      return unpacked.subarray(0, enough);
    }
    const isEnough = unpacked.length >= enough || end >= bytes.length || size >= PEEK_MOST;
    if (isEnough) return unpacked.subarray(0, enough);
  }
}

/** A Buffer as an ordinary array over the same memory. */
function plain(bytes: Uint8Array): Bytes {
  return new Uint8Array(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.length);
}

function headerLength(bytes: Uint8Array, bad: (why: string) => UserError): number {
  if (bytes.length < 10) throw bad("is truncated");
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) throw bad("is no gzip data");
  if (bytes[2] !== 8) throw bad(`has the unknown method ${bytes[2]}`);
  const flags = bytes[3]!;
  if (flags & RESERVED) throw bad("has unknown flags");
  let at = 10;
  if (flags & FEXTRA) {
    if (at + 2 > bytes.length) throw bad("is truncated");
    at += 2 + bytes[at]! + 256 * bytes[at + 1]!;
  }
  for (const flag of [FNAME, FCOMMENT]) {
    if (!(flags & flag)) continue;
    const end = bytes.indexOf(0, at);
    if (end < 0) throw bad("is truncated");
    at = end + 1;
  }
  if (flags & FHCRC) {
    if (at + 2 > bytes.length) throw bad("is truncated");
    const sum = bytes[at]! + 256 * bytes[at + 1]!;
    if (sum !== (crc32(bytes.subarray(0, at)) & 0xffff)) throw bad("has a wrong header CRC");
    at += 2;
  }
  if (at > bytes.length) throw bad("is truncated");
  return at;
}
