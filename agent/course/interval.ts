/**
 * When to try again. Pure: chance, a random number from 0 (included) to 1 (excluded), is given.
 *
 * @module
 */

/** First wait after a failure, in seconds; it doubles from there. */
const RETRY_FIRST_SECONDS = 4;

/**
 * Milliseconds to wait after `failures` failures in a row: from 4 seconds doubling up to `maxSeconds`, of which a random
 * half is taken off, so that a fleet which lost its site does not come back as one.
 */
export function retryDelay(failures: number, maxSeconds: number, chance: number): number {
  const full = Math.min(RETRY_FIRST_SECONDS * 2 ** Math.min(failures - 1, 16), maxSeconds);
  return Math.round(1000 * full * (0.5 + chance / 2));
}

/** Milliseconds until a configured node asks again: `everySeconds`, give or take a tenth. */
export function checkDelay(everySeconds: number, chance: number): number {
  return Math.round(1000 * everySeconds * (0.9 + chance / 5));
}
