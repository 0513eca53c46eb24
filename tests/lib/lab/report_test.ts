import { assertEquals } from "@std/assert";
import type { LabImage } from "../../../lib/lab/image.ts";
import type { NodeResult } from "../../../lib/lab/lab.ts";
import { labReport, labSummary, labTable } from "../../../lib/lab/report.ts";

const RESULTS: NodeResult[] = [
  {
    name: "lab-1",
    ok: true,
    differences: [],
    reached: { firmware: 3.5, kernel: 5, agent: 20, network: 21, verified: 22, applied: 24.04 },
    consoleLog: "w/console.log",
  },
  { name: "lab-22", ok: false, differences: ["x"], reached: {}, consoleLog: "w/console.log" },
];

Deno.test("labTable() has a row per node and a dash for what was not reached", () => {
  const [, first, second] = labTable(RESULTS);
  assertEquals(
    first?.split(/ {2,}/),
    [
      "lab-1",
      "3.5 s",
      "5.0 s",
      "20.0 s",
      "21.0 s",
      "22.0 s",
      "24.0 s",
      "-",
      "-",
      "-",
      "as demanded",
    ],
  );
  assertEquals(second?.split(/ {2,}/), ["lab-22", ...Array(9).fill("-"), "NOT as demanded"]);
});

Deno.test("labSummary() names what is wrong and where to look, and counts", () => {
  const facts = { imageSeconds: 1.26, total: 30.01 };
  assertEquals(labSummary(RESULTS, facts).slice(4), [
    "",
    "lab-22 is not what its site demands (console: w/console.log):",
    "  x",
    "",
    "1 of 2 configured; 30.0 s in all, 1.3 s of it for the image",
  ]);
  const last = labSummary(RESULTS.slice(0, 1), facts).at(-1);
  assertEquals(last?.startsWith("1 of 1 configured"), true);
});

Deno.test("labReport() is JSON that says whether all is well", () => {
  const sizes = { kernel: 1, initrd: 2, squashfs: 3, disk: 4 };
  const image = { version: "1", packages: "lab", reused: false, sizes } as LabImage;
  const report = JSON.parse(labReport(RESULTS, { image, imageSeconds: 1.26, total: 30.01 }));
  assertEquals([report.ok, report.seconds], [false, { total: 30, image: 1.3 }]);
  assertEquals(report.nodes, RESULTS);
  const good = labReport(RESULTS.slice(0, 1), { image, imageSeconds: 1, total: 2 });
  assertEquals(JSON.parse(good).ok, true);
  assertEquals(report.image, { version: "1", packages: "lab", reused: false, sizes });
});
