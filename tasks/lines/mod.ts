/**
 * Every `deno task` by name: what completion and the reference of commands are made from.
 *
 * @module
 */
import type { Program } from "../../lib/cli/program.ts";

/** Loads the program of each task: one of them is soon there, all of them are not. */
export const PROGRAMS: Readonly<Record<string, () => Promise<{ program: Program<unknown> }>>> = {
  lab: () => import("./lab.ts"),
  image: () => import("./image.ts"),
  agent: () => import("./agent.ts"),
  node: () => import("./node.ts"),
  site: () => import("./site.ts"),
  publish: () => import("./publish.ts"),
  secret: () => import("./secret.ts"),
  keys: () => import("./keys.ts"),
  sign: () => import("./sign.ts"),
  test: () => import("./test.ts"),
  ok: () => import("./ok.ts"),
  generate: () => import("./generate.ts"),
  fuzz: () => import("./fuzz.ts"),
  bench: () => import("./bench.ts"),
  completion: () => import("./completion.ts"),
};
