/** Builds that make only what changed: always the same site as one that forgot what it knew. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { UserError } from "../../../lib/errors.ts";
import { loadKeyring } from "../../../lib/trust/keyring.ts";
import { initKeys } from "../../../lib/trust/root_sign.ts";
import { rotateKey } from "../../../lib/trust/rotate.ts";
import { generateIdentity } from "../../../lib/trust/age_keygen.ts";
import { SITE_PATHS } from "../../../lib/documents/site.ts";
import { loadFleet } from "../../../site/fleet/fleet.ts";
import { type MadeSite, makeSite, type MakeSiteOptions } from "../../../site/build/make_site.ts";
import { FakeHost } from "../../support/fake_host.ts";
import { fleetFiles, ISSUED, RECIPIENTS, SSH_KEYS } from "../support.ts";

const NOW = new Date(ISSUED);

interface World {
  host: FakeHost;
  options: MakeSiteOptions;
  /** Builds, then forgets what is known and builds the same again: nothing may change by that. */
  build: (more?: Partial<MakeSiteOptions>) => Promise<MadeSite>;
}

/** A site with two nodes, built once. */
async function setUp(): Promise<World> {
  const host = new FakeHost();
  host.clock = NOW;
  await initKeys(host, "/k", { issued: ISSUED });
  for (const [path, source] of fleetFiles()) host.put(`/nodes/${path}`, source);
  const keyring = await loadKeyring(host, "/k");
  const options = { nodes: "/nodes", out: "/public", cache: "/cache", keyring };
  const build: World["build"] = async (more) => {
    const published = await makeSite(host, { ...options, ...more });
    const { serial } = published;
    const known = host.textOf("/cache/_known.json");
    await host.remove("/cache/_known.json");
    const again = await makeSite(host, { ...options, ...more, serial });
    assertEquals([again.changed, again.removed, again.encrypted], [[], [], []]);
    assertEquals(host.textOf("/cache/_known.json"), known);
    return published;
  };
  await build();
  return { host, options, build };
}

/** Paths without the hashes in them. */
const plain = (paths: string[]) =>
  paths.map((path) => path.replace(/\.[0-9a-f]{16}\./, ".*.")).sort();
const PUBLICATION = ["index.html", "psyopsOS/timestamp.json"];
const filesOf = (name: string) => [
  `psyopsOS/nodes/${name}.json`,
  `psyopsOS/nodes/${name}.json.minisig`,
  `psyopsOS/postboot/${name}.*.age`,
  `psyopsOS/signed/nodes/${name}.*.json`,
];

Deno.test("a build of what has not changed changes the publication alone", async () => {
  const { build } = await setUp();
  const { changed, encrypted, files } = await build();
  assertEquals([changed.sort(), encrypted], [PUBLICATION, []]);
  assertEquals((await build()).files, files);
});

Deno.test("a node that changed is made anew, and no other", async () => {
  const { host, build } = await setUp();
  host.put("/nodes/beta.yaml", `recipient: ${RECIPIENTS[1]}\nconfig: {hostname: other}\n`);
  const { changed, encrypted } = await build();
  assertEquals(encrypted, ["beta"]);
  const index = [SITE_PATHS.postbootIndex, `${SITE_PATHS.postbootIndex}.minisig`];
  assertEquals(
    plain(changed),
    ["index.html", "psyopsOS/bins/all.*.json", ...filesOf("beta"), ...index, PUBLICATION[1]!]
      .sort(),
  );
});

Deno.test("a change of spelling alone changes no document", async () => {
  const { host, build } = await setUp();
  host.put("/nodes/beta.yaml", `# a comment\nrecipient: "${RECIPIENTS[1]}"\n`);
  assertEquals((await build()).changed.sort(), PUBLICATION);
});

Deno.test("what a node's layers say is part of what it is made of", async () => {
  const { host, build } = await setUp();
  host.put("/nodes/tags/lab.yaml", "private: {hostname: tagged}\n");
  assertEquals((await build()).encrypted, ["alpha"]);
  host.put("/nodes/global.yaml", "private: {hostname: all}\n");
  assertEquals((await build()).encrypted, ["alpha", "beta"]);
});

Deno.test("a tag's file that is not the node's matters to nobody but the list of tags", async () => {
  const { host, build } = await setUp();
  host.put("/nodes/tags/new.yaml", "config: {hostname: tagged}\n");
  assertEquals((await build()).encrypted, []);
  host.put("/nodes/beta.yaml", `recipient: ${RECIPIENTS[1]}\ntags: [new]\n`);
  const { encrypted, changed } = await build();
  assertEquals(encrypted, ["beta"]);
  assert(changed.includes(SITE_PATHS.tagNodes("new")));
});

