import { assert, assertEquals, assertMatch } from "@std/assert";
import { EXIT } from "../../lib/errors.ts";
import { main } from "../../tasks/fuzz.ts";

async function task(...args: string[]) {
  const lines: string[] = [];
  const add = (line: string) => void lines.push(line);
  return { code: await main(args, { out: add, err: add }), output: lines.join("\n") };
}

Deno.test("fuzz prints what became of the sites", async () => {
  const { code, output } = await task("--cases", "200", "--seed", "5");
  assertEquals(code, EXIT.ok, output);
  assertMatch(output, /^200 mutated sites in [\d.]+ s, \d+ a second, seed 5\n/);
  assertMatch(output, /refused: signature +\d+\n/);
  assertMatch(output, /anything else believed +0\n +crashes +0\n/);
});

Deno.test("fuzz ends in time, and runs a single case again", async () => {
  const timed = JSON.parse((await task("--seconds", "1", "--json")).output);
  assert(timed.seconds >= 1 && timed.seconds < 30, `${timed.seconds} s`);
  const one = JSON.parse((await task("--cases", "1", "--from", "7", "--json")).output);
  assertEquals([one.cases, one.found], [1, { accepted: 0, crashed: 0, slow: 0 }]);
});

Deno.test("fuzz says what it takes", async () => {
  for (const args of [["now"], ["--seconds", "x"], ["--sed", "1"]]) {
    assertEquals((await task(...args)).code, EXIT.usage);
  }
});
