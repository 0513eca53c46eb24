import { assertEquals, assertRejects } from "@std/assert";
import {
  buildSite,
  NO_STATE,
  openSite,
  parseFleet,
  parseNodeDocument,
  RefusedError,
  SITE_PATHS,
} from "../mod.ts";
import { generateKey, publicKeyOf } from "../lib/trust/minisign_sign.ts";
import { buildOptions, fleetFiles, KEY } from "./site/support.ts";

Deno.test("the public face is enough to build a site and to read it", async () => {
  const { files } = await buildSite(parseFleet(fleetFiles()), buildOptions());
  const options = {
    pinned: publicKeyOf(KEY),
    state: NO_STATE,
    now: new Date("2026-11-23T00:00:00Z"),
    // deno-lint-ignore require-await
    fetch: async (path: string) => files.get(path) ?? new Uint8Array(),
  };
  const view = await openSite(options);
  const document = await view.get(SITE_PATHS.node("alpha"), "node");
  assertEquals(parseNodeDocument(document, "alpha").notes, "The first.");
  const stranger = publicKeyOf(generateKey());
  await assertRejects(() => openSite({ ...options, pinned: stranger }), RefusedError);
});
