import { assertEquals, assertRejects } from "@std/assert";
import { utf8 } from "../../../lib/bytes.ts";
import { parseEnvelope, parseInstructions, SITE_PATHS } from "../../../lib/documents/site.ts";
import { UserError } from "../../../lib/errors.ts";
import { decryptWith } from "../../../lib/trust/age.ts";
import { generateIdentity } from "../../../lib/trust/age_keygen.ts";
import { openSite } from "../../../lib/trust/client.ts";
import { loadKeyring } from "../../../lib/trust/keyring.ts";
import { initKeys } from "../../../lib/trust/root_sign.ts";
import { NO_STATE } from "../../../lib/trust/roots.ts";
import { rotateKey } from "../../../lib/trust/rotate.ts";
import { makeSite, type MakeSiteOptions } from "../../../site/build/make_site.ts";
import { FakeHost } from "../../support/fake_host.ts";
import { fleetFiles, ISSUED, RECIPIENTS, SSH_KEYS } from "../support.ts";

const NOW = new Date(ISSUED);

/** A host with keys and a fleet, and the options to publish it. */
async function setUp(): Promise<{ host: FakeHost; options: MakeSiteOptions }> {
  const host = new FakeHost();
  host.clock = NOW;
  await initKeys(host, "/k", { issued: ISSUED });
  for (const [path, source] of fleetFiles()) host.put(`/nodes/${path}`, source);
  const keyring = await loadKeyring(host, "/k");
  return { host, options: { nodes: "/nodes", out: "/public", cache: "/cache", keyring } };
}

function open(host: FakeHost, { keyring }: MakeSiteOptions, now = NOW) {
  return openSite({
    pinned: keyring.publicKeys.root,
    state: NO_STATE,
    now,
    fetch: (path) => host.readFile(`/public/${path}`),
  });
}

/** All files below a directory. */
function tree(host: FakeHost, directory: string): Map<string, string> {
  return new Map(
    [...host.nodes].filter(([path, node]) =>
      path.startsWith(`${directory}/`) && node.kind === "file"
    ).map(([path, node]) => [path, node.data.join()]),
  );
}

Deno.test("makeSite() writes a site that a node can open", async () => {
  const { host, options } = await setUp();
  const published = await makeSite(host, options);
  assertEquals(published.nodes, ["alpha", "beta"]);
  assertEquals(published.tags, ["lab"]);
  assertEquals(published.encrypted, ["alpha", "beta"]);
  assertEquals(published.serial, NOW.getTime() / 1000);
  assertEquals(published.expires, "2026-11-25T20:00:00Z");
  const view = await open(host, options);
  assertEquals(view.timestamp.serial, published.serial);
  await view.get(SITE_PATHS.node("alpha"), "node");
});

Deno.test("a node decrypts what was published for it", async () => {
  const { host, options } = await setUp();
  const { identity, recipient } = await generateIdentity();
  host.put("/nodes/beta.yaml", `recipient: ${recipient}\nprivate: {hostname: secret-name}\n`);
  await makeSite(host, options);
  const ciphertext = await (await open(host, options)).getHashed(SITE_PATHS.postboot("beta"));
  const plaintext = new TextDecoder().decode(await decryptWith([identity], ciphertext));
  assertEquals(plaintext.includes("secret-name"), true);
});

Deno.test("private files without a mode are told of when nodes get it, and the instructions say it", async () => {
  const { host, options } = await setUp();
  const { identity, recipient } = await generateIdentity();
  const files = "private: {files: {/etc/key: {content: x}, /etc/open: {content: x, mode: '0644'}}}";
  host.put("/nodes/beta.yaml", `recipient: ${recipient}\n${files}\n`);
  const { tightened } = await makeSite(host, options);
  assertEquals(tightened, [{ node: "beta", paths: ["/etc/key"] }]);
  const ciphertext = await (await open(host, options)).getHashed(SITE_PATHS.postboot("beta"));
  const envelope = parseEnvelope(await decryptWith([identity], ciphertext), "beta");
  const { config } = parseInstructions(utf8(envelope.payload), "beta");
  assertEquals(config.files?.["/etc/key"]?.mode, "0600");
  assertEquals(config.files?.["/etc/open"]?.mode, "0644");
  assertEquals((await makeSite(host, options)).tightened, []);
});