Deno.test("nodes come and go among those that are known", async () => {
  const { host, build } = await setUp();
  const { recipient } = await generateIdentity();
  host.put("/nodes/gamma.yaml", `recipient: ${recipient}\n`);
  assertEquals((await build()).encrypted, ["gamma"]);
  await host.remove("/nodes/beta.yaml");
  const { encrypted, removed, nodes } = await build();
  assertEquals([encrypted, nodes], [[], ["alpha", "gamma"]]);
  for (const path of filesOf("beta")) assert(plain(removed).includes(path), path);
});

for (
  const [what, path] of [
    ["a document", "/public/psyopsOS/nodes/alpha.json"],
    ["a signature", "/public/psyopsOS/nodes/alpha.json.minisig"],
    ["what nodes read", "/public/psyopsOS/signed/nodes/alpha."],
    ["instructions", "/public/psyopsOS/postboot/alpha."],
  ] as const
) {
  for (const kind of ["changed", "missing"]) {
    Deno.test(`${what} of a known node that is ${kind} on the site is put right`, async () => {
      const { host, build } = await setUp();
      const file = [...host.nodes.keys()].find((at) => at === path || at.startsWith(path))!;
      const before = await host.readFile(file);
      if (kind === "missing") await host.remove(file);
      else host.put(file, before.map((byte, i) => i === 20 ? byte ^ 1 : byte));
      const { changed, encrypted } = await build();
      assertEquals(encrypted, []);
      assert(changed.includes(file.slice("/public/".length)));
      assertEquals(await host.readFile(file), before);
    });
  }
}

Deno.test("problems are told as if nothing were known", async () => {
  const { host, options } = await setUp();
  const cold = new FakeHost();
  const check = async (changes: Record<string, string>, message: string) => {
    for (const [path, source] of [...fleetFiles(), ...Object.entries(changes)]) {
      host.put(`/nodes/${path}`, source);
      cold.put(`/nodes/${path}`, source);
    }
    const warm = await assertRejects(() => makeSite(host, options), UserError, message);
    const told = await assertRejects(() => loadFleet(cold, "/nodes"), UserError);
    assertEquals([warm.message, warm.hint], [told.message, told.hint]);
  };
  await check(
    { "beta.yaml": `recipient: ${RECIPIENTS[1]}\nsshHostKey: ${SSH_KEYS[0]}\n` },
    "/nodes/beta.yaml:2:13: sshHostKey is that of node alpha",
  );
  // The node that is known comes second, so it is the one that is told.
  await check(
    { "alpha.yaml": `recipient: ${RECIPIENTS[1]}\ntags: [lab]\n` },
    "/nodes/beta.yaml:1:12: recipient is that of node alpha",
  );
  await check({ "beta.yaml": "recipient: x\n" }, "/nodes/beta.yaml:1:12: recipient must be");
  host.put("/nodes/beta.yaml", fleetFiles().get("beta.yaml")!);
  await host.remove("/nodes/tags/lab.yaml");
  await assertRejects(
    () => makeSite(host, options),
    UserError,
    "/nodes/alpha.yaml:3:8: unknown tag lab",
  );
});

Deno.test("other keys make everything unknown", async () => {
  const { host, options } = await setUp();
  await rotateKey(host, "/k", "config", {
    issued: ISSUED,
    passphrase: () => Promise.resolve(""),
  });
  const keyring = await loadKeyring(host, "/k");
  assertEquals((await makeSite(host, { ...options, keyring })).encrypted, ["alpha", "beta"]);
});

Deno.test("what is known of another program or in another form is forgotten", async () => {
  const { host, options } = await setUp();
  const known = JSON.parse(host.textOf("/cache/_known.json"));
  for (const stored of [{ ...known, context: "0".repeat(64), nodes: 5 }, null, [], 5]) {
    host.put("/cache/_known.json", JSON.stringify(stored));
    assertEquals((await makeSite(host, options)).encrypted, []);
  }
});

Deno.test("what is known is its owner's, and holds no secret", async () => {
  const { host } = await setUp();
  assertEquals((await host.stat("/cache/_known.json"))?.mode, 0o600);
  assertEquals(host.textOf("/cache/_known.json").includes("SECRET"), false);
});
