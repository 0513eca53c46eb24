/**
 * When to try again, and when to say so again. Pure: randomness is given.
 *
 * @module
 */

/** Source of random numbers from 0 (included) to 1 (excluded). */
export type Random = () => number;

/** How often a configured node asks its site when it is not told otherwise, in seconds. */
export const CHECK_SECONDS = 300;
/** First wait after a failure, in seconds; it doubles from there. */
const RETRY_FIRST_SECONDS = 4;
/** First pause before the same problem is printed again, in seconds; it doubles from there. */
const REPEAT_FIRST_SECONDS = 60;
const REPEAT_MAX_SECONDS = 3600;

/**
 * Milliseconds to wait after `failures` failures in a row: from 4 seconds doubling up to `maxSeconds`, of which a random
 * half is taken off, so that a fleet which lost its site does not come back as one.
 */
export function retryDelay(failures: number, maxSeconds: number, random: Random): number {
  const full = Math.min(RETRY_FIRST_SECONDS * 2 ** Math.min(failures - 1, 16), maxSeconds);
  return Math.round(1000 * full * (0.5 + random() / 2));
}

/** Milliseconds until a configured node asks again: `everySeconds`, give or take a tenth. */
export function checkDelay(everySeconds: number, random: Random): number {
  return Math.round(1000 * everySeconds * (0.9 + random() / 5));
}

/** Decides which messages are worth printing: a new one always, the same one at growing intervals. */
export class Repeats {
  readonly #said = new Map<string, { message: string; next: number; pause: number }>();

  /** Whether `message` on `topic` is to be printed at `now`. */
  shouldSay(topic: string, message: string, now: Date): boolean {
    const known = this.#said.get(topic);
    const seconds = now.getTime() / 1000;
    if (known?.message === message && seconds < known.next) return false;
    const pause = known?.message === message
      ? Math.min(known.pause * 2, REPEAT_MAX_SECONDS)
      : REPEAT_FIRST_SECONDS;
    this.#said.set(topic, { message, next: seconds + pause, pause });
    return true;
  }

  /** Forgets a topic: its problem is over, and would be news if it came back. */
  forget(topic: string): void {
    this.#said.delete(topic);
  }
}
