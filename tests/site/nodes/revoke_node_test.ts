import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { UserError } from "../../../lib/errors.ts";
import { loadKeyring } from "../../../lib/trust/keyring.ts";
import { initKeys } from "../../../lib/trust/root_sign.ts";
import { exposedTo, findNode } from "../../../site/secrets/exposure.ts";
import { makeSite } from "../../../site/build/make_site.ts";
import { renewNode, revokeNode } from "../../../site/nodes/revoke_node.ts";
import { openSecrets } from "../../../site/secrets/secret_files.ts";
import type { FakeHost } from "../../support/fake_host.ts";
import { ADMIN, hostWith, identityOf, OTHER, secretFiles } from "../secret_support.ts";
import { ISSUED, RECIPIENTS, SSH_KEYS } from "../support.ts";

const OPTIONS = { name: "alpha", nodes: "nodes", cache: "cache" };
const ROTATE = { identities: identityOf(ADMIN), own: [ADMIN.recipient] };

/** A host with keys, the fleet with secrets and its site, published once. */
async function setUp(): Promise<{ host: FakeHost; publish: () => Promise<string[]> }> {
  const host = hostWith(await secretFiles());
  host.clock = new Date(ISSUED);
  await initKeys(host, "keys", { issued: ISSUED });
  for (const tool of ["mke2fs", "debugfs"]) host.programs.set(tool, () => "");
  const keyring = await loadKeyring(host, "keys");
  const publish = async () => {
    const options = { nodes: "nodes", out: "public", cache: "cache", keyring };
    const identities = () => Promise.resolve(identityOf(ADMIN));
    return (await makeSite(host, { ...options, identities })).encrypted;
  };
  await publish();
  return { host, publish };
}

/** Paths below `folder` whose name or content has `word`. */
function having(host: FakeHost, folder: string, word: string): string[] {
  return [...host.nodes].filter(([path, node]) =>
    path.startsWith(`${folder}/`) &&
    (path.includes(word) || new TextDecoder().decode(node.data).includes(word))
  ).map(([path]) => path);
}

const SHARED = [
  ["global", "files./etc/all.content", true],
  ["tags/lab", "files./etc/token.content", true],
  ["tags/lab", "scripts.plain.run", false],
];

Deno.test("exposedTo() lists what a node shares with others, with places, and no modes", async () => {
  const secrets = await openSecrets(hostWith(await secretFiles()), "nodes");
  const alpha = findNode(secrets, "alpha");
  const shared = exposedTo(secrets, alpha);
  assertEquals(shared.map(({ owner, name, sealed }) => [owner, name, sealed]), SHARED);
  assertEquals(shared.map(({ file, line }) => `${file}:${line}`), [
    "nodes/global.yaml:9",
    "nodes/tags/lab.yaml:4",
    "nodes/tags/lab.yaml:17",
  ]);
  assertEquals(exposedTo(secrets, alpha, { own: true }).slice(3).map(({ name }) => name), [
    "scripts.join.run",
    "users.ops.uid",
  ]);
  assertEquals(exposedTo(secrets, findNode(secrets, "beta")).map(({ owner }) => owner), ["global"]);
});

Deno.test("revokeNode() names the volumes with keys that the node could read: its own, and those of others with the same keys", async () => {
  const { host } = await setUp();
  const put = (path: string, name: string) => {
    const key = `      ${name}: {disk: {serial: S}, mount: /${name}, luks: {key: ${
      "k".repeat(44)
    }}}\n`;
    const before = host.textOf(path);
    const start = /^private:\n/m.test(before) ? before : `${before.trimEnd()}\nprivate:\n`;
    host.put(path, start.replace(/^private:\n/m, `$&  storage:\n    volumes:\n${key}`));
  };
  put("nodes/global.yaml", "shared");
  put("nodes/tags/lab.yaml", "lab");
  put("nodes/alpha.yaml", "own");
  put("nodes/beta.yaml", "other");
  const { volumes } = await revokeNode(host, OPTIONS);
  assertEquals(volumes, [
    { node: "alpha", volume: "shared" },
    { node: "alpha", volume: "lab" },
    { node: "alpha", volume: "own" },
    { node: "beta", volume: "shared" },
  ]);
});

