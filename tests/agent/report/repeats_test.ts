import { assert, assertEquals } from "@std/assert";
import { Repeats } from "../../../agent/report/repeats.ts";

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

Deno.test("Repeats is not silent for years when the clock is set back", () => {
  const repeats = new Repeats();
  const [ahead, now] = [new Date("2999-01-01T00:00:00Z"), Date.parse("2026-11-22T20:00:00Z")];
  assert(repeats.shouldSay("problem", "a", ahead));
  assert(!repeats.shouldSay("problem", "a", new Date(now)));
  assert(repeats.shouldSay("problem", "a", new Date(now + 60_000)));
});
