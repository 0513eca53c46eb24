import { assertEquals } from "@std/assert";
import { emptyTally } from "../../../../tasks/dev/fuzz/child_lines.ts";
import { Findings, MAX_ENDS, MAX_FAULTS } from "../../../../tasks/dev/fuzz/report.ts";

const seen = (number: number, detail: string, kind = "threw") => {
  return { case: number, kind, steps: ["a step"], detail };
};
const at = (place: string) => `TypeError: x is undefined\n    at ${place}`;

Deno.test("Findings add up what children tell", () => {
  const findings = new Findings(7, ["tar", "sites"]);
  const tally = { ...emptyTally(), cases: 10, accepted: 4, busyMs: 5, slowestMs: 2 };
  findings.addTally("tar", { ...tally, refused: { "": 6 } });
  findings.addTally("tar", { ...tally, refused: { "": 1, hash: 5 }, slowestMs: 1 });
  const { targets, cases, seed, seconds } = findings.report(3);
  assertEquals([cases, seed, seconds], [20, 7, 3]);
  assertEquals(targets.tar, {
    cases: 20,
    perSecond: 2000,
    accepted: 8,
    refused: 12,
    checks: { hash: 5 },
    faults: 0,
    skipped: 0,
    slowestMs: 2,
  });
  assertEquals(targets.sites!.cases, 0);
});

Deno.test("Findings keep the first of faults that are the same, and count the others", () => {
  const findings = new Findings(7, ["tar", "ar"]);
  assertEquals(findings.addFault("tar", seen(1, at("one.ts:1")))?.case, 1);
  assertEquals(findings.addFault("tar", seen(2, at("one.ts:1"))), undefined);
  assertEquals(findings.addFault("tar", seen(3, at("two.ts:9")))?.case, 3);
  assertEquals(findings.addFault("ar", seen(4, at("one.ts:1")))?.case, 4);
  assertEquals(findings.addFault("ar", seen(5, "it believes: 17", "wrong"))?.case, 5);
  assertEquals(findings.addFault("ar", seen(6, "it believes: 18", "wrong")), undefined);
  assertEquals(findings.faults.map((fault) => [fault.target, fault.case, fault.count]), [
    ["tar", 1, 2],
    ["tar", 3, 1],
    ["ar", 4, 1],
    ["ar", 5, 2],
  ]);
  assertEquals(findings.report(1).targets.ar!.faults, 3);
});

Deno.test("Findings keep a bounded number of faults, and give up a target that loses its children", () => {
  const findings = new Findings(7, ["tar"]);
  for (let i = 0; i < 100; i++) findings.addFault("tar", seen(i, at(`file.ts:${i}`)));
  assertEquals(findings.faults.length, MAX_FAULTS);
  const lost = new Findings(7, ["tar"]);
  for (let i = 0; i < MAX_ENDS; i++) {
    assertEquals(lost.isLost("tar"), false);
    const end = { kind: "hang", detail: "no sign of life for 10 s" } as const;
    assertEquals(lost.addEnd("tar", end, { number: i, untold: 5, steps: [] })?.kind, "hang");
  }
  assertEquals([lost.isLost("tar"), lost.cases], [true, 6 * MAX_ENDS]);
  lost.skip("tar", 90);
  assertEquals(lost.report(1).targets.tar!.skipped, 90);
});
