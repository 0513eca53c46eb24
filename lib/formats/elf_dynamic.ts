/**
 * What the dynamic loader reads of an ELF file: needed libraries, its own name, the interpreter.
 * Supports 64-bit little-endian programs and shared objects; everything else counts as "not ELF".
 * Spec: System V ABI, chapters "Program Header" and "Dynamic Section".
 *
 * @module
 */

/** Most entries of a dynamic section that are read, and longest name in it: real ones have some hundreds. */
const MAX_DYNAMIC = 4096, MAX_STRING = 4096;

/** The dynamic facts of a program or library. */
export interface ElfDynamic {
  /** Sonames this file needs, in its order. */
  needed: string[];
  /** Its own soname, for a library. */
  soname?: string;
  /** Path of its dynamic loader, for a program. */
  interpreter?: string;
  /** e_machine: 62 is x86_64, 183 is aarch64. */
  machine: number;
}

const ET_EXEC = 2, ET_DYN = 3;
const PT_LOAD = 1, PT_DYNAMIC = 2, PT_INTERP = 3;
const DT_NEEDED = 1, DT_STRTAB = 5, DT_SONAME = 14;
const HEADER = 64, PROGRAM_HEADER = 56, DYNAMIC_ENTRY = 16;

interface Segment {
  type: number;
  offset: number;
  address: number;
  size: number;
}

/** Facts of `bytes`; undefined when it is no program or library of this kind, or is damaged. */
export function elfDynamic(bytes: Uint8Array): ElfDynamic | undefined {
  if (bytes.length < HEADER) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const is64LittleEndian = view.getUint16(4) === 0x0201;
  if (view.getUint32(0) !== 0x7f454c46 || !is64LittleEndian) return undefined;
  const type = view.getUint16(16, true);
  if (type !== ET_EXEC && type !== ET_DYN) return undefined;
  try {
    const segments = programHeaders(view);
    const found: ElfDynamic = { needed: [], machine: view.getUint16(18, true) };
    const interpreter = segments.find((segment) => segment.type === PT_INTERP);
    if (interpreter) found.interpreter = string(bytes, interpreter.offset);
    const dynamic = segments.find((segment) => segment.type === PT_DYNAMIC);
    if (dynamic) readDynamic(bytes, view, dynamic, segments, found);
    return found;
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function programHeaders(view: DataView): Segment[] {
  const start = number(view, 32);
  const count = view.getUint16(56, true);
  return Array.from({ length: count }, (_, i) => {
    const at = start + i * PROGRAM_HEADER;
    return {
      type: view.getUint32(at, true),
      offset: number(view, at + 8),
      address: number(view, at + 16),
      size: number(view, at + 32),
    };
  });
}

function readDynamic(
  bytes: Uint8Array,
  view: DataView,
  dynamic: Segment,
  segments: readonly Segment[],
  into: ElfDynamic,
) {
  const entries: [tag: number, value: number][] = [];
  for (let at = dynamic.offset; at < dynamic.offset + dynamic.size; at += DYNAMIC_ENTRY) {
    const tag = number(view, at);
    if (tag === 0) break;
    if (entries.length >= MAX_DYNAMIC) throw new RangeError("too many dynamic entries");
    entries.push([tag, number(view, at + 8)]);
  }
  const address = entries.find(([tag]) => tag === DT_STRTAB)?.[1];
  if (address === undefined) return;
  const holder = segments.find((segment) =>
    segment.type === PT_LOAD && address >= segment.address &&
    address < segment.address + segment.size
  );
  if (!holder) return;
  const strings = address - holder.address + holder.offset;
  for (const [tag, value] of entries) {
    if (tag === DT_NEEDED) into.needed.push(string(bytes, strings + value));
    if (tag === DT_SONAME) into.soname = string(bytes, strings + value);
  }
}

function number(view: DataView, at: number): number {
  const value = view.getBigUint64(at, true);
  // Special tags use the upper half; they only have to stay different from the ones asked for.
  return value > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : Number(value);
}

function string(bytes: Uint8Array, at: number): string {
  const area = bytes.subarray(at, at + MAX_STRING);
  const end = area.indexOf(0);
  if (end < 0) throw new RangeError("string outside the file, or without an end");
  return String.fromCharCode(...area.subarray(0, end));
}
