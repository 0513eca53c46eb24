/**
 * Target: what is read of programs and libraries: dynamic facts and sections.
 *
 * @module
 */
import { utf8 } from "../../../../lib/bytes.ts";
import { elfDynamic } from "../../../../lib/formats/elf_dynamic.ts";
import { elfSections } from "../../../../lib/formats/elf_sections.ts";
import { type Piece, plain, struct } from "../pieces.ts";
import { sample, subjectOf } from "../samples.ts";
import { partOf, type Subject } from "../target.ts";

const HEADER = 64, PROGRAM_HEADER = 56, SECTION_HEADER = 64, DYNAMIC_ENTRY = 16;
const DT_NEEDED = 1, DT_STRTAB = 5, DT_SONAME = 14;
const PT_LOAD = 1, PT_DYNAMIC = 2, PT_INTERP = 3;

/** The header of a file of 64 bits. */
export function elfHeader(facts: {
  type: number;
  segments?: number;
  sections: number;
  sectionTable: number;
}): Piece {
  const { type, segments = 0, sections, sectionTable } = facts;
  return struct([
    ["u32be", 0x7f454c46],
    ["u8", 2],
    ["u8", 1],
    ["bytes", Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0, 0, 0)],
    ["u16le", type],
    ["u16le", 62],
    ["u32le", 1],
    ["u64le", 0],
    ["u64le", segments > 0 ? HEADER : 0],
    ["u64le", sectionTable],
    ["u32le", 0],
    ["u16le", HEADER],
    ["u16le", PROGRAM_HEADER],
    ["u16le", segments],
    ["u16le", SECTION_HEADER],
    ["u16le", sections],
    ["u16le", sections - 1],
  ]);
}

/** One entry of the table of sections. */
export function sectionHeader(name: number, type: number, offset: number, size: number): Piece {
  return struct([
    ["u32le", name],
    ["u32le", type],
    ["u64le", 0],
    ["u64le", 0],
    ["u64le", offset],
    ["u64le", size],
    ["u32le", 0],
    ["u32le", 0],
    ["u64le", 0],
    ["u64le", 0],
  ]);
}

function segment(type: number, offset: number, size: number): Piece {
  return struct([
    ["u32le", type],
    ["u32le", 4],
    ["u64le", offset],
    ["u64le", offset],
    ["u64le", offset],
    ["u64le", size],
    ["u64le", size],
    ["u64le", 0],
  ]);
}

/** A library with two needed ones, its own name, an interpreter and the sections of a module. */
function library(): Piece[] {
  const strings = utf8("\0libc.musl-x86_64.so.1\0libz.so.1\0libx.so.2\0");
  const loader = utf8("/lib/ld-musl-x86_64.so.1\0");
  const names = utf8("\0.modinfo\0.shstrtab\0");
  const info = utf8("license=GPL\0");
  const dynamicAt = HEADER + 3 * PROGRAM_HEADER;
  const stringsAt = dynamicAt + 5 * DYNAMIC_ENTRY;
  const loaderAt = stringsAt + strings.length;
  const infoAt = loaderAt + loader.length;
  const namesAt = infoAt + info.length;
  const tableAt = namesAt + names.length;
  const dynamic = (tag: number, value: number) => struct([["u64le", tag], ["u64le", value]]);
  return [
    elfHeader({ type: 3, segments: 3, sections: 3, sectionTable: tableAt }),
    segment(PT_LOAD, 0, tableAt),
    segment(PT_DYNAMIC, dynamicAt, 5 * DYNAMIC_ENTRY),
    segment(PT_INTERP, loaderAt, loader.length),
    dynamic(DT_STRTAB, stringsAt),
    dynamic(DT_NEEDED, 1),
    dynamic(DT_NEEDED, 24),
    dynamic(DT_SONAME, 34),
    dynamic(0, 0),
    plain(strings),
    plain(loader),
    plain(info),
    plain(names),
    sectionHeader(0, 0, 0, 0),
    sectionHeader(1, 1, infoAt, info.length),
    sectionHeader(10, 3, namesAt, names.length),
  ];
}

/** Files and how they are changed. */
export function subject(): Subject {
  return subjectOf({
    unit: DYNAMIC_ENTRY,
    samples: [sample(library())],
    outermost: /it is no ELF file/,
    read: (input) => {
      const bytes = partOf(input);
      const facts = elfDynamic(bytes);
      const sections = elfSections("a program", bytes, [".modinfo", ".text"]);
      return facts && sections;
    },
  });
}
