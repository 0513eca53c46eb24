/**
 * A boot slot: everything of one OS version on the EFI system partition. `psyopsos/<version>/` holds the
 * kernel, the initramfs archives and `slot.json`, which says what they must be; `loader/entries/` one
 * entry. A release ships the slot as one tar. Which engine made it shows in the archives' names alone.
 *
 * @module
 */
import { type Bytes, sha256Hex, utf8 } from "../../bytes.ts";
import {
  ENTRIES_DIR,
  formatEntryName,
  renderEntry,
  renderLoaderConfig,
  slotDir,
  slotEntry,
  slotEntryId,
} from "../../documents/boot_entry.ts";
import { formatSlotDocument, SLOT_DOCUMENT, type SlotDocument } from "../../documents/slot.ts";
import { type TarEntry, writeTar } from "../../formats/tar.ts";
import type { Architecture } from "../../schema/fields.ts";

/** What a slot is made of. */
export interface SlotInput {
  version: string;
  arch: Architecture;
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
  files.set(SLOT_DOCUMENT, formatSlotDocument(document));
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
const LOADERS: Readonly<Record<Architecture, { fallback: string; program: string }>> = {
  x86_64: { fallback: "BOOTX64.EFI", program: "systemd-bootx64.efi" },
  aarch64: { fallback: "BOOTAA64.EFI", program: "systemd-bootaa64.efi" },
};

/** Path of systemd-boot in its package. */
export function loaderPath(arch: Architecture): string {
  return `usr/lib/systemd/boot/efi/${LOADERS[arch].program}`;
}

/** All files of a new EFI system partition with one slot. */
export function espFiles(slot: Slot, loader: Bytes): Map<string, Bytes> {
  const { version, arch } = slot.document;
  const dir = slotDir(version);
  return new Map([
    [`EFI/BOOT/${LOADERS[arch].fallback}`, loader],
    ["loader/loader.conf", utf8(renderLoaderConfig({ timeout: 0 }))],
    ...[...slot.files].map(([name, data]) => [`${dir}/${name}`, data] as const),
    [slot.entry.path, slot.entry.data],
  ]);
}
