/**
 * Every reader of a foreign format ends, with a value or a {@link UserError}, in a number of steps that the size of its input
 * bounds, and what it gives is bounded too. Inputs are what foreign programs made, with changes where the formats have
 * numbers: a change at random finds no size of -512.
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { parseIndex } from "../../../lib/apk/index.ts";
import { parsePackageInfo } from "../../../lib/apk/package_info.ts";
import { splitSignatures } from "../../../lib/apk/signature.ts";
import { type Bytes, concat, utf8 } from "../../../lib/bytes.ts";
import { UserError } from "../../../lib/errors.ts";
import { parseGroup, parsePasswd, parseShadow } from "../../../lib/formats/accounts.ts";
import { arMember } from "../../../lib/formats/ar.ts";
import { readCpio } from "../../../lib/formats/cpio.ts";
import { elfDynamic } from "../../../lib/formats/elf_dynamic.ts";
import { elfSections } from "../../../lib/formats/elf_sections.ts";
import { fatFile } from "../../../lib/formats/fat12.ts";
import { gunzip, gunzipStart, gzip } from "../../../lib/formats/gzip.ts";
import { ISO_SECTOR, readIso } from "../../../lib/formats/iso9660.ts";
import { firstTarPath, readTar, TAR_BLOCK, writeTar } from "../../../lib/formats/tar.ts";
import { initramfsFiles } from "../../../lib/image/mkimage/initramfs.ts";
import { readModule } from "../../../lib/kmod/module.ts";
import { elfFile } from "../../support/elf.ts";
import { makeModule } from "../../support/kernel_module.ts";
import { patchedTar } from "../../support/patched_tar.ts";
import { countSteps, TooManySteps } from "../../support/steps.ts";

const foreign = async (name: string) => {
  const bytes = await Deno.readFile(`tests/vectors/foreign/formats/${name}`);
  return name.endsWith(".gz") && !name.startsWith("gzip") ? gunzip(bytes) : bytes;
};

/** How a format stores a number in a field of so many bytes. */
type Coding = (value: number, length: number) => Uint8Array;

const little: Coding = (value, length) => {
  const out = new Uint8Array(8);
  new DataView(out.buffer).setBigInt64(0, BigInt(value), true);
  return out.slice(0, length);
};
const big: Coding = (value, length) => little(value, length).reverse();
const both: Coding = (value, length) => concat([little(value, length / 2), big(value, length / 2)]);
const octal: Coding = (value, length) =>
  utf8(Math.abs(value).toString(8).padStart(length - 1, "0").slice(1 - length) + "\0");
/** GNU's base-256: the one with negative numbers. */
const base256: Coding = (value, length) => {
  const out = new Uint8Array(length).fill(value < 0 ? 0xff : 0);
  out.set(big(value, Math.min(8, length)), Math.max(0, length - 8));
  out[0]! = value < 0 ? 0xff : 0x80;
  return out;
};
const hex: Coding = (value, length) =>
  utf8((value >>> 0).toString(16).padStart(length, "0").slice(-length));
const decimal: Coding = (value, length) => utf8(String(value).padEnd(length).slice(0, length));

/** A place that holds a number. */
interface Field {
  at: number;
  length: number;
  codings: readonly Coding[];
}

/** Numbers that lead readers astray, beside places in the file itself. */
const ASTRAY = [
  ...[0, 1, 2, 3, 7, 8, 16, 31, 32, 33, 60, 64, 255, 256, 511, 512, 513, 2047, 2048, 4096, 65535],
  ...[-1, -2, -24, -60, -61, -112, -511, -512, -513, -1024, -2048],
  ...[2 ** 31 - 1, -(2 ** 31), 2 ** 32 - 1, 2 ** 32, 2 ** 33, 2 ** 52, Number.MAX_SAFE_INTEGER],
];

interface Target {
  name: string;
  read: (bytes: Bytes) => unknown;
  seeds: readonly Bytes[];
  fields: (seed: Bytes) => readonly Field[];
  /** Sets sums right again, where a wrong one would end every reader at once. */
  mend?: (bytes: Bytes) => Bytes;
}

const every = (step: number, bytes: Bytes, fields: (at: number) => Field[]) =>
  Array.from({ length: Math.floor(bytes.length / step) }, (_, i) => fields(i * step)).flat();

