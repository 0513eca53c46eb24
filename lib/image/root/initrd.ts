/**
 * The two initramfs archives of a boot slot. The first holds what starts (busybox, `init`, three
 * modules and what the root file system must be), the second the root file system itself; both are
 * uncompressed, as squashfs is compressed already. The kernel unpacks them one after the other.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { type Bytes, utf8 } from "../../bytes.ts";
import { type CpioEntry, writeCpio } from "../../formats/cpio.ts";
import { type Kernel, moduleOrder } from "./kernel.ts";

/** What {@linkcode bootArchive} is made of. */
export interface BootArchiveInput {
  /** A busybox that needs no libraries. */
  busybox: Bytes;
  /** `overlay/boot/init`. */
  init: Bytes;
  modules: Kernel["bootModules"];
  /** The file system that {@linkcode rootfsArchive} carries. */
  squashfs: Bytes;
}

/** The first archive; `init` compares the root file system with the facts in it. */
export function bootArchive({ busybox, init, modules, squashfs }: BootArchiveInput): Bytes {
  const folder = (path: string): CpioEntry => ({ path, kind: "directory", mode: 0o755 });
  const file = (path: string, data: Bytes, mode = 0o644): CpioEntry => ({
    path,
    kind: "file",
    mode,
    data,
  });
  return writeCpio([
    folder("bin"),
    file("bin/busybox", busybox, 0o755),
    folder("dev"),
    // The kernel opens it for init before there is a devtmpfs.
    { path: "dev/console", kind: "char", mode: 0o600, devMajor: 5, devMinor: 1 },
    file("init", init, 0o755),
    folder("modules"),
    file("modules/order", moduleOrder(modules)),
    ...modules.map(({ name, data }) => file(`modules/${name}`, data)),
    // SHA-512: busybox needs half the time for it that SHA-256 takes.
    file("rootfs.facts", utf8(`${squashfs.length} ${sha512Hex(squashfs)}\n`)),
  ]);
}

/** The second archive. */
export function rootfsArchive(squashfs: Bytes): Bytes {
  return writeCpio([{ path: "rootfs.squashfs", kind: "file", mode: 0o400, data: squashfs }]);
}

function sha512Hex(data: Bytes): string {
  return createHash("sha512").update(data).digest("hex");
}
