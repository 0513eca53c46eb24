import { assertEquals, assertRejects } from "@std/assert";
import { UserError } from "../../../../lib/errors.ts";
import { readOverlay } from "../../../../lib/image/root/overlay.ts";
import { FakeHost } from "../../../support/fake_host.ts";

function host(): FakeHost {
  const fake = new FakeHost({ "/o/etc/motd": "hi", "/o/etc/.gitkeep": "" });
  // As a checkout under umask 077 has it.
  fake.put("/o/usr/bin/tool", "#!/bin/sh", 0o700);
  fake.nodes.get("/o/etc/motd")!.mode = 0o600;
  return fake;
}

Deno.test("readOverlay() takes only the executable bit from the checkout", async () => {
  const files = await readOverlay(host(), "/o");
  assertEquals(files.map(({ path, kind, mode }) => [path, kind, mode.toString(8)]), [
    ["etc", "directory", "755"],
    ["etc/motd", "file", "644"],
    ["usr", "directory", "755"],
    ["usr/bin", "directory", "755"],
    ["usr/bin/tool", "file", "755"],
  ]);
});

Deno.test("readOverlay() keeps links as links and applies permissions", async () => {
  const fake = host();
  await fake.symlink("../usr/bin/tool", "/o/etc/link");
  const files = await readOverlay(fake, "/o", {
    "etc/motd": { mode: "0640", group: "wheel" },
  });
  const motd = files.find(({ path }) => path === "etc/motd")!;
  assertEquals([motd.mode, motd.owner, motd.group], [0o640, "root", "wheel"]);
  assertEquals(files.find(({ kind }) => kind === "symlink")?.target, "../usr/bin/tool");
});

Deno.test("readOverlay() refuses permissions of a file that is not there", async () => {
  await assertRejects(
    () => readOverlay(host(), "/o", { "etc/moth": { mode: "0600" } }),
    UserError,
    "Cannot set permissions of etc/moth: /o has no such file, did you mean etc/motd?",
  );
});
