/**
 * The command line of `deno task lab`.
 *
 * @module
 */
import { object } from "@optique/core/constructs";
import type { InferValue } from "@optique/core/parser";
import { number, on, oneOf, value } from "../../lib/cli/options.ts";
import type { Program } from "../../lib/cli/program.ts";
import { PACKAGE_SOURCES } from "../../lib/lab/image.ts";
import { MAX_MACHINES } from "../../lib/lab/lab.ts";

/** More nodes than this say nothing more. */
const MAX_NODES = 16;

const parser = object({
  nodes: number(
    "nodes",
    { from: 1, to: MAX_NODES },
    `how many nodes; ${MAX_MACHINES} run at a time`,
    { default: 1 },
  ),
  keep: on(
    "keep",
    `leave the machines (at most ${MAX_MACHINES}) running until Ctrl-C, with a way to log in`,
  ),
  json: on("json", "print a report in JSON at the end, progress on standard error"),
  work: value("work", "DIR", "folder for all of it", { default: "build/lab" }),
  packages: oneOf(
    "packages",
    PACKAGE_SOURCES,
    "auto is the Alpine mirror when it answers, else lab",
    { default: "auto" },
  ),
  rebuild: on("rebuild", "build the image even when nothing it is made of has changed"),
});

/** The program. */
export const program: Program<InferValue<typeof parser>> = {
  name: "deno task lab",
  summary: "Build an OS image, make nodes, sign their site, boot all of it in virtual machines.",
  parser,
  notes: [
    "As root on Debian or Ubuntu it installs the programs that are missing (apt-get); else it names them and stops.",
    "Network: the Alpine mirror, or Debian's and npm's for the lab repository (packages made on the spot), until they " +
    "are in the work folder. The machines reach this machine's 127.0.0.1 only as far as the lab serves it there.",
    "Each machine gets 1 GiB of memory. Exit code 0 only when every node is all that its site demands.",
  ],
};
