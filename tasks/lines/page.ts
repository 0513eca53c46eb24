/**
 * The command line of `deno task page`.
 *
 * @module
 */
import { object } from "@optique/core/constructs";
import type { InferValue } from "@optique/core/parser";
import { on } from "../../lib/cli/options.ts";
import type { Program } from "../../lib/cli/program.ts";
import { PAGE_SCRIPT } from "../../site/page/make_script.ts";

/**
 * `deno task page`: makes the script of the page for people anew, after a change of what it is made from.
 */

const parser = object({
  check: on("check", "change nothing, fail when it is not what its sources give"),
});

/** The program. */
export const program: Program<InferValue<typeof parser>> = {
  name: "deno task page",
  summary: `Make ${PAGE_SCRIPT}, which checks a site in the browser, from its sources.`,
  parser,
  notes: [
    "The sources are site/page/*.ts and what they import, lib/trust/ above all: the same client that nodes run.",
    "Network: npm packages that are not in Deno's cache yet, the bundler among them.",
  ],
};
