/**
 * What tests/vectors/foreign/formats.sh makes, and what has to be read out of each file. The same checks run over the files
 * of the repository and, with the programs of this machine, over fresh ones.
 */
import { assertEquals, assertThrows } from "@std/assert";
import { type Bytes, text } from "../../lib/bytes.ts";
import { UserError } from "../../lib/errors.ts";
import { arMember } from "../../lib/formats/ar.ts";
import { cpioRecords } from "../../lib/formats/cpio_records.ts";
import { readCpio } from "../../lib/formats/cpio.ts";
import { fatFile } from "../../lib/formats/fat12.ts";
import { gunzip, gzipMembers } from "../../lib/formats/gzip.ts";
import { isoFile, readIso } from "../../lib/formats/iso9660.ts";
import { readTar, type TarEntry } from "../../lib/formats/tar.ts";

/** Checks of the files by name. */
export const FOREIGN_FORMATS: Readonly<Record<string, (bytes: Bytes) => void>> = {
  "tar-gnu.gz": (bytes) => checkTree(bytes, "ann staff"),
  "tar-oldgnu.gz": (bytes) => checkTree(bytes, "ann staff"),
  "tar-posix.gz": (bytes) => checkTree(bytes, "ann staff"),
  "tar-ustar.gz": (bytes) => checkTree(bytes, "ann staff"),
  // The oldest form has no names of owners.
  "tar-v7.gz": (bytes) => checkTree(bytes, " "),
  "tar-gnu-long.gz": checkLong,
  "tar-posix-long.gz": checkLong,
  "tar-posix-global.gz": (bytes) => {
    const entries = readTar(gunzip(bytes));
    assertEquals(entries.map(({ path, pax }) => [path, pax]), [["dir/file", { comment: "none" }]]);
  },
  "tar-gnu-sparse.gz": (bytes) => refused(() => readTar(gunzip(bytes)), 'unsupported type "S"'),
  "tar-posix-sparse.gz": (bytes) => refused(() => readTar(gunzip(bytes)), "is a sparse file"),
  "gzip-name.gz": (bytes) => {
    assertEquals(bytes[3], 8, "with a name in its header");
    assertEquals(text(gunzip(bytes)), "x".repeat(1000));
  },
  "gzip-two.gz": (bytes) => {
    assertEquals(gzipMembers(bytes).map(({ data }) => data.length), [7, 1000]);
    assertEquals(text(gunzip(bytes)), `content${"x".repeat(1000)}`);
  },
  "cpio-newc.gz": (bytes) => {
    const entries = readCpio(gunzip(bytes));
    assertEquals(
      entries.map(({ path, kind, mode, data, linkTarget = "" }) =>
        [path, kind, mode.toString(8), data?.length, linkTarget].join(" ")
      ),
      [
        "dir directory 755  ",
        "dir/empty file 644 0 ",
        "dir/file file 644 7 ",
        "dir/kilo file 644 1000 ",
        "dir/link symlink 777  ../dir/file",
        "dir/run file 4711 10 ",
        "dir/sub directory 755  ",
      ],
    );
  },
  "cpio-crc.gz": (bytes) => {
    refused(() => readCpio(gunzip(bytes)), "checksummed form");
    assertEquals([...cpioRecords(gunzip(bytes))].length, 8);
  },
  "cpio-odc.gz": (bytes) => refused(() => readCpio(gunzip(bytes)), "is no newc header"),
  "cpio-links.gz": (bytes) => {
    refused(() => readCpio(gunzip(bytes)), "is a hard link");
    // The content comes with the last of an inode's names.
    const records = [...cpioRecords(gunzip(bytes))].filter(({ links, mode }) =>
      links === 2 && (mode & 0o170000) === 0o100000
    );
    assertEquals(records.map(({ path, data }) => [path, text(data)]), [
      ["dir/file", ""],
      ["dir/twin", "content"],
    ]);
  },
  "fat12-mtools.gz": (bytes) => checkFat(gunzip(bytes)),
  "fat12-mkfs.gz": (bytes) => checkFat(gunzip(bytes)),
  "fat16-mkfs.gz": (bytes) => checkFat(gunzip(bytes)),
  "iso-mkimage.gz": checkIso,
  "hello.deb": (bytes) => {
    assertEquals(text(arMember(bytes, "debian-binary")!), "2.0\n");
    const paths = (member: string) =>
      readTar(gunzip(arMember(bytes, member)!)).map(({ path, mode }) => [path, mode & 0o7000]);
    assertEquals(paths("control.tar.gz"), [[".", 0], ["control", 0]]);
    assertEquals(paths("data.tar.gz"), [
      [".", 0],
      ["usr", 0],
      ["usr/bin", 0],
      ["usr/bin/hello", 0o4000],
    ]);
    assertEquals(arMember(bytes, "data.tar.xz"), undefined);
  },
};

