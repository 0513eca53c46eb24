/**
 * Names and texts that readers tend to take for something else.
 *
 * @module
 */
import { type Bytes, utf8 } from "../../../lib/bytes.ts";
import type { Random } from "./random.ts";

/** Names that lead elsewhere, mean something to JavaScript, to a shell or a terminal, or are none. */
const NAMES = [
  "",
  ".",
  "..",
  "../../etc/passwd",
  "/",
  "//",
  "/etc/shadow",
  "./x",
  "a/../b",
  "a//b",
  "a\\b",
  "C:x",
  "-rf",
  "--",
  " ",
  "\t",
  "a b",
  "a\nb",
  "a\r\nb",
  "a\0b",
  "\x1b[2J\x1b]0;x\x07",
  "\u2028",
  "\u202egnp",
  "\ufeff",
  "é",
  "e\u0301",
  "😀",
  "\ufffd",
  "%2e%2e%2f",
  "%zz",
  "$HOME",
  "$(id)",
  "`id`",
  "';--",
  '"',
  "'",
  "#",
  "=",
  ":",
  ",",
  "*",
  "__proto__",
  "constructor",
  "prototype",
  "toString",
  "hasOwnProperty",
  "null",
  "undefined",
  "true",
  "NaN",
  "TRAILER!!!",
  // Patterns that cost a backtracking matcher dearly, and classes that are none.
  "*a".repeat(12) + "*b",
  "(a+)+$",
  "[z-a]",
  "[",
  "[!]",
];

const NUMBERS = [
  "0",
  "-0",
  "1",
  "-1",
  "00",
  "007",
  "+1",
  " 1",
  "1 ",
  "0x10",
  "1e9",
  "1.5",
  "65535",
  "65536",
  "2147483648",
  "4294967295",
  "4294967296",
  "9007199254740992",
  "18446744073709551616",
  "99999999999999999999999999",
  "Infinity",
  "NaN",
  "",
  "٣",
];

/** Long names: beyond a component, a path, a line, a buffer. */
const LENGTHS = [32, 64, 100, 101, 255, 256, 4095, 4096, 4097, 20_000];
/** So long that a reader whose time grows with the square of it takes minutes. */
const HUGE = 300_000;
const LONG_OF = ["a", "é", "a/", "../", "\n", " ", "\t", "*", "0", "\\", '"', "=", ":", "a b", "<"];

/** A word to put where a word stood. */
export function tellingWord(old: string, random: Random): string {
  switch (random.below(6)) {
    case 0:
      return random.pick(LONG_OF).repeat(random.once(20) ? HUGE : random.pick(LENGTHS));
    case 1:
      // Blanks in front of something: a pattern that takes all blanks at an end looks at each of them anew.
      if (random.once(4)) return random.pick(LONG_OF).repeat(random.pick(LENGTHS)) + old;
      return old + random.pick(NAMES);
    case 2:
      return random.pick(NAMES) + old;
    default:
      return random.pick(NAMES);
  }
}

/** A word to put where a number stood. */
export function tellingDigits(old: string, random: Random): string {
  switch (random.below(6)) {
    case 0:
      return `${old}${random.below(10)}`;
    case 1:
      return String(Number(old) + random.pick([1, -1, 2, 10]));
    case 2:
      return `-${old}`;
    default:
      return random.pick(NUMBERS);
  }
}

/** Bytes of a word, sometimes with some that are no UTF-8. */
export function wordBytes(word: string, random: Random): Bytes {
  if (!random.once(20)) return utf8(word);
  return new Uint8Array([...utf8(word), random.pick([0x80, 0xc0, 0xed, 0xf8, 0xff])]);
}

/** A word as the report shows it. */
export function shownWord(word: string): string {
  const shown = JSON.stringify(word.slice(0, 24));
  return word.length > 24 ? `${shown}… of ${word.length} characters` : shown;
}
