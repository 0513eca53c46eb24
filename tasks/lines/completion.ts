/**
 * The command line of `deno task completion`.
 *
 * @module
 */
import { bash, fish, nu, pwsh, type ShellCompletion, zsh } from "@optique/core/completion";
import { object } from "@optique/core/constructs";
import type { InferValue } from "@optique/core/parser";
import { argument } from "@optique/core/primitives";
import { choice } from "@optique/core/valueparser";
import type { Program } from "../../lib/cli/program.ts";

/** The shells that are known. */
export const SHELLS: Readonly<Record<string, ShellCompletion>> = { bash, zsh, fish, nu, pwsh };

const parser = object({
  shell: argument(choice(Object.keys(SHELLS), { metavar: "SHELL" })),
});

/** The program. */
export const program: Program<InferValue<typeof parser>> = {
  name: "deno task completion",
  summary: "Complete deno task and what belongs to it in your shell.",
  parser,
  notes: [
    "Prints a script that the shell reads at its start, or for the moment:\n" +
    "  bash  source <(deno task -q completion bash)\n" +
    "  zsh   source <(deno task -q completion zsh)\n" +
    "  fish  deno task -q completion fish | source",
    "The script asks this task with the words that stand behind deno. It completes in the folder of this project and below it;\n" +
    "elsewhere, and for other words than task, it offers files.",
    "Network: none.",
  ],
};
