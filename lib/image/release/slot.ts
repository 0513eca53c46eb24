/**
 * A boot slot: everything of one OS version on the EFI system partition. `psyopsos/<version>/` holds the
 * kernel, the initramfs archives and `slot.json`, which says what they must be; `loader/entries/` one
 * entry. A release ships the slot as one tar. Which engine made it shows in the archives' names alone.
 *
 * @module
 */
import { formatEntryName, renderEntry, renderLoaderConfig } from "../../documents/boot_entry.ts";
import { ENTRIES_DIR, slotDir, slotEntry, slotEntryId } from "../../documents/boot_entry.ts";
import { type Bytes, sha256Hex, utf8 } from "../../bytes.ts";
import { UserError } from "../../errors.ts";
import { type TarEntry, writeTar } from "../../formats/tar.ts";

/** Name of the document within a slot. */
export const SLOT_DOCUMENT = "slot.json";
/** `slot.json`. */
export interface SlotDocument {
  /** Form of this document. */
  slot: 1;
  version: string;
  arch: string;
  /** Kernel release, as `uname -r`. */
  kernel: string;
  /** Seconds since 1970 at which the image was defined; a node's clock is never before it. */
  epoch: number;
  cmdline: string;
  /** Archives in load order, names within the slot. */
  initrd: readonly string[];
  /** Every other file of the slot. */
  files: { name: string; size: number; sha256: string }[];
}

/** What a slot is made of. */
export interface SlotInput {
  version: string;
  arch: string;
  kernel: string;
  epoch: number;
  cmdline: string;
  vmlinuz: Bytes;
  /** What the kernel unpacks, by name in the slot, in load order. */
  archives: ReadonlyMap<string, Bytes>;
}

/** A slot in memory. */
export interface Slot {
  document: SlotDocument;
  /** Files of `psyopsos/<version>/` by name, slot.json included. */
  files: Map<string, Bytes>;
  /** Path on the partition and text of its boot entry. */
  entry: { path: string; data: Bytes };
}

/** Builds a slot. @throws {UserError} for a version that can't name one. */
export function makeSlot(input: SlotInput): Slot {
  const { version, arch, kernel, epoch, cmdline } = input;
  const files = new Map<string, Bytes>([["vmlinuz", input.vmlinuz], ...input.archives]);
  const initrd = [...input.archives.keys()];
  const document: SlotDocument = {
    slot: 1,
    version,
    arch,
    kernel,
    epoch,
    cmdline,
    initrd,
    files: [...files].map(([name, data]) => ({ name, size: data.length, sha256: sha256Hex(data) })),
  };
  files.set(SLOT_DOCUMENT, utf8(`${JSON.stringify(document, null, 2)}\n`));
  const entry = slotEntry(version, { initrd, options: cmdline });
  return {
    document,
    files,
    entry: {
      path: `${ENTRIES_DIR}/${formatEntryName({ id: slotEntryId(version) })}`,
      data: utf8(renderEntry(entry)),
    },
  };
}

/** The slot as a release ships it: paths as on the partition, entry last. */
export function slotTar(slot: Slot): Bytes {
  const { version, epoch } = slot.document;
  const common = { uid: 0, gid: 0, mtime: epoch };
  const folder = (path: string): TarEntry => ({ ...common, path, kind: "directory", mode: 0o755 });
  const file = (path: string, data: Bytes): TarEntry => ({
    ...common,
    path,
    kind: "file",
    mode: 0o644,
    data,
  });
  const dir = slotDir(version);
  return writeTar([
    folder("psyopsos"),
    folder(dir),
    ...[...slot.files].map(([name, data]) => file(`${dir}/${name}`, data)),
    folder("loader"),
    folder(ENTRIES_DIR),
    file(slot.entry.path, slot.entry.data),
  ]);
}

/** File names of the fallback boot loader and of systemd-boot's program, by Alpine architecture. */
const LOADERS: Readonly<Record<string, { fallback: string; program: string }>> = {
  x86_64: { fallback: "BOOTX64.EFI", program: "systemd-bootx64.efi" },
  aarch64: { fallback: "BOOTAA64.EFI", program: "systemd-bootaa64.efi" },
};

/** Path of systemd-boot in its package. @throws {UserError} for an unknown architecture. */
export function loaderPath(arch: string): string {
  return `usr/lib/systemd/boot/efi/${loaderOf(arch).program}`;
}

/** All files of a new EFI system partition with one slot. */
export function espFiles(slot: Slot, loader: Bytes): Map<string, Bytes> {
  const { version, arch } = slot.document;
  const dir = slotDir(version);
  return new Map([
    [`EFI/BOOT/${loaderOf(arch).fallback}`, loader],
    ["loader/loader.conf", utf8(renderLoaderConfig({ timeout: 0 }))],
    ...[...slot.files].map(([name, data]) => [`${dir}/${name}`, data] as const),
    [slot.entry.path, slot.entry.data],
  ]);
}

function loaderOf(arch: string): { fallback: string; program: string } {
  const loader = LOADERS[arch];
  if (!loader) {
    throw new UserError(
      `Cannot make a boot slot for ${arch}: known are ${Object.keys(LOADERS).join(", ")}`,
    );
  }
  return loader;
}
