/** The benchmark measures what it says, in small. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { DenoHost } from "../../lib/deno_host.ts";
import { EXIT } from "../../lib/errors.ts";
import { main } from "../../tasks/bench.ts";
import { needTool } from "../support/tools.ts";

/** What the task prints. */
async function run(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const out: string[] = [];
  const err: string[] = [];
  const code = await main(args, new DenoHost(), {
    out: (line) => void out.push(line),
    err: (line) => void err.push(line),
  });
  return { code, out: out.join("\n"), err: err.join("\n") };
}

for (const sealed of [false, true]) {
  Deno.test(`bench site counts what a change costs${sealed ? ", with !age values" : ""}`, async () => {
    const work = await Deno.makeTempDir();
    const more = sealed ? ["--sealed"] : [];
    const { code, out, err } = await run(
      ...["site", "--sizes", "3,7", "--no-programs", "--work", work, "--json", ...more],
    );
    assertEquals([code, err], [EXIT.ok, ""]);
    const { startMs, figures, programs } = JSON.parse(out);
    assert(startMs > 0);
    assertEquals(programs, []);
    assertEquals(figures.map((one: { nodes: number }) => one.nodes), [3, 7]);
    for (const { nodes, cold, again, change, refresh, verify } of figures) {
      assert(cold.written > nodes * 4 && cold.ms > 0);
      assertEquals(again.written, 2);
      // The page says the same when no second has passed.
      assert(refresh.written === 2 || refresh.written === 1);
      // The node's instructions, its bin, the index of all with its signature, the timestamp, the page.
      assertEquals([change.written, change.removed, change.uploads], [6, 2, 6]);
      assertEquals(verify.fetches, 5);
      assert(verify.bytes > 1000 && verify.bytes < 20_000);
    }
  });
}

Deno.test({
  name: "bench site compares with minisign and age, and prints tables",
  ...needTool("minisign", "age"),
  fn: async () => {
    const work = await Deno.makeTempDir();
    const { code, out, err } = await run("site", "--sizes", "1", "--big", "5", "--work", work);
    assertEquals([code, err], [EXIT.ok, ""]);
    assertMatch(out, /^nodes +1\n/);
    assertMatch(out, /\n {2}objects uploaded +6\n/);
    for (const what of ["sign 1000", "verify 1000", "sign one", "verify one", "encrypt 1000"]) {
      assertMatch(out, new RegExp(`\\n${what} .* (?:minisign|age) .* \\d+\\.\\d\\d(?:\\n|$)`));
    }
  },
});

Deno.test("bench refuses what it can't measure", async () => {
  for (const args of [[], ["fleet"], ["site", "--sizes", "0"], ["site", "--sizes", "1,x"]]) {
    const { code, err } = await run(...args);
    assertEquals(code, EXIT.usage);
    assertMatch(err, /Cannot read the command line/);
  }
});