const tarFields = (seed: Bytes) =>
  every(
    TAR_BLOCK,
    seed,
    (at) =>
      [[100, 8], [108, 8], [116, 8], [124, 12], [124, 12], [124, 12], [136, 12], [329, 8]].map((
        [offset, length],
      ) => ({ at: at + offset!, length: length!, codings: [octal, base256, base256] })).concat([
        {
          at: at + 156,
          length: 1,
          codings: [(value) => utf8("01257xgLKS"[Math.abs(value) % 10]!)],
        },
      ]),
  );

/** Right sums for every block that looks like a header. */
function mendTar(bytes: Bytes): Bytes {
  let out = bytes;
  for (let at = 0; at + TAR_BLOCK <= bytes.length; at += TAR_BLOCK) {
    const magic = String.fromCharCode(...bytes.subarray(at + 257, at + 262));
    if (magic === "ustar") out = patchedTar(out, 0, new Uint8Array(), at) as Bytes;
  }
  return out;
}

const lines = (text: string): Target["fields"] => () =>
  [...text.matchAll(/[0-9]+/g)].map(({ index, 0: digits }) => ({
    at: index,
    length: digits.length,
    codings: [decimal],
  }));
const string = (bytes: Bytes) => new TextDecoder("latin1").decode(bytes);

const INDEX = "C:Q1AAAAAAAAAAAAAAAAAAAAAAAAAAA=\nP:a\nV:1.0-r0\nA:x86_64\nS:123\nI:456\nT:text\n" +
  "t:789\nk:10\nD:b>1 so:c.so.1\np:d=1\n\nC:Q1AAAAAAAAAAAAAAAAAAAAAAAAAAA=\nP:b\nV:2\n";
const PKGINFO = "# by hand\npkgname = a\npkgver = 1.0-r0\nsize = 12\nbuilddate = 1700000000\n" +
  `depend = b>1\nreplaces_priority = 3\ndatahash = ${"0".repeat(64)}\n`;
const PASSWD = "root:x:0:0:root:/root:/bin/sh\nann:x:1000:1000::/home/ann:/bin/sh\n";
const GROUP = "root:x:0:root\nwheel:x:10:ann,bob\n";
const MODULE = makeModule({ info: ["depends=a,b", "alias=x"], exports: ["f"], imports: ["g"] });
const ELF = elfFile({ interpreter: "/lib/ld.so", needed: ["a.so", "b.so"], soname: "me.so" });
const tars = await Promise.all(
  ["tar-gnu-long.gz", "tar-posix-long.gz", "tar-posix-global.gz", "tar-v7.gz"].map(foreign),
);
const signature = gunzip(
  (await Deno.readFile("tests/vectors/foreign/apk/x86_64/APKINDEX.tar.gz")).slice(),
);
const cpio = await Promise.all(["cpio-newc.gz", "cpio-links.gz"].map(foreign));
const fats = await Promise.all(["fat12-mtools.gz", "fat16-mkfs.gz"].map(foreign));
const iso = await foreign("iso-mkimage.gz");

const elfFields: Target["fields"] = (seed) => [
  ...every(8, seed, (at) => [{ at, length: 8, codings: [little] }]),
  ...[16, 18, 54, 56, 58, 60, 62].map((at) => ({ at, length: 2, codings: [little] })),
];

