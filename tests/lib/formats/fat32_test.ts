import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { text, utf8 } from "../../../lib/bytes.ts";
import { UserError } from "../../../lib/errors.ts";
import { encodeNames, folded, nameProblem, shortChecksum } from "../../../lib/formats/fat_names.ts";
import { fat32, type Fat32Options } from "../../../lib/formats/fat32.ts";

const SECTORS = 80 * 2048;
const volume = (files: [string, number][], more: Partial<Fat32Options> = {}) =>
  fat32({
    sectors: SECTORS,
    label: "PSYOPSOS",
    serial: 0x1234abcd,
    files: new Map(files.map(([path, size]) => [path, new Uint8Array(size).fill(0x61)])),
    ...more,
  });

const shorts = (...names: string[]) =>
  encodeNames(names, "").map(({ short }) => String.fromCharCode(...short));

Deno.test("encodeNames() keeps 8.3 names and numbers the aliases of others", () => {
  assertEquals(
    shorts("EFI", "BOOTX64.EFI", "loader.conf", "psyopsos-1+3.conf", "psyopsos-2+3.conf"),
    ["EFI        ", "BOOTX64 EFI", "LOADER~1CON", "PSYOPS~1CON", "PSYOPS~2CON"],
  );
  assertEquals(shorts("a.b.c", ".hidden", "ünïcode", "with space.x"), [
    "AB~1    C  ",
    "HIDDEN~1   ",
    "_N_COD~1   ",
    "WITHSP~1X  ",
  ]);
  // An alias is never another name of the folder, before or behind it.
  assertEquals(shorts("loader.conf", "LOADER~1.CON"), ["LOADER~2CON", "LOADER~1CON"]);
  const many = Array.from({ length: 1200 }, (_, i) => `kernel module ${i}`);
  assertEquals(new Set(shorts(...many)).size, 1200);
});

Deno.test("encodeNames() fills long name entries of 13 characters", () => {
  for (const [length, entries] of [[12, 1], [13, 1], [14, 2], [26, 2], [27, 3], [255, 20]]) {
    const [name] = encodeNames(["x".repeat(length!)], "");
    assertEquals(name!.long.length, entries);
    assertEquals(name!.long[0]![0], 0x40 | entries!);
    assert(name!.long.every((entry) => entry[13] === shortChecksum(name!.short)));
  }
});

Deno.test("encodeNames() refuses what FAT can't hold or tell apart", () => {
  for (const name of ["", ".", "..", "a:b", "a\0", "end.", "end ", " a", "x".repeat(256)]) {
    assertThrows(() => encodeNames([name], "dir"), UserError, "Cannot write FAT");
  }
  assertThrows(() => encodeNames(["Same", "sAME"], "dir"), UserError, "in case only");
});

Deno.test("encodeNames() tells names apart as FAT does, by single characters", () => {
  // No capital of one character: both are names, in any order.
  assertEquals(shorts("straße", "STRASSE"), ["STRA_E~1   ", "STRASSE    "]);
  shorts("ﬁ", "FI");
  shorts("ŉ", "ʼN");
  for (const [a, b] of [["ä", "Ä"], ["ж", "Ж"], ["ᾳ", "ᾼ"], ["ᾀ", "ᾈ"], ["ÿ", "Ÿ"]]) {
    assertThrows(() => encodeNames([a!, b!], ""), UserError, "in case only");
  }
});

Deno.test("encodeNames() gives each alias the first free number, as if it tried all", () => {
  const part = fc.string({ unit: fc.constantFrom(..."abAB~1.2 ß"), minLength: 1, maxLength: 10 });
  const names = fc.uniqueArray(part, { selector: (name) => folded(name), maxLength: 60 })
    .map((all) => all.filter((name) => nameProblem(name) === undefined));
  fc.assert(fc.property(names, (all) => {
    const taken = new Set(all.map(folded));
    const found = encodeNames(all, "").map(({ short }) => {
      const [base, extension] = [text(short).slice(0, 8).trimEnd(), text(short).slice(8).trimEnd()];
      return { base, name: extension ? `${base}.${extension}` : base, extension };
    });
    for (const [i, name] of all.entries()) {
      const { base, name: short, extension } = found[i]!;
      if (short === name) continue;
      assert(!taken.has(short), `${short} of ${name} is another's`);
      taken.add(short);
      const [, head, digits] = /^(.*)~([0-9]+)$/.exec(base)!;
      for (let n = 1; n < Number(digits); n++) {
        const tail = `~${n}`;
        // A shorter number leaves room for more of the base, which is not known here but in part.
        if (tail.length !== digits!.length + 1) continue;
        const earlier = `${head}${tail}${extension ? `.${extension}` : ""}`;
        assert(taken.has(earlier), `${earlier} was free for ${name}`);
      }
    }
  }));
});

