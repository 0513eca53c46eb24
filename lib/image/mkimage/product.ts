/**
 * Judges an ISO that mkimage.sh made. Its exit code says little: a build without overlay, with an unsigned
 * index or with an unbootable UEFI image ends with 0. So what has to be in an image is looked for in it.
 * Every failure is one line that says what is wrong.
 *
 * @module
 */
import { verify } from "node:crypto";
import { parseDependency } from "../../apk/dependency.ts";
import { type IndexRecord, openIndex, packageFileName } from "../../apk/index.ts";
import { type Bytes, equal, sha256Hex, text } from "../../bytes.ts";
import { reasonOf, UserError } from "../../errors.ts";
import { fatFile } from "../../formats/fat12.ts";
import { isoFile, type IsoImage, readIso } from "../../formats/iso9660.ts";
import { initramfsFiles } from "./initramfs.ts";

/** What the image must be. */
export interface ProductExpectation {
  arch: string;
  flavour: string;
  volumeId: string;
  hostname: string;
  /** Bytes of the overlay that was handed over. */
  apkovl: Bytes;
  /** Public key that signs, PEM, and its file name. */
  publicKey: string;
  keyFile: string;
  /** Dependencies that must be met by packages on the medium. */
  packages: readonly string[];
  /** Packages of microcode whose images must be there. */
  microcode: readonly string[];
  /** What the boot menus must say. */
  cmdline: string;
  /** What the repositories have, where they could be read: same version, same package. */
  known?: readonly IndexRecord[];
}

/** A package on the medium. */
export interface MediumPackage {
  record: IndexRecord;
  sha256: string;
  /** Path in the ISO. */
  path: string;
}

/** An image that passed. */
export interface Product {
  iso: IsoImage;
  /** Whole file. */
  bytes: Bytes;
  packages: MediumPackage[];
  /** E.g. "6.18.2-0-virt". */
  kernelRelease: string;
}

const EFI_LOADERS: Readonly<Record<string, string>> = {
  x86_64: "EFI/BOOT/BOOTX64.EFI",
  aarch64: "EFI/BOOT/BOOTAA64.EFI",
};
const REBUILD = "the work folder was thrown away, so the next build starts anew; run it again";

/** Checks everything. @throws {UserError} with the first thing that is wrong. */
export function checkProduct(bytes: Bytes, expected: ProductExpectation): Product {
  const iso = rejectAs("it is no ISO image", () => readIso(bytes));
  if (iso.volumeId !== expected.volumeId) {
    throw wrong(`its volume id is "${iso.volumeId}", expected "${expected.volumeId}"`);
  }
  const file = (path: string): Bytes => {
    const entry = iso.entries.get(path);
    if (entry?.kind !== "file") throw wrong(`/${path} is missing`);
    if (entry.size === 0) throw wrong(`/${path} is empty`);
    return isoFile(bytes, iso, path);
  };
  const { flavour } = expected;
  const overlay = `${expected.hostname}.apkovl.tar.gz`;
  if (!iso.entries.has(overlay)) throw wrong("the overlay is missing");
  if (!equal(file(overlay), expected.apkovl)) {
    throw wrong("its overlay is not the one that was handed over");
  }
  const vmlinuz = `boot/vmlinuz-${flavour}`;
  file(vmlinuz);
  const packages = checkPackages(iso, file, expected);
  checkInitramfs(file(`boot/initramfs-${flavour}`), file(`boot/modloop-${flavour}`), expected);
  checkBoot(bytes, iso, file, expected);
  return { iso, bytes, packages, kernelRelease: kernelRelease(iso, flavour) };
}

/** Whether a file that was found is of this run: `started` and `mtime` are seconds of the same clock. */
export function checkFresh(started: number, mtime: number): void {
  if (mtime < started) throw wrong("it is older than this build");
}

type FileOf = (path: string) => Bytes;

