/**
 * The command line of `deno task fuzz`.
 *
 * @module
 */
import { object } from "@optique/core/constructs";
import type { InferValue } from "@optique/core/parser";
import { number, on } from "../../lib/cli/options.ts";
import type { Program } from "../../lib/cli/program.ts";

/** How long, unless a number of sites is given. */
export const DEFAULT_SECONDS = 60;
/** More memory than this while reading sites of some kilobytes is a fault. */
export const MAX_MEMORY = 768 * 1024 * 1024;

const parser = object({
  seconds: number(
    "seconds",
    { from: 1 },
    `how long, default ${DEFAULT_SECONDS} unless --cases is given`,
  ),
  cases: number(
    "cases",
    { from: 1 },
    "end after so many sites, in steps of 100; a single one for 1",
  ),
  seed: number("seed", {}, "what all changes come from, default the time"),
  from: number(
    "from",
    {},
    "begin with this case, to see a fault again: --seed N --from N --cases 1",
  ),
  json: on("json", "print the result as JSON"),
});

/** The program. */
export const program: Program<InferValue<typeof parser>> = {
  name: "deno task fuzz",
  summary: "Change whole sites in every way an attacker can; a node must refuse or read the truth.",
  parser,
  notes: [
    `Changes: bits, bytes, lengths, whole files, signatures, trusted comments, JSON fields, older, expired and foreign sites,
what a stolen timestamp key can sign, and files made to overwhelm. Half of the nodes have accepted the site before.`,
    `Faults are: believing anything that the true site does not say, any crash, seconds for one site, long messages, more than
${MAX_MEMORY >> 20} MiB of memory.`,
    "Network: none.",
  ],
};
