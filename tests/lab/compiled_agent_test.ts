/** A node whose agent was compiled: no Deno in the image, and it does all that the bundle does. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { makeAgent } from "../../lib/agent_build/make.ts";
import type { Manifest } from "../../lib/documents/manifest.ts";
import { makeLabImage } from "../../lib/lab/image.ts";
import { differences } from "../../lib/lab/verdict.ts";
import { labGlibc } from "../../lib/lab_packages/glibc.ts";
import { oldDeno } from "../support/old_deno.ts";
import {
  brokenLines,
  demandsNow,
  DIRECT_MS,
  EVERY_SECONDS,
  host,
  NEEDS,
  REACTION_MS,
  withWorld,
} from "./support.ts";

const DIR = "build/lab";

/** The image with a compiled agent, and what its manifest says. */
async function compiledImage() {
  const { deno: compiler, denort } = await oldDeno();
  const deno = { path: Deno.execPath(), version: Deno.version.deno };
  const agent = await makeAgent(host, {
    root: ".",
    form: "glibc",
    arch: "x86_64",
    deno: deno.path,
    compiler,
    denort,
    commit: "lab",
    glibc: labGlibc({ cacheDir: `${DIR}/packages` }),
  });
  const image = await makeLabImage(host, { dir: DIR, packages: "lab", agent, deno });
  const dir = image.kernel.replace(/\/slot\/vmlinuz$/, "");
  const manifest = JSON.parse(await host.readTextFile(`${dir}/manifest.json`)) as Manifest;
  return { image, manifest };
}

Deno.test({
  name:
    "a compiled agent boots without Deno in the image, configures the node and follows its site",
  ...NEEDS,
  fn: async () => {
    const { image, manifest } = await compiledImage();
    const names = manifest.packages.map(({ name }) => name);
    assert(!names.includes("deno"), "the package deno is left out");
    assert(names.includes("busybox"));
    assertEquals(manifest.agent?.form, "glibc");
    await withWorld("compiled", ["alpha"], async (world) => {
      const serial = await world.makeSite();
      await using machine = await world.boot("alpha", { via: "kernel", image });
      const started = await machine.event("started", { form: "glibc" }, { timeoutMs: DIRECT_MS });
      assertStringIncludes(started.text, image.version);
      await machine.event("configured", { serial: String(serial) }, { timeoutMs: DIRECT_MS });
      const demands = { ...await demandsNow(world, "alpha", serial), imageVersion: image.version };
      const status = await world.server.waitForStatus(
        "alpha",
        (status) => differences(status, demands).length === 0,
        REACTION_MS,
      );
      assertEquals([status.agent.form, status.agent.commit], ["glibc", "lab"]);
      assertEquals(status.problem, undefined);
      assert(status.memory!.agentRssKiB > 1024, "it can tell its own size");

      // And a change, while it runs.
      const next = await world.makeSite({ serial: serial + EVERY_SECONDS });
      await machine.event("configured", { serial: String(next), source: "site" }, {
        timeoutMs: REACTION_MS,
      });
      assertEquals(brokenLines(machine), []);
    });
  },
});
