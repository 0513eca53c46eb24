/** One set of limits: what the build takes, nodes read and their drives keep. */
import { assertEquals, assertRejects } from "@std/assert";
import { UserError } from "../../../lib/errors.ts";
import { MAX_DOCUMENT_BYTES } from "../../../lib/limits.ts";
import { publicKeyOf } from "../../../lib/trust/minisign_sign.ts";
import { NO_STATE } from "../../../lib/trust/roots.ts";
import { buildSite } from "../../../site/build/build.ts";
import { checkSite } from "../../../site/build/check.ts";
import { parseFleet } from "../../../site/fleet/fleet.ts";
import { ALPHA, buildWorldSite, driveOf, World } from "../../agent/world.ts";
import { buildOptions, fleetFiles, ISSUED, KEY } from "../support.ts";

/** `alpha` with a private file of so many bytes. */
const withFile = (bytes: number) =>
  ALPHA.replace(
    "\n  files:\n    /etc/token",
    `\n  files:\n    /etc/large: {content: "${"x".repeat(bytes)}"}\n    /etc/token`,
  );

Deno.test("a private file of 6 MiB is refused by the build, which says how much it is", async () => {
  const bytes = 6 * 1024 * 1024;
  const error = await assertRejects(() => buildWorldSite({ alpha: withFile(bytes) }), UserError);
  const [, size] = /the instructions of alpha would have (\d+) bytes, a node reads 4194304 at most/
    .exec(error.message) ?? [];
  assertEquals(Number(size) > bytes && Number(size) < bytes + 10_000, true, error.message);
  assertEquals(error.hint?.startsWith("its biggest entries: files./etc/large (6291"), true);
});

Deno.test("a public document that is too long is refused by its name", async () => {
  const file = `config:\n  files:\n    /etc/large: {content: "${
    "x".repeat(MAX_DOCUMENT_BYTES)
  }"}\n`;
  for (const [path, text] of [["global.yaml", file], ["tags/lab.yaml", file]] as const) {
    const fleet = parseFleet(new Map([...fleetFiles(), [path, text]]));
    const build = () => buildSite(fleet, buildOptions(42));
    const error = await assertRejects(build, UserError, "bytes, a node reads 4194304 at most");
    assertEquals(error.hint?.startsWith("its biggest entries: files./etc/large (4194"), true);
  }
});

Deno.test("what quoting makes too long is refused as well", async () => {
  // Each of these takes two bytes in the configuration, four in the payload and more in the envelope.
  const quotes = ALPHA.replace(
    "\n  files:\n    /etc/token",
    `\n  files:\n    /etc/large: {content: '${'"'.repeat(1.4 * 1024 * 1024)}'}\n    /etc/token`,
  );
  await assertRejects(() => buildWorldSite({ alpha: quotes }), UserError, "a node reads");
});

Deno.test("the biggest instructions that are built are applied, kept, and there again without the site", async () => {
  const { files } = await buildWorldSite({ alpha: withFile(MAX_DOCUMENT_BYTES - 5_000) });
  const first = new World(driveOf("alpha"), files);
  await first.boot({ once: true });
  assertEquals([first.status.phase, first.status.rollbackGuard], ["configured", "drive"]);
  const next = first.reboot();
  next.site = undefined;
  await next.boot({ once: true });
  assertEquals([next.status.source, next.status.serial], ["last-good", 42]);
  assertEquals((await next.stat("/etc/large"))?.size, MAX_DOCUMENT_BYTES - 5_000);
});

Deno.test("checkSite() refuses what a drive could not keep", async () => {
  const fleet = parseFleet(fleetFiles());
  const site = await buildSite(fleet, buildOptions(42));
  const options = { pinned: publicKeyOf(KEY), now: new Date(ISSUED), state: NO_STATE };
  await checkSite(site, fleet, options);
  const alpha = site.outputs.get("alpha")!;
  site.outputs.set("alpha", { ...alpha, postboot: { ...alpha.postboot, size: 5 * 1024 * 1024 } });
  await assertRejects(
    () => checkSite(site, fleet, options),
    UserError,
    "alpha reads 5 files of 52",
  );
});
