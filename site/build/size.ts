/**
 * Refuses documents that no node would read for their size, and names what makes them so big.
 *
 * @module
 */
import type { NodeConfig } from "../../lib/config/mod.ts";
import { UserError } from "../../lib/errors.ts";
import { canonicalJson } from "../../lib/json.ts";
import { MAX_DOCUMENT_BYTES } from "../../lib/limits.ts";

/** How many entries are named. */
const NAMED = 3;

/** @throws {UserError} when `what`, which holds `config` and is `size` bytes long, is more than a node reads. */
export function checkSize(what: string, size: number, config: NodeConfig): void {
  if (size <= MAX_DOCUMENT_BYTES) return;
  const parts = Object.entries(config).flatMap(([key, value]) =>
    typeof value !== "object" ? [] : Object.entries(value).map(([entry, one]) => ({
      entry: `${key}.${entry}`,
      size: canonicalJson(one).length,
    }))
  ).sort((a, b) => b.size - a.size);
  const biggest = parts.slice(0, NAMED).map((part) => `${part.entry} (${part.size})`).join(", ");
  throw new UserError(
    "build the site",
    `${what} would have ${size} bytes, a node reads ${MAX_DOCUMENT_BYTES} at most`,
    {
      hint:
        `its biggest entries: ${biggest}. What is public counts twice for a node: in its public document's part and in all it is told`,
    },
  );
}
