/** What a node remembers on its identity drive: at its second boot an older site is refused, a silent one is no matter. */
import { assertEquals } from "@std/assert";
import { labHostname } from "../../lib/lab/fleet_files.ts";
import { differences } from "../../lib/lab/verdict.ts";
import {
  brokenLines,
  demandsNow,
  DIRECT_MS,
  NEEDS,
  REACTION_MS,
  serveFiles,
  serveHonestly,
  twistedSite,
  withWorld,
} from "./support.ts";

Deno.test({
  name: "a node remembers the highest serial and its last good documents across boots",
  ...NEEDS,
  fn: () =>
    withWorld("second-boot", ["alpha"], async (world) => {
      const serial = await world.makeSite();
      const demands = await demandsNow(world, "alpha", serial);
      {
        await using machine = await world.boot("alpha", { via: "kernel" });
        await machine.event("configured", { serial: String(serial), source: "site" }, {
          timeoutMs: DIRECT_MS,
        });
        const status = await world.server.waitForStatus(
          "alpha",
          (status) => differences(status, { ...demands, source: "site" }).length === 0,
          REACTION_MS,
        );
        assertEquals(status.rollbackGuard, "drive");
      }

      // The site has gone back: same drive, older serial, otherwise honest.
      serveFiles(world, await twistedSite(world, { serial: serial - 1000 }));
      world.server.forget("alpha");
      {
        await using machine = await world.boot("alpha", { via: "kernel" });
        await machine.event("refused", { check: "serial" }, { timeoutMs: DIRECT_MS });
        await machine.event("configured", { serial: String(serial), source: "last-good" }, {
          timeoutMs: REACTION_MS,
        });
        const status = await world.server.waitForStatus(
          "alpha",
          ({ problem, source }) => problem?.check === "serial" && source === "last-good",
          REACTION_MS,
        );
        assertEquals(status.serial, serial);
        assertEquals(status.observed?.hostname, labHostname("alpha"));

        // And forward again, without a boot.
        const next = await world.makeSite({ serial: serial + 10 });
        serveHonestly(world);
        await machine.event("configured", { serial: String(next), source: "site" }, {
          timeoutMs: REACTION_MS,
        });
        assertEquals(brokenLines(machine), []);
      }

      // The site is down: the node is what it was, and joins when the site is back.
      world.server.down = true;
      world.server.forget("alpha");
      {
        await using machine = await world.boot("alpha", { via: "kernel" });
        await machine.event("configured", { serial: String(serial + 10), source: "last-good" }, {
          timeoutMs: DIRECT_MS,
        });
        world.server.down = false;
        const status = await world.server.waitForStatus(
          "alpha",
          (status) =>
            differences(status, { ...demands, serial: serial + 10, source: "site" }).length === 0,
          REACTION_MS,
        );
        assertEquals(status.problem, undefined);
        assertEquals(brokenLines(machine), []);
      }
    }),
});
