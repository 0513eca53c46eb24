/**
 * What volumes need: cryptsetup, e2fsprogs and wipefs, each out of Debian's package that has it.
 *
 * @module
 */
import type { DebContent } from "../debian.ts";
import { type Draft, type DraftFacts, fromDeb } from "./recipe.ts";

/** The programs of a Debian package at these paths, as a package. */
const programs = (content: DebContent, facts: DraftFacts, paths: RegExp): Draft =>
  fromDeb(content, facts, (path) => paths.test(path) ? path : undefined);

/** cryptsetup without what systemd and initramfs-tools need of it. */
export function cryptsetup(content: DebContent): Draft {
  return programs(
    content,
    { name: "cryptsetup", description: "LUKS", license: "GPL-2.0-or-later" },
    /^(?:usr\/)?sbin(?:\/cryptsetup)?$/,
  );
}

/** The tools of ext4. */
export function e2fsprogs(content: DebContent): Draft {
  return programs(
    content,
    { name: "e2fsprogs", description: "Tools of ext4", license: "GPL-2.0-or-later" },
    /^(?:(?:usr\/)?sbin(?:\/(?:e2fsck|mke2fs|tune2fs|resize2fs|(?:mkfs|fsck)\.ext4))?|etc(?:\/mke2fs\.conf)?)$/,
  );
}

/** wipefs of util-linux: Alpine packs its programs one by one. */
export function wipefs(content: DebContent): Draft {
  return programs(
    content,
    { name: "wipefs", description: "Finds and removes signatures", license: "GPL-2.0-or-later" },
    /^(?:usr\/)?sbin(?:\/wipefs)?$/,
  );
}
