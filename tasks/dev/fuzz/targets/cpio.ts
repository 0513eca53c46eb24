/**
 * Targets: cpio archives, by the strict reader and by the one for other people's initramfs.
 *
 * @module
 */
import { zstdCompressSync } from "node:zlib";
import { type Bytes, utf8 } from "../../../../lib/bytes.ts";
import { type CpioEntry, readCpio, writeCpio } from "../../../../lib/formats/cpio.ts";
import { gzip } from "../../../../lib/formats/gzip.ts";
import { initramfsFiles } from "../../../../lib/image/mkimage/initramfs.ts";
import { readNumber } from "../numbers.ts";
import { type Field, numberAt, type Piece, plain } from "../pieces.ts";
import { sample, subjectOf } from "../samples.ts";
import { partOf, type Subject, WrongAnswer } from "../target.ts";
import { unpacked } from "../vectors.ts";

const HEADER = 110;
const MAGIC = 6;
const DIGITS = 8;
/** The places of file size and name size among the 13 numbers. */
const FILE_SIZE = 6, NAME_SIZE = 11;

const numberOf = (index: number) => numberAt(MAGIC + DIGITS * index, DIGITS, "hex");
const FIELDS: readonly Field[] = [
  ...Array.from({ length: 13 }, (_, index) => numberOf(index)),
  // The sizes are what leads elsewhere.
  ...[FILE_SIZE, NAME_SIZE, FILE_SIZE, NAME_SIZE].map(numberOf),
  { kind: "text", at: 0, size: MAGIC, fill: 0x30, words: ["070701", "070702", "070707"] },
];

/** Headers with their names, and contents, as pieces; an entry is a group. */
function cpioPieces(archive: Bytes): Piece[] {
  const pieces: Piece[] = [];
  const align = (size: number) => Math.ceil(size / 4) * 4;
  for (let at = 0, group = 0; at < archive.length && archive[at] !== 0; group++) {
    const number = (index: number) => {
      const start = at + MAGIC + DIGITS * index;
      return readNumber(archive.subarray(start, start + DIGITS), "hex");
    };
    const start = align(at + HEADER + number(NAME_SIZE));
    const end = align(start + number(FILE_SIZE));
    const name: Field = { kind: "text", at: HEADER, size: number(NAME_SIZE) - 1, fill: 0 };
    pieces.push({ bytes: archive.slice(at, start), fields: [...FIELDS, name], group });
    if (end > start) pieces.push(plain(archive.slice(start, end), group));
    at = end;
  }
  return pieces;
}

const file = (path: string, data: string): CpioEntry => {
  return { path, kind: "file", mode: 0o644, data: utf8(data) };
};

const archive = writeCpio([
  { path: "etc", kind: "directory", mode: 0o755 },
  file("etc/hostname", "node\n"),
  file("etc/empty", ""),
  { path: "etc/link", kind: "symlink", mode: 0o777, linkTarget: "hostname" },
  { path: "dev", kind: "directory", mode: 0o755 },
  { path: "dev/console", kind: "char", mode: 0o600, devMajor: 5, devMinor: 1 },
  file("init", "#!/bin/sh\n".repeat(20)),
]);

function checkSizes(contents: Iterable<Bytes | undefined>, most: number): void {
  let size = 0;
  for (const data of contents) size += data?.length ?? 0;
  if (size > most) throw new WrongAnswer(`it makes more bytes than it was given: ${size}`);
}

/** Archives for the strict reader. */
export function subject(): Subject {
  return subjectOf({
    unit: 4,
    samples: [
      sample(cpioPieces(unpacked("cpio-newc"))),
      sample([...cpioPieces(archive), plain(new Uint8Array(512))]),
    ],
    outermost: /is no newc header/,
    read: (input) => {
      const bytes = partOf(input);
      const entries = readCpio(bytes);
      checkSizes(entries.map(({ data }) => data), bytes.length);
      return entries;
    },
  });
}

/** Archives as mkinitfs packs them. */
export function initramfsSubject(): Subject {
  const pieces = cpioPieces(archive);
  return subjectOf({
    unit: 4,
    samples: [
      sample(pieces),
      sample(cpioPieces(unpacked("cpio-crc"))),
      sample(cpioPieces(unpacked("cpio-links"))),
      sample(pieces, (bytes) => gzip(bytes, 1)),
      sample(pieces, (bytes) => new Uint8Array(zstdCompressSync(bytes))),
    ],
    outermost: /nor zstd nor a cpio|damaged|is no gzip data/,
    read: (input) => {
      const files = initramfsFiles(partOf(input));
      checkSizes(files.values(), 2 ** 24);
      return files;
    },
  });
}
