/**
 * The command line of `deno task bench`.
 *
 * @module
 */
import type { InferValue } from "@optique/core/parser";
import { number, on, value, verb } from "../../lib/cli/options.ts";
import type { Program } from "../../lib/cli/program.ts";

const DEFAULT_SIZES = "10,1000,10000";
const DEFAULT_WORK = "build/bench";
const DEFAULT_BIG_MB = 1000;
const MAX_BIG_MB = 100_000;

const parser = verb(
  "site",
  {
    sizes: value("sizes", "N,N…", "numbers of nodes", { default: DEFAULT_SIZES }),
    sealed: on("sealed", "keep the nodes' secrets as !age values in their files"),
    noPrograms: on("no-programs", "leave out the comparison with minisign and age"),
    bigMb: number(
      "big",
      { from: 1, to: MAX_BIG_MB },
      "megabytes of the big file that is signed",
      { default: DEFAULT_BIG_MB },
    ),
    work: value("work", "DIR", "made anew and removed", { default: DEFAULT_WORK }),
    keep: on("keep", "leave DIR as it is at the end"),
    json: on("json", "print the figures as JSON"),
  },
  "a site of many nodes",
);

/** The program. */
export const program: Program<InferValue<typeof parser>> = {
  name: "deno task bench",
  summary: "Measure what a site costs to build, change, refresh, publish and read.",
  parser,
  notes: [
    `Each node has 5 secrets of its own. build and refresh are the tasks as they are started by hand: their times include
the start of Deno, which the line at the end tells. Uploads are counted against a target in memory.`,
    "Needs: minisign and age, unless --no-programs. Network: none.",
  ],
};
