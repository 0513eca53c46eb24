/**
 * A boot slot out of an ISO that mkimage.sh made, for updates and disk images: all of it comes along in
 * initramfs archives, so that the node runs wholly in RAM and no medium is looked for.
 *
 * The archives are microcode, Alpine's initramfs as it is, and one with overlay and packages, of which the
 * kernel command line tells Alpine's init (`apkovl=`, `alpine_repo=`). It installs the packages into the root
 * at every boot, as from the ISO. The kernel's modules come within the overlay: Alpine's service modloop looks
 * for them on mounted media only, so a service of ours takes its place.
 *
 * @module
 */
import { type Bytes, padTo } from "../../bytes.ts";
import { MAX_CMDLINE } from "../../documents/boot_entry.ts";
import {
  formatImageFacts,
  IMAGE_FACTS_PATH,
  parseImageFacts,
} from "../../documents/image_facts.ts";
import { UserError } from "../../errors.ts";
import { type CpioEntry, writeCpio } from "../../formats/cpio.ts";
import { gunzip, gzip } from "../../formats/gzip.ts";
import { isoFile, type IsoImage } from "../../formats/iso9660.ts";
import { readTar, type TarEntry, writeTar } from "../../formats/tar.ts";
import type { Architecture } from "../../schema/fields.ts";
import { makeSlot, type Slot } from "./slot.ts";

/** What {@linkcode slotFromIso} needs; all of it has been judged before. */
export interface IsoSlotInput {
  iso: IsoImage;
  /** The whole ISO. */
  bytes: Bytes;
  version: string;
  arch: Architecture;
  epoch: number;
  /** Kernel release, e.g. "6.18.2-0-virt". */
  kernel: string;
  flavour: string;
  /** Of the overlay's file name. */
  hostname: string;
  /** Packages whose images are loaded first. */
  microcode: readonly string[];
  /** Modules that Alpine's init loads first. */
  modules: readonly string[];
  /** Kernel command line of the image. */
  cmdline: string;
  /** `overlay/mkimage/psyopsos-modloop`. */
  service: Bytes;
}

/** Where Alpine's init finds the overlay and the packages, in the initramfs. */
export const OVERLAY_FILE = "psyopsos.apkovl.tar.gz", PACKAGES_DIR = "psyopsos-apks";
/** Where the node finds the kernel's modules. */
export const MODULES_FILE = "usr/lib/psyopsos/modloop";
/** What mounts them. */
export const MODULES_SERVICE = "psyopsos-modloop";

const ALPINE_SERVICE = "modloop";
const SYSINIT = "etc/runlevels/sysinit";
/** Largest overlay, unpacked. */
const MAX_OVERLAY = 512 * 2 ** 20;
/** Archives begin where this divides: cpio needs 4. */
const BLOCK = 512;

/** The slot. @throws {UserError} when the ISO lacks a part of it. */
export function slotFromIso(input: IsoSlotInput): Slot {
  const { iso, bytes, version, arch, epoch, kernel, flavour, microcode, modules } = input;
  const file = (path: string) => isoFile(bytes, iso, path);
  const words = [
    ...(modules.length > 0 ? [`modules=${modules.join(",")}`] : []),
    input.cmdline,
    `apkovl=/${OVERLAY_FILE}`,
    `alpine_repo=/${PACKAGES_DIR}`,
  ];
  const cmdline = words.join(" ");
  if (cmdline.length > MAX_CMDLINE) {
    throw new UserError(
      "make a boot slot",
      `its kernel command line has ${cmdline.length} characters, more than ${MAX_CMDLINE}`,
    );
  }
  const archives = new Map<string, Bytes>([
    // The kernel looks for microcode at the very beginning.
    ...microcode.map((name) => [`${name}.img`, padTo(file(`boot/${name}.img`), BLOCK)] as const),
    ["initramfs", padTo(file(`boot/initramfs-${flavour}`), BLOCK)],
    ["initrd-root.cpio", rootArchive(input)],
  ]);
  const vmlinuz = file(`boot/vmlinuz-${flavour}`);
  return makeSlot({ version, arch, kernel, epoch, cmdline, vmlinuz, archives });
}

/** Overlay and packages. */
function rootArchive(input: IsoSlotInput): Bytes {
  const { iso, bytes, arch } = input;
  const file = (path: string, data: Bytes): CpioEntry => ({
    path,
    kind: "file",
    mode: 0o644,
    data,
  });
  const folder = (path: string): CpioEntry => ({ path, kind: "directory", mode: 0o755 });
  const from = `apks/${arch}/`;
  const packages = [...iso.entries].filter(([path, { kind }]) =>
    kind === "file" && path.startsWith(from)
  ).map(([path]) => path).sort();
  return writeCpio([
    file(OVERLAY_FILE, slotOverlay(input)),
    folder(PACKAGES_DIR),
    file(`${PACKAGES_DIR}/.boot_repository`, new Uint8Array()),
    folder(`${PACKAGES_DIR}/${arch}`),
    ...packages.map((path) =>
      file(`${PACKAGES_DIR}/${path.slice("apks/".length)}`, isoFile(bytes, iso, path))
    ),
  ]);
}

/** The ISO's overlay with the kernel's modules, and with what only the finished ISO tells. */
function slotOverlay(input: IsoSlotInput): Bytes {
  const { iso, bytes, epoch, flavour, kernel, hostname } = input;
  const archive = gunzip(isoFile(bytes, iso, `${hostname}.apkovl.tar.gz`), {
    maxBytes: MAX_OVERLAY,
  });
  const entries = new Map(readTar(archive).map((entry) => [entry.path, entry]));
  const common = { uid: 0, gid: 0, uname: "root", gname: "root", mtime: epoch };
  const put = (path: string, mode: number, rest: Partial<TarEntry> & Pick<TarEntry, "kind">) => {
    const parent = path.slice(0, Math.max(0, path.lastIndexOf("/")));
    if (parent !== "" && !entries.has(parent)) put(parent, 0o755, { kind: "directory" });
    entries.set(path, { ...common, ...rest, path, mode });
  };
  const facts = entries.get(IMAGE_FACTS_PATH)?.data;
  if (!facts) {
    throw new UserError("make a boot slot", `the ISO's overlay has no ${IMAGE_FACTS_PATH}`);
  }
  const data = formatImageFacts({ ...parseImageFacts(facts), kernel });
  put(IMAGE_FACTS_PATH, 0o644, { kind: "file", data });
  put(MODULES_FILE, 0o644, { kind: "file", data: isoFile(bytes, iso, `boot/modloop-${flavour}`) });
  entries.delete(`${SYSINIT}/${ALPINE_SERVICE}`);
  const script = `etc/init.d/${MODULES_SERVICE}`;
  put(script, 0o755, { kind: "file", data: input.service });
  put(`${SYSINIT}/${MODULES_SERVICE}`, 0o777, { kind: "symlink", linkTarget: `/${script}` });
  const sorted = [...entries.values()].sort((a, b) => a.path < b.path ? -1 : 1);
  // The modules, most of it, are packed already.
  return gzip(writeTar(sorted), 1);
}
