/**
 * The command line of `deno task generate`.
 *
 * @module
 */
import { object } from "@optique/core/constructs";
import type { InferValue } from "@optique/core/parser";
import { on } from "../../lib/cli/options.ts";
import type { Program } from "../../lib/cli/program.ts";

const parser = object({
  check: on("check", "change nothing, fail when one is not what its sources give"),
});

/** The program. */
export const program: Program<InferValue<typeof parser>> = {
  name: "deno task generate",
  summary:
    "Make the files anew that follow from the sources: references, tables, editors' schemas, the page's script.",
  parser,
  notes: ["Network: npm packages that are not in Deno's cache yet, the bundler among them."],
};
