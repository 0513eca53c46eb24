/**
 * Volumes with the real tools, from an empty disk on: made, their key changed, unmounted at the end, found again by the next
 * boot; and a node without its disk, which does the rest and writes nothing in its place.
 */
import { assertEquals, assertMatch } from "@std/assert";
import type { Status } from "../../lib/documents/status.ts";
import { differences } from "../../lib/lab/verdict.ts";
import type { World } from "../../lib/lab/world.ts";
import { needTool } from "../support/tools.ts";
import {
  brokenLines,
  demandsNow,
  DIRECT_MS,
  host,
  NEEDS,
  REACTION_MS,
  withWorld,
} from "./support.ts";

const OLD_KEY = "b2xkLW9sZC1vbGQtb2xkLW9sZC1vbGQtb2xkLW9sZC0=";
const NEW_KEY = "bmV3LW5ldy1uZXctbmV3LW5ldy1uZXctbmV3LW5ldy0=";
/** Holds something else, which may go. */
const FOREIGN = "foreign file system";

/** What the node's own file says of its storage; `luks` is YAML. */
const told = (luks: string, script: string) => `
  storage:
    volumes:
      data: {disk: {serial: DATA}, mount: /data, options: [noatime], luks: ${luks}}
      plain: {disk: {serial: PLAIN}, mount: /srv/plain, wipe: swap}
    mounts:
      /var/lib/app: {bind: /data/app}
    swap:
      files: {/srv/plain/swap: {sizeMiB: 16}}
  files:
    /data/conf/app.conf: {content: "on the volume\\n"}
  scripts:
    look:
      when: change
      run: |
        #!/bin/sh
        set -eux
${script.trim().replaceAll(/^/gm, "        ")}
`;

const MADE = `
cryptsetup status psyopsos-data | grep 'type: *LUKS2'
grep ' /data .*noatime.* - ext4 /dev/mapper/psyopsos-data ' /proc/self/mountinfo
grep ' /var/lib/app ' /proc/self/mountinfo
grep '^/srv/plain/swap ' /proc/swaps
grep '^/dev/zram0 ' /proc/swaps
echo precious >/var/lib/app/proof
echo precious >/srv/plain/proof
! ps -o args | grep -q '[${OLD_KEY[0]}]${OLD_KEY.slice(1)}'
`;
/** Nothing is where the disk is missing. */
const BENEATH = `
! grep ' /data ' /proc/self/mountinfo
[ -z "$(find /data /var/lib/app -mindepth 1 2>/dev/null)" ]
`;
const THERE = `
grep precious /data/app/proof
grep precious /srv/plain/proof
grep 'on the volume' /data/conf/app.conf
`;
const OFF = `
(sleep 2; poweroff) >/dev/null 2>&1 </dev/null &
`;

/** Replaces what the node's file says of all this below `private`; the rest of it is as the lab made it. */
async function configure(world: World, lines: string): Promise<number> {
  const file = `${world.dirs.nodes}/alpha.yaml`;
  const before = await host.readTextFile(file);
  const [front] = before.split("private:\n");
  const [report] = /^ {2}report:\n.*\n/m.exec(before)!;
  const [secret] = /^ {4}\/etc\/psyopsos-lab\/secret:\n(?: {6}.*\n)+/m.exec(before)!;
  const own = lines.replace("  files:\n", `  files:\n${secret}`);
  await host.writeFile(file, `${front}private:${own}${report}`);
  return await world.makeSite();
}

Deno.test({
  name: "volumes are made, get new keys, outlast a boot, and are waited for by what lies on them",
  ...NEEDS,
  ...needTool("cryptsetup", "dumpe2fs", "mkswap"),
  fn: () =>
    withWorld("storage", ["alpha"], async (world) => {
      const disks = {
        DATA: "build/tests/storage/data.img",
        PLAIN: "build/tests/storage/plain.img",
      };
      for (const file of Object.values(disks)) {
        await host.writeExtents(file, 128 << 20, []);
      }
      await program("mkswap", "--label", FOREIGN.slice(0, 15), disks.PLAIN);
      const boot = (unplugged: boolean) => {
        world.server.forget("alpha");
        const drives = Object.entries(disks).map(([serial, file]) => ({
          id: serial.toLowerCase(),
          file,
          bus: "virtio" as const,
          serial,
          unplugged: unplugged && serial === "DATA",
        }));
        return world.boot("alpha", { via: "kernel", drives });
      };
      const all = async (serial: number, timeoutMs: number) => {
        const demands = await demandsNow(world, "alpha", serial);
        return await world.server.waitForStatus(
          "alpha",
          (status) => differences(status, demands).length === 0,
          timeoutMs,
        );
      };

      {
        const first = await configure(world, told(`{key: ${OLD_KEY}}`, MADE));
        await using machine = await boot(false);
        await all(first, DIRECT_MS);
        const keys = `{key: ${NEW_KEY}, oldKeys: {first: ${OLD_KEY}}}`;
        await all(await configure(world, told(keys, THERE)), REACTION_MS);
        assertEquals(brokenLines(machine), []);
        await configure(world, told(keys, OFF));
        await machine.off(REACTION_MS);
        const stop = machine.console.lines.map(({ text }) => text).join("\n");
        assertMatch(stop, /Unmounting volumes[^]*\[ ok \]/);
      }
      // Judged by the tools of this machine.
      assertEquals(await opens(disks.DATA, OLD_KEY), false);
      assertEquals(await opens(disks.DATA, NEW_KEY), true);
      const header = await program("dumpe2fs", "-h", disks.PLAIN);
      assertMatch(header, /Filesystem state: +clean/);
      assertEquals(header.includes("needs_recovery"), false);

      {
        const second = await configure(world, told(`{key: ${NEW_KEY}}`, BENEATH));
        await using machine = await boot(true);
        const demands = await demandsNow(world, "alpha", second);
        const status: Status = await world.server.waitForStatus(
          "alpha",
          (status) => status.serial === second && status.problem !== undefined,
          DIRECT_MS,
        );
        assertEquals(differences(status, demands).filter((one) => !/phase|problem/.test(one)), [
          'volume data is "missing", must be "mounted"',
          'mount /var/lib/app is "missing", must be "mounted"',
          "directory /data/app is missing",
          "file /data/conf/app.conf is missing",
        ]);
        await machine.plug("data");
        await all(await configure(world, told(`{key: ${NEW_KEY}}`, THERE)), REACTION_MS);
        assertEquals(brokenLines(machine), []);
      }
    }),
});

async function program(name: string, ...args: string[]): Promise<string> {
  const result = await host.run([name, ...args]);
  assertEquals(result.code, 0, new TextDecoder().decode(result.stderr));
  return new TextDecoder().decode(result.stdout);
}

/** Whether a key opens the LUKS header of an image. */
async function opens(file: string, key: string): Promise<boolean> {
  const command = ["cryptsetup", "open", "--test-passphrase", "--key-file", "-", file];
  return (await host.run(command, { stdin: key })).code === 0;
}
