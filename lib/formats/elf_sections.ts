/**
 * Sections of ELF files, as far as kernel modules need them: 64-bit, little-endian (x86_64, aarch64,
 * riscv64). Everything else is refused.
 * Spec: System V ABI, "Object Files".
 *
 * @module
 */
import { UserError } from "../errors.ts";

const HEADER = 64;
const SECTION_HEADER = 64;
/** Section type of one without bytes in the file (.bss). */
const NOBITS = 8;

/**
 * Bytes of the sections called `names`, those that exist; views of `bytes`.
 * @throws {UserError} for anything but an intact ELF file; `path` is named in it.
 */
export function elfSections(
  path: string,
  bytes: Uint8Array,
  names: readonly string[],
): Map<string, Uint8Array> {
  const bad = (why: string) => new UserError(`read ${path}`, why);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (bytes.length < HEADER || view.getUint32(0) !== 0x7f454c46) throw bad("it is no ELF file");
  if (bytes[4] !== 2 || bytes[5] !== 1) throw bad("it is not 64-bit little-endian ELF");
  const number = (offset: number) => {
    const value = view.getBigUint64(offset, true);
    // More than any file here; keeps sums below exact.
    return value > 2n ** 52n ? 2 ** 52 : Number(value);
  };
  const table = number(40);
  const [size, count, stringsIndex] = [58, 60, 62].map((at) => view.getUint16(at, true));
  if (size !== SECTION_HEADER || stringsIndex! >= count!) throw bad("it has no section table");
  if (table + count! * SECTION_HEADER > bytes.length) throw bad("it is truncated");
  const section = (index: number): Uint8Array => {
    const at = table + index * SECTION_HEADER;
    if (view.getUint32(at + 4, true) === NOBITS) return new Uint8Array();
    const [offset, length] = [number(at + 24), number(at + 32)];
    if (offset + length > bytes.length) throw bad("it is truncated");
    return bytes.subarray(offset, offset + length);
  };
  const strings = section(stringsIndex!);
  const found = new Map<string, Uint8Array>();
  for (let index = 1; index < count!; index++) {
    const start = view.getUint32(table + index * SECTION_HEADER, true);
    const name = names.find((name) => isNameAt(strings, start, name));
    if (name !== undefined && !found.has(name)) found.set(name, section(index));
  }
  return found;
}

function isNameAt(strings: Uint8Array, start: number, name: string): boolean {
  for (let i = 0; i < name.length; i++) {
    if (strings[start + i] !== name.charCodeAt(i)) return false;
  }
  return strings[start + name.length] === 0;
}
