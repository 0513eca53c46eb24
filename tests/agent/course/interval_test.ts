import { assertEquals } from "@std/assert";
import { checkDelay, retryDelay } from "../../../agent/course/interval.ts";

Deno.test("retryDelay() doubles up to the bound and takes off up to a half", () => {
  const full = 0.999999;
  assertEquals([1, 2, 3, 7, 8, 99].map((n) => Math.round(retryDelay(n, 300, full) / 1000)), [
    4,
    8,
    16,
    256,
    300,
    300,
  ]);
  assertEquals(retryDelay(1, 300, 0), 2000);
  assertEquals(retryDelay(99, 5, 0), 2500, "a node that checks often also retries often");
});

Deno.test("checkDelay() stays within a tenth", () => {
  assertEquals([0, 0.5, 0.9999].map((r) => Math.round(checkDelay(300, r) / 1000)), [
    270,
    300,
    330,
  ]);
});
