/**
 * "Did you mean …?": the known word nearest to what was written.
 *
 * @module
 */
import { findSimilar } from "@optique/core/suggestion";

/** Longer words than this are compared by their beginning. */
const MAX_CHARACTERS = 64;

/** The word of `known` that is nearest to `word` and not far from it; undefined when there is none. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  const written = word.slice(0, MAX_CHARACTERS).toLowerCase();
  // Two letters swapped are the commonest slip; counted as two edits they would be far away in a short word.
  const swapped = new Set(
    Array.from(
      written.slice(1),
      (_, i) => `${written.slice(0, i)}${written[i + 1]}${written[i]}${written.slice(i + 2)}`,
    ),
  );
  return known.find((one) => swapped.has(one.toLowerCase())) ??
    findSimilar(written, known, { maxSuggestions: 1 })[0];
}
