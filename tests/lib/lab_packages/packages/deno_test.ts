import { assertEquals, assertRejects } from "@std/assert";
import { UserError } from "../../../../lib/errors.ts";
import { denoProgram } from "../../../../lib/lab_packages/packages/deno.ts";
import { FakeHost } from "../../../support/fake_host.ts";

const running = { path: "/opt/deno", version: "2.9.6" };

Deno.test("denoProgram() does not take a running deno that is another build", async () => {
  const host = new FakeHost({ "/opt/deno": "#!/bin/sh\n" });
  host.programs.set(
    "/opt/deno",
    () => ({ code: 1, stderr: new TextEncoder().encode("offline\n") }),
  );
  const error = await assertRejects(
    () => denoProgram(host, { arch: "x86_64", dir: "/cache", running, version: "2.9.6" }),
    UserError,
  );
  assertEquals(
    error.message,
    "Cannot build package deno: npm package @deno/linux-x64-glibc@2.9.6: offline",
  );
  assertEquals(host.log.filter((line) => line.startsWith("run ")), [
    "run /opt/deno cache --quiet --no-config --no-lock npm:@deno/linux-x64-glibc@2.9.6",
  ]);
});

Deno.test("denoProgram() refuses an architecture that upstream has no glibc build for", async () => {
  await assertRejects(
    () =>
      denoProgram(new FakeHost(), { arch: "riscv64", dir: "/cache", running, version: "2.9.6" }),
    UserError,
    "there is no build for riscv64",
  );
});
