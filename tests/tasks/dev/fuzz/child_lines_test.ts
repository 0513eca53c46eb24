import { assertEquals } from "@std/assert";
import {
  type ChildLine,
  emptyTally,
  formatChildLine,
  parseChildLine,
} from "../../../../tasks/dev/fuzz/child_lines.ts";

Deno.test("parseChildLine() reads what formatChildLine() writes", () => {
  const lines: ChildLine[] = [
    { ready: true },
    { begins: 0 },
    { begins: 123_456 },
    { tally: { ...emptyTally(), cases: 3, accepted: 1, refused: { "": 1, hash: 1 }, last: "ü" } },
    { shown: { steps: ["a"], parts: [["input", "AAEC"]] } },
    { fault: { case: 5, kind: "threw", steps: ["a", "b"], detail: "x\ny" } },
  ];
  for (const line of lines) assertEquals(parseChildLine(formatChildLine(line).trimEnd()), line);
});

Deno.test("formatChildLine() cuts a detail that is long, and parseChildLine() skips what is cut", () => {
  const fault = { case: 1, kind: "wrong", steps: [], detail: "x".repeat(100_000) };
  const line = formatChildLine({ fault });
  assertEquals(line.length < 5000, true);
  for (const odd of ["", "-1", "1.5", "{", line.slice(0, 100), "{}", '{"tally":{}}', "null"]) {
    assertEquals(parseChildLine(odd), undefined, odd);
  }
});
