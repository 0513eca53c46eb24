/**
 * Target: ar archives, as Debian's packages are.
 *
 * @module
 */
import { type Bytes, concat, utf8 } from "../../../../lib/bytes.ts";
import { arMember } from "../../../../lib/formats/ar.ts";
import { readNumber } from "../numbers.ts";
import { type Field, numberAt, type Piece, plain } from "../pieces.ts";
import { sample, subjectOf } from "../samples.ts";
import { partOf, type Subject } from "../target.ts";
import { vector } from "../vectors.ts";

const MAGIC = "!<arch>\n";
const HEADER = 60;
const FIELDS: readonly Field[] = [
  { kind: "text", at: 0, size: 16, fill: 0x20 },
  numberAt(16, 12, "decimal"),
  numberAt(28, 6, "decimal"),
  numberAt(34, 6, "decimal"),
  { kind: "text", at: 40, size: 8, fill: 0x20 },
  numberAt(48, 10, "decimal"),
  numberAt(48, 10, "decimal"),
  { kind: "text", at: 58, size: 2, fill: 0x20 },
];
const WANTED = "data.tar.gz";

function memberPieces(name: string, content: string, group: number): Piece[] {
  const facts = ["1700000000".padEnd(12), "0".padEnd(6), "0".padEnd(6), "100644".padEnd(8)];
  const header = `${name.padEnd(16)}${facts.join("")}${String(content.length).padEnd(10)}\`\n`;
  const bytes: Bytes = concat([utf8(header), utf8(content)]);
  return [
    { bytes: bytes.slice(0, HEADER), fields: FIELDS, group },
    plain(utf8(content + (content.length % 2 === 1 ? "\n" : "")), group),
  ];
}

/** dpkg-deb's package as pieces. */
function debPieces(): Piece[] {
  const bytes = vector("formats/hello.deb");
  const pieces: Piece[] = [plain(bytes.slice(0, MAGIC.length))];
  for (let at = MAGIC.length, group = 0; at < bytes.length; group++) {
    const header = bytes.slice(at, at + HEADER);
    const size = readNumber(header.subarray(48, 58), "decimal");
    const end = at + HEADER + size + size % 2;
    pieces.push(
      { bytes: header, fields: FIELDS, group },
      plain(bytes.slice(at + HEADER, end), group),
    );
    at = end;
  }
  return pieces;
}

/** Archives and how they are changed. */
export function subject(): Subject {
  return subjectOf({
    unit: HEADER,
    samples: [
      sample(debPieces()),
      sample([
        plain(utf8(MAGIC)),
        ...memberPieces("debian-binary", "2.0\n", 1),
        ...memberPieces("control.tar.gz", "odd", 2),
        ...memberPieces(WANTED, "content", 3),
      ]),
      sample([plain(utf8(MAGIC)), ...memberPieces(`${WANTED}/`, "content", 1)]),
    ],
    read: (input) => arMember(partOf(input), WANTED),
  });
}
