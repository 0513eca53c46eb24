/**
 * Kernel modules made up for tests: ELF files with the sections that depmod and modprobe read.
 *
 * @module
 */
import { type Bytes, concat, padTo, utf8 } from "../../lib/bytes.ts";

/** What a made-up module says. */
export interface ModuleFacts {
  info: readonly string[];
  /** Symbols it exports, as versioned ones. */
  exports?: readonly string[];
  /** Symbols it exports without version sums. */
  plainExports?: readonly string[];
  imports?: readonly string[];
}

interface Section {
  name: string;
  type: number;
  data: Uint8Array;
  link?: number;
  entrySize?: number;
}

const UNDEFINED = 0;
const ABSOLUTE = 0xfff1;

/** A 64-bit little-endian relocatable ELF file. */
export function makeModule(facts: ModuleFacts): Bytes {
  const names: Uint8Array[] = [Uint8Array.of(0)];
  let namesSize = 1;
  const symbols: Uint8Array[] = [new Uint8Array(24)];
  const symbol = (name: string, section: number) => {
    const entry = new Uint8Array(24);
    const view = new DataView(entry.buffer);
    view.setUint32(0, namesSize, true);
    entry[4] = 0x10; // global
    view.setUint16(6, section, true);
    symbols.push(entry);
    const bytes = utf8(name + "\0");
    names.push(bytes);
    namesSize += bytes.length;
  };
  for (const name of facts.exports ?? []) symbol(`__crc_${name}`, ABSOLUTE);
  for (const name of facts.imports ?? []) symbol(name, UNDEFINED);
  const lines = (list: readonly string[]) => utf8(list.map((line) => line + "\0").join(""));
  const sections: Section[] = [
    { name: "", type: 0, data: new Uint8Array() },
    { name: ".modinfo", type: 1, data: lines(facts.info) },
    { name: ".symtab", type: 2, data: concat(symbols), link: 3, entrySize: 24 },
    { name: ".strtab", type: 3, data: concat(names) },
  ];
  if (facts.plainExports) {
    sections.push({ name: "__ksymtab_strings", type: 1, data: lines(facts.plainExports) });
  }
  const titles = lines([...sections.map(({ name }) => name), ".shstrtab"]);
  sections.push({ name: ".shstrtab", type: 3, data: titles });
  return elf(sections);
}

function elf(sections: readonly Section[]): Bytes {
  const contents: Uint8Array[] = [];
  const headers: Uint8Array[] = [];
  let offset = 64;
  let title = 0;
  for (const section of sections) {
    const header = new Uint8Array(64);
    const view = new DataView(header.buffer);
    view.setUint32(0, title, true);
    view.setUint32(4, section.type, true);
    view.setBigUint64(24, BigInt(offset), true);
    view.setBigUint64(32, BigInt(section.data.length), true);
    view.setUint32(40, section.link ?? 0, true);
    view.setBigUint64(56, BigInt(section.entrySize ?? 0), true);
    headers.push(header);
    const data = padTo(section.data, 8);
    contents.push(data);
    offset += data.length;
    title += section.name.length + 1;
  }
  const head = new Uint8Array(64);
  const view = new DataView(head.buffer);
  head.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  view.setUint16(16, 1, true); // relocatable
  view.setUint16(18, 62, true); // x86-64
  view.setUint32(20, 1, true);
  view.setBigUint64(40, BigInt(offset), true);
  view.setUint16(52, 64, true);
  view.setUint16(58, 64, true);
  view.setUint16(60, sections.length, true);
  view.setUint16(62, sections.length - 1, true);
  return concat([head, ...contents, ...headers]);
}