Deno.test("after revokeNode() nothing of the node is in the next publication", async () => {
  const { host, publish } = await setUp();
  assertEquals(having(host, "public", "alpha").length > 0, true);
  assertEquals(await host.stat("cache/alpha.json") !== undefined, true);
  const done = await revokeNode(host, OPTIONS);
  assertEquals([done.file, done.recipient], ["nodes/alpha.yaml", RECIPIENTS[0]]);
  assertEquals(done.shared.map(({ owner, name, sealed }) => [owner, name, sealed]), SHARED);
  assertEquals(await host.stat("nodes/alpha.yaml"), undefined);
  assertEquals(await publish(), []);
  for (const folder of ["public", "cache", "nodes"]) {
    assertEquals(having(host, folder, "alpha"), [], folder);
    assertEquals(having(host, folder, RECIPIENTS[0]), [], folder);
  }
});

Deno.test("revokeNode() with rotation encrypts everything anew", async () => {
  const { host, publish } = await setUp();
  const before = host.textOf("nodes/global.yaml");
  const done = await revokeNode(host, { ...OPTIONS, rotate: ROTATE });
  assertEquals(done.rekeyed?.changed.map(({ owner }) => owner), ["global", "tags/lab"]);
  assertEquals(host.textOf("nodes/global.yaml") === before, false);
  assertEquals(await publish(), ["beta"]);
});

Deno.test("revokeNode() refuses an unknown node and one whose key is an admin's", async () => {
  const { host } = await setUp();
  const unknown = () => revokeNode(host, { ...OPTIONS, name: "alpa" });
  assertStringIncludes((await assertRejects(unknown, UserError)).message, "did you mean alpha?");
  const global = host.textOf("nodes/global.yaml");
  host.put("nodes/global.yaml", global.replace(ADMIN.recipient, RECIPIENTS[0]));
  const error = await assertRejects(() => revokeNode(host, OPTIONS), UserError);
  assertStringIncludes(error.message, "its age key is also one of the admins");
  assertEquals((await host.stat("nodes/alpha.yaml"))?.kind, "file");
});

Deno.test("revokeNode() leaves a node that the release policy names", async () => {
  const { host } = await setUp();
  host.put("nodes/os-update.yaml", "channels: {stable: {canaries: [alpha]}}\n");
  const error = await assertRejects(() => revokeNode(host, OPTIONS), UserError);
  assertStringIncludes(error.message, "Cannot revoke node alpha: without it, ");
  assertStringIncludes(error.message, "nodes/os-update.yaml:1:");
  assertEquals((await host.stat("nodes/alpha.yaml"))?.kind, "file");
});

Deno.test("revokeNode() finds the key where else it is written", async () => {
  const { host } = await setUp();
  host.put("nodes/beta.yaml", `# was ${RECIPIENTS[0]}\n${host.textOf("nodes/beta.yaml")}`);
  const error = await assertRejects(() => revokeNode(host, OPTIONS), UserError);
  assertStringIncludes(error.message, "nodes/beta.yaml:1 still names it");
});

const RENEW = { ...OPTIONS, sites: ["https://x.example/"], keys: "keys", out: "drives/alpha.img" };

Deno.test("renewNode() gives new keys and keeps the rest of the node's file", async () => {
  const { host, publish } = await setUp();
  const before = host.textOf("nodes/alpha.yaml");
  host.put(
    "nodes/alpha.yaml",
    `# the first\n${before.replace("\ntags", " # its key\n# bears\ntags")}`,
  );
  const made = await renewNode(host, RENEW);
  assertEquals(made.revoked, RECIPIENTS[0]);
  const expected = `# the first\nrecipient: ${made.recipient}\ncreated: "${ISSUED}"\n${
    before.split("\n").slice(1).join("\n").replace("\ntags", " # its key\n# bears\ntags")
  }`.replace(SSH_KEYS[0], made.sshHostKey);
  const armored = /seed: !age \|\n(?: {2}.*\n)+/;
  assertEquals(host.textOf("nodes/alpha.yaml").replace(armored, ""), expected);
  assertEquals(armored.test(host.textOf("nodes/alpha.yaml")), true, "it had no seed before");
  assertEquals(made.shared.map(({ owner, name, sealed }) => [owner, name, sealed]), SHARED);
  assertEquals((await host.stat("drives/alpha.img"))?.mode, 0o600);
  assertEquals(await publish(), ["alpha"]);
  assertEquals(having(host, "public", RECIPIENTS[0]), []);
  assertEquals(having(host, "public", made.recipient).length > 0, true);
});

