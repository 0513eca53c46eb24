/**
 * Changes pieces by what they mean: fields, and pieces that are left out, repeated, put elsewhere or taken from another
 * sample.
 *
 * @module
 */
import { decodeBase64, encodeBase64 } from "@std/encoding/base64";
import { type Bytes, utf8 } from "../../../lib/bytes.ts";
import { mutateBytes } from "./mutate_bytes.ts";
import { changeNumber } from "./numbers.ts";
import type { Field, Piece } from "./pieces.ts";
import type { Random } from "./random.ts";
import { shownWord, tellingDigits, tellingWord, wordBytes } from "./words.ts";

/** Pieces while they are being changed. */
export interface Work {
  pieces: Piece[];
  /** Pieces of other samples. */
  readonly others: readonly Piece[];
  /** Size that the format counts or pads in, in bytes. */
  readonly unit: number;
  readonly steps: string[];
}

type Step = (work: Work, random: Random) => string | undefined;

const STEPS: readonly [weight: number, step: Step][] = [
  [9, changeField],
  [2, drop],
  [2, repeat],
  [1, move],
  [1, swap],
  [1, graft],
  [1, changeBytes],
];
const WHEEL = STEPS.flatMap(([weight, step]) => Array<Step>(weight).fill(step));

/** Most bytes that repeating a piece makes of it. */
const MAX_REPEATED = 256 * 1024;
const MAX_TIMES = 20_000;
const SMALL_REPEATS = [2, 2, 2, 3, 10];

/** One to four changes, by what the pieces mean or of their bytes; what was changed is sealed, but for one time in twelve. */
export function mutatePieces(work: Work, random: Random, by: "grammar" | "bytes"): void {
  const before = new Set(work.pieces);
  const count = random.once(3) ? 2 + random.below(3) : 1;
  for (let i = 0; i < count; i++) {
    const step = (by === "bytes" ? changeBytes : random.pick(WHEEL))(work, random);
    if (step !== undefined) work.steps.push(step);
  }
  if (random.once(12)) return;
  work.pieces = work.pieces.map((piece) => {
    if (!piece.seal || before.has(piece)) return piece;
    const bytes = piece.bytes.slice();
    piece.seal(bytes);
    return { ...piece, bytes };
  });
}

function changeField(work: Work, random: Random): string | undefined {
  const index = pickIndex(work.pieces, random, ({ fields }) => fields.length > 0);
  if (index === undefined) return undefined;
  const piece = work.pieces[index]!;
  const field = random.pick(piece.fields);
  const bytes = piece.bytes.slice();
  const replace = (changed: Bytes, what: string) => {
    work.pieces[index] = { ...piece, bytes: changed };
    return `piece ${index}: ${what}`;
  };
  // An earlier step may have made the piece shorter.
  if ("at" in field && field.at + field.size > bytes.length) {
    const { bytes: changed, step } = mutateBytes(bytes, random);
    return replace(changed, step);
  }
  if (field.kind === "number") {
    const around = surroundings(work, index);
    const old = bytes.subarray(field.at, field.at + field.size);
    const said = changeNumber(old, field.form, around, random);
    return replace(bytes, `${field.form} at ${field.at} to ${said}`);
  }
  if (field.kind === "text") {
    const word = field.words && !random.once(4)
      ? random.pick(field.words)
      : tellingWord(ascii(bytes.subarray(field.at, field.at + field.size)), random);
    bytes.fill(field.fill, field.at, field.at + field.size);
    bytes.set(wordBytes(word, random).subarray(0, field.size), field.at);
    return replace(bytes, `text at ${field.at} to ${shownWord(word)}`);
  }
  if (field.kind === "base64") {
    const changed = changeBase64(bytes, field.fields, random);
    return replace(changed.bytes, `base64: ${changed.step}`);
  }
  const old = ascii(bytes);
  const word = field.kind === "digits" ? tellingDigits(old, random) : tellingWord(old, random);
  return replace(wordBytes(word, random), `${shownWord(old)} to ${shownWord(word)}`);
}

/** What is inside of base64 is changed, and packed again: without padding where there was none. */
function changeBase64(
  bytes: Bytes,
  fields: readonly Field[],
  random: Random,
): { bytes: Bytes; step: string } {
  const given = ascii(bytes);
  let inner: Bytes;
  try {
    inner = decodeBase64(given.padEnd(Math.ceil(given.length / 4) * 4, "="));
  } catch {
    // An earlier step has made something else of it.
    return mutateBytes(bytes, random);
  }
  const pack = (changed: Bytes) => {
    const packed = encodeBase64(changed);
    return utf8(given.length % 4 === 0 ? packed : packed.replaceAll("=", ""));
  };
  const numbers = fields.filter((field) => field.kind === "number");
  const field = numbers.length === 0 ? undefined : random.pick(numbers);
  if (!field || random.once(4) || field.at + field.size > inner.length) {
    const { bytes: changed, step } = mutateBytes(inner, random);
    return { bytes: pack(changed), step };
  }
  const around = { offset: field.at, total: inner.length, unit: 1 };
  const place = inner.subarray(field.at, field.at + field.size);
  const said = changeNumber(place, field.form, around, random);
  return { bytes: pack(inner), step: `${field.form} at ${field.at} to ${said}` };
}