function refused(read: () => unknown, why: string): void {
  assertThrows(read, UserError, why);
}

function line({ path, kind, mode, uid, gid, mtime, data, linkTarget = "" }: TarEntry): string {
  return [path, kind, mode.toString(8), uid, gid, mtime, data?.length, linkTarget].join(" ");
}

function checkTree(bytes: Bytes, names: string): void {
  const entries = readTar(gunzip(bytes));
  assertEquals(entries.map(line), [
    "dir directory 775 1000 50 1700000000  ",
    "dir/empty file 664 1000 50 1700000000 0 ",
    "dir/file file 664 1000 50 1700000000 7 ",
    "dir/kilo file 664 1000 50 1700000000 1000 ",
    "dir/link symlink 777 1000 50 1700000000  ../dir/file",
    "dir/run file 4771 1000 50 1700000000 10 ",
    "dir/sub directory 775 1000 50 1700000000  ",
    "dir/twin hardlink 664 1000 50 1700000000  dir/file",
    "ünïcode name file 664 1000 50 1700000000 1 ",
  ]);
  for (const { uname = "", gname = "" } of entries) assertEquals(`${uname} ${gname}`, names);
}

function checkLong(bytes: Bytes): void {
  const folder = `long/${"folder-".repeat(30)}`;
  assertEquals(readTar(gunzip(bytes)).map(line), [
    "long directory 775 3000000 3000000 1700000000  ",
    `long/far symlink 777 3000000 3000000 1700000000  ${"t".repeat(150)}`,
    `${folder} directory 775 3000000 3000000 1700000000  `,
    `${folder}/${"n".repeat(120)} file 664 3000000 3000000 1700000000 4 `,
    // Half a second and a day before 1970, rounded down.
    "long/old file 664 3000000 3000000 -86401 3 ",
  ]);
}

function checkFat(image: Bytes): void {
  assertEquals(text(fatFile(image, "EFI/BOOT/BOOTX64.EFI")!), "MZloader");
  assertEquals(text(fatFile(image, "efi/boot/kilo.bin")!), "x".repeat(1000));
  // The alias of the long name "a long name.text".
  assertEquals(text(fatFile(image, "EFI/BOOT/ALONGN~1.TEX")!), "a long name");
  for (const none of ["GONE.TXT", "EFI", "EFI/BOOT", "TEST", "EFI/BOOT/."]) {
    assertEquals(fatFile(image, none), undefined, none);
  }
}

function checkIso(bytes: Bytes): void {
  const image = gunzip(bytes);
  const iso = readIso(image);
  assertEquals([iso.volumeId, iso.systemId], ["alpine-test 1 x86_64", "LINUX"]);
  assertEquals(
    [...iso.entries].map(([path, { kind, size, linkTarget = "" }]) =>
      [path, kind, size, linkTarget].join(" ")
    ).sort(),
    [
      "a name with blanks directory 0 ",
      "a name with blanks/Üml directory 0 ",
      "a name with blanks/Üml/f file 1 ",
      "absolute symlink 0 /a/b/../c",
      "apks directory 0 ",
      "apks/x86_64 directory 0 ",
      "boot directory 0 ",
      "boot/grub directory 0 ",
      "boot/grub/efi.img file 1474560 ",
      "boot/syslinux directory 0 ",
      "boot/syslinux/boot.cat file 2048 ",
      "boot/syslinux/isolinux.bin file 2048 ",
      "boot/vmlinuz-virt file 6 ",
      "efi directory 0 ",
      "efi/boot directory 0 ",
      "efi/boot/KILO.BIN file 1000 ",
      "efi/boot/a long name.text file 11 ",
      "efi/boot/bootx64.efi file 8 ",
      "empty file 0 ",
      `far symlink 0 ${"../".repeat(90)}x`,
      `${"n".repeat(240)} file 4 `,
    ],
  );
  assertEquals(iso.boot.map(({ platform, bootable, offset }) => [platform, bootable, offset]), [
    ["bios", true, iso.entries.get("boot/syslinux/isolinux.bin")!.offset],
    ["uefi", true, iso.entries.get("boot/grub/efi.img")!.offset],
  ]);
  checkFat(isoFile(image, iso, "boot/grub/efi.img"));
}
