/** A node that runs what the engine mkimage makes of an ISO: all of it in RAM, and the agent sees no difference. */
import { assert, assertEquals } from "@std/assert";
import { differences } from "../../lib/lab/verdict.ts";
import { BOOT_TIMEOUT_MS } from "../../lib/lab/world.ts";
import { makeIsoImage } from "../support/alpine_double/image.ts";
import { brokenLines, demandsNow, host, NEEDS, REACTION_MS, withWorld } from "./support.ts";

Deno.test({
  name:
    "a boot slot made of an ISO boots from firmware, mounts its modules and configures the node",
  ...NEEDS,
  fn: () =>
    withWorld("iso-slot", ["alpha"], async (world) => {
      const image = await makeIsoImage(host, "build/tests/iso-slot/image");
      const serial = await world.makeSite();
      await using machine = await world.boot("alpha", { image });
      await machine.event("configured", { serial: String(serial) }, {
        timeoutMs: BOOT_TIMEOUT_MS,
      });
      const demands = { ...await demandsNow(world, "alpha", serial), imageVersion: image.version };
      await world.server.waitForStatus(
        "alpha",
        (status) => differences(status, demands).length === 0,
        REACTION_MS,
      );
      const said = machine.console.lines.map(({ text }) => text);
      assert(said.some((line) => /Mounting kernel modules.*ok/.test(line)), said.join("\n"));
      assertEquals(brokenLines(machine), []);
    }),
});
