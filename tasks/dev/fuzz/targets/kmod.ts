/**
 * Targets: kernel modules (plain, gzip, zstd) with the index that is made of them, and the index files that tell which
 * modules it takes.
 *
 * @module
 */
import { zstdCompressSync } from "node:zlib";
import { type Bytes, text, utf8 } from "../../../../lib/bytes.ts";
import { gzip } from "../../../../lib/formats/gzip.ts";
import { moduleClosure } from "../../../../lib/kmod/closure.ts";
import { moduleIndex } from "../../../../lib/kmod/index.ts";
import { readModule, unpackModule } from "../../../../lib/kmod/module.ts";
import { joined, type Piece, plain, struct, textPieces } from "../pieces.ts";
import { type Sample, sample, subjectOf } from "../samples.ts";
import { type Input, partOf, type Subject } from "../target.ts";
import { elfHeader, sectionHeader } from "./elf.ts";

const HEADER = 64;
const UNDEFINED = 0, ABSOLUTE = 0xfff1;

interface ModuleFacts {
  info: string;
  exports?: readonly string[];
  imports?: readonly string[];
}

/** A relocatable file with the sections that depmod reads. */
function modulePieces({ info, exports = [], imports = [] }: ModuleFacts): Piece[] {
  let strings = "\0";
  const symbols = [symbol(0, UNDEFINED)];
  for (
    const [name, section] of [
      ...exports.map((name) => [`__crc_${name}`, ABSOLUTE] as const),
      ...imports.map((name) => [name, UNDEFINED] as const),
    ]
  ) {
    symbols.push(symbol(strings.length, section));
    strings += `${name}\0`;
  }
  const titles = "\0.modinfo\0.symtab\0.strtab\0.shstrtab\0";
  const contents = [
    textPieces(info),
    symbols,
    [plain(utf8(strings))],
    [plain(utf8(titles))],
  ];
  const headers = [sectionHeader(0, 0, 0, 0)];
  let offset = HEADER;
  for (const [i, name] of [1, 10, 18, 26].entries()) {
    const size = joined(contents[i]!).length;
    headers.push(sectionHeader(name, [1, 2, 3, 3][i]!, offset, size));
    offset += size;
  }
  const head = elfHeader({ type: 1, sections: 5, sectionTable: offset });
  return [head, ...contents.flat(), ...headers];
}

function symbol(name: number, section: number): Piece {
  return struct([
    ["u32le", name],
    ["u8", 0x10],
    ["u8", 0],
    ["u16le", section],
    ["u64le", 0],
    ["u64le", 0],
  ]);
}

const driver = modulePieces({
  info: "license=GPL\0depends=core-lib\0alias=pci:v00008086d*sv*\0softdep=pre: core-lib\0" +
    "alias=devname:net/tun\0alias=char-major-10-200\0name=driver\0",
  imports: ["core_call", "printk"],
});
const core = modulePieces({ info: "license=GPL\0name=core_lib\0", exports: ["core_call"] });
const CORE = "kernel/core-lib.ko";
const coreBytes = joined(core);

/** A module beside one that stays as it is, packed as its name says. */
function moduleSample(name: string, pack: (bytes: Bytes) => Bytes): Sample {
  return {
    parts: { [name]: driver },
    finish: (parts) => new Map([...parts].map(([path, bytes]) => [path, pack(bytes)])),
  };
}

const zstd = (bytes: Bytes) => new Uint8Array(zstdCompressSync(bytes));

/** Modules and how they are changed. */
export function subject(): Subject {
  return subjectOf({
    unit: 24,
    samples: [
      moduleSample("kernel/driver.ko", (bytes) => bytes),
      moduleSample("kernel/driver.ko", (bytes) => bytes),
      moduleSample("kernel/driver.ko.gz", (bytes) => gzip(bytes, 1)),
      moduleSample("kernel/driver.ko.zst", zstd),
    ],
    outermost: /it is no ELF file|damaged zstd data|read gzip/,
    read: (input) => {
      const modules = [...input].map(([path, bytes]) => readModule(path, bytes));
      const index = moduleIndex(new Map([...input, [CORE, coreBytes]]));
      return [modules, moduleClosure(["core_lib"], index)];
    },
  });
}

/** Frames of zstd: magic, descriptor, window, sizes, blocks. */
export function zstdSubject(): Subject {
  const content = utf8("Some text. ".repeat(40));
  const framed = (bytes: Bytes): Piece[] => [
    struct([["u32le", 0xfd2fb528], ["u8", bytes[4]!], ["u8", bytes[5]!], ["u8", bytes[6]!]]),
    struct([["u8", bytes[7]!], ["u8", bytes[8]!], ["u8", bytes[9]!]]),
    plain(bytes.slice(10)),
  ];
  // A frame by hand: a window, then one block as it is and one repeated byte, without a sum.
  const byHand = [
    struct([["u32le", 0xfd2fb528], ["u8", 0x00], ["u8", 0x58]]),
    struct([["u8", 5 << 3], ["u8", 0], ["u8", 0]]),
    plain(utf8("hello")),
    struct([["u8", 1 | 1 << 1 | (100 << 3 & 0xff)], ["u8", 100 >> 5], ["u8", 0]]),
    plain(utf8("x")),
  ];
  const skippable = struct([["u32le", 0x184d2a50], ["u32le", 4], ["bytes", utf8("skip")]]);
  return subjectOf({
    samples: [
      sample(framed(zstd(content))),
      sample(byHand),
      sample([skippable, ...byHand, ...byHand]),
    ],
    read: (input) => unpackModule("a.ko.zst", partOf(input)),
  });
}

const made = moduleIndex(new Map([["kernel/driver.ko", joined(driver)], [CORE, coreBytes]]));
const INDEXES = ["modules.dep", "modules.alias", "modules.softdep"];

/** Index files and how they are changed. */
export function indexSubject(): Subject {
  const parts = Object.fromEntries(
    INDEXES.map((name) => [name, textPieces(text(made.get(name)!))]),
  );
  const builtin = textPieces("kernel/lib/crc32.ko\nkernel/fs/ext4.ko\n");
  const asRead = (input: Input) => {
    const names = ["driver", "pci:v00008086d00001234sv00000000", "crc32"];
    return moduleClosure(names, input);
  };
  return subjectOf({
    samples: [{ parts: { ...parts, "modules.builtin": builtin } }],
    outermost: /no modules\.dep/,
    read: asRead,
  });
}
