/**
 * Target: gzip files of several members.
 *
 * @module
 */
import { crc32, deflateRawSync, inflateRawSync } from "node:zlib";
import { type Bytes, concat, utf8 } from "../../../../lib/bytes.ts";
import { gunzip, gunzipStart, gzipMember, gzipMembers } from "../../../../lib/formats/gzip.ts";
import { type Member, numberAt, type Piece, plain, struct } from "../pieces.ts";
import { sample, subjectOf } from "../samples.ts";
import { partOf, type Subject, WrongAnswer } from "../target.ts";
import { vector } from "../vectors.ts";

/** Most bytes that the readers may unpack; one sample holds more. */
const MAX_BYTES = 256 * 1024;
const HEADER = 10, TRAILER = 8;
const FHCRC = 2, FEXTRA = 4, FNAME = 8, FCOMMENT = 16;

/** One member: its header, and its content with the sums behind it. */
function memberPieces(
  content: Bytes,
  group: number,
  more: { flags?: number; level?: number } = {},
) {
  const { flags = 0, level = 0 } = more;
  const header: Member[] = [["u8", 0x1f], ["u8", 0x8b], ["u8", 8], ["u8", flags], ["u32le", 0]];
  header.push(["u8", 2], ["u8", 3]);
  if (flags & FEXTRA) header.push(["u16le", 5], ["bytes", utf8("AP\x01\0x")]);
  if (flags & FNAME) header.push(["bytes", utf8("name\0")]);
  if (flags & FCOMMENT) header.push(["bytes", utf8("comment\0")]);
  if (flags & FHCRC) header.push(["u16le", 0]);
  const head = struct(header, { group, ...(flags & FHCRC ? { seal: sealHeader } : {}) });
  head.seal?.(head.bytes);
  const packed = deflateRawSync(content, { level });
  const body = concat([packed, new Uint8Array(TRAILER)]);
  sealBody(body);
  // Level 0 stores: a block's length stands in its second byte, and its complement behind.
  const block: Piece["fields"] = [
    numberAt(0, 1, "u8"),
    numberAt(1, 2, "u16le"),
    numberAt(3, 2, "u16le"),
    numberAt(body.length - 4, 4, "u32le"),
  ];
  return [head, { bytes: body, fields: block, seal: sealBody, group }];
}

function sealHeader(bytes: Bytes): void {
  if (bytes.length < 2) return;
  const at = bytes.length - 2;
  new DataView(bytes.buffer, bytes.byteOffset).setUint16(at, crc32(bytes.subarray(0, at)), true);
}

/** Sums behind a content, if it can be unpacked at all. */
function sealBody(bytes: Bytes): void {
  if (bytes.length < TRAILER) return;
  const at = bytes.length - TRAILER;
  try {
    const unpacked = inflateRawSync(bytes.subarray(0, at), { maxOutputLength: 2 * MAX_BYTES });
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    view.setUint32(at, crc32(unpacked), true);
    view.setUint32(at + 4, unpacked.length, true);
  } catch {
    // Damaged: the reader says so before it looks at the sums.
  }
}

/** A file of gzip's as pieces: its members' headers are found by the sizes of their contents. */
function foreignPieces(name: string): Piece[] {
  const bytes = vector(`formats/${name}.gz`);
  return gzipMembers(bytes).flatMap(({ offset, length }, group): Piece[] => {
    const end = offset + length - TRAILER;
    const header: Piece = {
      bytes: bytes.slice(offset, offset + HEADER),
      fields: [numberAt(2, 1, "u8"), numberAt(3, 1, "u8")],
      group,
    };
    const trailer = struct([["bytes", bytes.subarray(end, offset + length)]], { group });
    return [header, plain(bytes.slice(offset + HEADER, end), group), trailer];
  });
}

/** Files and how they are changed. */
export function subject(): Subject {
  const text = utf8("Some text, some text, some more text. ".repeat(8));
  const all = FHCRC | FEXTRA | FNAME | FCOMMENT;
  return subjectOf({
    samples: [
      sample(foreignPieces("gzip-name")),
      sample(foreignPieces("gzip-two")),
      sample([
        ...memberPieces(text, 0),
        ...memberPieces(utf8("second"), 1, { flags: all }),
        ...memberPieces(new Uint8Array(), 2, { level: 9 }),
      ]),
      sample([...memberPieces(text, 0, { level: 9, flags: FNAME }), ...memberPieces(text, 1)]),
      // Almost as much as is allowed: what makes it longer must be refused.
      sample([
        ...memberPieces(new Uint8Array(MAX_BYTES - 1000), 0, { level: 9 }),
        plain(new Uint8Array()),
      ]),
    ],
    outermost: /is no gzip data|has a wrong CRC/,
    read: (input) => {
      const bytes = partOf(input);
      const members = gzipMembers(bytes, { maxBytes: MAX_BYTES, maxMembers: 100 });
      const size = members.reduce((sum, { data }) => sum + data.length, 0);
      if (size > MAX_BYTES) throw new WrongAnswer(`it unpacks more than is allowed: ${size}`);
      if (gunzipStart(bytes, 0, 100).length > 100) throw new WrongAnswer("more than was asked for");
      const first = gzipMember(bytes, 0, MAX_BYTES);
      const all = gunzip(bytes, { maxBytes: MAX_BYTES });
      if (all.length !== size || first.length > bytes.length) {
        throw new WrongAnswer("the ways to read it differ");
      }
      return all;
    },
  });
}
