/**
 * How long to wait before the next try. Pure: the caller passes `chance`, a random number from 0 to below 1.
 *
 * @module
 */

/** First wait after a failure, in seconds; it doubles from there. */
const RETRY_FIRST_SECONDS = 4;

/**
 * Milliseconds to wait after `failures` failures in a row. The wait starts at 4 seconds and doubles up to `maxSeconds`;
 * up to half of it is taken off at random, so that a fleet which lost its site does not come back all at once.
 */
export function retryDelay(failures: number, maxSeconds: number, chance: number): number {
  const full = Math.min(RETRY_FIRST_SECONDS * 2 ** Math.min(failures - 1, 16), maxSeconds);
  return Math.round(1000 * full * (0.5 + chance / 2));
}

/** Milliseconds until a configured node asks again: `everySeconds`, give or take a tenth. */
export function checkDelay(everySeconds: number, chance: number): number {
  return Math.round(1000 * everySeconds * (0.9 + chance / 5));
}