Deno.test("a build tells new nodes, and those for which it encrypts to another key than the last", async () => {
  const { host, options } = await setUp();
  const newsOf = async (where: Partial<MakeSiteOptions> = {}) => {
    const { compared, newNodes, otherRecipients } = await makeSite(host, { ...options, ...where });
    return [compared, newNodes, otherRecipients];
  };
  const old = RECIPIENTS[1];
  const { recipient } = await generateIdentity();
  const third = await generateIdentity();
  const gamma = `recipient: ${third.recipient}\n`;
  assertEquals(await newsOf(), [false, ["alpha", "beta"], []]);
  assertEquals(await newsOf(), [true, [], []]);
  // Whoever can write the fleet's files needs no secret for this.
  host.put("/nodes/beta.yaml", `recipient: ${recipient}\n`);
  host.put("/nodes/gamma.yaml", gamma);
  const swapped = [{ node: "beta", before: old, now: recipient }];
  assertEquals(await newsOf(), [true, ["gamma"], swapped]);
  assertEquals(await newsOf(), [true, [], []]);
  // What counts is the site that is written, whatever another build left in the cache.
  assertEquals(await newsOf({ out: "/other" }), [false, ["alpha", "beta", "gamma"], []]);
  host.put("/nodes/beta.yaml", `recipient: ${old}\n`);
  const back = [{ node: "beta", before: recipient, now: old }];
  assertEquals(await newsOf(), [true, [], back]);
  assertEquals(await newsOf({ out: "/other" }), [true, [], back]);
  // A node that was taken away is new when it comes again.
  await host.remove("/nodes/gamma.yaml");
  assertEquals(await newsOf(), [true, [], []]);
  host.put("/nodes/gamma.yaml", gamma);
  assertEquals(await newsOf(), [true, ["gamma"], []]);
});

Deno.test("a build takes a document that says no recipient for another one", async () => {
  const { host, options } = await setUp();
  await makeSite(host, options);
  for (const damaged of ["{", "null", '{"recipient":1}', " ".repeat(5 * 1024 * 1024)]) {
    host.put(`/public/${SITE_PATHS.node("beta")}`, damaged);
    const { newNodes, otherRecipients } = await makeSite(host, options);
    assertEquals(newNodes, []);
    assertEquals(otherRecipients, [{ node: "beta", before: "", now: RECIPIENTS[1] }]);
  }
});

Deno.test("what is no file in the place of the publication before is named, not read", async () => {
  for (const kind of ["directory", "other", "symlink"] as const) {
    const { host, options } = await setUp();
    host.put("/public/psyopsOS/timestamp.json", "");
    host.nodes.get("/public/psyopsOS/timestamp.json")!.kind = kind;
    await assertRejects(() => makeSite(host, options), UserError, "timestamp.json is no file");
  }
});

Deno.test("keys that are past their time are told of when they are read, and published", async () => {
  const { host, options } = await setUp();
  const keys = ["20010101Z", "20990101Z"].map((time) =>
    `k${time}: 'expiry-time="${time}" ${SSH_KEYS[0]}'`
  );
  host.put("/nodes/global.yaml", `config: {users: {ops: {sshKeys: {${keys}}}}}\n`);
  const { nodes, useless } = await makeSite(host, options);
  const told = "users.ops.sshKeys.k20010101Z lets nobody in: its expiry-time 20010101Z is past";
  assertEquals(useless, nodes.map((node) => ({ node, keys: [told] })));
});

Deno.test("the serial grows with time, by one at least, and never falls", async () => {
  const { host, options } = await setUp();
  const { serial } = await makeSite(host, options);
  assertEquals((await makeSite(host, options)).serial, serial + 1);
  host.clock = new Date(NOW.getTime() + 60_000);
  assertEquals((await makeSite(host, options)).serial, serial + 60);
  assertEquals((await makeSite(host, { ...options, serial: 5e9 })).serial, 5e9);
  await assertRejects(
    () => makeSite(host, { ...options, serial: 42 }),
    UserError,
    "nodes would refuse 42",
  );
});

Deno.test("publishing the same again with the same serial changes nothing", async () => {
  const { host, options } = await setUp();
  await makeSite(host, { ...options, serial: 7 });
  const before = tree(host, "/public");
  const again = await makeSite(host, { ...options, serial: 7 });
  assertEquals([again.changed, again.removed, again.encrypted], [[], [], []]);
  assertEquals(tree(host, "/public"), before);
});

