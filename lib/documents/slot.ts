/**
 * `slot.json`: what a boot slot must hold. The image engines write it into the slot; whoever writes a slot to a disk
 * checks it by this before it gets a boot entry. Keys that are not known are left out: the slot of a later version may have more.
 *
 * @module
 */
import * as v from "valibot";
import { type Bytes, utf8 } from "../bytes.ts";
import {
  anyText,
  architecture,
  byteCount,
  imageVersion,
  listOf,
  matching,
  openMapping,
  sha256,
  wholeNumber,
} from "../schema/fields.ts";
import { readJson } from "../schema/read.ts";

/** Name of the document within a slot. */
export const SLOT_DOCUMENT = "slot.json";
/** Largest document that is read, in bytes. */
const MAX_BYTES = 256 * 1024;

/** A plain name within the slot, which lies on FAT. */
const fileName = matching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/, "the name of a file");

const schema = openMapping({
  /** Form of this document. */
  slot: v.literal(1, "must be 1"),
  version: imageVersion,
  arch: architecture,
  /** Kernel release, as `uname -r`. */
  kernel: anyText,
  /** Seconds since 1970 at which the image was defined; a node's clock is never before it. */
  epoch: wholeNumber(0, 2 ** 40),
  /** Kernel command line. */
  cmdline: anyText,
  /** Archives in load order, names within the slot. */
  initrd: listOf(fileName),
  /** Every other file of the slot. */
  files: listOf(openMapping({ name: fileName, size: byteCount, sha256 })),
});

/** The document. */
export type SlotDocument = v.InferOutput<typeof schema>;

/** The document's text. */
export function formatSlotDocument(document: SlotDocument): Bytes {
  const { slot, version, arch, kernel, epoch, cmdline, initrd, files } = document;
  const ordered = { slot, version, arch, kernel, epoch, cmdline, initrd, files };
  return utf8(`${JSON.stringify(ordered, null, 2)}\n`);
}

/** Reads the document. @throws {UnreadableError} */
export function parseSlotDocument(bytes: Uint8Array): SlotDocument {
  return readJson(schema, bytes, MAX_BYTES);
}
