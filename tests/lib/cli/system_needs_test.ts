import { assertEquals } from "@std/assert";
import {
  BUILD_NEEDS,
  findProgram,
  missingNeeds,
  type Need,
} from "../../../lib/cli/system_needs.ts";
import { FakeHost } from "../../support/fake_host.ts";

const MINISIGN: Need = {
  package: "minisign",
  anyOf: ["minisign"],
  version: { args: ["-v"], pattern: /^minisign ([\d.]+)/, least: "0.10" },
};

const states = async (host: FakeHost, needs: readonly Need[]) =>
  (await missingNeeds(host, needs)).map(({ state }) => state);

Deno.test("missingNeeds() takes any of several files and looks beside PATH", async () => {
  const needs = [
    { package: "cpio", anyOf: ["cpio"] },
    { package: "ovmf", anyOf: ["/fw/A.fd", "/fw/B.fd"] },
  ];
  const host = new FakeHost();
  assertEquals(await states(host, needs), [
    "cpio is missing",
    "/fw/A.fd or /fw/B.fd is missing",
  ]);
  host.put("/fw/B.fd", "");
  host.put("/opt/x/cpio", "");
  assertEquals(await states(host, needs), ["cpio is missing"]);
  host.variables.set("PATH", "/opt/x");
  assertEquals(await states(host, needs), []);
  host.put("/usr/sbin/mke2fs", "");
  assertEquals(await findProgram(host, "mke2fs"), "/usr/sbin/mke2fs");
});

for (
  const [prints, state] of [
    ["minisign 0.11\n", undefined],
    ["minisign 0.10\n", undefined],
    ["minisign 1.0\n", undefined],
    ["minisign 0.9\n", "minisign 0.10 or later is needed, /usr/bin/minisign is 0.9"],
    ["minisign 0\n", "minisign 0.10 or later is needed, /usr/bin/minisign is 0"],
    [
      "BusyBox v1.35.0\n",
      "minisign 0.10 or later is needed, /usr/bin/minisign is not that of minisign",
    ],
  ] as const
) {
  Deno.test(`missingNeeds() judges a program that prints ${prints.trim()}`, async () => {
    const host = new FakeHost({ "/usr/bin/minisign": "" });
    host.programs.set("/usr/bin/minisign", () => prints);
    assertEquals(await states(host, [MINISIGN]), state === undefined ? [] : [state]);
  });
}

Deno.test("what images are built with is asked as the programs want it", async () => {
  const host = new FakeHost({ "/usr/bin/mksquashfs": "", "/sbin/mke2fs": "" });
  host.programs.set(
    "/usr/bin/mksquashfs",
    ([arg]) => arg === "-version" ? "mksquashfs version 4.5.1 (2022/03/17)\n" : { code: 1 },
  );
  host.programs.set("/sbin/mke2fs", ([arg]) => ({
    stderr: new TextEncoder().encode(arg === "-V" ? "mke2fs 1.47.0 (5-Feb-2023)\n" : ""),
  }));
  assertEquals(await states(host, BUILD_NEEDS), []);
});
