/**
 * Target: FAT12 and FAT16 images, of which firmware's start file is read.
 *
 * @module
 */
import { type Bytes, concat, utf8 } from "../../../../lib/bytes.ts";
import { fatFile } from "../../../../lib/formats/fat12.ts";
import { type Field, inBlocks, type Member, numberAt, struct } from "../pieces.ts";
import { sample, subjectOf } from "../samples.ts";
import { partOf, type Subject, WrongAnswer } from "../target.ts";
import { unpacked } from "../vectors.ts";

const SECTOR = 512;
const ENTRY = 32;
const DIRECTORY = 0x10;
const PATH = "EFI/BOOT/BOOTX64.EFI";
/** Entries of folders, and of the table of clusters, that are changed. */
const ENTRIES = 8;

/** The fields of the boot sector: sector size to sectors in a FAT, and the large count of sectors. */
const BOOT_FIELDS: readonly Field[] = [
  numberAt(11, 2, "u16le"),
  numberAt(13, 1, "u8"),
  numberAt(14, 2, "u16le"),
  numberAt(16, 1, "u8"),
  numberAt(17, 2, "u16le"),
  numberAt(19, 2, "u16le"),
  numberAt(22, 2, "u16le"),
  numberAt(32, 4, "u32le"),
  numberAt(510, 2, "u16le"),
];

function entryFields(at: number): Field[] {
  return [
    numberAt(at, 1, "u8"),
    numberAt(at + 11, 1, "u8"),
    numberAt(at + 26, 2, "u16le"),
    numberAt(at + 28, 4, "u32le"),
    { kind: "text", at, size: 11, fill: 0x20 },
  ];
}

/** The fields of a valid image: boot sector, the first entries of the table, of the root and of the first folders. */
function imageFields(bytes: Bytes): Field[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const table = view.getUint16(14, true) * SECTOR;
  const root = table + bytes[16]! * view.getUint16(22, true) * SECTOR;
  const data = root + view.getUint16(17, true) * ENTRY;
  const inFolder = (start: number) => Array.from({ length: ENTRIES }, (_, i) => start + i * ENTRY);
  // EFI and EFI/BOOT are the first two folders that were made, so that they begin the data.
  const cluster = bytes[13]! * SECTOR;
  const folders = [root, data, data + cluster].flatMap(inFolder);
  const nexts = Array.from({ length: ENTRIES }, (_, i) => numberAt(table + 2 * i, 2, "u16le"));
  return [...BOOT_FIELDS, ...nexts, ...folders.flatMap(entryFields)];
}

function entry(name: string, attributes: number, cluster: number, size: number): Bytes {
  const members: Member[] = [["text", "", 26], ["u16le", cluster], ["u32le", size]];
  const { bytes } = struct(members);
  bytes.set(utf8(name.padEnd(11)));
  bytes[11] = attributes;
  return bytes;
}

/** A FAT12 image of a few sectors, with a file of three: real ones are slow to copy. */
function tinyImage(): Bytes {
  const clusters = 20, rootEntries = 32;
  const root = 2 * SECTOR;
  const data = root + rootEntries * ENTRY;
  const sectors = data / SECTOR + clusters;
  const bytes = new Uint8Array(sectors * SECTOR);
  const head: Member[] = [["bytes", Uint8Array.of(0xeb, 0x3c, 0x90)], ["text", "mkfs.fat", 8]];
  head.push(["u16le", SECTOR], ["u8", 1], ["u16le", 1], ["u8", 1], ["u16le", rootEntries]);
  head.push(["u16le", sectors], ["u8", 0xf8], ["u16le", 1]);
  bytes.set(struct(head).bytes);
  bytes.set([0x55, 0xaa], 510);
  // Two clusters in three bytes: EFI, BOOT, then the file's three.
  const chain = [0xff8, 0xfff, 0xfff, 0xfff, 5, 6, 0xfff, 0];
  for (let i = 0; i < chain.length; i += 2) {
    const [even, odd] = [chain[i]!, chain[i + 1]!];
    bytes.set([even & 0xff, even >> 8 | (odd & 0xf) << 4, odd >> 4], SECTOR + i * 1.5);
  }
  const at = (cluster: number) => data + (cluster - 2) * SECTOR;
  bytes.set(concat([entry("PSYOPS", 0x08, 0, 0), entry("EFI", DIRECTORY, 2, 0)]), root);
  const dots = (own: number, above: number) => [
    entry(".", DIRECTORY, own, 0),
    entry("..", DIRECTORY, above, 0),
  ];
  bytes.set(concat([...dots(2, 0), entry("BOOT", DIRECTORY, 3, 0)]), at(2));
  bytes.set(concat([...dots(3, 2), entry("BOOTX64 EFI", 0x20, 4, 2 * SECTOR + 10)]), at(3));
  bytes.set(utf8("MZloader"), at(4));
  return bytes;
}

/** Images and how they are changed. */
export function subject(): Subject {
  const tiny = tinyImage();
  const images = [tiny, tiny, tiny, tiny, unpacked("fat12-mkfs"), unpacked("fat16-mkfs")];
  return subjectOf({
    unit: SECTOR,
    samples: images.map((bytes) => sample(inBlocks(bytes, SECTOR, imageFields(bytes)))),
    outermost: /no FAT file system/,
    read: (input) => {
      const bytes = partOf(input);
      const content = fatFile(bytes, PATH);
      if (content && content.length > bytes.length) {
        throw new WrongAnswer(`it makes more bytes than it was given: ${content.length}`);
      }
      return content;
    },
  });
}
