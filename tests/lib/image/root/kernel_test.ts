import { assertEquals, assertThrows } from "@std/assert";
import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import { text, utf8 } from "../../../../lib/bytes.ts";
import { UserError } from "../../../../lib/errors.ts";
import { readCpio } from "../../../../lib/formats/cpio.ts";
import { bootArchive, rootfsArchive } from "../../../../lib/image/root/initrd.ts";
import { takeKernel } from "../../../../lib/image/root/kernel.ts";
import { fakePackage, fileEntry } from "../../../support/image_packages.ts";
import { makeModule } from "../../../support/kernel_module.ts";

const FOLDER = "lib/modules/6.1-test";
const module = (name: string, depends = "") =>
  makeModule({ info: [`name=${name}`, `depends=${depends}`, "license=GPL"] });
const gzipped = (name: string) => new Uint8Array(gzipSync(module(name)));

const ENTRIES = [
  fileEntry("boot/vmlinuz-virt", "kernel"),
  fileEntry("boot/System.map-6.1-test", "map"),
  fileEntry(`${FOLDER}/modules.order`, ""),
  fileEntry(`${FOLDER}/modules.builtin`, "kernel/fs/ext4/ext4.ko\n"),
  fileEntry(`${FOLDER}/kernel/drivers/block/loop.ko`, module("loop")),
  fileEntry(`${FOLDER}/kernel/fs/squashfs/squashfs.ko`, module("squashfs", "xz")),
  fileEntry(`${FOLDER}/kernel/lib/xz.ko`, module("xz")),
  fileEntry(`${FOLDER}/kernel/fs/overlayfs/overlay.ko.gz`, gzipped("overlay")),
  fileEntry(`${FOLDER}/kernel/net/veth.ko`, module("veth")),
  fileEntry(`${FOLDER}/kernel/net/tun.ko`, module("tun")),
];
const { opened } = fakePackage("linux-virt", { entries: ENTRIES });

Deno.test("takeKernel() keeps all modules and makes their indexes", () => {
  const kernel = takeKernel(opened, { flavour: "virt", modules: "all" });
  assertEquals(kernel.release, "6.1-test");
  assertEquals(text(kernel.vmlinuz), "kernel");
  assertEquals([...kernel.files.keys()].filter((path) => /\.ko/.test(path)).length, 6);
  const dep = text(kernel.files.get(`${FOLDER}/modules.dep`)!);
  assertEquals(dep.includes("kernel/fs/squashfs/squashfs.ko: kernel/lib/xz.ko"), true, dep);
});

Deno.test("takeKernel() unpacks the initramfs's modules in load order", () => {
  const { bootModules } = takeKernel(opened, { flavour: "virt", modules: "all" });
  assertEquals(bootModules.map(({ name }) => name), [
    "loop.ko",
    "xz.ko",
    "squashfs.ko",
    "overlay.ko",
  ]);
  assertEquals(bootModules[3]?.data, module("overlay"));
});

Deno.test("takeKernel() keeps listed modules with what they need", () => {
  const { files } = takeKernel(opened, { flavour: "virt", modules: ["veth"] });
  assertEquals(
    [...files.keys()].filter((path) => /\.ko/.test(path)).map((path) => path.split("/").at(-1)),
    ["loop.ko", "squashfs.ko", "xz.ko", "overlay.ko.gz", "veth.ko"],
  );
  assertEquals(text(files.get(`${FOLDER}/modules.dep`)!).includes("tun.ko"), false);
});

Deno.test("takeKernel() refuses what is no single kernel", () => {
  const taking = (entries: typeof ENTRIES, flavour = "virt") => () =>
    takeKernel(fakePackage("linux-x", { entries }).opened, { flavour, modules: "all" });
  assertThrows(taking(ENTRIES, "lts"), UserError, "it has no boot/vmlinuz-lts");
  assertThrows(taking(ENTRIES.slice(0, 2)), UserError, "it has no lib/modules");
  assertThrows(
    taking([...ENTRIES, fileEntry("lib/modules/6.2/kernel/x.ko", module("x"))]),
    UserError,
    "modules for both 6.1-test and 6.2",
  );
  assertThrows(taking(ENTRIES.slice(0, 5)), UserError, "squashfs");
});

Deno.test("bootArchive() holds what init reads", () => {
  const { bootModules } = takeKernel(opened, { flavour: "virt", modules: "all" });
  const squashfs = utf8("file system");
  const entries = readCpio(
    bootArchive({ busybox: utf8("bb"), init: utf8("#!"), modules: bootModules, squashfs }),
  );
  const of = (path: string) => entries.find((entry) => entry.path === path);
  assertEquals(of("init")?.mode, 0o755);
  assertEquals(of("bin/busybox")?.mode, 0o755);
  assertEquals(text(of("modules/order")!.data!), "loop.ko\nxz.ko\nsquashfs.ko\noverlay.ko\n");
  assertEquals(
    text(of("rootfs.facts")!.data!),
    `11 ${createHash("sha512").update(squashfs).digest("hex")}\n`,
  );
  assertEquals(readCpio(rootfsArchive(squashfs)).map(({ path, mode }) => [path, mode]), [
    ["rootfs.squashfs", 0o400],
  ]);
});
