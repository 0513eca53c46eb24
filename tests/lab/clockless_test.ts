/** A machine whose clock is in the year 2000: it is configured all the same, and a thief's date does not outlive the key. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { formatInstant } from "../../lib/instant.ts";
import { loadKeyring } from "../../lib/trust/keyring.ts";
import { rotateKey } from "../../lib/trust/rotate.ts";
import {
  brokenLines,
  DIRECT_MS,
  host,
  NEEDS,
  REACTION_MS,
  serveFiles,
  twistedSite,
  withWorld,
} from "./support.ts";

const CLOCK = new Date("2000-01-01T00:00:00Z");
const YEARS_MS = 5 * 365 * 86_400_000;

Deno.test({
  name: "a machine without a clock gets over a date that a thief of the config key has claimed",
  ...NEEDS,
  fn: () =>
    withWorld("clockless", ["alpha"], async (world) => {
      const issued = new Date(host.now().getTime() + YEARS_MS);
      serveFiles(world, await twistedSite(world, { serial: Number.MAX_SAFE_INTEGER, issued }));
      {
        await using machine = await world.boot("alpha", { via: "kernel", clock: CLOCK });
        await machine.event("configured", { source: "site" }, { timeoutMs: DIRECT_MS });
        // What it shows by then is the thief's time.
        const status = await world.server.waitForStatus("alpha", () => true, REACTION_MS);
        assertEquals(status.updated.slice(0, 4), String(issued.getUTCFullYear()));
        assertEquals(brokenLines(machine), []);
      }

      // The honest site, before and after its administrator has dropped the stolen key.
      world.server.forget("alpha");
      serveFiles(world, await twistedSite(world, {}));
      await using machine = await world.boot("alpha", { via: "kernel", clock: CLOCK });
      const refused = await machine.event("refused", { check: "serial" }, { timeoutMs: DIRECT_MS });
      assertStringIncludes(refused.text, String(Number.MAX_SAFE_INTEGER));
      await rotateKey(host, world.dirs.keys, "config", {
        issued: formatInstant(host.now()),
        passphrase: () => Promise.resolve(""),
      });
      const keyring = await loadKeyring(host, world.dirs.keys);
      const serial = Math.floor(host.now().getTime() / 1000);
      serveFiles(world, await twistedSite(world, { keyring, serial }));
      await machine.event("configured", { serial: String(serial), source: "site" }, {
        timeoutMs: REACTION_MS,
      });
      const status = await world.server.waitForStatus(
        "alpha",
        (status) => status.serial === serial && status.problem === undefined,
        REACTION_MS,
      );
      assertEquals(new Date(status.updated).getTime() < issued.getTime(), true, status.updated);
      assertEquals(brokenLines(machine), []);
    }),
});
