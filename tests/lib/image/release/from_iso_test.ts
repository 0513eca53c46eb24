import { assertEquals, assertThrows } from "@std/assert";
import { type Bytes, concat, padTo, text, utf8 } from "../../../../lib/bytes.ts";
import { parseEntry } from "../../../../lib/documents/boot_entry.ts";
import type { SlotDocument } from "../../../../lib/documents/slot.ts";
import { UserError } from "../../../../lib/errors.ts";
import { readCpio, writeCpio } from "../../../../lib/formats/cpio.ts";
import { gunzip, gzip } from "../../../../lib/formats/gzip.ts";
import type { IsoImage } from "../../../../lib/formats/iso9660.ts";
import { readTar, type TarEntry, writeTar } from "../../../../lib/formats/tar.ts";
import {
  type IsoSlotInput,
  MODULES_FILE,
  OVERLAY_FILE,
  slotFromIso,
} from "../../../../lib/image/release/from_iso.ts";

const EPOCH = 1_700_000_000;
const FACTS = { version: "1.2.3", arch: "x86_64", epoch: EPOCH, engine: "mkimage" };

const owner = { uid: 0, gid: 0, uname: "root", gname: "root", mtime: EPOCH };
const entry = (path: string, rest: Partial<TarEntry> & Pick<TarEntry, "kind">): TarEntry => ({
  ...owner,
  mode: 0o644,
  ...rest,
  path,
});
const folders = ["etc", "etc/init.d", "etc/psyopsos", "etc/runlevels", "etc/runlevels/sysinit"];
const OVERLAY: TarEntry[] = [
  ...folders.map((path) => entry(path, { kind: "directory", mode: 0o755 })),
  entry("etc/psyopsos/image.json", { kind: "file", data: utf8(JSON.stringify(FACTS)) }),
  entry("etc/runlevels/sysinit/devfs", { kind: "symlink", linkTarget: "/etc/init.d/devfs" }),
  entry("etc/runlevels/sysinit/modloop", { kind: "symlink", linkTarget: "/etc/init.d/modloop" }),
  entry("etc/shadow", {
    kind: "file",
    mode: 0o640,
    gid: 42,
    gname: "shadow",
    data: utf8("root:*"),
  }),
];

/** What the reader of ISO images gives for these files. */
function isoOf(files: Readonly<Record<string, string | Bytes>>): { iso: IsoImage; bytes: Bytes } {
  const parts: Bytes[] = [];
  const entries: [string, { kind: "file"; size: number; offset: number }][] = [];
  let offset = 0;
  for (const [path, data] of Object.entries(files)) {
    const part = typeof data === "string" ? utf8(data) : data;
    entries.push([path, { kind: "file", size: part.length, offset }]);
    parts.push(part);
    offset += part.length;
  }
  const iso = { volumeId: "v", systemId: "LINUX", entries: new Map(entries), boot: [] };
  return { iso, bytes: concat(parts) };
}

const initramfs = gzip(writeCpio([{ path: "init", kind: "file", mode: 0o755, data: utf8("#!") }]));
const FILES = {
  "psyopsos.apkovl.tar.gz": gzip(writeTar(OVERLAY)),
  "boot/vmlinuz-virt": "kernel",
  "boot/initramfs-virt": initramfs,
  "boot/modloop-virt": "hsqs modules",
  "boot/amd-ucode.img": "070701 amd",
  "apks/.boot_repository": "",
  "apks/x86_64/b-1-r0.apk": "package b",
  "apks/x86_64/APKINDEX.tar.gz": "index",
  "apks/aarch64/c-1-r0.apk": "of another architecture",
};

function make(change: Partial<IsoSlotInput> = {}, files: typeof FILES = FILES) {
  return slotFromIso({
    ...isoOf(files),
    version: "1.2.3",
    arch: "x86_64",
    epoch: EPOCH,
    kernel: "6.18.2-0-virt",
    flavour: "virt",
    hostname: "psyopsos",
    microcode: ["amd-ucode"],
    modules: ["loop", "squashfs"],
    cmdline: "console=ttyS0 panic=10",
    service: utf8("#!/sbin/openrc-run\n"),
    ...change,
  });
}

const overlayOf = ({ files }: ReturnType<typeof make>) => {
  const root = readCpio(files.get("initrd-root.cpio")!);
  const archive = root.find(({ path }) => path === OVERLAY_FILE)!.data!;
  return new Map(readTar(gunzip(archive)).map((one) => [one.path, one]));
};

