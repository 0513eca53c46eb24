/**
 * Formats outlive versions: the first agent (0.1.0, tests/vectors/agent-0.1.0) and the one of today take turns on one identity
 * drive, as after an update that was rolled back. The serial never falls, and the last good documents stay.
 */
import { assertEquals } from "@std/assert";
import { parseDocument } from "yaml";
import { FIRST_AGENT, isNewer, type NodeConfig, nodeConfigSchema } from "../../lib/config/mod.ts";
import { factsOf, visitValues } from "../../lib/schema/words.ts";
import { readAgent } from "../../lib/agent_build/store.ts";
import { makeLabImage } from "../../lib/lab/image.ts";
import type { World } from "../../lib/lab/world.ts";
import {
  brokenLines,
  DIRECT_MS,
  host,
  NEEDS,
  REACTION_MS,
  serveFiles,
  serveHonestly,
  twistedSite,
  withWorld,
} from "./support.ts";

async function oldImage() {
  return await makeLabImage(host, {
    dir: "build/lab",
    packages: "lab",
    agent: await readAgent(host, "tests/vectors/agent-0.1.0"),
    deno: { path: Deno.execPath(), version: Deno.version.deno },
  });
}

/** Leaves of the lab's fleet what the first agent knows. */
async function forgetLaterFields(world: World): Promise<void> {
  for (const name of ["global.yaml", "tags/lab.yaml"]) {
    const file = `${world.dirs.nodes}/${name}`;
    const document = parseDocument(await host.readTextFile(file));
    const { config } = document.toJS() as { config: NodeConfig };
    visitValues(nodeConfigSchema, config, (schema, _value, path) => {
      const since = factsOf(schema)?.since;
      const at = ["config", ...path];
      // What is in something that is gone is gone.
      if (since && isNewer(since, FIRST_AGENT) && document.hasIn(at)) document.deleteIn(at);
    });
    await host.writeFile(file, String(document));
  }
}

Deno.test({
  name: "the first agent and this one take turns on a drive, and neither forgets what it must not",
  ...NEEDS,
  fn: () =>
    withWorld("old-agent", ["alpha"], async (world) => {
      await forgetLaterFields(world);
      const image = await oldImage();
      const first = await world.makeSite();
      {
        await using machine = await world.boot("alpha", { via: "kernel" });
        await machine.event("configured", { serial: `${first}` }, { timeoutMs: DIRECT_MS });
      }

      // The OS was rolled back: the old agent goes on where the new one was, and not before that.
      serveFiles(world, await twistedSite(world, { serial: first - 1000 }));
      const second = first + 10;
      {
        await using machine = await world.boot("alpha", { via: "kernel", image });
        await machine.event("started", { version: "0.1.0" }, { timeoutMs: DIRECT_MS });
        await machine.event("refused", { check: "serial" }, { timeoutMs: DIRECT_MS });
        const kept = { serial: `${first}`, source: "last-good" };
        await machine.event("configured", kept, { timeoutMs: REACTION_MS });
        await world.makeSite({ serial: second });
        serveHonestly(world);
        await machine.event("configured", { serial: `${second}` }, { timeoutMs: REACTION_MS });
      }

      // And forward again: what the old agent wrote is read by the new one.
      world.server.down = true;
      {
        await using machine = await world.boot("alpha", { via: "kernel" });
        const kept = { serial: `${second}`, source: "last-good" };
        await machine.event("configured", kept, { timeoutMs: DIRECT_MS });
        serveFiles(world, await twistedSite(world, { serial: first }));
        world.server.down = false;
        await machine.event("refused", { check: "serial" }, { timeoutMs: REACTION_MS });
        assertEquals(brokenLines(machine), []);
      }
    }),
});
