import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { KEY_NAMES } from "../../../lib/config/mod.ts";
import { UserError } from "../../../lib/errors.ts";
import { loadFleet } from "../../../site/fleet/fleet.ts";
import { rekeySecrets } from "../../../site/secrets/rekey.ts";
import { openSecrets, secretPlaces } from "../../../site/secrets/secret_files.ts";
import { ADMIN, bound, hostWith, identityOf, NEXT, secretFiles } from "../secret_support.ts";

const SEED = "5a".repeat(32);

async function withSeed(text?: string): Promise<Map<string, string>> {
  const files = await secretFiles();
  const value = text ?? await bound("nodes/beta", ["seed"], SEED, 2);
  return files.set("beta.yaml", `${files.get("beta.yaml")!.trimEnd()}\nseed: ${value}\n`);
}

Deno.test("the site build needs nobody's identity for seeds, and knows nothing of them", async () => {
  const files = await withSeed();
  const global = `admins: [${ADMIN.recipient}]\n`;
  const alone = new Map([["global.yaml", global], ["beta.yaml", files.get("beta.yaml")!]]);
  const fleet = await loadFleet(hostWith(alone), "nodes", {
    identities: () => Promise.reject(new Error("asked for")),
  });
  assertEquals(JSON.stringify(fleet).includes("seed"), false);
});

Deno.test("a seed that is not encrypted, or not in a node's file, is refused and not quoted", async () => {
  const plain = await withSeed(SEED);
  const identities = () => Promise.resolve(identityOf(ADMIN));
  const load = (given: Map<string, string>) => loadFleet(hostWith(given), "nodes", { identities });
  const error = await assertRejects(() => load(plain), UserError);
  assertStringIncludes(error.message, "seed must be encrypted: deno task node renew");
  assertEquals(error.message.includes(SEED), false);
  const files = await secretFiles();
  files.set("tags/lab.yaml", `seed: ${await bound("tags/lab", ["seed"], SEED, 2)}\n`);
  await assertRejects(
    () => load(files),
    UserError,
    "!age values belong below private",
  );
});

Deno.test("seeds are listed and encrypted anew as all secrets are", async () => {
  const host = hostWith(await withSeed());
  const secrets = await openSecrets(host, "nodes");
  assertEquals(
    secretPlaces(secrets).filter(({ name }) => name === "seed").map(({ owner }) => owner),
    ["nodes/beta"],
  );
  const text = host.textOf("nodes/global.yaml");
  host.put("nodes/global.yaml", text.replace(ADMIN.recipient, NEXT.recipient));
  const done = await rekeySecrets(host, await openSecrets(host, "nodes"), {
    identities: identityOf(ADMIN, NEXT),
    own: [NEXT.recipient],
  });
  assertEquals(done.changed.length, done.total);
});

Deno.test("no key of the configuration has the name of a field that is encrypted for itself", () => {
  // Both would belong to the same place.
  assertEquals((KEY_NAMES as string[]).includes("seed"), false);
});
