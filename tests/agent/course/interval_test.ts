import { assert, assertEquals } from "@std/assert";
import { checkDelay, Repeats, retryDelay } from "../../../agent/course/interval.ts";

Deno.test("retryDelay() doubles up to the bound and takes off up to a half", () => {
  const full = () => 0.999999;
  assertEquals([1, 2, 3, 7, 8, 99].map((n) => Math.round(retryDelay(n, 300, full) / 1000)), [
    4,
    8,
    16,
    256,
    300,
    300,
  ]);
  assertEquals(retryDelay(1, 300, () => 0), 2000);
  assertEquals(retryDelay(99, 5, () => 0), 2500, "a node that checks often also retries often");
});

Deno.test("checkDelay() stays within a tenth", () => {
  assertEquals([0, 0.5, 0.9999].map((r) => Math.round(checkDelay(300, () => r) / 1000)), [
    270,
    300,
    330,
  ]);
});

Deno.test("Repeats says the same thing at growing intervals, something new at once", () => {
  const repeats = new Repeats();
  const at = (seconds: number) => new Date(1_000_000 + seconds * 1000);
  const said: number[] = [];
  for (let second = 0; second <= 4 * 3600; second += 5) {
    if (repeats.shouldSay("problem", "a", at(second))) said.push(second);
  }
  assertEquals(said.slice(0, 7), [0, 60, 180, 420, 900, 1860, 3780]);
  assertEquals(said.slice(7), [7380, 10980], "then once an hour");
  assert(repeats.shouldSay("problem", "b", at(14401)));
  assert(!repeats.shouldSay("problem", "b", at(14402)));
  repeats.forget("problem");
  assert(repeats.shouldSay("problem", "b", at(14403)));
});
