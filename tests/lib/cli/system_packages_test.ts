import { assertEquals, assertRejects } from "@std/assert";
import { EXIT, UserError } from "../../../lib/errors.ts";
import { ensurePackages, findProgram, missingPackages } from "../../../lib/cli/system_packages.ts";
import { FakeHost } from "../../support/fake_host.ts";

const NEEDS = [
  { package: "squashfs-tools", anyOf: ["mksquashfs"] },
  { package: "ovmf", anyOf: ["/fw/A.fd", "/fw/B.fd"] },
];

function debian(uid: string): FakeHost {
  const host = new FakeHost({ "/usr/bin/apt-get": "", "/var/lib/apt/lists/x_Packages": "" });
  host.programs.set("id", () => `${uid}\n`);
  return host;
}

Deno.test("missingPackages() takes any of several files and looks beside PATH", async () => {
  const host = new FakeHost({ "/fw/B.fd": "", "/opt/x/mksquashfs": "" });
  assertEquals(await missingPackages(host, NEEDS), ["squashfs-tools"]);
  host.variables.set("PATH", "/opt/x");
  assertEquals(await missingPackages(host, NEEDS), []);
  host.put("/usr/sbin/mke2fs", "");
  assertEquals(await findProgram(host, "mke2fs"), "/usr/sbin/mke2fs");
});

Deno.test("ensurePackages() installs as root what is missing and nothing else", async () => {
  const host = debian("0");
  host.put("/fw/A.fd", "");
  host.programs.set("apt-get", () => "");
  await ensurePackages(host, NEEDS);
  assertEquals(host.log.filter((line) => line.startsWith("run apt-get")), [
    "run apt-get -y -q install --no-install-recommends squashfs-tools",
  ]);
});

Deno.test("ensurePackages() reads old lists again once", async () => {
  const host = debian("0");
  let tries = 0;
  host.programs.set(
    "apt-get",
    (args) => args.includes("install") && tries++ === 0 ? { code: 100 } : "",
  );
  await ensurePackages(host, NEEDS);
  assertEquals(host.log.filter((line) => line.startsWith("run apt-get")).length, 3);
});

Deno.test("ensurePackages() gives another user one line to copy", async () => {
  const error = await assertRejects(() => ensurePackages(debian("1000"), NEEDS), UserError);
  assertEquals(error.exitCode, EXIT.missing);
  assertEquals(
    error.hint,
    "sudo apt-get update && sudo apt-get install -y --no-install-recommends squashfs-tools ovmf",
  );
});

Deno.test("ensurePackages() is silent when all is there", async () => {
  const host = new FakeHost({ "/fw/A.fd": "", "/usr/bin/mksquashfs": "" });
  await ensurePackages(host, NEEDS);
  assertEquals(host.log, []);
});

Deno.test("ensurePackages() takes the first of several packages that this release has", async () => {
  for (const [known, expected] of [["docker-cli", "docker-cli"], ["", "docker.io"]]) {
    const host = debian("0");
    host.programs.set("apt-get", () => "");
    host.programs.set("apt-cache", (args) => args.includes(known!) ? "" : { code: 100 });
    await ensurePackages(host, [{ package: "docker-cli|docker.io", anyOf: ["docker"] }]);
    assertEquals(host.log.at(-1)!.split(" ").at(-1), expected);
  }
});