function changeBytes(work: Work, random: Random): string | undefined {
  const index = pickIndex(work.pieces, random, ({ bytes }) => bytes.length > 0);
  if (index === undefined) return undefined;
  const piece = work.pieces[index]!;
  const { bytes, step } = mutateBytes(piece.bytes, random);
  work.pieces[index] = { ...piece, bytes };
  return `piece ${index}: ${step}`;
}

function drop(work: Work, random: Random): string | undefined {
  const range = pickRange(work, random);
  if (!range) return undefined;
  work.pieces.splice(range.start, range.count);
  return `leave out ${shown(range)}`;
}

function repeat(work: Work, random: Random): string | undefined {
  const range = pickRange(work, random);
  if (!range) return undefined;
  const chosen = work.pieces.slice(range.start, range.start + range.count);
  const size = chosen.reduce((sum, { bytes }) => sum + bytes.length, 0);
  const most = Math.max(1, Math.floor(MAX_REPEATED / Math.max(chosen.length, size)));
  const few = random.pick(SMALL_REPEATS);
  const times = Math.max(2, random.once(100) ? Math.min(most, MAX_TIMES) : Math.min(most, few));
  const copies = Array.from({ length: times - 1 }, () => chosen).flat();
  work.pieces = inserted(work.pieces, range.start, copies);
  return `repeat ${shown(range)} ${times} times`;
}

function move(work: Work, random: Random): string | undefined {
  const range = pickRange(work, random);
  if (!range) return undefined;
  const chosen = work.pieces.splice(range.start, range.count);
  const to = random.below(work.pieces.length + 1);
  work.pieces = inserted(work.pieces, to, chosen);
  return `move ${shown(range)} to ${to}`;
}

function swap(work: Work, random: Random): string | undefined {
  if (work.pieces.length < 2) return undefined;
  const [a, b] = [random.below(work.pieces.length), random.below(work.pieces.length)];
  [work.pieces[a], work.pieces[b]] = [work.pieces[b]!, work.pieces[a]!];
  return `swap pieces ${a} and ${b}`;
}

function graft(work: Work, random: Random): string | undefined {
  const range = pickRange(work, random);
  const source = work.others.length > 0 && random.once(2) ? work.others : work.pieces;
  if (!range || source.length === 0) return undefined;
  const start = random.below(source.length);
  const chosen = source.slice(start, start + 1 + random.below(3));
  const instead = random.once(2) ? range.count : 0;
  work.pieces.splice(range.start, instead, ...chosen);
  return `put ${chosen.length} other pieces from ${start} ${instead ? "for" : "before"} ${
    shown(range)
  }`;
}

/** With `items` at a place. Not by splice(), whose arguments would be as many as the items. */
function inserted(pieces: readonly Piece[], at: number, items: readonly Piece[]): Piece[] {
  return [...pieces.slice(0, at), ...items, ...pieces.slice(at)];
}

interface Range {
  start: number;
  count: number;
}

function shown({ start, count }: Range): string {
  return count === 1 ? `piece ${start}` : `pieces ${start} to ${start + count - 1}`;
}

/** One piece, all of its group, or a few in a row. */
function pickRange({ pieces }: Work, random: Random): Range | undefined {
  if (pieces.length === 0) return undefined;
  let start = random.below(pieces.length);
  const { group } = pieces[start]!;
  if (group === undefined || random.once(3)) {
    return { start, count: Math.min(pieces.length - start, random.pick([1, 1, 2, 3])) };
  }
  let end = start + 1;
  while (start > 0 && pieces[start - 1]!.group === group) start--;
  while (end < pieces.length && pieces[end]!.group === group) end++;
  return { start, count: end - start };
}

function pickIndex(
  pieces: readonly Piece[],
  random: Random,
  fits: (piece: Piece) => boolean,
): number | undefined {
  if (pieces.length === 0) return undefined;
  // Where most pieces fit a few guesses are cheaper than looking at all.
  for (let i = 0; i < 4; i++) {
    const index = random.below(pieces.length);
    if (fits(pieces[index]!)) return index;
  }
  const fitting = [...pieces.keys()].filter((index) => fits(pieces[index]!));
  return fitting.length === 0 ? undefined : random.pick(fitting);
}

function surroundings({ pieces, unit }: Work, index: number) {
  let offset = 0;
  let total = 0;
  for (const [i, { bytes }] of pieces.entries()) {
    if (i < index) offset += bytes.length;
    total += bytes.length;
  }
  return { offset, total, unit };
}

function ascii(bytes: Bytes): string {
  return new TextDecoder("latin1").decode(bytes).replace(/\0.*$/s, "");
}
