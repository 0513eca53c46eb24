import { assert, assertEquals, assertThrows } from "@std/assert";
import { type Bytes, text, utf8 } from "../../../lib/bytes.ts";
import { UserError } from "../../../lib/errors.ts";
import { fatFile } from "../../../lib/formats/fat12.ts";
import { gunzip } from "../../../lib/formats/gzip.ts";
import { ISO_SECTOR, isoFile, readIso } from "../../../lib/formats/iso9660.ts";
import { countSteps } from "../../support/steps.ts";

/** Made by xorriso as Alpine's mkimage.sh calls it; foreign_test.ts compares all that is in it. */
const vector = gunzip(await Deno.readFile("tests/vectors/foreign/formats/iso-mkimage.gz"));
const iso = readIso(vector);
const PRIMARY = 16 * ISO_SECTOR;

/** A copy with some bytes replaced. */
function changed(at: number, ...bytes: number[]): Bytes {
  const copy = vector.slice();
  copy.set(bytes, at);
  return copy;
}

function messageFor(bytes: Bytes): string {
  return assertThrows(() => readIso(bytes), UserError).message;
}

Deno.test("isoFile() and fatFile() reach the program that firmware starts", () => {
  const image = isoFile(vector, iso, "boot/grub/efi.img");
  assertEquals(text(fatFile(image, "EFI/BOOT/BOOTX64.EFI")!), "MZloader");
  for (const path of ["EFI/BOOT", "EFI/BOOT/OTHER.EFI", "EFI/BOOT/BOOTX64.EFI/X", "NONE"]) {
    assertEquals(fatFile(image, path), undefined, path);
  }
});

Deno.test("isoFile() refuses what is no file", () => {
  for (const path of ["boot", "none", "absolute"]) {
    assertThrows(() => isoFile(vector, iso, path), UserError, `no file /${path}`);
  }
});

Deno.test("readIso() refuses what is no ISO image, or a damaged one", () => {
  assertEquals(
    messageFor(new Uint8Array(100)),
    "Cannot read the ISO: truncated, or no ISO 9660 image",
  );
  const root = PRIMARY + 156;
  const cases: [Bytes, string][] = [
    [vector.slice(0, PRIMARY), "truncated"],
    [changed(PRIMARY + 1, 0x58), "no volume descriptor in sector 16"],
    [changed(PRIMARY, 2), "no primary volume descriptor"],
    [changed(PRIMARY + 128, 0, 4, 4, 0), "blocks of an unusual size"],
    [changed(root + 2, 0xff), "the root directory has two different numbers for one"],
    [
      changed(root + 2, 0xff, 0xff, 0xff, 0, 0, 0xff, 0xff, 0xff),
      "the root directory lies outside",
    ],
    [changed(root + 10, 0, 0, 0, 0x7f, 0x7f, 0, 0, 0), "the root directory lies outside"],
    [vector.slice(0, 64 * ISO_SECTOR), "lies outside of the image"],
  ];
  for (const [bytes, expected] of cases) {
    assert(messageFor(bytes).includes(expected), `${messageFor(bytes)} / ${expected}`);
  }
});

Deno.test("readIso() refuses a directory that leads back to the root", () => {
  const rootOffset = new DataView(vector.buffer).getUint32(PRIMARY + 158, true) * ISO_SECTOR;
  // The first record behind "." and ".." that is a directory gets the root's place.
  for (let at = rootOffset, index = 0; vector[at]! > 0; at += vector[at]!, index++) {
    if (index < 2 || !(vector[at + 25]! & 2)) continue;
    const place = vector.slice(PRIMARY + 158, PRIMARY + 174);
    assert(messageFor(changed(at + 2, ...place)).includes("is another one too"));
    return;
  }
  throw new Error("the vector has no directory");
});

Deno.test("readIso() and fatFile() end with a message or a result whatever byte is wrong", () => {
  const image = isoFile(vector, iso, "boot/grub/efi.img");
  let seed = 7;
  const random = (below: number) => (seed = Math.imul(seed, 48271) >>> 1) % below;
  for (let round = 0; round < 400; round++) {
    const bytes = vector.slice();
    const fat = image.slice();
    for (let i = 0; i < 4; i++) {
      bytes[PRIMARY + random(40 * ISO_SECTOR)] = random(256);
      fat[random(20_000)] = random(256);
    }
    for (const read of [() => readIso(bytes), () => fatFile(fat, "EFI/BOOT/BOOTX64.EFI")]) {
      try {
        read();
      } catch (error) {
        if (!(error instanceof UserError)) throw error;
      }
    }
  }
});

Deno.test("fatFile() refuses what is no small FAT file system", () => {
  const image = isoFile(vector, iso, "boot/grub/efi.img").slice();
  assertThrows(() => fatFile(new Uint8Array(10), "X"), UserError, "truncated");
  assertThrows(() => fatFile(new Uint8Array(1024), "X"), UserError, "no FAT file system");
  assertThrows(() => fatFile(image.slice(0, 100_000), "X"), UserError, "truncated");
  // The root's first entry (the folder EFI) leads to a cluster that is free, then to itself.
  const loop = image.slice();
  const root = 512 * (1 + 2 * image[22]!);
  const cluster = loop[root + 26]!;
  const at = 512 + Math.floor(cluster * 3 / 2);
  const self = cluster % 2 === 0
    ? [cluster, 0]
    : [loop[at]! & 0x0f | (cluster & 0x0f) << 4, cluster >> 4];
  loop.set(self, at);
  assertThrows(() => fatFile(loop, "EFI/BOOT/BOOTX64.EFI"), UserError, "is a loop");
  loop.set([0, 0], at);
  assertThrows(() => fatFile(loop, "EFI/BOOT/BOOTX64.EFI"), UserError, "leads outside");
});

