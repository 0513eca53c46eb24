/**
 * Numbers as formats hold them, and which values are worth trying: those at the edges of their field, and those that lead a
 * reader backwards, to itself or just past an end.
 *
 * @module
 */
import { type Bytes, utf8 } from "../../../lib/bytes.ts";
import type { Random } from "./random.ts";

/**
 * How a number is stored. `both…` is ISO 9660's pair of little and big endian; `octal` is tar's text, or its base-256 for
 * what text can't say; `hex` is cpio's; `decimal` is ar's.
 */
export type NumberForm =
  | "u8"
  | "u16le"
  | "u16be"
  | "u32le"
  | "u32be"
  | "u64le"
  | "both16"
  | "both32"
  | "octal"
  | "hex"
  | "decimal";

/** Bytes that a form takes; texts are as long as their field. */
export const FORM_BYTES: Readonly<
  Record<Exclude<NumberForm, "octal" | "hex" | "decimal">, number>
> = { u8: 1, u16le: 2, u16be: 2, u32le: 4, u32be: 4, u64le: 8, both16: 4, both32: 8 };

/** Texts where digits belong, for readers that take a text for more than it is. */
const ODD_DIGITS = [
  "",
  "-1",
  "+1",
  "-60",
  " 7",
  "7 ",
  "0x10",
  "1e3",
  "1.5",
  "NaN",
  "8",
  "\0",
  "-0",
];

/** Where a field lies, for values that lead there. */
export interface Surroundings {
  /** Offset of the field's piece in the file. */
  offset: number;
  /** Bytes of the whole file. */
  total: number;
  /** Size that the format counts or pads in, in bytes. */
  unit: number;
}

/** The number in `bytes`; 0 where a text is none. */
export function readNumber(bytes: Bytes, form: NumberForm): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  switch (form) {
    case "u8":
      return view.getUint8(0);
    case "u16le":
    case "both16":
      return view.getUint16(0, true);
    case "u16be":
      return view.getUint16(0);
    case "u32le":
    case "both32":
      return view.getUint32(0, true);
    case "u32be":
      return view.getUint32(0);
    case "u64le":
      return Number(view.getBigUint64(0, true));
  }
  const digits = String.fromCharCode(...bytes).replace(/[\0 ].*$/s, "");
  return parseInt(digits, form === "octal" ? 8 : form === "hex" ? 16 : 10) || 0;
}

/** Writes `value` over `bytes`, as its form and size allow: what is too large is cut as hardware would. */
export function writeNumber(bytes: Bytes, form: NumberForm, value: number): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const whole = Number.isFinite(value) ? BigInt(Math.trunc(value)) : 0n;
  const low = Number(BigInt.asUintN(32, whole));
  switch (form) {
    case "u8":
      return view.setUint8(0, low & 0xff);
    case "u16le":
      return view.setUint16(0, low & 0xffff, true);
    case "u16be":
      return view.setUint16(0, low & 0xffff);
    case "u32le":
      return view.setUint32(0, low, true);
    case "u32be":
      return view.setUint32(0, low);
    case "u64le":
      return view.setBigUint64(0, BigInt.asUintN(64, whole), true);
    case "both16":
      view.setUint16(0, low & 0xffff, true);
      return view.setUint16(2, low & 0xffff);
    case "both32":
      view.setUint32(0, low, true);
      return view.setUint32(4, low);
    case "hex":
      return writeText(bytes, low.toString(16).toUpperCase().padStart(bytes.length, "0"), 0);
    case "decimal":
      return writeText(bytes, String(whole), 0x20);
    case "octal": {
      const digits = whole.toString(8);
      if (whole >= 0n && digits.length < bytes.length) {
        return writeText(bytes, digits.padStart(bytes.length - 1, "0"), 0);
      }
      return writeBase256(bytes, whole);
    }
  }
}

/** GNU's numbers: two's complement, big endian, the top bit set as a mark. */
function writeBase256(bytes: Bytes, value: bigint): void {
  let rest = value;
  for (let i = bytes.length - 1; i >= 0; i--) {
    bytes[i] = Number(BigInt.asUintN(8, rest));
    rest >>= 8n;
  }
  bytes[0]! |= 0x80;
}

/** Text at the beginning of a field, the rest filled. */
function writeText(bytes: Bytes, given: string, rest: number): void {
  bytes.fill(rest);
  bytes.set(utf8(given).subarray(0, bytes.length));
}

/** A value worth trying for the field `old`. */
export function tellingNumber(old: number, around: Surroundings, random: Random): number {
  const { offset, total, unit } = around;
  switch (random.below(8)) {
    case 0:
      return random.pick([0, 1, 2, -1, -2]);
    case 1:
      return random.pick([old + 1, old - 1, old + unit, old - unit, old * 2, -old]);
    case 2:
      // What leads back: by a block, by the header and its content, to the very beginning.
      return random.pick([-unit, -2 * unit, -offset, -offset - unit, -old - unit, -total]);
    case 3:
      return random.pick([offset, offset - unit, offset + unit, unit, 2 * unit]);
    case 4:
      return random.pick([total, total - offset, total - offset - unit, total + 1, total - 1]);
    case 5:
      return random.pick([0x7f, 0xff, 0x7fff, 0xffff, 0x7fffffff, 0xffffffff, 2 ** 31, 2 ** 32]);
    case 6:
      return random.pick([2 ** 53 - 1, 2 ** 53, 2 ** 63, 2 ** 64 - 1, -(2 ** 31), -(2 ** 63)]);
    default:
      return random.below(2 ** random.below(33));
  }
}

/** Writes something worth trying; gives what, for the report. */
export function changeNumber(
  bytes: Bytes,
  form: NumberForm,
  around: Surroundings,
  random: Random,
): string {
  const isText = form === "octal" || form === "hex" || form === "decimal";
  if (isText && random.once(6)) {
    const odd = random.pick(ODD_DIGITS);
    writeText(bytes, odd, form === "decimal" ? 0x20 : 0);
    return JSON.stringify(odd);
  }
  const value = tellingNumber(readNumber(bytes, form), around, random);
  if (form === "octal" && random.once(8)) {
    writeBase256(bytes, BigInt(Math.trunc(value)));
    return `${value} in base 256`;
  }
  writeNumber(bytes, form, value);
  // A pair whose halves differ is a case of its own.
  if (form === "both32" && random.once(8)) bytes[4]! ^= 0x40;
  return String(value);
}
