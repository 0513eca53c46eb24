import { assertEquals } from "@std/assert";
import type { LabImage } from "../../../lib/lab/image.ts";
import type { NodeResult } from "../../../lib/lab/lab.ts";
import { labReport, labTable } from "../../../lib/lab/report.ts";

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
  assertEquals(second?.startsWith("lab-22  -"), true);
  assertEquals(second?.endsWith("NOT as demanded"), true);
});

Deno.test("labReport() is JSON that says whether all is well", () => {
  const sizes = { kernel: 1, initrd: 2, squashfs: 3, disk: 4 };
  const image = { version: "1", packages: "lab", reused: false, sizes } as LabImage;
  const report = JSON.parse(labReport(RESULTS, { image, imageSeconds: 1.26, total: 30.01 }));
  assertEquals([report.ok, report.seconds], [false, { total: 30, image: 1.3 }]);
  assertEquals(report.image, { version: "1", packages: "lab", reused: false, sizes });
});