const TARGETS: readonly Target[] = [
  { name: "readTar()", read: readTar, seeds: tars, fields: tarFields, mend: mendTar },
  { name: "firstTarPath()", read: firstTarPath, seeds: tars, fields: tarFields, mend: mendTar },
  {
    name: "splitSignatures()",
    read: (bytes) => splitSignatures(concat([gzip(bytes, 1), gzip(bytes, 1)]), "it"),
    seeds: [signature.slice(0, 4096) as Bytes],
    fields: tarFields,
    mend: mendTar,
  },
  {
    name: "readCpio()",
    read: readCpio,
    seeds: cpio,
    fields: (seed) =>
      [...string(seed).matchAll(/07070[12]/g)].flatMap(({ index }) =>
        Array.from({ length: 13 }, (_, i) => ({
          at: index + 6 + 8 * i,
          length: 8,
          codings: [hex],
        }))
      ),
  },
  {
    name: "initramfsFiles()",
    read: initramfsFiles,
    seeds: cpio,
    fields: (seed) =>
      [...string(seed).matchAll(/07070[12]/g)].flatMap(({ index }) =>
        [6, 11].map((i) => ({ at: index + 6 + 8 * i, length: 8, codings: [hex] }))
      ),
  },
  {
    name: "gunzip()",
    read: (bytes) => gunzip(bytes, { maxBytes: 1 << 20 }),
    seeds: [await foreign("gzip-name.gz"), await foreign("gzip-two.gz"), gzip(new Uint8Array(9e5))],
    fields: (seed) => every(1, seed, (at) => [{ at, length: 1, codings: [little] }]),
  },
  {
    name: "gunzipStart()",
    read: (bytes) => gunzipStart(bytes, 0, 1 << 16),
    seeds: [await foreign("gzip-name.gz"), gzip(new Uint8Array(9e5))],
    fields: (seed) => every(1, seed, (at) => [{ at, length: 1, codings: [little] }]),
  },
  {
    name: "arMember()",
    read: (bytes) => arMember(bytes, "none"),
    seeds: [await foreign("hello.deb")],
    fields: (seed) =>
      [...string(seed).matchAll(/`\n/g)].map(({ index }) => ({
        at: index - 10,
        length: 10,
        codings: [decimal, decimal, octal],
      })),
  },
  {
    name: "fatFile()",
    read: (bytes) => fatFile(bytes, "EFI/BOOT/BOOTX64.EFI"),
    seeds: fats,
    fields: (seed) => [
      ...[11, 14, 17, 19, 22].map((at) => ({ at, length: 2, codings: [little] })),
      ...[13, 16].map((at) => ({ at, length: 1, codings: [little] })),
      ...every(2, seed.slice(0, 64), (at) => [{ at: 512 + at, length: 2, codings: [little] }]),
      ...[...string(seed).matchAll(/EFI {5}|BOOT {4}|BOOTX64 /g)].flatMap(({ index }) => [
        { at: index + 26, length: 2, codings: [little] },
        { at: index + 28, length: 4, codings: [little] },
        { at: index + 11, length: 1, codings: [little] },
      ]),
    ],
  },
  {
    name: "readIso()",
    read: readIso,
    seeds: [iso],
    fields: (seed) => {
      const root = 16 * ISO_SECTOR + 156;
      const records = [...string(seed).matchAll(/(?:RR|NM|PX|SP|CE|SL|TF|ER)./gs)];
      return [
        ...[2, 10].map((at) => ({ at: root + at, length: 8, codings: [both] })),
        ...every(32, seed.slice(0, 8 * ISO_SECTOR) as Bytes, (at) => [
          { at: root - 156 + at, length: 1, codings: [little] },
        ]),
        ...records.flatMap(({ index }) => [
          { at: index + 2, length: 1, codings: [little] },
          ...[4, 12, 20].map((at) => ({ at: index + at, length: 8, codings: [both] })),
        ]),
        // Directory records: where a name's length, flags and place stand before the first of those.
        ...records.filter(({ 0: found }) => found.startsWith("RR")).flatMap(({ index }) =>
          [-34, -35, -36, -38, -40, -44, -46, -48].map((at) => ({
            at: Math.max(0, index + at),
            length: 1,
            codings: [little],
          }))
        ),
      ];
    },
  },
  { name: "elfDynamic()", read: elfDynamic, seeds: [ELF], fields: elfFields },
  {
    name: "elfSections()",
    read: (bytes) => elfSections("it", bytes, [".modinfo", ".strtab"]),
    seeds: [MODULE],
    fields: elfFields,
  },
  {
    name: "readModule()",
    read: (bytes) => readModule("it.ko", bytes),
    seeds: [MODULE],
    fields: (seed) => [
      ...elfFields(seed),
      ...every(4, seed, (at) => [{ at, length: 4, codings: [little] }]),
    ],
  },
  {
    name: "parseIndex()",
    read: (bytes) => parseIndex(string(bytes)),
    seeds: [utf8(INDEX)],
    fields: lines(INDEX),
  },
  {
    name: "parsePackageInfo()",
    read: (bytes) => parsePackageInfo(string(bytes)),
    seeds: [utf8(PKGINFO)],
    fields: lines(PKGINFO),
  },
  {
    name: "parsePasswd()",
    read: (bytes) => parsePasswd(string(bytes)),
    seeds: [utf8(PASSWD)],
    fields: lines(PASSWD),
  },
  {
    name: "parseGroup() and parseShadow()",
    read: (bytes) => [parseGroup(string(bytes)), parseShadow(string(bytes))],
    seeds: [utf8(GROUP)],
    fields: lines(GROUP),
  },
];

/** A change of one seed: numbers in fields, then perhaps a byte, a cut or a piece that comes twice. */
function mutant(target: Target): fc.Arbitrary<Bytes> {
  const number = (size: number) =>
    fc.oneof(
      fc.constantFrom(...ASTRAY),
      fc.integer({ min: -2 * size, max: 2 * size }),
    );
  return fc.constantFrom(...target.seeds).chain((seed) => {
    const fields = target.fields(seed).filter(({ at, length }) => at + length <= seed.length);
    const setField = fc.record({
      field: fc.constantFrom(...fields),
      coding: fc.nat(),
      value: number(seed.length),
      own: fc.boolean(),
    });
    const place = fc.nat({ max: seed.length - 1 });
    const piece = fc.record({
      kind: fc.constantFrom("none", "none", "byte", "cut", "twice", "without"),
      from: place,
      length: fc.nat({ max: 600 }),
      byte: fc.nat({ max: 255 }),
    });
    return fc.tuple(fc.array(setField, { minLength: 1, maxLength: 4 }), piece).map(
      ([changes, { kind, from, length, byte }]) => {
        let out: Bytes = seed.slice();
        for (const { field: { at, length, codings }, coding, value, own } of changes) {
          // Now and then the field's own place or the distance back to the start.
          const astray = own ? [at, -at][coding % 2]! : value;
          out.set(codings[coding % codings.length]!(astray, length).subarray(0, length), at);
        }
        const to = Math.min(out.length, from + length);
        if (kind === "byte") out[from] = byte;
        if (kind === "cut") out = out.slice(0, from);
        if (kind === "twice") out = concat([out.subarray(0, to), out.subarray(from)]);
        if (kind === "without") out = concat([out.subarray(0, from), out.subarray(to)]);
        return target.mend ? target.mend(out) : out;
      },
    );
  });
}

/** Roughly the memory that a result holds beside the input: texts, own arrays, entries. */
function weight(value: unknown, input: Bytes): number {
  if (typeof value === "string") return value.length;
  if (value instanceof Uint8Array) return value.buffer === input.buffer ? 0 : value.length;
  if (value instanceof Map) return weight([...value], input);
  if (Array.isArray(value)) return value.reduce((sum, one) => sum + 16 + weight(one, input), 0);
  if (typeof value === "object" && value !== null) return weight(Object.entries(value), input);
  return 8;
}

/** Steps that an input of so many bytes may take; none is too small for what a format always has. */
const most = (size: number) => 20_000 + 16 * size;

function check(target: Target, input: Bytes): void {
  let result: unknown;
  try {
    result = countSteps(most(input.length), () => target.read(input)).value;
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
  }
  assert(weight(result, input) <= 1 << 21, "a result beyond all bounds");
}

for (const target of TARGETS) {
  Deno.test(`${target.name} ends with a value or a message, whatever numbers stand in its input`, () => {
    for (const seed of target.seeds) check(target, seed);
    fc.assert(fc.property(mutant(target), (input) => check(target, input)), { numRuns: 300 });
  });
}

Deno.test("a header of size -512 ends the reader at once", () => {
  const archive = writeTar([{
    path: "a",
    kind: "file",
    mode: 0o644,
    uid: 0,
    gid: 0,
    mtime: 0,
    data: utf8("x"),
  }]);
  for (const type of ["x", "g", "L", "0"]) {
    const back = patchedTar(patchedTar(archive, 156, utf8(type)), 124, base256(-512, 12));
    const { steps } = countSteps(
      most(0),
      () => assertThrows(() => readTar(back as Bytes), UserError),
    );
    assert(steps < 100);
    // The 96 bytes that once hung a build: an index of one such header and nothing else.
    const index = gzip(back.slice(0, TAR_BLOCK), 9);
    assertEquals(splitSignatures(index, "it").signatures, []);
  }
});

Deno.test("a member of size -60 ends the reader of ar archives at once", () => {
  const header = `${"a".padEnd(48)}${"-60".padEnd(10)}\`\n`;
  assertEquals(countSteps(100, () => arMember(utf8(`!<arch>\n${header}`), "b")).value, undefined);
});

Deno.test("countSteps() sees a reader that runs in circles, even one that catches everything", () => {
  assertThrows(() => {
    countSteps(1000, () => {
      for (;;) new Uint8Array(1).subarray(0);
    });
  }, TooManySteps);
  assertThrows(() => {
    countSteps(1000, () => {
      try {
        for (;;) new DataView(new ArrayBuffer(4)).getUint16(0);
      } catch {
        return 0;
      }
    });
  }, TooManySteps);
});
