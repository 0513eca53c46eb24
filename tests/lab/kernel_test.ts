/**
 * The kernel's settings from boot to boot, with the real tools: drivers get their parameters before they are loaded, settings
 * that cut a node off are gone at the boot after, and what is plugged in later gets its driver.
 */
import { assertEquals } from "@std/assert";
import type { Status } from "../../lib/documents/status.ts";
import type { Machine } from "../../lib/lab/machine.ts";
import { differences } from "../../lib/lab/verdict.ts";
import type { World } from "../../lib/lab/world.ts";
import {
  brokenLines,
  demandsNow,
  DIRECT_MS,
  host,
  NEEDS,
  REACTION_MS,
  withWorld,
} from "./support.ts";

/** The driver of the lab's network card has parameters that can't change while it runs. */
const PARAMETER = "kernel: {modules: {virtio_net: {parameters: {gso: 0}}}}";
const CUTTING = "kernel: {modules: {virtio_net: null}, blacklist: {virtio_net: true}}";

/** Run on the node: its exit code tells whether the disk, its drivers and its node's owner and mode are as they must be. */
const PLUGGED = `
  scripts:
    plugged:
      run: |
        #!/bin/sh
        for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do [ -b /dev/sda ] && break; sleep 1; done
        set -eux
        [ "$(stat -c '%a %u %g' /dev/sda)" = '600 0 0' ]
        [ "$(stat -c '%a %u %g' /dev/null)" = '666 0 0' ]
        grep '^virtio_scsi ' /proc/modules
        grep '^sd_mod ' /proc/modules
        [ "$(head -c 9 /dev/sda)" = 'late disk' ]
`;

/** Replaces what the node's own file says of its \`config\`, the host name aside. */
async function configure(world: World, lines: string): Promise<number> {
  const file = `${world.dirs.nodes}/alpha.yaml`;
  const before = await host.readTextFile(file);
  const kept = before.replace(/\nconfig:\n[^]*?(?=\n {2}hostname:)/, "\nconfig:");
  await host.writeFile(file, kept.replace("\nconfig:", `\nconfig:\n  ${lines.trim()}`));
  return await world.makeSite();
}

/** Waits for a status of this publication that complains of nothing but what \`expected\` names. */
async function waitFor(
  world: World,
  serial: number,
  problem: RegExp | undefined,
  timeoutMs: number,
): Promise<Status> {
  const demands = await demandsNow(world, "alpha", serial);
  return await world.server.waitForStatus(
    "alpha",
    (status) =>
      status.serial === serial &&
      (problem
        ? problem.test(status.problem?.message ?? "")
        : differences(status, demands).length === 0),
    timeoutMs,
  );
}

Deno.test({
  name:
    "a node's kernel settings hold before drivers are loaded, none of them can cut it off twice, and disks can come later",
  ...NEEDS,
  fn: () =>
    withWorld("kernel", ["alpha"], async (world) => {
      const late = "build/tests/kernel/late.img";
      const data = new Uint8Array(1 << 20);
      data.set(new TextEncoder().encode("late disk"));
      await host.writeFile(late, data);
      const drives = [{ id: "late", file: late, bus: "virtio", unplugged: true }] as const;
      const boot = () => {
        world.server.forget("alpha");
        return world.boot("alpha", { via: "kernel", drives });
      };

      const first = await configure(world, PARAMETER);
      {
        await using machine = await boot();
        await waitFor(world, first, /gso of the module virtio_net: .*: needs a reboot$/, DIRECT_MS);
        assertEquals(brokenLines(machine), []);
      }

      // The driver is loaded with it now; a disk comes after everything.
      const second = await configure(world, `${PARAMETER}${PLUGGED}`);
      let third: number;
      {
        await using machine = await boot();
        await plugLate(machine);
        await waitFor(world, second, undefined, DIRECT_MS);
        third = await configure(world, CUTTING);
        await waitFor(
          world,
          third,
          /leave the driver virtio_net alone: .*: needs a reboot$/,
          REACTION_MS,
        );
        assertEquals(brokenLines(machine), []);
      }

      // A boot without the driver of its only card; the one after has it again.
      {
        await using machine = await boot();
        await machine.event("degraded", { check: "network" }, { timeoutMs: DIRECT_MS });
        assertEquals(world.server.status("alpha"), undefined);
      }
      {
        await using _machine = await boot();
        await waitFor(
          world,
          third,
          /virtio_net alone: .*: no site answered in the boot that tried it/,
          DIRECT_MS,
        );
      }
    }),
});

/** Puts a disk behind a controller of its own, both of which the node has no driver for until then. */
async function plugLate(machine: Machine): Promise<void> {
  await machine.event("network", {}, { timeoutMs: DIRECT_MS });
  const qmp = await machine.qmp();
  await qmp.execute("device_add", { driver: "virtio-scsi-pci", id: "scsi", bus: "port-late" });
  await qmp.execute("device_add", {
    driver: "scsi-hd",
    id: "late",
    bus: "scsi.0",
    drive: "late-file",
  });
}
