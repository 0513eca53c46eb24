/**
 * Changes that mean nothing: flipped bits, other bytes, cuts, insertions, parts put elsewhere.
 *
 * @module
 */
import { type Bytes, concat } from "../../../lib/bytes.ts";
import type { Random } from "./random.ts";

/** Changed bytes, and what was done. */
export interface Change {
  bytes: Bytes;
  step: string;
}

type Mutation = (bytes: Bytes, random: Random) => Change;

/** Most bytes that one change puts in or takes out, but for cuts. */
const MAX_SPAN = 64;
/** Bytes that often mean something. */
const TELLING = [0x00, 0x01, 0x0a, 0x20, 0x2f, 0x3a, 0x7f, 0x80, 0xff];

const MUTATIONS: readonly Mutation[] = [
  flip,
  flip,
  overwrite,
  overwrite,
  fill,
  remove,
  insert,
  copyWithin,
  cut,
  cutFront,
  extend,
];

/** `bytes` with one change. They are not written into. */
export function mutateBytes(bytes: Bytes, random: Random): Change {
  return random.pick(MUTATIONS)(bytes, random);
}

/** The beginning of one text and the end of another. */
export function splice(front: Bytes, back: Bytes, random: Random): Change {
  const end = random.below(front.length + 1);
  const start = random.below(back.length + 1);
  return {
    bytes: concat([front.subarray(0, end), back.subarray(start)]),
    step: `join the first ${end} bytes and another sample from ${start} on`,
  };
}

function flip(bytes: Bytes, random: Random): Change {
  const out = bytes.slice();
  const at = random.below(out.length);
  const bit = random.below(8);
  if (out.length > 0) out[at]! ^= 1 << bit;
  return { bytes: out, step: `flip bit ${bit} of byte ${at}` };
}

function overwrite(bytes: Bytes, random: Random): Change {
  const out = bytes.slice();
  const at = random.below(out.length);
  const value = random.once(2) ? random.pick(TELLING) : random.below(256);
  if (out.length > 0) out[at] = value;
  return { bytes: out, step: `set byte ${at} to ${value}` };
}

function fill(bytes: Bytes, random: Random): Change {
  const out = bytes.slice();
  const { at, size } = span(out, random);
  const value = random.pick(TELLING);
  out.fill(value, at, at + size);
  return { bytes: out, step: `fill ${size} bytes at ${at} with ${value}` };
}

function remove(bytes: Bytes, random: Random): Change {
  const { at, size } = span(bytes, random);
  return {
    bytes: concat([bytes.subarray(0, at), bytes.subarray(at + size)]),
    step: `take out ${size} bytes at ${at}`,
  };
}

function insert(bytes: Bytes, random: Random): Change {
  const at = random.below(bytes.length + 1);
  const put = new Uint8Array(1 + random.below(MAX_SPAN));
  const value = random.once(2) ? random.pick(TELLING) : undefined;
  for (let i = 0; i < put.length; i++) put[i] = value ?? random.below(256);
  return {
    bytes: concat([bytes.subarray(0, at), put, bytes.subarray(at)]),
    step: `put ${put.length} bytes in at ${at}`,
  };
}

function copyWithin(bytes: Bytes, random: Random): Change {
  const { at, size } = span(bytes, random);
  const to = random.below(bytes.length + 1);
  const out = bytes.slice();
  out.copyWithin(to, at, at + size);
  return { bytes: out, step: `copy ${size} bytes from ${at} to ${to}` };
}

function cut(bytes: Bytes, random: Random): Change {
  const size = random.below(bytes.length + 1);
  return { bytes: bytes.slice(0, size), step: `cut to ${size} bytes` };
}

function cutFront(bytes: Bytes, random: Random): Change {
  const size = random.below(Math.min(bytes.length, MAX_SPAN) + 1);
  return { bytes: bytes.slice(size), step: `cut off the first ${size} bytes` };
}

function extend(bytes: Bytes, random: Random): Change {
  const { at, size } = span(bytes, random);
  const tail = random.once(2) ? new Uint8Array(size) : bytes.subarray(at, at + size);
  return { bytes: concat([bytes, tail]), step: `put ${tail.length} bytes behind the end` };
}

function span(bytes: Bytes, random: Random): { at: number; size: number } {
  const at = random.below(bytes.length + 1);
  return { at, size: Math.min(bytes.length - at, 1 + random.below(MAX_SPAN)) };
}
