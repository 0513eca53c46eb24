import { assertEquals, assertRejects } from "@std/assert";
import { utf8 } from "../../../lib/bytes.ts";
import { AptBusyError } from "../../../lib/cli/apt.ts";
import { ensurePackages } from "../../../lib/cli/system_packages.ts";
import { EXIT, UserError } from "../../../lib/errors.ts";
import { FakeHost } from "../../support/fake_host.ts";

const NEEDS = [
  { package: "squashfs-tools", anyOf: ["mksquashfs"] },
  { package: "ovmf", anyOf: ["/fw/A.fd", "/fw/B.fd"] },
];
const FILES: Record<string, string> = { "squashfs-tools": "/usr/bin/mksquashfs", ovmf: "/fw/A.fd" };

/** A Debian whose apt-get installs what it is told. */
function debian(uid: string): FakeHost {
  const host = new FakeHost({ "/usr/bin/apt-get": "", "/var/lib/apt/lists/x_Packages": "" });
  host.programs.set("id", () => `${uid}\n`);
  host.programs.set("apt-get", (args) => {
    for (const name of args) if (FILES[name]) host.put(FILES[name]!, "");
    return "";
  });
  return host;
}

const apts = ({ log }: FakeHost) =>
  log.filter((line) => line.startsWith("run apt-get")).map((line) =>
    line.replace("run apt-get -y -q -o DPkg::Lock::Timeout=0 ", "")
  );

Deno.test("ensurePackages() installs as root what is missing and nothing else", async () => {
  const host = debian("0");
  host.put("/fw/A.fd", "");
  await ensurePackages(host, NEEDS);
  assertEquals(apts(host), ["install --no-install-recommends squashfs-tools"]);
});

Deno.test("ensurePackages() reads old lists again once", async () => {
  const host = debian("0");
  const install = host.programs.get("apt-get")!;
  let tries = 0;
  host.programs.set(
    "apt-get",
    (args, options) =>
      args.includes("install") && tries++ === 0 ? { code: 100 } : install(args, options),
  );
  await ensurePackages(host, NEEDS);
  assertEquals(apts(host).map((line) => line.split(" ")[0]), ["install", "update", "install"]);
});

Deno.test("ensurePackages() does not read lists again when apt was busy", async () => {
  const host = debian("0");
  const held = "E: Could not get lock /var/lib/dpkg/lock. It is held by process 1 (dpkg)";
  host.programs.set("apt-get", () => ({ code: 100, stderr: utf8(held) }));
  await assertRejects(() => ensurePackages(host, NEEDS), AptBusyError);
  assertEquals(apts(host).filter((line) => line.includes("update")), []);
});

Deno.test("ensurePackages() says what is still missing when apt had nothing better", async () => {
  const host = debian("0");
  host.put("/fw/A.fd", "");
  host.put("/usr/bin/mksquashfs", "");
  host.programs.set("/usr/bin/mksquashfs", () => "mksquashfs version 4.3\n");
  const version = { args: ["-version"], pattern: /version ([\d.]+)/, least: "4.4" };
  const error = await assertRejects(
    () => ensurePackages(host, [{ ...NEEDS[0]!, version }]),
    UserError,
    "Cannot go on: mksquashfs 4.4 or later is needed, /usr/bin/mksquashfs is 4.3",
  );
  assertEquals(
    [error.exitCode, error.hint],
    [EXIT.missing, "apt installed what it has of squashfs-tools"],
  );
});

Deno.test("ensurePackages() gives another user one line to copy", async () => {
  const error = await assertRejects(() => ensurePackages(debian("1000"), NEEDS), UserError);
  assertEquals(
    error.message,
    "Cannot go on: mksquashfs is missing; /fw/A.fd or /fw/B.fd is missing",
  );
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
    host.programs.set("apt-get", () => {
      host.put("/usr/bin/docker", "");
      return "";
    });
    host.programs.set("apt-cache", (args) => args.includes(known!) ? "" : { code: 100 });
    await ensurePackages(host, [{ package: "docker-cli|docker.io", anyOf: ["docker"] }]);
    assertEquals(apts(host), [`install --no-install-recommends ${expected}`]);
  }
});
