/**
 * Readers with known faults, and the program that serves them to `deno task fuzz`: one never returns, one grows, one throws,
 * one ends its process, one prints. And the tar reader as it was when it took negative sizes.
 *
 * @module
 */
import { UserError } from "../../../lib/errors.ts";
import { serve } from "../../../tasks/dev/fuzz/child.ts";
import { partOf, type Subject, type Targets, whole } from "../../../tasks/dev/fuzz/target.ts";
import { subject as tar } from "../../../tasks/dev/fuzz/targets/tar.ts";
import { readTar } from "./old_tar_read.ts";

/** What is said of the cases in which they misbehave: one of 20. */
export const BAD = "the bad one";

function badReader(misbehave: () => unknown): () => Subject {
  return () => ({
    samples: [whole(Uint8Array.of(0))],
    mutate: (random) => {
      const isBad = random.once(20);
      return { input: whole(Uint8Array.of(isBad ? 1 : 0)), steps: [isBad ? BAD : "a good one"] };
    },
    read: (input) => {
      if (partOf(input)[0] === 1) return misbehave();
      throw new UserError("read it", "it is a good one");
    },
  });
}

/** Holds on to what {@linkcode grow} takes. */
const held: Uint8Array[] = [];

/** Takes memory for as long as it lives, by and by: all at once would end the process. */
function grow(): never {
  for (;;) {
    held.push(new Uint8Array(2 ** 24).fill(1));
    const until = performance.now() + 20;
    while (performance.now() < until);
  }
}

/** The readers by name. */
export const BAD_READERS: Targets = {
  spins: badReader(() => {
    for (;;);
  }),
  grows: badReader(grow),
  throws: badReader(() => (undefined as unknown as { size: number }).size),
  dies: badReader(() => Deno.exit(3)),
  waits: badReader(() => new Promise(() => {})),
  prints: badReader(() => {
    // deno-lint-ignore no-console -- what is to be noticed
    console.warn("a secret");
    return "fine";
  }),
  unloadable: () => {
    throw new Error("it can't be loaded");
  },
  "old-tar": () => ({ ...tar(), read: (input) => readTar(partOf(input)) }),
};

if (import.meta.main) await serve(BAD_READERS, Deno.args);
