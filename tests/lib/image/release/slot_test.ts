import { assertEquals, assertThrows } from "@std/assert";
import { sha256Hex, text, utf8 } from "../../../../lib/bytes.ts";
import { parseEntry } from "../../../../lib/documents/boot_entry.ts";
import type { SlotDocument } from "../../../../lib/documents/slot.ts";
import { UserError } from "../../../../lib/errors.ts";
import { readTar } from "../../../../lib/formats/tar.ts";
import { espFiles, loaderPath, makeSlot, slotTar } from "../../../../lib/image/release/slot.ts";

const INPUT = {
  version: "1.2.3",
  arch: "x86_64" as const,
  kernel: "6.1",
  epoch: 1_700_000_000,
  cmdline: "console=ttyS0 panic=10",
  vmlinuz: utf8("kernel"),
  archives: new Map([["initrd-boot.cpio", utf8("boot")], ["initrd-rootfs.cpio", utf8("root")]]),
};

Deno.test("makeSlot() says in slot.json what each other file must be", () => {
  const slot = makeSlot(INPUT);
  const document = JSON.parse(text(slot.files.get("slot.json")!)) as SlotDocument;
  assertEquals(document.files.map(({ name }) => name).sort(), [
    "initrd-boot.cpio",
    "initrd-rootfs.cpio",
    "vmlinuz",
  ]);
  for (const { name, size, sha256 } of document.files) {
    const data = slot.files.get(name)!;
    assertEquals([size, sha256], [data.length, sha256Hex(data)]);
  }
  assertEquals([document.version, document.cmdline], ["1.2.3", INPUT.cmdline]);
});

Deno.test("makeSlot() gives an entry that boots the slot's files in order", () => {
  const { entry } = makeSlot(INPUT);
  assertEquals(entry.path, "loader/entries/psyopsos-1.2.3.conf");
  const { linux, initrd, options, version } = parseEntry(text(entry.data));
  assertEquals(linux, "/psyopsos/1.2.3/vmlinuz");
  assertEquals(initrd, [
    "/psyopsos/1.2.3/initrd-boot.cpio",
    "/psyopsos/1.2.3/initrd-rootfs.cpio",
  ]);
  assertEquals([options, version], [INPUT.cmdline, "1.2.3"]);
});

Deno.test("slotTar() has the partition's paths, the entry last", () => {
  const entries = readTar(slotTar(makeSlot(INPUT)));
  assertEquals(entries.filter(({ kind }) => kind === "file").map(({ path }) => path), [
    "psyopsos/1.2.3/vmlinuz",
    "psyopsos/1.2.3/initrd-boot.cpio",
    "psyopsos/1.2.3/initrd-rootfs.cpio",
    "psyopsos/1.2.3/slot.json",
    "loader/entries/psyopsos-1.2.3.conf",
  ]);
  assertEquals(new Set(entries.map(({ mtime }) => mtime)), new Set([INPUT.epoch]));
});

Deno.test("espFiles() adds the boot loader for the architecture", () => {
  const files = espFiles(makeSlot(INPUT), utf8("efi"));
  assertEquals(text(files.get("EFI/BOOT/BOOTX64.EFI")!), "efi");
  assertEquals(text(files.get("loader/loader.conf")!), "timeout 0\neditor no\n");
  assertEquals(loaderPath("aarch64"), "usr/lib/systemd/boot/efi/systemd-bootaa64.efi");
});

Deno.test("makeSlot() refuses versions that can't name a slot", () => {
  for (const version of ["", "../x", "1+2", "a b", "x".repeat(65)]) {
    assertThrows(() => makeSlot({ ...INPUT, version }), UserError, "version");
  }
});
