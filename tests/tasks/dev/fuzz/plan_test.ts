import { assertEquals } from "@std/assert";
import { casesOf, jobsOf } from "../../../../tasks/dev/fuzz/plan.ts";

Deno.test("casesOf() shares out all cases, and leaves no target without one", () => {
  assertEquals([...casesOf({ a: 3, b: 1 }, 100)], [["a", 75], ["b", 25]]);
  for (const total of [3, 7, 100, 99_999]) {
    const cases = casesOf({ a: 100, b: 1, c: 1 }, total);
    assertEquals([...cases.values()].reduce((sum, count) => sum + count), total);
    assertEquals([...cases.values()].every((count) => count > 0), true, `${total}`);
  }
});

Deno.test("jobsOf() covers every case once, in turns of the targets", () => {
  const jobs = jobsOf(new Map([["a", 12_000], ["b", 10], ["c", 0]]), new Map([["b", 5]]));
  assertEquals(jobs, [
    { target: "a", from: 0, to: 5000 },
    { target: "b", from: 5, to: 15 },
    { target: "a", from: 5000, to: 10_000 },
    { target: "a", from: 10_000, to: 12_000 },
  ]);
});
