import { assertEquals } from "@std/assert";
import { elfDynamic } from "../../../lib/formats/elf_dynamic.ts";
import { utf8 } from "../../../lib/bytes.ts";
import { elfFile } from "../../support/elf.ts";

/** A 64-bit shared object with one load segment, a dynamic section and its strings. */
function library(): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(0x300);
  const view = new DataView(bytes.buffer);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  view.setUint16(16, 3, true);
  view.setUint16(18, 62, true);
  view.setBigUint64(32, 64n, true);
  view.setUint16(56, 3, true);
  const base = 0x1000;
  const segments = [[1, 0, base, 0x300], [2, 0x200, base + 0x200, 0x40], [3, 0x280, 0, 0x20]];
  for (const [i, [type, offset, address, size]] of segments.entries()) {
    const at = 64 + 56 * i;
    view.setUint32(at, type!, true);
    view.setBigUint64(at + 8, BigInt(offset!), true);
    view.setBigUint64(at + 16, BigInt(address!), true);
    view.setBigUint64(at + 32, BigInt(size!), true);
  }
  const dynamic = [[5, base + 0x2a0], [1, 1], [14, 11], [0, 0]];
  for (const [i, [tag, value]] of dynamic.entries()) {
    view.setBigUint64(0x200 + 16 * i, BigInt(tag!), true);
    view.setBigUint64(0x208 + 16 * i, BigInt(value!), true);
  }
  bytes.set(utf8("/lib/ld.so\0"), 0x280);
  bytes.set(utf8("\0libc.so.6\0libx.so.1\0"), 0x2a0);
  return bytes;
}

Deno.test("elfDynamic() reads needed libraries, soname and interpreter", () => {
  assertEquals(elfDynamic(library()), {
    needed: ["libc.so.6"],
    soname: "libx.so.1",
    interpreter: "/lib/ld.so",
    machine: 62,
  });
});

Deno.test("elfDynamic() finds nothing in other files, object files and cut ones", () => {
  const object = library();
  object[16] = 1;
  assertEquals(elfDynamic(object), undefined);
  assertEquals(elfDynamic(utf8("#!/bin/sh\n".repeat(10))), undefined);
  assertEquals(elfDynamic(library().subarray(0, 0x210)), undefined);
  assertEquals(elfDynamic(new Uint8Array()), undefined);
});

Deno.test("elfDynamic() bounds the entries and names of a dynamic section", () => {
  const needed = (count: number, name: string) =>
    elfFile({ needed: Array.from({ length: count }, () => name) });
  assertEquals(elfDynamic(needed(4000, "a.so"))!.needed.length, 4000);
  assertEquals(elfDynamic(needed(5000, "a.so")), undefined);
  assertEquals(elfDynamic(needed(1, "a".repeat(4095)))!.needed[0]!.length, 4095);
  assertEquals(elfDynamic(needed(1, "a".repeat(4096))), undefined);
});
