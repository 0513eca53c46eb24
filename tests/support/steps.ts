/**
 * A bound on the steps of synchronous code: each piece of bytes that it takes, each number that it reads and each text that it
 * makes of bytes counts as one. A reader that runs in circles takes one of these each time round, so that a test sees it
 * at once and does not hang.
 */

/** What is counted. */
const COUNTED: [object, string][] = [
  [Uint8Array.prototype, "subarray"],
  [Uint8Array.prototype, "indexOf"],
  [DataView.prototype, "getUint8"],
  [DataView.prototype, "getUint16"],
  [DataView.prototype, "getUint32"],
  [DataView.prototype, "getBigUint64"],
  [String, "fromCharCode"],
  [String.prototype, "slice"],
  [Map.prototype, "set"],
];

/** More steps than were allowed. */
export class TooManySteps extends Error {}

/** Result of `work` and its steps; @throws {TooManySteps} above `most`, whatever `work` does with that. */
export function countSteps<T>(most: number, work: () => T): { value: T; steps: number } {
  let steps = 0;
  const originals = COUNTED.map(([owner, name]) => {
    const original = (owner as Record<string, (...args: unknown[]) => unknown>)[name]!;
    const counting = function (this: unknown, ...args: unknown[]) {
      if (++steps > most) throw new TooManySteps(`more than ${most} steps`);
      return original.apply(this, args);
    };
    (owner as Record<string, unknown>)[name] = counting;
    return [owner, name, original] as const;
  });
  let value: T;
  try {
    value = work();
  } catch (error) {
    // One that was caught on the way and called something else is still one.
    if (steps > most) throw new TooManySteps(`more than ${most} steps`);
    throw error;
  } finally {
    for (const [owner, name, original] of originals) {
      Object.defineProperty(owner, name, {
        value: original,
        writable: true,
        configurable: true,
        enumerable: false,
      });
    }
  }
  if (steps > most) throw new TooManySteps(`more than ${most} steps`);
  return { value, steps };
}
