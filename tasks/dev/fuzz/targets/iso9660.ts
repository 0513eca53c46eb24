/**
 * Target: ISO 9660 images. The sample is xorriso's, with Rock Ridge, links, long names and two boot entries.
 *
 * @module
 */
import { type Bytes, equal } from "../../../../lib/bytes.ts";
import { ISO_SECTOR, isoFile, readIso } from "../../../../lib/formats/iso9660.ts";
import { type Field, inBlocks, numberAt, type Piece } from "../pieces.ts";
import { sample, subjectOf } from "../samples.ts";
import { partOf, type Subject, WrongAnswer } from "../target.ts";
import { unpacked } from "../vectors.ts";

const FIRST_DESCRIPTOR = 16;

/** The fields of a directory record, of the system use entries in it, and of those that it continues with. */
function recordFields(bytes: Bytes, at: number): Field[] {
  const length = bytes[at]!;
  const nameLength = bytes[at + 32]!;
  const use = at + 33 + nameLength + (nameLength % 2 === 0 ? 1 : 0);
  return [
    numberAt(at, 1, "u8"),
    numberAt(at + 2, 8, "both32"),
    numberAt(at + 10, 8, "both32"),
    numberAt(at + 25, 1, "u8"),
    numberAt(at + 26, 2, "u16le"),
    numberAt(at + 32, 1, "u8"),
    { kind: "text", at: at + 33, size: nameLength, fill: 0x20 },
    ...useFields(bytes, use, at + length),
  ];
}

function useFields(bytes: Bytes, start: number, end: number): Field[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const fields: Field[] = [];
  for (let at = start; at + 4 <= end && bytes[at + 2]! >= 4; at += bytes[at + 2]!) {
    const signature = String.fromCharCode(bytes[at]!, bytes[at + 1]!);
    const size = bytes[at + 2]!;
    const words = ["NM", "SL", "CE", "PX", "ST", "SP", "CL", "RR"];
    fields.push(numberAt(at + 2, 1, "u8"), { kind: "text", at, size: 2, fill: 0x58, words });
    if (signature === "NM") {
      fields.push(numberAt(at + 4, 1, "u8"));
      fields.push({ kind: "text", at: at + 5, size: size - 5, fill: 0x2f });
    } else if (signature === "SL") {
      fields.push(numberAt(at + 4, 1, "u8"), numberAt(at + 5, 1, "u8"), numberAt(at + 6, 1, "u8"));
    } else if (signature === "PX") fields.push(numberAt(at + 4, 8, "both32"));
    else if (signature === "CE") {
      const places = [at + 4, at + 12, at + 20];
      for (const place of places) fields.push(numberAt(place, 8, "both32"));
      const [block, offset, length] = places.map((place) => view.getUint32(place, true));
      const there = block! * ISO_SECTOR + offset!;
      fields.push(...useFields(bytes, there, there + length!));
    } else if (signature === "SP") fields.push(numberAt(at + 6, 1, "u8"));
  }
  return fields;
}

/** The fields of descriptors, directories and boot catalog. */
function imageFields(bytes: Bytes): { fields: Field[]; catalog: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const primary = FIRST_DESCRIPTOR * ISO_SECTOR;
  const fields = recordFields(bytes, primary + 156);
  fields.push(numberAt(primary + 128, 4, "both16"), numberAt(primary, 1, "u8"));
  fields.push({ kind: "text", at: primary + 40, size: 32, fill: 0x20 });
  const boot = primary + ISO_SECTOR;
  fields.push(numberAt(boot, 1, "u8"), numberAt(boot + 0x47, 4, "u32le"));
  const catalog = view.getUint32(boot + 0x47, true) * ISO_SECTOR;
  for (let at = catalog; at < catalog + 128; at += 32) {
    fields.push(numberAt(at, 1, "u8"), numberAt(at + 1, 1, "u8"), numberAt(at + 2, 2, "u16le"));
    fields.push(numberAt(at + 6, 2, "u16le"), numberAt(at + 8, 4, "u32le"));
  }
  const folders = [primary + 156];
  for (let record = folders.shift(); record !== undefined; record = folders.shift()) {
    const start = view.getUint32(record + 2, true) * ISO_SECTOR;
    const end = start + view.getUint32(record + 10, true);
    for (let at = start, index = 0; at < end && bytes[at]! > 0; at += bytes[at]!, index++) {
      fields.push(...recordFields(bytes, at));
      if (index >= 2 && bytes[at + 25]! & 2) folders.push(at);
    }
  }
  return { fields, catalog };
}

/** Makes the sum of a boot catalog right. */
function sealCatalog(bytes: Bytes): void {
  if (bytes.length < 32) return;
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  view.setUint16(28, 0, true);
  let sum = 0;
  for (let i = 0; i < 32; i += 2) sum += view.getUint16(i, true);
  view.setUint16(28, -sum & 0xffff, true);
}

/** Images and how they are changed. */
export function subject(): Subject {
  const bytes = unpacked("iso-mkimage");
  const { fields, catalog } = imageFields(bytes);
  const first = bytes.slice(catalog, catalog + ISO_SECTOR);
  const pieces = inBlocks(bytes, ISO_SECTOR, fields).map((piece): Piece => {
    return equal(piece.bytes, first) ? { ...piece, seal: sealCatalog } : piece;
  });
  return subjectOf({
    unit: ISO_SECTOR,
    samples: [sample(pieces)],
    outermost: /no volume descriptor|truncated, or no ISO/,
    read: (input) => {
      const bytes = partOf(input);
      const iso = readIso(bytes);
      for (const [path, { kind, size }] of iso.entries) {
        if (kind === "file" && isoFile(bytes, iso, path).length !== size) {
          throw new WrongAnswer(`a file is shorter than it says: ${path}`);
        }
      }
      return iso;
    },
  });
}
