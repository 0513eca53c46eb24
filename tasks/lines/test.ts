/**
 * The command line of `deno task test`.
 *
 * @module
 */
import { object } from "@optique/core/constructs";
import type { InferValue } from "@optique/core/parser";
import { on, value, wordList } from "../../lib/cli/options.ts";
import type { Program } from "../../lib/cli/program.ts";

const parser = object({
  wanted: wordList("FILE"),
  filter: value("filter", "TEXT", "only tests whose name contains TEXT"),
  noLab: on("no-lab", "leave out the tests that boot virtual machines"),
  long: on("long", "run also what takes longer than CI has time for (files *_long_test.ts)"),
});

/** The program. */
export const program: Program<InferValue<typeof parser>> = {
  name: "deno task test",
  summary: "Run all tests, those with virtual machines included.",
  parser,
  notes: [
    "FILE is a file or folder of tests; without one all are run.",
    "As root on Debian or Ubuntu it installs the programs that are missing (apt-get); else it names them and stops.",
    "Network: npm packages and Debian packages, when they are not in a cache yet. With CI=true a skipped test is a failure.",
  ],
};
