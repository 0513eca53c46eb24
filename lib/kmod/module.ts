/**
 * What a kernel module file says of itself: its `.modinfo` (dependencies, aliases, soft dependencies)
 * and the symbols it exports. Files may be plain, gzip or zstd; xz is refused.
 *
 * @module
 */
import * as zlib from "node:zlib";
import type { Bytes } from "../bytes.ts";
import { UserError } from "../errors.ts";
import { gunzip } from "../formats/gzip.ts";
import { elfSections } from "../formats/elf_sections.ts";
import { pathModuleName } from "./names.ts";

/** One kernel module. */
export interface KernelModule {
  /** As given, e.g. "kernel/fs/ext4/ext4.ko.gz". */
  path: string;
  /** With underscores. */
  name: string;
  /** Pairs of `.modinfo` in their order; keys repeat. */
  info: [key: string, value: string][];
  /** Exported symbols in the order of the file. */
  symbols: string[];
  /** Symbols it needs from the kernel or other modules, in the order of the file. */
  imports: string[];
}

/** Most bytes a module unpacks to; the largest known is some 60 MB with debug information. */
export const MAX_MODULE_BYTES = 256 * 2 ** 20;

/** Most symbols of a module, and longest name of one; the kernel's own bound on names is 512. */
const MAX_SYMBOLS = 1 << 18, MAX_SYMBOL_NAME = 512;
/** Bytes of one entry of the symbol table. */
const SYMBOL = 24;
/** Section index of a symbol that is defined elsewhere. */
const UNDEFINED = 0;
const CRC_PREFIX = "__crc_";

/** The ELF file in a module file, unpacked if need be. @throws {UserError} */
export function unpackModule(path: string, bytes: Bytes): Bytes {
  if (path.endsWith(".ko")) return bytes;
  if (path.endsWith(".gz")) return gunzip(bytes, { maxBytes: MAX_MODULE_BYTES });
  if (path.endsWith(".zst")) {
    try {
      const plain = zlib.zstdDecompressSync(bytes, { maxOutputLength: MAX_MODULE_BYTES });
      return new Uint8Array(plain.buffer as ArrayBuffer, plain.byteOffset, plain.length);
    } catch (cause) {
      throw new UserError(`read ${path}`, "damaged zstd data", { cause });
    }
  }
  throw new UserError(`read ${path}`, "compression not supported", {
    hint: "Use a kernel with modules that are plain, gzip or zstd",
  });
}

/** Reads a module file. @throws {UserError} when it is no intact module. */
export function readModule(path: string, bytes: Bytes): KernelModule {
  const elf = unpackModule(path, bytes);
  const wanted = [".modinfo", ".symtab", ".strtab", "__ksymtab_strings"];
  const sections = elfSections(path, elf, wanted);
  const modinfo = sections.get(".modinfo");
  if (!modinfo) throw new UserError(`read ${path}`, "it has no .modinfo");
  const info: [string, string][] = [];
  for (const line of strings(modinfo)) {
    const equals = line.indexOf("=");
    if (equals > 0) info.push([line.slice(0, equals), line.slice(equals + 1)]);
  }
  return { path, name: pathModuleName(path), info, ...symbolsOf(path, sections) };
}

/** All values of `key`, in order. */
export function infoValues(module: KernelModule, key: string): string[] {
  return module.info.filter(([name]) => name === key).map(([, value]) => value);
}

/**
 * Exported symbols are those with a version sum, or (kernels without) all names of the export table.
 * Imports are the undefined ones.
 */
function symbolsOf(path: string, sections: ReadonlyMap<string, Uint8Array>) {
  const symtab = sections.get(".symtab") ?? new Uint8Array();
  const names = sections.get(".strtab") ?? new Uint8Array();
  const view = new DataView(symtab.buffer, symtab.byteOffset, symtab.length);
  const symbols: string[] = [];
  const imports: string[] = [];
  if (symtab.length > MAX_SYMBOLS * SYMBOL) {
    throw new UserError(`read ${path}`, `it has more than ${MAX_SYMBOLS} symbols`);
  }
  const nameAt = (start: number) => {
    const area = names.subarray(start, start + MAX_SYMBOL_NAME);
    const end = area.indexOf(0);
    if (end < 0) throw new UserError(`read ${path}`, "it has a symbol whose name has no end");
    return ascii(area.subarray(0, end));
  };
  for (let at = SYMBOL; at + SYMBOL <= symtab.length; at += SYMBOL) {
    const start = view.getUint32(at, true);
    if (names[start] && view.getUint16(at + 6, true) === UNDEFINED) imports.push(nameAt(start));
    if (startsWith(names, start, CRC_PREFIX)) symbols.push(nameAt(start + CRC_PREFIX.length));
  }
  const table = sections.get("__ksymtab_strings") ?? new Uint8Array();
  return { symbols: symbols.length > 0 ? symbols : strings(table), imports };
}

function startsWith(bytes: Uint8Array, at: number, text: string): boolean {
  for (let i = 0; i < text.length; i++) if (bytes[at + i] !== text.charCodeAt(i)) return false;
  return true;
}

/** NUL-terminated strings; empty ones are padding. */
function strings(bytes: Uint8Array): string[] {
  return ascii(bytes).split("\0").filter((line) => line !== "");
}

/** Authors' names may be in any encoding, but nothing that is looked at is: bytes as characters. */
function ascii(bytes: Uint8Array): string {
  let out = "";
  // In pieces: a call takes only so many arguments.
  for (let at = 0; at < bytes.length; at += 8192) {
    out += String.fromCharCode(...bytes.subarray(at, at + 8192));
  }
  return out;
}
