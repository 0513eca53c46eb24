/** Nothing of the OS is read from the boot medium after boot: it is pulled out, and the node goes on working. */
import { assertEquals } from "@std/assert";
import type { Machine } from "../../lib/lab/machine.ts";
import { differences } from "../../lib/lab/verdict.ts";
import { BOOT_TIMEOUT_MS, type World } from "../../lib/lab/world.ts";
import { brokenLines, demandsNow, host, NEEDS, REACTION_MS, withWorld } from "./support.ts";

/** The guest lets a disk go within seconds; reading every file of the OS takes it about half a minute. */
const UNPLUG_MS = 60_000;
const READ_ALL_MS = 240_000;

/** Reads every byte of the OS, with nothing left in a cache; its exit code says how it went. */
const READ_ALL = `
  scripts:
    read-everything:
      run: |
        #!/bin/sh
        set -eu
        echo 3 > /proc/sys/vm/drop_caches
        find / -xdev -type f -exec cat {} + > /dev/null
`;

async function goesOnWithoutDisk(world: World, machine: Machine): Promise<void> {
  const first = await world.makeSite();
  await machine.event("configured", { serial: String(first) }, { timeoutMs: BOOT_TIMEOUT_MS });
  await machine.unplug("disk", UNPLUG_MS);

  const file = `${world.dirs.nodes}/alpha.yaml`;
  const before = await host.readTextFile(file);
  await host.writeFile(file, before.replace("\nconfig:\n", `\nconfig:${READ_ALL}`));
  const serial = await world.makeSite();
  const demands = await demandsNow(world, "alpha", serial);
  await world.server.waitForStatus(
    "alpha",
    (status) => differences(status, demands).length === 0,
    READ_ALL_MS,
  );
  await machine.event("configured", { serial: String(serial) }, { timeoutMs: REACTION_MS });
  const complaints = machine.console.lines.filter(({ text }) =>
    /I\/O error|SQUASHFS error/.test(text)
  );
  assertEquals(complaints, []);
  assertEquals(brokenLines(machine), []);
}

Deno.test({
  name: "a node goes on working when its boot disk is pulled out",
  ...NEEDS,
  fn: () =>
    withWorld("unplug", ["alpha"], async (world) => {
      await using machine = await world.boot("alpha");
      await goesOnWithoutDisk(world, machine);
    }),
});

Deno.test({
  name:
    "the generic kernel boots from a USB disk, finds its USB identity drive, and goes on without the disk",
  ...NEEDS,
  fn: () =>
    withWorld("usb", ["alpha"], async (world) => {
      await using machine = await world.boot("alpha", { bus: "usb" });
      await goesOnWithoutDisk(world, machine);
    }, "lts"),
});
