/**
 * The command line of `deno task ok`.
 *
 * @module
 */
import { object } from "@optique/core/constructs";
import type { Program } from "../../lib/cli/program.ts";

/** The program. */
export const program: Program<object> = {
  name: "deno task ok",
  summary:
    "The gate: format, lint (import rules included), types, the agent's imports, pure tests.",
  parser: object({}),
  notes: ["Network: npm packages that are not in Deno's cache yet."],
};
