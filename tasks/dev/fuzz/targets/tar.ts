/**
 * Target: tar archives, with pax records and GNU's long names.
 *
 * @module
 */
import { type Bytes, concat, padTo, utf8 } from "../../../../lib/bytes.ts";
import { firstTarPath, readTar, TAR_BLOCK, writeTar } from "../../../../lib/formats/tar.ts";
import { readNumber, writeNumber } from "../numbers.ts";
import { type Field, numberAt, type Piece, plain, textPieces } from "../pieces.ts";
import { sample, subjectOf } from "../samples.ts";
import { tarFile, tarOther } from "../tar_entries.ts";
import { partOf, type Subject, WrongAnswer } from "../target.ts";
import { unpacked } from "../vectors.ts";

/** Numbers of a header: offset and size. */
const NUMBERS = [
  [100, 8],
  [108, 8],
  [116, 8],
  [124, 12],
  [124, 12],
  [136, 12],
  [329, 8],
  [337, 8],
] as const;
/** Texts of a header: name, link target, magic, owner, group, prefix. */
const TEXTS = [[0, 100], [157, 100], [257, 8], [265, 32], [297, 32], [345, 155]] as const;
/** As much of an archive as is looked at to see what it is, in bytes. */
const PEEKED = 1500;
const CHECKSUM = { at: 148, size: 8 };
/** Types that POSIX and GNU know, and one that nobody does. */
const TYPES = [..."\x0001234567xgLKSMNVDZ"];

/** Archives of GNU tar in all its forms. */
const FOREIGN = [
  "tar-gnu",
  "tar-gnu-long",
  "tar-oldgnu",
  "tar-posix",
  "tar-posix-long",
  "tar-posix-global",
  "tar-ustar",
  "tar-v7",
];

const HEADER_FIELDS: readonly Field[] = [
  ...NUMBERS.map(([at, size]) => numberAt(at, size, "octal")),
  ...TEXTS.map(([at, size]): Field => ({ kind: "text", at, size, fill: 0 })),
  { kind: "text", at: 156, size: 1, fill: 0, words: TYPES },
  { kind: "text", at: 156, size: 1, fill: 0, words: TYPES },
];

/** Makes the sum of a header right. */
export function sealHeader(bytes: Bytes): void {
  if (bytes.length < TAR_BLOCK) return;
  const { at, size } = CHECKSUM;
  bytes.fill(0x20, at, at + size);
  let sum = 0;
  for (let i = 0; i < TAR_BLOCK; i++) sum += bytes[i]!;
  writeNumber(bytes.subarray(at, at + size - 1), "octal", sum);
}

/** The headers and contents of a valid archive as pieces; a header and its content are a group. */
export function tarPieces(archive: Bytes): Piece[] {
  const pieces: Piece[] = [];
  for (let at = 0, group = 0; at < archive.length; group++) {
    const header = archive.slice(at, at + TAR_BLOCK);
    if (header.every((byte) => byte === 0)) return [...pieces, plain(archive.slice(at), group)];
    at += TAR_BLOCK;
    pieces.push({ bytes: header, fields: HEADER_FIELDS, seal: sealHeader, group });
    const size = readNumber(header.subarray(124, 136), "octal");
    const end = at + Math.ceil(size / TAR_BLOCK) * TAR_BLOCK;
    if (end > at) pieces.push(plain(archive.slice(at, end), group));
    at = end;
  }
  return pieces;
}

const mixed = writeTar([
  tarOther("bin", "directory"),
  tarFile("bin/su", "program", { mode: 0o4755, uname: "root", gname: "wheel", gid: 10 }),
  tarFile("bin/empty", ""),
  tarOther("bin/link", "symlink", "../etc/x"),
  tarOther("bin/hard", "hardlink", "bin/su"),
  { ...tarOther("dev/null", "char"), devMajor: 1, devMinor: 3 },
  tarOther("run/fifo", "fifo"),
  tarFile("y".repeat(120), "long name", { uid: 2 ** 40, mtime: -5 }),
  tarFile("sum", "x", { pax: { "APK-TOOLS.checksum.SHA1": "da39a3ee", comment: "a=b" } }),
]);
/** Pax records without their lengths. */
const RECORDS = `path=a/b
size=3
mtime=1700000000.5
uid=1000
linkpath=c
uname=root
SCHILY.xattr.user.x=1
APK-TOOLS.checksum.SHA1=da39a3ee5e6b4b0d3255bfef95601890afd80709
hdrcharset=BINARY
`;

/** An archive of a file whose extended header has a line of `records` in each record, with its length in front. */
function withRecords(records: Bytes): Bytes {
  const lines = new TextDecoder("latin1").decode(records).split(/(?<=\n)/).filter(Boolean);
  const counted = lines.map((line) => {
    const digits = String(line.length + 4).length;
    const length = line.length + 1 + digits;
    return `${String(length).length > digits ? length + 1 : length} ${line}`;
  });
  const latin1 = (text: string) => Uint8Array.from(text, (char) => char.charCodeAt(0));
  const body = latin1(counted.join(""));
  const [header] = tarPieces(writeTar([{ ...tarFile("pax", ""), data: body }], { end: false }));
  header!.bytes.set(utf8("x"), 156);
  sealHeader(header!.bytes);
  return concat([
    header!.bytes,
    padTo(body, TAR_BLOCK),
    writeTar([tarFile("odd", "abc"), tarFile("next", "")]),
  ]);
}

/** Archives and how they are changed. */
export function subject(): Subject {
  return subjectOf({
    unit: TAR_BLOCK,
    samples: [
      ...FOREIGN.map((name) => sample(tarPieces(unpacked(name)))),
      sample(tarPieces(mixed)),
      sample(tarPieces(mixed)),
      sample(textPieces(RECORDS), withRecords),
    ],
    outermost: /wrong checksum/,
    read: (input) => {
      const bytes = partOf(input);
      firstTarPath(bytes.subarray(0, PEEKED));
      const entries = readTar(bytes);
      let size = 0;
      for (const { data } of entries) size += data?.length ?? 0;
      if (size > bytes.length) {
        throw new WrongAnswer(`it makes more bytes than it was given: ${size}`);
      }
      return entries;
    },
  });
}
