/**
 * Names in FAT directories: the 8.3 short name every entry has, and the long name entries before it.
 * Spec: Microsoft FAT specification (August 2005), sections 6 and 7.
 *
 * @module
 */
import { UserError } from "../errors.ts";

/** Bytes of one directory entry. */
export const DIR_ENTRY = 32;
/** Most entries of one folder, its own two included: 2 MiB. */
export const MAX_DIR_ENTRIES = 65_536;
/** Longest name in UTF-16 units. */
export const MAX_NAME = 255;

const LONG_NAME = 0x0f;
/** Offsets of the 13 characters that one long name entry holds. */
const SLOTS = [1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30];

/** Why `name` can't be a name on FAT, undefined when it can. */
export function nameProblem(name: string): string | undefined {
  if (name === "" || name === "." || name === "..") return "is no name";
  if (name.length > MAX_NAME) return `is longer than ${MAX_NAME} characters`;
  // deno-lint-ignore no-control-regex -- they are what is refused
  if (/[\x00-\x1f\x7f"*/:<>?\\|]/.test(name)) return "has a character that FAT forbids";
  if (/^ |[. ]$/.test(name)) return "starts or ends with a space or a dot";
  if (!name.isWellFormed()) return "is not valid Unicode";
  return undefined;
}

/** Greek letters with iota below: their capitals are one character in tables, and two in the rules of languages. */
const WITH_IOTA = /^[\u1f80-\u1f87\u1f90-\u1f97\u1fa0-\u1fa7]$/;
const IOTA_ALONE: Readonly<Record<string, string>> = {
  "\u1fb3": "\u1fbc",
  "\u1fc3": "\u1fcc",
  "\u1ff3": "\u1ffc",
};

/**
 * A name as FAT compares it: `a` and `A` are the same file. By a table that gives one unit of UTF-16 for one:
 * `ß` has no capital there, so `straße` is another name than `STRASSE`.
 */
export function folded(name: string): string {
  let out = "";
  for (let i = 0; i < name.length; i++) {
    const unit = name[i]!;
    const capital = unit.toUpperCase();
    if (capital.length === 1) out += capital;
    else if (WITH_IOTA.test(unit)) out += String.fromCharCode(unit.charCodeAt(0) + 8);
    else out += IOTA_ALONE[unit] ?? unit;
  }
  return out;
}

/** Directory entries of one name without the last, short one; and that one's 11 bytes. */
export interface EncodedName {
  short: Uint8Array;
  long: Uint8Array[];
}

/**
 * Short and long names of all `names` of one directory, in their order; an alias `NAME~1.EXT` is never
 * equal to another name of the directory.
 * @throws {UserError} for a forbidden name, two that FAT can't tell apart or more than a folder can hold; `folder`
 * is named in it.
 */
export function encodeNames(names: readonly string[], folder: string): EncodedName[] {
  const taken = new Map<string, string>();
  for (const name of names) {
    const problem = nameProblem(name);
    const label = JSON.stringify(folder === "" ? name : `${folder}/${name}`);
    if (problem) throw new UserError("write FAT", `${label} ${problem}`);
    const other = taken.get(folded(name));
    if (other !== undefined) {
      throw new UserError("write FAT", `${label} differs from ${other} in case only`);
    }
    taken.set(folded(name), name);
  }
  const entries = names.reduce((sum, name) => sum + entriesOf(name), 2);
  if (entries > MAX_DIR_ENTRIES) {
    throw new UserError(
      "write FAT",
      `the ${names.length} names of ${folder === "" ? "the root" : JSON.stringify(folder)} take ` +
        `${entries} directory entries, a folder holds ${MAX_DIR_ENTRIES}`,
    );
  }
  const tried = new Map<string, number>();
  return names.map((name) => {
    const plain = plainShort(name);
    if (plain) return { short: shortBytes(plain), long: [] };
    const alias = makeAlias(name, tried, (candidate) => taken.has(candidate));
    taken.set(shortText(alias), name);
    const short = shortBytes(alias);
    return { short, long: longEntries(name, short) };
  });
}

/** Characters a short name may have. Non-ASCII ones would depend on a code page: never used. */
const SHORT_CHARS = /^[A-Z0-9!#$%&'()@^_`{}~-]*$/;

/** Base and extension when `name` is a short name as it stands. */
function plainShort(name: string): [string, string] | undefined {
  const [base = "", extension = "", ...more] = name.split(".");
  if (more.length > 0 || base === "" || base.length > 8 || extension.length > 3) return undefined;
  if (name.endsWith(".") || !SHORT_CHARS.test(base + extension)) return undefined;
  return [base, extension];
}

/** Directory entries that a name takes. */
function entriesOf(name: string): number {
  return plainShort(name) ? 1 : 1 + Math.ceil(name.length / SLOTS.length);
}

/**
 * The first `BASE~N.EXT` that is not taken. `tried` holds, by base and extension, how many numbers were: what is
 * taken stays so, and names that are alike don't all begin with 1.
 */
function makeAlias(
  name: string,
  tried: Map<string, number>,
  taken: (alias: string) => boolean,
): [string, string] {
  const clean = (part: string) =>
    [...folded(part)].map((char) => SHORT_CHARS.test(char) ? char : "_").join("");
  const stripped = name.replaceAll(" ", "").replace(/^\.+/, "");
  const dot = stripped.lastIndexOf(".");
  const base = clean((dot < 0 ? stripped : stripped.slice(0, dot)).replaceAll(".", "")) || "_";
  const extension = dot < 0 ? "" : clean(stripped.slice(dot + 1)).slice(0, 3);
  // No alias has more of the base than stands before "~1".
  const key = shortText([base.slice(0, 6), extension]);
  for (let n = 1 + (tried.get(key) ?? 0);; n++) {
    const tail = `~${n}`;
    const alias: [string, string] = [base.slice(0, 8 - tail.length) + tail, extension];
    if (taken(shortText(alias))) continue;
    tried.set(key, n);
    return alias;
  }
}

/** A short name as a user would write it. */
function shortText([base, extension]: [string, string]): string {
  return extension === "" ? base : `${base}.${extension}`;
}

function shortBytes([base, extension]: [string, string]): Uint8Array {
  return new TextEncoder().encode(base.padEnd(8) + extension.padEnd(3));
}

/** Sum that ties long name entries to their short name. */
export function shortChecksum(short: Uint8Array): number {
  let sum = 0;
  for (const byte of short) sum = (((sum & 1) << 7) + (sum >> 1) + byte) & 0xff;
  return sum;
}

/** Long name entries in the order of the directory: the name's last part first. */
function longEntries(name: string, short: Uint8Array): Uint8Array[] {
  const count = Math.ceil(name.length / SLOTS.length);
  const entries: Uint8Array[] = [];
  for (let index = count; index >= 1; index--) {
    const entry = new Uint8Array(DIR_ENTRY);
    const view = new DataView(entry.buffer);
    entry[0] = index === count ? index | 0x40 : index;
    entry[11] = LONG_NAME;
    entry[13] = shortChecksum(short);
    SLOTS.forEach((slot, i) => {
      const at = (index - 1) * SLOTS.length + i;
      // One NUL ends a name that does not fill its entry, FFFF follows.
      const unit = at < name.length ? name.charCodeAt(at) : at === name.length ? 0 : 0xffff;
      view.setUint16(slot, unit, true);
    });
    entries.push(entry);
  }
  return entries;
}
