import { assertEquals, assertRejects } from "@std/assert";
import { UserError } from "../../../lib/errors.ts";
import { findAccelerator, findFirmware } from "../../../lib/lab/firmware.ts";
import { FakeHost } from "../../support/fake_host.ts";

Deno.test("findFirmware() takes code and variables that belong together", async () => {
  const host = new FakeHost({ "/usr/share/OVMF/OVMF_CODE_4M.fd": "" });
  await assertRejects(() => findFirmware(host), UserError, "no UEFI firmware");
  host.put("/usr/share/OVMF/OVMF_CODE.fd", "");
  host.put("/usr/share/OVMF/OVMF_VARS.fd", "");
  assertEquals((await findFirmware(host)).code, "/usr/share/OVMF/OVMF_CODE.fd");
});

Deno.test("findAccelerator() trusts KVM only when it gives a plain CPU", async () => {
  const host = new FakeHost();
  assertEquals(await findAccelerator(host), "tcg");
  host.programs.set("grep", () => "");
  assertEquals(await findAccelerator(host), "tcg");
  host.programs.set("qemu-system-x86_64", () => "");
  assertEquals(await findAccelerator(host), "kvm");
  host.programs.set("qemu-system-x86_64", () => ({ code: 1 }));
  assertEquals(await findAccelerator(host), "tcg");
  host.programs.set("qemu-system-x86_64", () => "");
  host.programs.set("grep", () => ({ code: 1 }));
  assertEquals(await findAccelerator(host), "tcg");
});