Deno.test("renewNode() gives the new drive the seed of the one before, unless it is told otherwise", async () => {
  const { host, publish } = await setUp();
  const seeds: (string | undefined)[] = [];
  host.programs.set("mke2fs", (args) => {
    seeds.push(host.textOf(`${args[args.indexOf("-d") + 1]}/seed`));
    return "";
  });
  const seedIdentities = () => Promise.resolve(identityOf(ADMIN));
  const kept: boolean[] = [];
  for (const options of [{}, {}, { rotate: ROTATE }, {}]) {
    kept.push((await renewNode(host, { ...RENEW, ...options, seedIdentities })).keptSeed);
  }
  assertEquals(kept, [false, true, true, true], "at first it has none");
  assertEquals(new Set(seeds).size, 1);
  const text = host.textOf("nodes/alpha.yaml");
  assertEquals(text.includes(seeds[0]!.trim()), false);
  assertEquals((await renewNode(host, RENEW)).keptSeed, false);
  assertEquals(new Set(seeds).size, 2);
  const last = await renewNode(host, { ...RENEW, seedIdentities });
  assertEquals([last.keptSeed, seeds.at(-1)], [true, seeds.at(-2)]);
  await publish();
  for (const seed of seeds) assertEquals(having(host, "public", seed!.trim()), []);
});

Deno.test("renewNode() changes nothing where the seed can't be read or belongs to another node", async () => {
  const { host } = await setUp();
  const seedIdentities = () => Promise.resolve(identityOf(ADMIN));
  await renewNode(host, { ...RENEW, seedIdentities });
  const own = host.textOf("nodes/alpha.yaml");
  const foreign = host.textOf("nodes/beta.yaml") + /seed: !age \|\n(?: {2}.*\n)+/.exec(own)![0];
  host.put("nodes/beta.yaml", foreign);
  const cases = [
    ["beta", ADMIN, "belongs to nodes/alpha seed"],
    ["alpha", OTHER, "is not encrypted to your age identity"],
  ] as const;
  for (const [name, pair, reason] of cases) {
    const before = host.textOf(`nodes/${name}.yaml`);
    const identities = () => Promise.resolve(identityOf(pair));
    const error = await assertRejects(
      () => renewNode(host, { ...RENEW, name, seedIdentities: identities }),
      UserError,
      reason,
    );
    assertStringIncludes(error.hint ?? "", "--new-seed");
    assertEquals(host.textOf(`nodes/${name}.yaml`), before);
  }
});

Deno.test("renewNode() keeps a post-quantum node post-quantum", async () => {
  const { host } = await setUp();
  const first = await renewNode(host, { ...RENEW, postQuantum: true });
  const second = await renewNode(host, RENEW);
  for (const { recipient } of [first, second]) assertEquals(recipient.slice(0, 7), "age1pq1");
  assertEquals(second.revoked, first.recipient);
});

Deno.test("renewNode() leaves drive and file as they were when it fails", async () => {
  const { host } = await setUp();
  host.put("drives/alpha.img", "old");
  const before = host.textOf("nodes/alpha.yaml");
  host.programs.set("debugfs", () => ({ code: 1 }));
  await assertRejects(() => renewNode(host, RENEW), UserError);
  assertEquals(host.textOf("nodes/alpha.yaml"), before);
  host.programs.set("debugfs", () => "");
  host.broken.set("nodes/alpha.yaml", new Deno.errors.NotCapable("no"));
  await assertRejects(() => renewNode(host, RENEW));
  assertEquals(host.textOf("drives/alpha.img"), "old");
  assertEquals([...host.nodes.keys()].filter((path) => path.startsWith("drives/")), [
    "drives/alpha.img",
  ]);
});
