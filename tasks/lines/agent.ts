/**
 * The command line of `deno task agent`.
 *
 * @module
 */
import { FORM_CHOICES } from "../../lib/agent_build/forms.ts";
import { object } from "@optique/core/constructs";
import type { InferValue } from "@optique/core/parser";
import { on, oneOf, value } from "../../lib/cli/options.ts";
import type { Program } from "../../lib/cli/program.ts";
import { ARCHITECTURES } from "../../lib/schema/fields.ts";

const parser = object({
  form: oneOf("form", FORM_CHOICES, "which form", { default: "auto" }),
  arch: oneOf("arch", ARCHITECTURES, "architecture of the nodes", { default: "x86_64" }),
  deno: value("deno", "PATH", "the deno that compiles; default the one that runs this"),
  out: value("out", "DIR", "what is written, replaced as a whole", { default: "dist/agent" }),
  json: on("json", "print facts of the result as JSON"),
});

/** The program. */
export const program: Program<InferValue<typeof parser>> = {
  name: "deno task agent",
  summary: "Make the agent that runs on every node: bundle it, and compile the bundle.",
  parser,
  notes: [
    "Forms, best first; auto takes the first that can be had, and says which and why:\n" +
    "  musl    compiled, linked with Alpine's own C library\n" +
    "  glibc   compiled, with the few files of glibc it needs (Debian's, 3 MB, pinned by hash)\n" +
    "  bundle  one script of 0.2 MB, run by Alpine's package deno",
    "A compiled agent holds a runtime (denort) of exactly the compiling Deno's version. Deno downloads it, or DENORT_BIN\n" +
    "names one; its C library decides between musl and glibc. The result is started once before it is taken.",
    "`deno task image --agent-dir DIR` puts the result into an image. The same sources, Deno and runtime give the same bytes.",
    "Network: dl.deno.land for the runtime, Debian's archive of snapshots for glibc's files; neither for the bundle.",
  ],
};