Deno.test("encodeNames() fills a folder to its last entry soon, and refuses more", () => {
  const alike = (count: number) => Array.from({ length: count }, (_, i) => `module${i}`);
  const start = performance.now();
  const full = encodeNames(alike(32_767), "");
  assert(performance.now() - start < 20_000);
  assertEquals(new Set(full.map(({ short }) => String.fromCharCode(...short))).size, 32_767);
  assertThrows(
    () => encodeNames(alike(32_768), "lib"),
    UserError,
    'the 32768 names of "lib" take 65538 directory entries, a folder holds 65536',
  );
  const plain = Array.from({ length: 65_534 }, (_, i) => i.toString(36).toUpperCase());
  assertEquals(encodeNames(plain, "").length, 65_534);
  assertThrows(() => encodeNames([...plain, "LAST"], ""), UserError, "65537 directory entries");
});

Deno.test("fat32() refuses folders in folders without end", () => {
  assertThrows(() => volume([["d/".repeat(5000) + "f", 1]]), UserError, "deeper than 64 folders");
});

Deno.test("fat32() gives the same extents whatever the order of files", () => {
  const files: [string, number][] = [["b/c/file name", 5000], ["a", 1], ["b/x", 0], ["B2/y", 512]];
  assertEquals(volume(files), volume(files.toReversed()));
});

Deno.test("fat32() gives extents that neither overlap nor leave the volume", () => {
  const files = Array.from(
    { length: 300 },
    (_, i): [string, number] => [`d${i % 7}/f${i}`, i * 40],
  );
  const sorted = volume(files).sort((a, b) => a.offset - b.offset);
  let end = 0;
  for (const { offset, data } of sorted) {
    assert(offset >= end);
    end = offset + data.length;
  }
  assert(end <= SECTORS * 512);
});

Deno.test("fat32() does not copy contents", () => {
  const data = utf8("content");
  const extents = volume([], { files: new Map([["file", data]]) });
  assert(extents.some((extent) => extent.data === data));
});

Deno.test("fat32() clamps times to what FAT knows", () => {
  const date = (epoch?: number) => {
    const root = volume([["A", 1]], { epoch }).find(({ data }) =>
      String.fromCharCode(...data.subarray(0, 8)) === "PSYOPSOS" && data[11] === 8
    )!;
    const view = new DataView(root.data.buffer);
    return [view.getUint16(24, true), view.getUint16(22, true)];
  };
  assertEquals(date(), [0x21, 0]);
  assertEquals(date(-5), [0x21, 0]);
  assertEquals(date(Date.UTC(2026, 10, 22, 20, 30, 15) / 1000), [
    46 << 9 | 11 << 5 | 22,
    20 << 11 | 30 << 5 | 7,
  ]);
  assertEquals(date(2 ** 33)[0], 127 << 9 | 12 << 5 | 31);
});

Deno.test("fat32() refuses sizes, labels and trees that are not possible", () => {
  assertThrows(() => volume([], { sectors: 20 * 2048 }), UserError, "no size for FAT32");
  assertThrows(() => volume([["big", 81 * 2 ** 20]]), UserError, "room for 79 MiB");
  for (const label of ["", "lower", "TWELVE_CHARS", "A B"]) {
    assertThrows(() => volume([], { label }), UserError, "label");
  }
  assertThrows(() => volume([["a", 1], ["a/b", 1]]), UserError, "below the file");
  assertThrows(() => volume([["a/b", 1], ["a", 1]]), UserError, "file and a folder");
  assertThrows(() => volume([["a//b", 1]]), UserError, "is no name");
  assertThrows(() => volume([["/a", 1]]), UserError, "is no name");
  assertThrows(() => volume([["a/../b", 1]]), UserError, "is no name");
});
