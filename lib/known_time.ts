/**
 * The time that freshness is judged by. A node's clock may be behind, and whoever dates a publication may lie, so it is
 * always a lower bound: the latest of those times that are known to have passed.
 *
 * @module
 */
import { formatInstant } from "./instant.ts";

/** A time that is known to have passed, and how. */
export interface KnownTime {
  /** In milliseconds since 1970; NaN where a clock is damaged. */
  ms: number;
  /** For messages, e.g. "the clock". */
  from: string;
}

/** Where a time comes from that the caller says nothing more about. */
export const CLOCK = "the clock";

/** The later of two times; a damaged one, so that nothing counts as fresh by the other. */
export function later(a: KnownTime, b: KnownTime | undefined): KnownTime {
  return b === undefined || !(b.ms > a.ms || Number.isNaN(b.ms)) ? a : b;
}

/** Why something that was valid until `expires` is refused at `now`; undefined while it is valid. */
export function whyExpired(expires: string, now: KnownTime): string | undefined {
  if (now.ms < Date.parse(expires)) return undefined;
  const date = new Date(now.ms);
  const believed = Number.isNaN(date.getTime()) ? "no time at all" : formatInstant(date);
  return `it expired at ${expires}, and it is ${believed} by ${now.from}`;
}
