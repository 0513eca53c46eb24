import { assertEquals } from "@std/assert";
import { CLOCK, later, whyExpired } from "../../lib/known_time.ts";

const at = (ms: number, from = CLOCK) => ({ ms, from });

Deno.test("later() gives the later of two times, and the first where there is no other", () => {
  assertEquals(later(at(1), undefined), at(1));
  assertEquals(later(at(1), at(2, "the record")), at(2, "the record"));
  assertEquals(later(at(2), at(1, "the record")), at(2));
});

Deno.test("nothing counts as fresh by a time that is damaged, wherever it comes from", () => {
  for (const now of [later(at(NaN), at(1)), later(at(1), at(NaN)), at(NaN), at(Infinity)]) {
    const why = whyExpired("2026-11-22T20:00:00Z", now);
    assertEquals(
      why,
      "it expired at 2026-11-22T20:00:00Z, and it is no time at all by the clock",
    );
  }
});
