/** What is just small enough to be published is read by the agent's own reader; what is one byte larger is not built. */
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { readPublication } from "../../../agent/publication/read.ts";
import { UserError } from "../../../lib/errors.ts";
import { canonicalJson } from "../../../lib/json.ts";
import { MAX_DOCUMENT_BYTES } from "../../../lib/limits.ts";
import { encryptQuickly } from "../../../lib/trust/age_encrypt.ts";
import { generateIdentity } from "../../../lib/trust/age_keygen.ts";
import { openSite } from "../../../lib/trust/client.ts";
import { publicKeyOf } from "../../../lib/trust/minisign_sign.ts";
import { NO_STATE } from "../../../lib/trust/roots.ts";
import { buildSite } from "../../../site/build/build.ts";
import { checkSite } from "../../../site/build/check.ts";
import { parseFleet } from "../../../site/fleet/fleet.ts";
import { buildOptions, KEY } from "../support.ts";

const NOW = new Date("2026-11-22T21:00:00Z");
const PAIR = await generateIdentity();

/** A site whose only node has a private file with this content, checked as every build is. */
async function built(content: string) {
  const fleet = parseFleet(
    new Map([[
      "alpha.yaml",
      `recipient: ${PAIR.recipient}\nprivate: {files: {/srv/data: {content: ${
        JSON.stringify(content)
      }, mode: "0600"}}}\n`,
    ]]),
  );
  const site = await buildSite(fleet, { ...buildOptions(), encrypt: encryptQuickly });
  await checkSite(site, fleet, { pinned: publicKeyOf(KEY), now: NOW, state: NO_STATE });
  return site;
}

const plainSize = (site: Awaited<ReturnType<typeof built>>) =>
  canonicalJson(site.envelopes.get("alpha")!).length;
/** What is around the content. */
const AROUND = plainSize(await built(""));

const UNITS: [what: string, unit: string][] = [["letters", "x"], ["line ends", "\n"], [
  "quotes",
  '"',
], ["letters of three bytes", "字"]];
for (const [what, unit] of UNITS) {
  Deno.test(`a node reads a private file of ${what} of the greatest size that is built`, async () => {
    const each = plainSize(await built(unit)) - AROUND;
    const count = Math.floor((MAX_DOCUMENT_BYTES - AROUND) / each);
    const content = unit.repeat(count);
    const rest = "x".repeat((MAX_DOCUMENT_BYTES - AROUND) % each);
    const site = await built(content + rest);
    assertEquals(plainSize(site), MAX_DOCUMENT_BYTES);
    const view = await openSite({
      pinned: publicKeyOf(KEY),
      state: NO_STATE,
      now: NOW,
      fetch: (path) => Promise.resolve(site.files.get(path)!),
    });
    const identity = {
      name: "alpha",
      ageKeys: [PAIR.identity],
      pinned: publicKeyOf(KEY),
      sites: ["https://x.example/"],
    };
    const { instructions } = await readPublication(view, identity);
    assertEquals(instructions.config.files?.["/srv/data"]?.content, content + rest);
    const error = await assertRejects(() => built(`${content}${rest}x`), UserError);
    assertStringIncludes(error.message, `a node reads ${MAX_DOCUMENT_BYTES} at most`);
    assertStringIncludes(error.hint!, "its biggest entries: files./srv/data");
  });
}
