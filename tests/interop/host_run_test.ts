import { assertEquals, assertLess, assertNotEquals } from "@std/assert";
import { DenoHost } from "../../lib/deno_host.ts";

const host = new DenoHost();

/** Runs a shell command for at most 0.3 s; gives its exit code once it took less than it would by itself. */
async function codeOf(command: string, output: "piped" | "null"): Promise<number> {
  const start = performance.now();
  const { code } = await host.run(["sh", "-c", command], { timeoutMs: 300, output });
  assertLess(performance.now() - start, 10_000);
  return code;
}

Deno.test("run() kills a program that does not end when it is told to", async () => {
  assertEquals(await codeOf("trap '' TERM; while :; do sleep 0.1; done", "null"), 137);
  assertEquals(await codeOf("trap '' TERM; while :; do sleep 0.1; done", "piped"), 137);
});

Deno.test({
  name: "run() does not wait for what a program that was stopped has left behind",
  // That is still there, holding its pipe, when the test ends.
  sanitizeOps: false,
  sanitizeResources: false,
  fn: async () => {
    assertNotEquals(await codeOf("sleep 20 & sleep 20", "piped"), 0);
  },
});

Deno.test("run() within its time gives output and exit code", async () => {
  const options = { timeoutMs: 60_000, stdin: "in" };
  const { code, stdout } = await host.run(["sh", "-c", "cat; exit 3"], options);
  assertEquals([code, new TextDecoder().decode(stdout)], [3, "in"]);
  assertEquals((await host.run(["sh", "-c", "exit 4"], { output: "null" })).code, 4);
});

Deno.test("run() ends a program that writes more than it may, and keeps no more of it", async () => {
  const start = performance.now();
  for (const stream of [1, 2]) {
    const options = { timeoutMs: 60_000, maxOutputBytes: 100_000 };
    const result = await host.run(["sh", "-c", `exec yes >&${stream}`], options);
    assertNotEquals(result.code, 0);
    assertEquals(result.ended, "output");
    assertEquals(new TextDecoder().decode(result.stderr), "it wrote more than it may");
    assertLess(result.stdout.length, 100_001);
  }
  assertLess(performance.now() - start, 10_000);
  const { code, stdout } = await host.run(["sh", "-c", "printf 12345"], { maxOutputBytes: 5 });
  assertEquals([code, stdout.length], [0, 5]);
});
