import { assert, assertEquals } from "@std/assert";
import { circles, importsOf } from "../../../../tasks/dev/gate/imports.ts";
import { projectSources } from "../../../support/sources.ts";

Deno.test("importsOf() finds imports of every form, once each, and no package", () => {
  const source = `import * as v from "valibot";
import { a, type B } from "./a.ts";
import type { C } from "../c.ts";
import {
  long,
  longer,
} from "../other/long.ts";
import "./effect.ts";
export { d } from "./d.ts";
export * from "./a.ts";
const e = await import("./lazy.ts");
// import { no } from "./comment.ts";
`;
  assertEquals(importsOf("lib/x/file.ts", source), [
    "lib/x/a.ts",
    "lib/c.ts",
    "lib/other/long.ts",
    "lib/x/effect.ts",
    "lib/x/d.ts",
    "lib/x/lazy.ts",
  ]);
});

Deno.test("circles() finds circles of any length and the file that imports itself", () => {
  const imports = new Map([
    ["a", ["b"]],
    ["b", ["c", "d"]],
    ["c", ["a"]],
    ["d", ["e", "outside"]],
    ["e", []],
    ["f", ["f"]],
  ]);
  assertEquals(circles(imports), [["a", "b", "c"], ["f"]]);
  assertEquals(circles(new Map([["a", ["b"]], ["b", []]])), []);
});

Deno.test("the project has no circle of imports", async () => {
  const imports = new Map<string, string[]>();
  for (const [file, source] of await projectSources()) imports.set(file, importsOf(file, source));
  assert(imports.size > 200, `${imports.size} files`);
  assertEquals(circles(imports), []);
});
