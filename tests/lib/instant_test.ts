import { assert, assertEquals, assertFalse } from "@std/assert";
import { formatInstant, isInstant } from "../../lib/instant.ts";

Deno.test("formatInstant() drops the milliseconds", () => {
  assertEquals(formatInstant(new Date(1_999)), "1970-01-01T00:00:01Z");
  assert(isInstant("1970-01-01T00:00:01Z"));
  assertFalse(isInstant("1970-01-01T24:00:00Z"));
});