Deno.test("slotFromIso() loads microcode first, then Alpine's initramfs, then what the node needs", () => {
  const slot = make();
  const document = JSON.parse(text(slot.files.get("slot.json")!)) as SlotDocument;
  const initrd = ["amd-ucode.img", "initramfs", "initrd-root.cpio"];
  assertEquals(document.initrd, initrd);
  assertEquals(document.files.map(({ name }) => name), ["vmlinuz", ...initrd]);
  assertEquals(
    [document.slot, document.version, document.arch, document.kernel, document.epoch],
    [1, "1.2.3", "x86_64", "6.18.2-0-virt", EPOCH],
  );
  assertEquals(parseEntry(text(slot.entry.data)).initrd, [
    "/psyopsos/1.2.3/amd-ucode.img",
    "/psyopsos/1.2.3/initramfs",
    "/psyopsos/1.2.3/initrd-root.cpio",
  ]);
  // The kernel reads them as one: each must begin where a cpio archive can.
  for (const name of initrd) assertEquals(slot.files.get(name)!.length % 512, 0, name);
  assertEquals(slot.files.get("initramfs"), padTo(initramfs, 512));
});

Deno.test("slotFromIso() tells Alpine's init where overlay and packages are", () => {
  const { document, files } = make();
  assertEquals(
    document.cmdline,
    "modules=loop,squashfs console=ttyS0 panic=10 apkovl=/psyopsos.apkovl.tar.gz " +
      "alpine_repo=/psyopsos-apks",
  );
  const root = readCpio(files.get("initrd-root.cpio")!);
  assertEquals(root.map(({ path, kind, mode }) => `${path} ${kind} ${mode.toString(8)}`), [
    "psyopsos.apkovl.tar.gz file 644",
    "psyopsos-apks directory 755",
    "psyopsos-apks/.boot_repository file 644",
    "psyopsos-apks/x86_64 directory 755",
    "psyopsos-apks/x86_64/APKINDEX.tar.gz file 644",
    "psyopsos-apks/x86_64/b-1-r0.apk file 644",
  ]);
  assertEquals(text(root.at(-1)!.data!), "package b");
});

Deno.test("slotFromIso() brings the modules along, and the service that mounts them out of RAM", () => {
  const overlay = overlayOf(make());
  assertEquals(text(overlay.get(MODULES_FILE)!.data!), "hsqs modules");
  assertEquals(overlay.get("etc/init.d/psyopsos-modloop")?.mode, 0o755);
  assertEquals(
    overlay.get("etc/runlevels/sysinit/psyopsos-modloop")?.linkTarget,
    "/etc/init.d/psyopsos-modloop",
  );
  assertEquals(overlay.has("etc/runlevels/sysinit/modloop"), false);
  assertEquals(overlay.has("etc/runlevels/sysinit/devfs"), true);
  // Every folder stands before what it holds.
  const paths = [...overlay.keys()];
  for (const [i, path] of paths.entries()) {
    const parent = path.slice(0, Math.max(0, path.lastIndexOf("/")));
    assertEquals(parent === "" || paths.slice(0, i).includes(parent), true, path);
  }
});

Deno.test("slotFromIso() says of the image what the embedded engine says, and keeps the rest as it is", () => {
  const overlay = overlayOf(make());
  assertEquals(JSON.parse(text(overlay.get("etc/psyopsos/image.json")!.data!)), {
    ...FACTS,
    kernel: "6.18.2-0-virt",
  });
  const shadow = overlay.get("etc/shadow")!;
  assertEquals([shadow.mode, shadow.gid, shadow.gname, text(shadow.data!)], [
    0o640,
    42,
    "shadow",
    "root:*",
  ]);
  assertEquals(new Set([...overlay.values()].map(({ mtime }) => mtime)), new Set([EPOCH]));
});

Deno.test("slotFromIso() gives the same bytes for the same ISO", () => {
  assertEquals([...make().files], [...make().files]);
});

Deno.test("slotFromIso() names what an ISO lacks", () => {
  const without = (path: keyof typeof FILES) =>
    Object.fromEntries(Object.entries(FILES).filter(([name]) => name !== path)) as typeof FILES;
  for (
    const path of [
      "boot/vmlinuz-virt",
      "boot/initramfs-virt",
      "boot/modloop-virt",
      "boot/amd-ucode.img",
      "psyopsos.apkovl.tar.gz",
    ] as const
  ) {
    assertThrows(() => make({}, without(path)), UserError, `it has no file /${path}`);
  }
  const other = { ...FILES, "psyopsos.apkovl.tar.gz": gzip(writeTar(OVERLAY.slice(0, 5))) };
  assertThrows(
    () => make({}, other),
    UserError,
    "the ISO's overlay has no etc/psyopsos/image.json",
  );
  assertThrows(
    () => make({ cmdline: "x".repeat(2000) }),
    UserError,
    "Cannot make a boot slot: its kernel command line has 2",
  );
});
