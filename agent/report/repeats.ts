/**
 * When to say something again that was said before. Pure.
 *
 * @module
 */

/** First pause before the same problem is printed again, in seconds; it doubles from there. */
const REPEAT_FIRST_SECONDS = 60;

const REPEAT_MAX_SECONDS = 3600;

/** Decides which messages are worth printing: a new one always, the same one at growing intervals. */
export class Repeats {
  readonly #said = new Map<string, { message: string; next: number; pause: number }>();

  /** Whether `message` on `topic` is to be printed at `now`. */
  shouldSay(topic: string, message: string, now: Date): boolean {
    const known = this.#said.get(topic);
    const seconds = now.getTime() / 1000;
    // A clock that was set back must not keep it silent for longer than was meant.
    const left = known ? Math.min(known.next - seconds, known.pause) : 0;
    if (known?.message === message && left > 0) {
      known.next = seconds + left;
      return false;
    }
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
