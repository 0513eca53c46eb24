import { assertEquals } from "@std/assert";
import {
  addCounts,
  isGreen,
  noMatchLine,
  readSummary,
  summaryLine,
} from "../../../../tasks/dev/gate/test_summary.ts";

Deno.test("readSummary() reads deno's last line with steps and ignored tests", () => {
  const output = "a ... ok\n\nok | 12 passed (3 steps) | 0 failed | 1 ignored (11ms)\n\n";
  assertEquals(readSummary(output, 0), { passed: 12, failed: 0, skipped: 1 });
  assertEquals(readSummary("FAILED | 2 passed | 1 failed (1m)\n", 1), {
    passed: 2,
    failed: 1,
    skipped: 0,
  });
});

Deno.test("readSummary() counts a run that broke without a summary as a failure", () => {
  assertEquals(readSummary("error: no such file\n", 1).failed, 1);
  assertEquals(readSummary("", 0).failed, 1);
  assertEquals(readSummary("ok | 3 passed | 0 failed (1ms)\n", 1).failed, 1);
});

Deno.test("isGreen() refuses zero tests, and skipped ones in CI", () => {
  assertEquals(isGreen(addCounts([]), false), false);
  assertEquals(isGreen({ passed: 1, failed: 0, skipped: 1 }, false), true);
  assertEquals(isGreen({ passed: 1, failed: 0, skipped: 1 }, true), false);
  assertEquals(isGreen({ passed: 1, failed: 1, skipped: 0 }, false), false);
});

Deno.test("noMatchLine() speaks only of a filter that left nothing", () => {
  const none = readSummary("ok | 0 passed | 0 failed | 33 filtered out (9ms)\n", 0);
  assertEquals(noMatchLine(none, "zebra"), "no test's name contains zebra");
  assertEquals(noMatchLine(none, undefined), undefined);
  assertEquals(noMatchLine({ ...none, skipped: 1 }, "zebra"), undefined);
  assertEquals(noMatchLine({ ...none, failed: 1 }, "zebra"), undefined);
});

Deno.test("summaryLine() is the form CI reads", () => {
  const sum = addCounts([{ passed: 1, failed: 0, skipped: 2 }, {
    passed: 3,
    failed: 1,
    skipped: 0,
  }]);
  assertEquals(summaryLine(sum), "deno: 4 passed, 1 failed, 2 skipped");
});