/** A directory record: two-sided numbers for sector and size, then the name and system use entries. */
function isoRecord(name: string, sector: number, size: number, flags = 0, use: number[] = []) {
  const padded = 33 + name.length + (name.length % 2 === 0 ? 1 : 0);
  const bytes = new Uint8Array(padded + use.length + use.length % 2);
  const view = new DataView(bytes.buffer);
  bytes[0] = bytes.length;
  for (const [at, value] of [[2, sector], [10, size]] as const) {
    view.setUint32(at, value, true);
    view.setUint32(at + 4, value, false);
  }
  bytes[25] = flags;
  bytes[32] = name.length;
  bytes.set(utf8(name), 33);
  bytes.set(use, padded);
  return bytes;
}

/** An image of so many sectors whose root, in sector 18 and after, has these records. */
function madeIso(sectors: number, records: readonly Uint8Array[]): Bytes {
  const out = new Uint8Array(sectors * ISO_SECTOR);
  const rootSectors = Math.ceil(records.length / 20) + 1;
  const root = isoRecord("\0", 18, rootSectors * ISO_SECTOR, 2);
  out.set([1, ...utf8("CD001"), 1], PRIMARY);
  out.set([0, 8, 8, 0], PRIMARY + 128);
  out.set(root, PRIMARY + 156);
  out.set([255, ...utf8("CD001"), 1], PRIMARY + ISO_SECTOR);
  let at = 18 * ISO_SECTOR;
  for (const [i, record] of [root, isoRecord("\x01", 18, ISO_SECTOR, 2), ...records].entries()) {
    if (i % 20 === 0 && i > 0) at = (18 + i / 20) * ISO_SECTOR;
    out.set(record, at);
    at += record.length;
  }
  return out;
}

Deno.test("readIso() reads no byte for two directories, however they overlap", () => {
  const empty = madeIso(200, [isoRecord("D", 100, 10 * ISO_SECTOR, 2)]);
  assertEquals([...readIso(empty).entries.keys()], ["D"]);
  // Each begins one sector later and reaches to the end: all in all a hundred times the image.
  const many = Array.from(
    { length: 1000 },
    (_, i) => isoRecord(`D${i}`, 200 + i, (4000 - 200 - i) * ISO_SECTOR, 2),
  );
  const image = madeIso(4000, many);
  const { steps } = countSteps(1_000_000, () => {
    assertThrows(() => readIso(image), UserError, "overlaps another");
  });
  assert(steps < 100_000);
});

Deno.test("readIso() follows continuations no further than there can be any", () => {
  const continued = (sector: number, offset: number, size: number) => {
    const use = new Uint8Array(28);
    const view = new DataView(use.buffer);
    use.set([0x43, 0x45, 28, 1]);
    for (const [at, value] of [[4, sector], [12, offset], [20, size]] as const) {
      view.setUint32(at, value, true);
      view.setUint32(at + 4, value, false);
    }
    return [...use];
  };
  const name = [0x4e, 0x4d, 9, 1, 0, ...utf8("name")];
  const good = madeIso(40, [isoRecord("F", 0, 0, 0, continued(30, 8, 9))]);
  good.set(name, 30 * ISO_SECTOR + 8);
  assertEquals([...readIso(good).entries.keys()], ["name"]);
  const large = madeIso(40, [isoRecord("F", 0, 0, 0, continued(30, 0, 2049))]);
  assert(messageFor(large).includes("continues for more than there is"));
  const shared = Array.from(
    { length: 100 },
    (_, i) => isoRecord(`F${i}`, 0, 0, 0, continued(30, 0, 2048)),
  );
  assert(messageFor(madeIso(40, shared)).includes("continues for more than there is"));
  const loop = madeIso(400, [isoRecord("F", 0, 0, 0, continued(30, 0, 28))]);
  loop.set(continued(30, 0, 28), 30 * ISO_SECTOR);
  assert(messageFor(loop).includes("too many continuations"));
});

Deno.test("readIso() bounds names and paths", () => {
  const named = (length: number) => {
    const parts: number[] = [];
    for (let left = length; left > 0; left -= 60) {
      const part = "n".repeat(Math.min(60, left));
      parts.push(0x4e, 0x4d, 5 + part.length, 1, left > 60 ? 1 : 0, ...utf8(part));
    }
    return madeIso(40, [isoRecord("F", 0, 0, 0, parts.length > 200 ? [] : parts)]);
  };
  assertEquals([...readIso(named(150)).entries.keys()][0]!.length, 150);
  const bytes = madeIso(40, [
    isoRecord(
      "F",
      0,
      0,
      0,
      [0x43, 0x45, 28, 1, 30, 0, 0, 0, 0, 0, 0, 30, 0, 0, 0, 0, 0, 0, 0, 0]
        .concat([0, 2, 0, 0, 0, 0, 2, 0]),
    ),
  ]);
  bytes.set([0x4e, 0x4d, 205, 1, 1, ...utf8("n".repeat(200))], 30 * ISO_SECTOR);
  bytes.set([0x4e, 0x4d, 65, 1, 0, ...utf8("n".repeat(60))], 30 * ISO_SECTOR + 205);
  assert(messageFor(bytes).includes("a name above 255 bytes"));
});