Deno.test("the timestamp is moved in after all else, and old files go after that", async () => {
  const { host, options } = await setUp();
  await makeSite(host, options);
  await host.remove("/nodes/beta.yaml");
  host.put("/public/psyopsOS/os/1.0/vmlinuz", "a release");
  host.log.length = 0;
  const { removed } = await makeSite(host, options);
  assertEquals(removed.map((path) => path.replace(/\.[0-9a-f]{16}\./, ".*.")), [
    "psyopsOS/nodes/beta.json",
    "psyopsOS/nodes/beta.json.minisig",
    "psyopsOS/bins/all.*.json",
    "psyopsOS/postboot/beta.*.age",
    "psyopsOS/signed/nodes/beta.*.json",
  ]);
  const steps = host.log.filter((line) =>
    line.startsWith("rename /public.next") || line.startsWith("remove /public/")
  );
  const renames = steps.filter((line) => line.startsWith("rename"));
  assertEquals(
    renames.at(-1),
    "rename /public.next/psyopsOS/timestamp.json /public/psyopsOS/timestamp.json",
  );
  assertEquals(steps.findIndex((line) => line.startsWith("remove")), renames.length);
  assertEquals(host.textOf("/public/psyopsOS/os/1.0/vmlinuz"), "a release");
  assertEquals(await host.stat("/cache/beta.json"), undefined);
  assertEquals(await host.stat("/public.next"), undefined);
});

Deno.test("a wrong fleet leaves the site as it was", async () => {
  const { host, options } = await setUp();
  await makeSite(host, options);
  const before = tree(host, "/public");
  host.put("/nodes/beta.yaml", "recipient: none\n");
  await assertRejects(() => makeSite(host, options), UserError, "/nodes/beta.yaml:1:12");
  assertEquals(tree(host, "/public"), before);
});

Deno.test("a full disk leaves the site as it was", async () => {
  const { host, options } = await setUp();
  await makeSite(host, options);
  const before = tree(host, "/public");
  host.broken.set("/public.next/psyopsOS/timestamp.json", new Error("no space left"));
  await assertRejects(() => makeSite(host, options), Error, "no space left");
  assertEquals(tree(host, "/public"), before);
});

Deno.test("the cache is readable by its owner only, and may be broken or missing", async () => {
  const { host, options } = await setUp();
  await makeSite(host, options);
  assertEquals((await host.stat("/cache/alpha.json"))?.mode, 0o600);
  assertEquals((await host.stat("/cache"))?.mode, 0o700);
  assertEquals(JSON.stringify([...tree(host, "/cache").values()]).includes("SECRET"), false);
  host.put("/cache/alpha.json", "{");
  host.put("/cache/beta.json", '{"key": "x"}');
  host.put("/cache/_known.json", "{");
  assertEquals((await makeSite(host, options)).encrypted, ["alpha", "beta"]);
  await host.remove("/cache");
  assertEquals((await makeSite(host, options)).encrypted, ["alpha", "beta"]);
});

Deno.test("two builds at once that share a cache make what each makes alone, whichever is ahead", async () => {
  const { host, options } = await setUp();
  const { identity, recipient } = await generateIdentity();
  // Nodes of the same names, told different things; one fleet lacks a node of the other.
  const builds = ["one", "two"].map((name) => ({
    ...options,
    nodes: `/${name}`,
    out: `/site-${name}`,
  }));
  for (const { nodes } of builds) {
    host.put(
      `${nodes}/beta.yaml`,
      `recipient: ${recipient}\nprivate: {hostname: x${nodes.slice(1)}}\n`,
    );
  }
  host.put("/one/alpha.yaml", fleetFiles().get("alpha.yaml")!);
  host.put("/one/tags/lab.yaml", fleetFiles().get("tags/lab.yaml")!);
  for (let round = 0; round < 6; round++) {
    // Each waits another while before its writes and reads, so that they meet in other places every time.
    await Promise.all(builds.map(async (build, i) => {
      for (let turn = 0; turn < (round * (i + 1) * 7) % 40; turn++) await Promise.resolve();
      host.put(`${build.nodes}/global.yaml`, `notes: round ${round + i}\n`);
      await makeSite(host, build);
    }));
    for (const { out } of builds) {
      const view = await openSite({
        pinned: options.keyring.publicKeys.root,
        state: NO_STATE,
        now: NOW,
        fetch: (path) => host.readFile(`${out}/${path}`),
      });
      const ciphertext = await view.getHashed(SITE_PATHS.postboot("beta"));
      const { payload } = parseEnvelope(await decryptWith([identity], ciphertext), "beta");
      const { config } = parseInstructions(utf8(payload), "beta");
      assertEquals(config.hostname, out.replace("/site-", "x"));
    }
  }
});

