import { assertEquals, assertThrows } from "@std/assert";
import { zstdCompressSync } from "node:zlib";
import { type Bytes, utf8 } from "../../../lib/bytes.ts";
import { UserError } from "../../../lib/errors.ts";
import { gzip } from "../../../lib/formats/gzip.ts";
import { infoValues, readModule } from "../../../lib/kmod/module.ts";
import { makeModule } from "../../support/kernel_module.ts";

const elf = makeModule({
  info: ["license=GPL", "alias=pci:v*", "alias=fs-x", "depends=a,b-c", "author=\xff", "odd"],
  exports: ["one", "two"],
  imports: ["printk", "three"],
});

Deno.test("readModule() gives modinfo in order, exports and imports", () => {
  const module = readModule("kernel/fs/x-y.ko", elf);
  assertEquals(module.name, "x_y");
  assertEquals(infoValues(module, "alias"), ["pci:v*", "fs-x"]);
  assertEquals(infoValues(module, "depends"), ["a,b-c"]);
  assertEquals(module.symbols, ["one", "two"]);
  assertEquals(module.imports, ["printk", "three"]);
});

Deno.test("readModule() takes export names of kernels without version sums", () => {
  const module = readModule(
    "m.ko",
    makeModule({ info: ["license=GPL"], plainExports: ["a", "b"] }),
  );
  assertEquals(module.symbols, ["a", "b"]);
});

Deno.test("readModule() unpacks gzip and zstd and refuses xz", () => {
  const plain = readModule("m.ko", elf);
  assertEquals(readModule("m.ko.gz", gzip(elf)).info, plain.info);
  const zst = new Uint8Array(zstdCompressSync(elf)) as Bytes;
  assertEquals(readModule("m.ko.zst", zst).info, plain.info);
  assertThrows(() => readModule("m.ko.zst", zst.slice(0, 30)), UserError, "Cannot read m.ko.zst");
  assertThrows(() => readModule("m.ko.zst", elf), UserError, "damaged zstd");
  assertThrows(() => readModule("m.ko.gz", elf), UserError, "no gzip data");
  assertThrows(() => readModule("m.ko.xz", elf), UserError, "compression not supported");
});

Deno.test("readModule() refuses what is no intact 64-bit little-endian module", () => {
  const changed = (at: number, byte: number) => {
    const copy = new Uint8Array(elf);
    copy[at] = byte;
    return copy;
  };
  assertThrows(() => readModule("m.ko", utf8("text")), UserError, "m.ko: it is no ELF file");
  assertThrows(() => readModule("m.ko", changed(4, 1)), UserError, "64-bit little-endian");
  assertThrows(() => readModule("m.ko", changed(5, 2)), UserError, "64-bit little-endian");
  assertThrows(() => readModule("m.ko", changed(62, 99)), UserError, "no section table");
  assertThrows(() => readModule("m.ko", changed(46, 0xff)), UserError, "truncated");
  for (let size = 0; size < elf.length; size++) {
    assertThrows(() => readModule("m.ko", elf.slice(0, size)), UserError, "Cannot read m.ko");
  }
});

Deno.test("readModule() bounds the names of symbols", () => {
  const info = ["license=GPL"];
  const longest = "s".repeat(511);
  assertEquals(readModule("a.ko", makeModule({ info, imports: [longest] })).imports, [longest]);
  assertThrows(
    () => readModule("a.ko", makeModule({ info, imports: ["s".repeat(512)] })),
    UserError,
    "a symbol whose name has no end",
  );
});
