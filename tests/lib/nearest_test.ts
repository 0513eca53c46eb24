import { assertEquals } from "@std/assert";
import { nearest } from "../../lib/nearest.ts";

for (
  const [word, known, near] of [
    ["hostnam", ["users", "hostname"], "hostname"],
    ["HOSTNAME", ["hostname"], "hostname"],
    ["lba", ["lab", "laba"], "lab"],
    ["fiels", ["files", "field"], "files"],
    ["wholly-different", ["hostname", "users"], undefined],
    ["", ["a", "b"], undefined],
    ["x", [], undefined],
    ["a".repeat(100_000), ["a".repeat(64), "b"], "a".repeat(64)],
  ] as const
) {
  Deno.test(`nearest() finds ${near?.slice(0, 12)} for ${word.slice(0, 12)}`, () => {
    assertEquals(nearest(word, known), near);
  });
}