Deno.test("an expiry that nodes would refuse is not published, unless a test asks for it", async () => {
  const { host, options } = await setUp();
  for (const expiresHours of [0, -1, NaN, 24 * 400]) {
    await assertRejects(() => makeSite(host, { ...options, expiresHours }), UserError);
  }
  const issued = new Date("2026-01-01T00:00:00Z");
  const past = { ...options, issued, expiresHours: 1 };
  await assertRejects(() => makeSite(host, past), UserError, "expired");
  assertEquals(await host.stat("/public"), undefined);
  await makeSite(host, { ...past, allowExpired: true });
  await assertRejects(() => open(host, options), UserError, "expired");
});

Deno.test("a site directory with a broken timestamp is not overwritten", async () => {
  const { host, options } = await setUp();
  host.put("/public/psyopsOS/timestamp.json", "{");
  const error = await assertRejects(() => makeSite(host, options), UserError);
  assertEquals(error.hint, "remove /public to begin anew");
});

Deno.test("a serial that a replaced config key has signed is let go", async () => {
  const { host, options } = await setUp();
  const highest = Number.MAX_SAFE_INTEGER;
  await makeSite(host, { ...options, serial: highest });
  const { state } = await open(host, options);
  await assertRejects(() => makeSite(host, options), UserError, "whole number");
  const passphrase = () => Promise.resolve("");
  await rotateKey(host, "/k", "config", { issued: ISSUED, passphrase });
  const keyring = await loadKeyring(host, "/k");
  const { serial } = await makeSite(host, { ...options, keyring });
  assertEquals(serial, NOW.getTime() / 1000);
  const fetch = (path: string) => host.readFile(`/public/${path}`);
  const pinned = options.keyring.publicKeys.root;
  const view = await openSite({ pinned, state, now: NOW, fetch });
  assertEquals([view.state.serial, view.state.rootVersion], [serial, 2]);
});

Deno.test("keys of before a rotation build no site over one of after it", async () => {
  const { host, options } = await setUp();
  const passphrase = () => Promise.resolve("");
  for (const [path, node] of [...host.nodes]) {
    if (/^\/k(\/|$)/.test(path)) host.nodes.set(path.replace("/k", "/old"), { ...node });
  }
  await rotateKey(host, "/k", "timestamp", { issued: ISSUED, passphrase });
  await makeSite(host, { ...options, keyring: await loadKeyring(host, "/k") });
  const before = tree(host, "/public");
  const old = { ...options, keyring: await loadKeyring(host, "/old") };
  const error = await assertRejects(() => makeSite(host, old), UserError);
  assertEquals(
    error.message,
    "Cannot build the site: /public is of root version 2, and the keys here are of version 1",
  );
  assertEquals(tree(host, "/public"), before);
  // Another site altogether, which begins anew.
  const keyring = await initKeys(host, "/new", { issued: ISSUED });
  assertEquals((await makeSite(host, { ...options, keyring })).nodes.length > 0, true);
});

Deno.test("a serial that is taken by other content is not published again", async () => {
  const { host, options } = await setUp();
  await makeSite(host, { ...options, serial: 7 });
  const before = tree(host, "/public");
  host.put("/nodes/global.yaml", "notes: changed\n");
  await assertRejects(
    () => makeSite(host, { ...options, serial: 7 }),
    UserError,
    "/public has serial 7 with other content",
  );
  assertEquals(tree(host, "/public"), before);
  assertEquals((await makeSite(host, { ...options, serial: 8 })).serial, 8);
});

Deno.test("nothing is published before the time of what was, until a rotated key lets go of that", async () => {
  const { host, options } = await setUp();
  host.clock = new Date("2031-01-01T00:00:00Z");
  await makeSite(host, options);
  const before = tree(host, "/public");
  host.clock = NOW;
  const error = await assertRejects(() => makeSite(host, options), UserError);
  assertEquals(
    error.message,
    `Cannot build the site: /public was issued at 2031-01-01T00:00:00Z, and the clock says ${ISSUED}`,
  );
  assertEquals(error.hint?.includes("keys rotate config"), true);
  assertEquals(tree(host, "/public"), before);
  const passphrase = () => Promise.resolve("");
  await rotateKey(host, "/k", "config", { issued: ISSUED, passphrase });
  const keyring = await loadKeyring(host, "/k");
  const { issued } = await makeSite(host, { ...options, keyring });
  assertEquals(issued, ISSUED);
});
