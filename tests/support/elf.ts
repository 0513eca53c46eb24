/** Smallest 64-bit ELF files with what a dynamic loader reads, for tests that judge programs. */
import { type Bytes, concat, utf8 } from "../../lib/bytes.ts";

/** What a made-up program or library says. */
export interface ElfParts {
  /** e_machine, default 62 (x86_64); 183 is aarch64. */
  machine?: number;
  interpreter?: string;
  needed?: readonly string[];
  soname?: string;
  /** Anything that is to be found in the file. */
  text?: string;
}

/** A shared object or program. */
export function elfFile({ machine = 62, interpreter, needed = [], soname, text = "" }: ElfParts) {
  const names = ["", ...needed, ...(soname ? [soname] : [])];
  const offsets: number[] = [];
  let strings = "";
  for (const name of names) {
    offsets.push(strings.length);
    strings += `${name}\0`;
  }
  const loader = interpreter ? `${interpreter}\0` : "";
  const headers = 64 + 56 * 3;
  const dynamicAt = headers;
  const dynamicSize = 16 * (needed.length + 3);
  const stringsAt = dynamicAt + dynamicSize;
  const loaderAt = stringsAt + strings.length;
  const bytes = new Uint8Array(loaderAt);
  const view = new DataView(bytes.buffer);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  view.setUint16(16, 3, true);
  view.setUint16(18, machine, true);
  view.setBigUint64(32, 64n, true);
  view.setUint16(56, interpreter ? 3 : 2, true);
  const segments = [
    [1, 0, 0, loaderAt],
    [2, dynamicAt, dynamicAt, dynamicSize],
    [3, loaderAt, 0, loader.length],
  ];
  for (const [i, [type, offset, address, size]] of segments.entries()) {
    const at = 64 + 56 * i;
    view.setUint32(at, type!, true);
    view.setBigUint64(at + 8, BigInt(offset!), true);
    view.setBigUint64(at + 16, BigInt(address!), true);
    view.setBigUint64(at + 32, BigInt(size!), true);
  }
  const entries = [[5, stringsAt]];
  for (const i of needed.keys()) entries.push([1, offsets[i + 1]!]);
  if (soname) entries.push([14, offsets.at(-1)!]);
  for (const [i, [tag, value]] of entries.entries()) {
    view.setBigUint64(dynamicAt + 16 * i, BigInt(tag!), true);
    view.setBigUint64(dynamicAt + 16 * i + 8, BigInt(value!), true);
  }
  bytes.set(utf8(strings), stringsAt);
  return concat([bytes, utf8(loader), utf8(`\0${text}\0`)]) as Bytes;
}

/** The loaders of the two C libraries on x86_64. */
export const LOADERS = {
  musl: "/lib/ld-musl-x86_64.so.1",
  glibc: "/lib64/ld-linux-x86-64.so.2",
} as const;