function checkPackages(
  iso: IsoImage,
  file: FileOf,
  expected: ProductExpectation,
): MediumPackage[] {
  const folder = `apks/${expected.arch}`;
  if (!iso.entries.has("apks/.boot_repository")) throw wrong("/apks/.boot_repository is missing");
  const keys = new Map([[expected.keyFile, expected.publicKey]]);
  const index = file(`${folder}/APKINDEX.tar.gz`);
  const { records } = rejectAs(
    "the index of its packages can't be trusted",
    () => openIndex(index, keys, "it"),
  );
  const provided = new Set(records.flatMap(({ name, provides }) => [
    name,
    ...provides.map((one) => parseDependency(one).name),
  ]));
  // The modules' archive is signed, and Alpine's start installs openssl to verify it.
  for (const wanted of [...expected.packages, "alpine-base", "openssl"]) {
    const { name } = parseDependency(wanted);
    if (!provided.has(name)) throw wrong(`the package ${name} is missing`);
  }
  const known = new Map(expected.known?.map((one) => [packageFileName(one), one.checksum]));
  return records.map((record) => {
    const name = packageFileName(record);
    const path = `${folder}/${name}`;
    const data = file(path);
    if (data.length !== record.size) {
      throw wrong(`/${path} has ${data.length} bytes, its index says ${record.size}`);
    }
    const checksum = known.get(name);
    if (checksum !== undefined && checksum !== record.checksum) {
      throw wrong(`${name} is another build of that version than the repository has`);
    }
    return { record, path, sha256: sha256Hex(data) };
  });
}

function checkInitramfs(initramfs: Bytes, modloop: Bytes, expected: ProductExpectation): void {
  const { flavour, keyFile, publicKey } = expected;
  const files = rejectAs("its initramfs can't be read", () => initramfsFiles(initramfs));
  const key = files.get(`etc/apk/keys/${keyFile}`);
  if (!key) {
    throw wrong(`its initramfs lacks the key ${keyFile}, so it could not install its packages`);
  }
  if (samePem(key, publicKey) === false) {
    throw wrong(`its initramfs has another key under the name ${keyFile}`);
  }
  if (String.fromCharCode(...modloop.subarray(0, 4)) !== "hsqs") {
    throw wrong(`/boot/modloop-${flavour} is no squashfs`);
  }
  const path = `var/cache/misc/modloop-${flavour}.SIGN.RSA.${keyFile}`;
  const signature = files.get(path);
  if (!signature) throw wrong(`its initramfs lacks the signature of the modules, /${path}`);
  if (!verify("sha1", modloop, publicKey, signature)) {
    throw wrong("the signature of its modules is bad");
  }
}

function samePem(found: Bytes, expected: string): boolean {
  const body = (pem: string) => pem.replaceAll(/-----[^-]+-----|\s/g, "");
  return body(new TextDecoder().decode(found)) === body(expected);
}

function checkBoot(bytes: Bytes, iso: IsoImage, file: FileOf, expected: ProductExpectation): void {
  const { arch, cmdline, microcode } = expected;
  const menus = ["boot/grub/grub.cfg", ...arch === "x86_64" ? ["boot/syslinux/syslinux.cfg"] : []];
  for (const path of menus) {
    if (!text(file(path)).includes(cmdline)) throw wrong(`/${path} lacks the kernel command line`);
  }
  for (const name of microcode) {
    const path = `boot/${name}.img`;
    // The kernel panics at an initramfs that begins with anything else.
    if (!new TextDecoder().decode(file(path).subarray(0, 6)).startsWith("070701")) {
      throw wrong(`/${path} is no cpio archive`);
    }
  }
  const image = file("boot/grub/efi.img");
  const loader = EFI_LOADERS[arch] ?? "";
  const program = rejectAs("its UEFI boot image can't be read", () => fatFile(image, loader));
  if (!program || program[0] !== 0x4d || program[1] !== 0x5a) {
    throw wrong(`its UEFI boot image has no program ${loader}`);
  }
  const boots = (platform: string, path: string) => {
    file(path);
    const { offset } = iso.entries.get(path)!;
    return iso.boot.some((one) =>
      one.platform === platform && one.bootable && one.offset === offset
    );
  };
  if (!boots("uefi", "boot/grub/efi.img")) throw wrong("it has no UEFI boot entry");
  if (arch === "x86_64" && !boots("bios", "boot/syslinux/isolinux.bin")) {
    throw wrong("it has no BIOS boot entry");
  }
  if (bytes.length % 2048 !== 0) throw wrong("it is cut off");
}

/** From the name of the kernel's configuration, which update-kernel keeps. */
function kernelRelease(iso: IsoImage, flavour: string): string {
  for (const path of iso.entries.keys()) {
    const release = /^boot\/config-(.+)$/.exec(path)?.[1];
    if (release?.endsWith(`-${flavour}`)) return release;
  }
  throw wrong(`/boot/config-…-${flavour} is missing`);
}

/** Runs a reader whose failure is the image's. */
function rejectAs<T>(state: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (!(cause instanceof UserError || cause instanceof TypeError)) throw cause;
    throw wrong(`${state} (${reasonOf(cause)})`, cause);
  }
}

function wrong(state: string, cause?: unknown): UserError {
  return new UserError("use the ISO that mkimage.sh made", state, {
    hint: REBUILD,
    cause,
  });
}
