/** What a node says when something is missing or broken: one clear line each, no stack trace, and it keeps trying. */
import { assert, assertEquals } from "@std/assert";
import { utf8 } from "../../lib/bytes.ts";
import type { DriveFile } from "../../lib/documents/drive.ts";
import type { Status } from "../../lib/documents/status.ts";
import { makeIdentityDrive } from "../../lib/identity/make_drive.ts";
import { labHostname } from "../../lib/lab/fleet_files.ts";
import type { Machine } from "../../lib/lab/machine.ts";
import { differences } from "../../lib/lab/verdict.ts";
import {
  brokenLines,
  demandsNow,
  DIRECT_MS,
  host,
  NEEDS,
  REACTION_MS,
  withWorld,
} from "./support.ts";

/** Must never be seen on a console or in a status. */
const SECRET_TEXT = "AGE-SECRET-KEY-1NOTAKEYBUTASECRETALLTHESAME";

/** Lines in which the agent speaks of one kind of trouble. */
function said(machine: Machine, text: string): string[] {
  return machine.console.lines.map((line) => line.text).filter((line) => line.includes(text));
}

Deno.test({
  name:
    "a node without a drive, with an empty one, with an unreadable key says so and takes the right one",
  ...NEEDS,
  fn: () =>
    withWorld("drives", ["alpha"], async (world) => {
      const file = (data: string, mode = 0o644): DriveFile => ({ data: utf8(data), mode });
      const empty = `${world.dirs.drives}/empty.img`;
      await makeIdentityDrive(host, { path: empty, files: new Map() });
      const broken = `${world.dirs.drives}/broken.img`;
      await makeIdentityDrive(host, {
        path: broken,
        files: new Map([
          ["nodename", file("alpha\n")],
          ["age.key", file(`${SECRET_TEXT}\n`, 0o600)],
          ["minisign.pubkey", file(await host.readTextFile(`${world.dirs.keys}/minisign.pubkey`))],
          ["site", file(`${world.server.guestUrl}\n`)],
        ]),
      });
      const serial = await world.makeSite();
      await using machine = await world.boot("alpha", {
        via: "kernel",
        drive: null,
        drives: [
          { id: "empty", file: empty, bus: "virtio", unplugged: true },
          { id: "broken", file: broken, bus: "virtio", unplugged: true },
          { id: "identity", file: world.driveOf("alpha"), bus: "virtio", unplugged: true },
        ],
      });
      const missing = await machine.event("waiting", { what: "identity" }, {
        timeoutMs: DIRECT_MS,
      });
      assert(missing.value.reason?.includes("psyops-secret"), missing.text);
      // It comes up with DHCP all the same.
      await machine.event("network", { via: "dhcp" }, { timeoutMs: REACTION_MS });

      for (
        const [drive, reason] of [["empty", /nodename.*missing/], ["broken", /age\.key/]] as const
      ) {
        await machine.plug(drive);
        await machine.event("waiting", { what: "identity", reason }, { timeoutMs: REACTION_MS });
        await machine.unplug(drive, REACTION_MS);
      }
      await machine.plug("identity");
      await machine.event("configured", { node: "alpha", serial: String(serial) }, {
        timeoutMs: REACTION_MS,
      });
      const demands = await demandsNow(world, "alpha", serial);
      const status = await world.server.waitForStatus(
        "alpha",
        (status) => differences(status, demands).length === 0,
        REACTION_MS,
      );
      assertEquals(status.problem, undefined);
      assertEquals(said(machine, "nodename").length, 1, "one line for the empty drive");
      assertEquals(said(machine, "NOTAKEY"), []);
      assertEquals(brokenLines(machine), []);
    }),
});

/** Without the file that tells the node's address, which it has not got when nobody answers. */
const NO_ADDRESS = `
  files: {/etc/psyopsos-lab/node: null}`;

/** Shows the agent's status on the console, each time the scripts run. */
const SHOW_STATUS = `
  scripts:
    show-status:
      run: |
        #!/bin/sh
        tr -d "\\n" < /run/psyopsos/status.json > /dev/console
        echo > /dev/console
`;

Deno.test({
  name:
    "a node on a wire where nobody answers DHCP says so, keeps asking, and makes do with what it knows",
  ...NEEDS,
  fn: () =>
    withWorld("no-dhcp", ["alpha"], async (world) => {
      const file = `${world.dirs.nodes}/alpha.yaml`;
      const before = await host.readTextFile(file);
      const config = `\nconfig:${NO_ADDRESS}${SHOW_STATUS}`;
      await host.writeFile(file, before.replace("\nconfig:\n", config));
      const serial = String(await world.makeSite());
      {
        await using machine = await world.boot("alpha", { via: "kernel", network: "dead" });
        const found = await machine.event("waiting", { what: "network" }, { timeoutMs: DIRECT_MS });
        assert(found.value.reason?.includes("no DHCP answer on eth0"), found.text);
        assert(found.value.retry, "it says when it tries again");
        await machine.uplink(true);
        await machine.event("configured", { serial, source: "site" }, { timeoutMs: REACTION_MS });
        assertEquals(said(machine, 'reason="Cannot get a network address').length, 1);
        assertEquals(brokenLines(machine), []);
      }
      // Nobody answers at its second boot either: it is what it was, and its status says what is missing.
      await using machine = await world.boot("alpha", { via: "kernel", network: "dead" });
      await machine.event("degraded", { check: "network" }, { timeoutMs: DIRECT_MS });
      await machine.event("configured", { serial, source: "last-good" }, {
        timeoutMs: REACTION_MS,
      });
      const shown = machine.console.find((text) => text.match(/\{.*"phase".*\}/)?.[0]);
      const status = JSON.parse(shown!.value) as Status;
      assertEquals(status.problem?.check, "network");
      assert(status.problem?.message.includes("no DHCP answer on eth0"));
      assertEquals(brokenLines(machine), []);
    }),
});

Deno.test({
  name: "a node whose RAM is full says so and reports what it could not do",
  ...NEEDS,
  fn: () =>
    withWorld("full", ["alpha"], async (world) => {
      const file = `${world.dirs.nodes}/alpha.yaml`;
      const before = await host.readTextFile(file);
      const large = `    /var/large:\n      content: "${"x".repeat(3.5 * 1024 * 1024)}"\n`;
      const after = before.replace("\n  files:\n", `\n  files:\n${large}`);
      assert(after !== before, "the file is told as well");
      await host.writeFile(file, after);
      await world.makeSite();
      await using machine = await world.boot("alpha", {
        via: "kernel",
        cmdline: "psyopsos.overlay=3M",
      });
      const found = await machine.event("degraded", { check: "full" }, { timeoutMs: DIRECT_MS });
      assert(found.value.reason?.includes("no space left"), found.text);
      const status = await world.server.waitForStatus(
        "alpha",
        ({ problem }) => problem?.check === "full",
        REACTION_MS,
      );
      assertEquals(status.phase, "degraded");
      // What did fit is there.
      assertEquals(status.observed?.hostname, labHostname("alpha"));
      assertEquals(status.observed?.users?.map(({ name }) => name), ["lab"]);
      assertEquals(brokenLines(machine), []);
    }),
});
