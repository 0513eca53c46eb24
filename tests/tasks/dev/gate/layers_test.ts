import { assert, assertEquals, assertMatch } from "@std/assert";
import { importsOf } from "../../../../tasks/dev/gate/imports.ts";
import {
  agentProblem,
  importProblem,
  layerOf,
  LAYERS,
  moduleProblem,
} from "../../../../tasks/dev/gate/layers.ts";
import { projectSources } from "../../../support/sources.ts";

Deno.test("every layer imports places of lower floors only", () => {
  const rankOf = (place: string) => layerOf(place.endsWith("/") ? `${place}x.ts` : place)?.rank;
  for (const { place, rank, imports } of LAYERS) {
    for (const other of imports) {
      const below = rankOf(other);
      assert(below !== undefined && below < rank, `${place} (${rank}) imports ${other} (${below})`);
    }
  }
  assertEquals(new Set(LAYERS.map(({ place }) => place)).size, LAYERS.length);
});

Deno.test("every file keeps the table of layers, and every layer has files", async () => {
  const sources = await projectSources();
  const problems: string[] = [];
  const places = new Set<string>();
  const used = new Set<string>();
  for (const [file, source] of sources) {
    places.add(layerOf(file)?.place ?? "");
    for (const target of importsOf(file, source)) {
      const problem = importProblem(file, target);
      if (problem) problems.push(problem);
      used.add(`${layerOf(file)?.place} ${layerOf(target)?.place}`);
    }
  }
  assertEquals(problems, []);
  const unused = LAYERS.flatMap(({ place, imports }) =>
    imports.filter((other) => other !== "lib/" && !used.has(`${place} ${other}`))
      .map((other) => `${place} ${other}`)
  );
  assertEquals(unused, [], "allowed, and imported by nobody");
  assertEquals([...places].sort(), LAYERS.map(({ place }) => place).sort());
});

Deno.test("importProblem() names what breaks the rules", () => {
  const problem = (file: string, target: string) => importProblem(file, target) ?? "none";
  assertMatch(
    problem("lib/formats/tar.ts", "lib/trust/age.ts"),
    /lib\/formats\/ imports lib\/ only/,
  );
  assertMatch(
    problem("agent/course/run.ts", "site/build/build.ts"),
    /^agent\/course\/run.ts may not import site/,
  );
  assertMatch(
    problem("agent/publication/read.ts", "lib/trust/minisign_sign.ts"),
    /no signer, solver or builder/,
  );
  assertMatch(problem("lib/new/file.ts", "lib/bytes.ts"), /in no folder of the table/);
  assertMatch(problem("lib/bytes.ts", "lib/new/file.ts"), /may not import/);
  assertEquals(importProblem("lib/trust/age.ts", "lib/bytes.ts"), undefined);
  assertEquals(importProblem("tests/x_test.ts", "agent/course/run.ts"), undefined);
});

Deno.test("moduleProblem() keeps modules that reach the system to the seam and who was named", () => {
  const allowed = [
    ["lib/formats/gzip.ts", "node:zlib"],
    ["lib/lab/site_server.ts", "node:http"],
    ["lib/deno_host.ts", "node:fs"],
    ["lib/apk/index.ts", "yaml"],
  ] as const;
  for (const [file, name] of allowed) assertEquals(moduleProblem(file, name), undefined);
  assertMatch(
    moduleProblem("lib/trust/age.ts", "node:fs") ?? "none",
    /may not take node:fs, which reaches the system/,
  );
  assertMatch(moduleProblem("agent/course/run.ts", "node:http") ?? "none", /may not take/);
});

Deno.test("agentProblem() keeps signers, key makers, solver and the desk's files out", () => {
  const judged = [
    "agent/main.ts",
    "lib/bytes.ts",
    "lib/trust/client.ts",
    "lib/trust/minisign_sign.ts",
    "lib/trust/age_keygen.ts",
    "lib/trust/keyring.ts",
    "lib/apk/solver.ts",
    "lib/cli/system_packages.ts",
    "site/build/build.ts",
    "tests/support/tools.ts",
  ].filter((path) => agentProblem(path) === undefined);
  assertEquals(judged, ["agent/main.ts", "lib/bytes.ts", "lib/trust/client.ts"]);
});
