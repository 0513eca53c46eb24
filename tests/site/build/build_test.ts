import { assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import { sha256Hex, text, utf8 } from "../../../lib/bytes.ts";
import {
  parseEnvelope,
  parseInstructions,
  parseNodeDocument,
  parsePostbootIndex,
  parseTagNodes,
  SITE_PATHS,
} from "../../../lib/documents/site.ts";
import { RefusedError } from "../../../lib/errors.ts";
import { decryptWith, encryptTo } from "../../../lib/trust/age.ts";
import { generateIdentity } from "../../../lib/trust/age_keygen.ts";
import { openSite } from "../../../lib/trust/client.ts";
import { parseComment } from "../../../lib/trust/comment.ts";
import { parseTimestamp, TIMESTAMP_PATH } from "../../../lib/trust/freshness.ts";
import { publicKeyLine, verify } from "../../../lib/trust/minisign.ts";
import { generateKey, publicKeyOf } from "../../../lib/trust/minisign_sign.ts";
import { NO_STATE } from "../../../lib/trust/roots.ts";
import {
  type BuildOptions,
  buildSite,
  type BuiltSite,
  DOCUMENTS_PER_BIN,
} from "../../../site/build/build.ts";
import { checkSite } from "../../../site/build/check.ts";
import type { Fleet } from "../../../site/fleet/assemble.ts";
import { parseFleet } from "../../../site/fleet/fleet.ts";
import { placeOf } from "../../support/signed_site.ts";
import { buildOptions, fleetFiles, ISSUED, KEY } from "../support.ts";

const NOW = new Date("2026-11-22T21:00:00Z");

function view(site: BuiltSite) {
  return openSite({
    pinned: publicKeyOf(KEY),
    state: NO_STATE,
    now: NOW,
    fetch: (path) => {
      const bytes = site.files.get(path);
      return bytes ? Promise.resolve(bytes) : Promise.reject(new Error(`no ${path}`));
    },
  });
}

/** A path without the hash in it. */
function plain(path: string): string {
  return path.replace(/\.[0-9a-f]{16}\./, ".*.");
}

function build(fleet: Fleet = parseFleet(fleetFiles()), options: BuildOptions = buildOptions()) {
  return buildSite(fleet, options);
}

Deno.test("buildSite() makes a site that the client and the document readers accept", async () => {
  const opened = await view(await build());
  assertEquals(opened.timestamp.serial, 42);
  const alpha = parseNodeDocument(await opened.get(SITE_PATHS.node("alpha"), "node"), "alpha");
  assertEquals(alpha.tags, ["lab"]);
  assertEquals(alpha.config.hostname, "alpha");
  assertEquals(alpha.config.check, { everySeconds: 300 });
  assertEquals(parseTagNodes(await opened.get(SITE_PATHS.tagNodes("lab"), "tag"), "lab"), [
    "alpha",
  ]);
  const site = await build();
  const index = parsePostbootIndex(site.files.get(SITE_PATHS.postbootIndex)!);
  assertEquals(Object.keys(index), ["alpha", "beta"]);
  for (const [name, { path, sha256 }] of Object.entries(index)) {
    const ciphertext = await opened.getHashed(SITE_PATHS.postboot(name));
    assertEquals(sha256Hex(ciphertext), sha256);
    assertEquals(site.files.get(path), ciphertext);
  }
});

Deno.test("a node finds its merged instructions, secrets included, signed for it alone", async () => {
  const { identity, recipient } = await generateIdentity();
  const files = fleetFiles();
  files.set("alpha.yaml", files.get("alpha.yaml")!.replace(/age1\w+/, recipient));
  const site = await build(parseFleet(files), { ...buildOptions(), encrypt: encryptTo });
  const opened = await view(site);
  const path = SITE_PATHS.postboot("alpha");
  const plaintext = await decryptWith([identity], await opened.getHashed(path));
  const { payload, minisig } = parseEnvelope(plaintext, "alpha");
  opened.verifyInner(utf8(payload), minisig, "postboot", path);
  const instructions = parseInstructions(utf8(payload), "alpha");
  assertEquals([instructions.serial, instructions.issued], [42, ISSUED]);
  assertEquals(instructions.config.hostname, "alpha");
  assertEquals(instructions.config.files?.["/etc/token"]?.content, "SECRET-of-lab");
  assertEquals(Object.keys(instructions.config.files ?? {}).sort(), ["/etc/motd", "/etc/token"]);
  assertEquals(instructions.config.scripts?.join?.run, "echo SECRET-of-alpha");
  await assertRejects(async () =>
    await decryptWith([identity], await opened.getHashed(SITE_PATHS.postboot("beta")))
  );
});

Deno.test("a node is told its tags where a template of its files asks for them, and by later agents' documents only", async () => {
  const told = async (more: string) => {
    const files = fleetFiles();
    files.set("global.yaml", `config:\n  files:\n    /etc/a: ${more}\n`);
    const { envelopes } = await build(parseFleet(files));
    const { tags, agent } = parseInstructions(utf8(envelopes.get("alpha")!.payload), "alpha");
    return { tags, agent };
  };
  const content = (text: string) => `content: "${text}"`;
  assertEquals(await told(`{${content("{{tags}}")}, template: true}`), {
    tags: ["lab"],
    agent: "0.2.0",
  });
  const none = { tags: undefined, agent: "0.2.0" };
  assertEquals(await told(`{${content("{{name}}")}, template: true}`), none);
  assertEquals(await told(`{${content("{{{{tags}}")}, template: true}`), none);
  assertEquals(await told(`{${content("{{tags}}")}}`), { tags: undefined, agent: undefined });
});

Deno.test("no file of the site holds a private part", async () => {
  const site = await build(undefined, {
    ...buildOptions(),
    encrypt: (_recipients, plaintext) => {
      assertEquals(typeof text(plaintext), "string");
      return Promise.resolve(utf8("ciphertext"));
    },
  });
  for (const [path, bytes] of site.files) {
    assertEquals(text(bytes).includes("SECRET"), false, path);
  }
  assertEquals(site.envelopes.get("alpha")?.payload.includes("SECRET-of-alpha"), true);
});

Deno.test("each node's instructions are encrypted to that node", async () => {
  const asked: (readonly string[])[] = [];
  const fleet = parseFleet(fleetFiles());
  await build(fleet, {
    ...buildOptions(),
    encrypt: (recipients, plaintext) => {
      asked.push(recipients);
      return Promise.resolve(plaintext);
    },
  });
  assertEquals(asked, fleet.nodes.map((node) => [node.recipient]));
});

Deno.test("every signed document bears a signature for its own type, path and serial", async () => {
  const { files } = await build();
  const types: Record<string, string> = {};
  for (const [path, bytes] of files) {
    const signature = files.get(`${path}.minisig`);
    if (!signature) continue;
    const { trustedComment } = verify(bytes, text(signature), [publicKeyOf(KEY)]);
    const facts = parseComment(trustedComment);
    types[path] = facts.type;
    if (facts.type !== "root") assertEquals([facts.path, facts.serial], [path, 42]);
  }
  assertEquals(types, {
    "psyopsOS/global.json": "global",
    "psyopsOS/nodes/alpha.json": "node",
    "psyopsOS/nodes/beta.json": "node",
    "psyopsOS/tags/lab/nodes.json": "tag",
    "psyopsOS/postboot.json": "postboot-index",
    "psyopsOS/root/1.json": "root",
    "psyopsOS/root.json": "root",
  });
  const unsigned = [...files.keys()].filter((path) =>
    !path.endsWith(".minisig") && types[path] === undefined
  );
  assertEquals(unsigned.map(plain), [
    "index.html",
    "error.html",
    "psyopsOS/signed/global.*.json",
    "psyopsOS/signed/nodes/alpha.*.json",
    "psyopsOS/signed/nodes/beta.*.json",
    "psyopsOS/signed/tags/lab/nodes.*.json",
    "psyopsOS/postboot/alpha.*.age",
    "psyopsOS/postboot/beta.*.age",
    "psyopsOS/bins/all.*.json",
    "psyopsOS/timestamp.json",
  ]);
});

Deno.test("files come in the order of publication, the timestamp last", async () => {
  const paths = [...(await build()).files.keys()];
  assertEquals(paths.slice(-2).map(plain), [
    "psyopsOS/bins/all.*.json",
    "psyopsOS/timestamp.json",
  ]);
  const firstSignature = paths.findIndex((path) => path.endsWith(".minisig"));
  assertEquals(paths.findLastIndex((path) => path.endsWith(".age")) < firstSignature, true);
});

Deno.test("the same fleet, serial and cache give the same bytes, whatever the order of files", async () => {
  const first = await build();
  const reversed = parseFleet(new Map([...fleetFiles()].reverse()));
  const second = await build(reversed, {
    ...buildOptions(),
    cache: first.cache,
    encrypt: () => Promise.reject(new Error("encrypted again")),
  });
  assertEquals([...second.files], [...first.files]);
  assertEquals(second.envelopes.size, 0);
});

Deno.test("ciphertext is kept while nothing in it changes, and made anew for the nodes that changed", async () => {
  const first = await build();
  const next = (changes: Record<string, string>, options: Partial<BuildOptions> = {}) =>
    build(parseFleet(new Map([...fleetFiles(), ...Object.entries(changes)])), {
      ...buildOptions(43),
      cache: first.cache,
      ...options,
    });
  const same = await next({});
  assertEquals([...same.envelopes.keys()], []);
  assertEquals((await view(same)).timestamp.serial, 43);
  for (const name of ["alpha", "beta"]) {
    const path = placeOf(first.files, SITE_PATHS.postboot(name));
    assertEquals(same.files.get(path), first.files.get(path));
  }
  const changes: [Record<string, string>, string[]][] = [
    [{ "tags/lab.yaml": "config: {}\n" }, ["alpha"]],
    [{ "global.yaml": "private: {hostname: x}\n" }, ["alpha", "beta"]],
    [{ "beta.yaml": fleetFiles().get("beta.yaml")! + "notes: only public\n" }, []],
    [{ "beta.yaml": `recipient: ${(await generateIdentity()).recipient}\n` }, ["beta"]],
  ];
  for (const [change, nodes] of changes) {
    assertEquals([...(await next(change)).envelopes.keys()], nodes, JSON.stringify(change));
  }
  const rolled = buildOptions(43);
  const root = structuredClone(rolled.roots.files[0]!.root);
  root.roles.config.push(publicKeyLine(publicKeyOf(generateKey())));
  const roots = { ...rolled.roots, files: [{ ...rolled.roots.files[0]!, root }] };
  assertEquals([...(await next({}, { roots })).envelopes.keys()], ["alpha", "beta"]);
});

Deno.test("documents that have not changed keep their signature, unless the key has", async () => {
  const first = await build();
  const again = await build(undefined, {
    ...buildOptions(43),
    cache: first.cache,
    signatures: first.signatures,
  });
  const changed = [...again.files].filter(([path, bytes]) =>
    text(first.files.get(path) ?? new Uint8Array()) !== text(bytes)
  ).map(([path]) => path);
  assertEquals(changed, ["index.html", "psyopsOS/timestamp.json"]);
  await view(again);
  const lower = await build(undefined, { ...buildOptions(41), signatures: first.signatures });
  const path = `${SITE_PATHS.global}.minisig`;
  assertNotEquals(lower.files.get(path), first.files.get(path));
  const rolled = buildOptions(43);
  const root = structuredClone(rolled.roots.files[0]!.root);
  root.roles.config.push(publicKeyLine(publicKeyOf(generateKey())));
  const roots = { ...rolled.roots, files: [{ ...rolled.roots.files[0]!, root }] };
  const anew = await build(undefined, { ...rolled, roots, signatures: first.signatures });
  assertNotEquals(anew.files.get(path), first.files.get(path));
});

Deno.test("one changed node changes few files", async () => {
  const first = await build();
  const yaml = fleetFiles().get("alpha.yaml")!.replace("SECRET-of-alpha", "SECRET-of-omega");
  const fleet = parseFleet(new Map([...fleetFiles(), ["alpha.yaml", yaml]]));
  const { cache, signatures } = first;
  const next = await build(fleet, { ...buildOptions(43), cache, signatures });
  const changed = [...next.files].filter(([path, bytes]) =>
    text(first.files.get(path) ?? new Uint8Array()) !== text(bytes)
  ).map(([path]) => plain(path));
  assertEquals(changed, [
    "index.html",
    "psyopsOS/postboot/alpha.*.age",
    "psyopsOS/postboot.json",
    "psyopsOS/postboot.json.minisig",
    "psyopsOS/bins/all.*.json",
    "psyopsOS/timestamp.json",
  ]);
});

Deno.test("ciphertext with a higher serial inside is not put on a site with a lower one", async () => {
  const later = await build(undefined, buildOptions(50));
  const earlier = await build(undefined, { ...buildOptions(42), cache: later.cache });
  assertEquals([...earlier.envelopes.keys()], ["alpha", "beta"]);
});

Deno.test("a fleet without nodes is a site too", async () => {
  const site = await build(parseFleet(new Map()));
  assertEquals((await view(site)).timestamp.bins.length, 1);
});

Deno.test("bins are split when there are many documents, and each document is found", async () => {
  const fleet = parseFleet(fleetFiles());
  const [node] = fleet.nodes;
  const count = DOCUMENTS_PER_BIN / 2;
  fleet.nodes = Array.from({ length: count }, (_, i) => ({ ...node!, name: `n${i}` }));
  const site = await build(fleet);
  const { bins } = parseTimestamp(site.files.get(TIMESTAMP_PATH)!);
  assertEquals(bins.length, 16);
  const opened = await view(site);
  assertEquals(bins.every(({ prefix }) => prefix.length === 1), true);
  for (const i of [0, 7, count - 1]) {
    const name = `n${i}`;
    parseNodeDocument(await opened.get(SITE_PATHS.node(name), "node"), name);
    assertEquals(await opened.lists(SITE_PATHS.postboot(name)), true);
  }
});

Deno.test("checkSite() accepts what buildSite() made and refuses what was changed since", async () => {
  const fleet = parseFleet(fleetFiles());
  const options = { pinned: publicKeyOf(KEY), now: NOW, state: NO_STATE };
  await checkSite(await build(fleet), fleet, options);
  const paths = [...(await build(fleet)).files.keys()].filter((path) =>
    path.startsWith("psyopsOS/") && !path.startsWith("psyopsOS/root/")
  );
  for (const path of paths) {
    const site = await build(fleet);
    const bytes = site.files.get(path)!.slice();
    bytes[bytes.length >> 1]! ^= 1;
    site.files.set(path, bytes);
    await assertRejects(() => checkSite(site, fleet, options), RefusedError, "", path);
    site.files.delete(path);
    await assertRejects(() => checkSite(site, fleet, options), Error, "", path);
  }
  await assertRejects(
    async () =>
      await checkSite(await build(fleet), fleet, { ...options, now: new Date("2027-01-01") }),
    RefusedError,
    "it expired",
  );
});

Deno.test("index.html shows nodes as text, whatever is in the fleet", async () => {
  const fleet = parseFleet(fleetFiles());
  fleet.nodes[0]!.tags = ["lab"];
  const html = text((await build(fleet)).files.get("index.html")!);
  assertEquals(
    html.includes('<a href="psyopsOS/nodes/alpha.json" data-cell="name">alpha</a>'),
    true,
  );
  assertNotEquals(html.includes("SECRET"), true);
});
