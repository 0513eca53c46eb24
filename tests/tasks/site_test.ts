import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { DenoHost } from "../../lib/deno_host.ts";
import { EXIT } from "../../lib/errors.ts";
import { generateIdentity } from "../../lib/trust/age_keygen.ts";
import { openSite } from "../../lib/trust/client.ts";
import { parsePublicKey } from "../../lib/trust/minisign.ts";
import { initKeys } from "../../lib/trust/root_sign.ts";
import { NO_STATE } from "../../lib/trust/roots.ts";
import { main } from "../../tasks/site.ts";
import { fleetFiles, RECIPIENTS } from "../site/support.ts";
import { FakeHost } from "../support/fake_host.ts";

async function setUp(): Promise<FakeHost> {
  const host = new FakeHost();
  await initKeys(host, "keys", { issued: "2026-11-22T20:00:00Z" });
  for (const [path, source] of fleetFiles()) host.put(`nodes/${path}`, source);
  return host;
}

async function site(host: FakeHost, ...words: string[]) {
  const lines: string[] = [];
  const add = (line: string) => void lines.push(line);
  const code = await main(words, host, { out: add, err: add }, () => null);
  return { code, output: lines.join("\n") };
}

Deno.test("site builds public/ and says what it did", async () => {
  const host = await setUp();
  const { code, output } = await site(host);
  assertEquals(code, EXIT.ok, output);
  assertMatch(output, /^public: serial \d+, valid until 2026-11-25T20:00:00Z\n/);
  assertMatch(output, /nodes +2: alpha, beta\n/);
  assertStringIncludes(output, "encrypted anew for 2: alpha, beta");
  assertEquals(output.includes("SECRET"), false);
  const again = await site(host, "build");
  assertStringIncludes(again.output, "encrypted anew for none");
});

Deno.test("site says when a node is new, and when it has another recipient than before", async () => {
  const host = await setUp();
  const first = await site(host);
  assertStringIncludes(first.output, "  every node is new: public held no site whose recipients");
  assertEquals((await site(host)).output.includes("is new"), false);
  const { recipient } = await generateIdentity();
  host.put("nodes/beta.yaml", `recipient: ${recipient}\n`);
  host.put("nodes/gamma.yaml", `recipient: ${RECIPIENTS[1]}\n`);
  const { output } = await site(host);
  assertStringIncludes(output, "\n  gamma is new\n");
  assertStringIncludes(
    output,
    `\n  beta has another recipient than at the last build: ${recipient}, not ${RECIPIENTS[1]}`,
  );
  await host.remove("nodes/gamma.yaml");
  host.put("nodes/beta.yaml", `recipient: ${RECIPIENTS[1]}\n`);
  const json = JSON.parse((await site(host, "--json")).output);
  assertEquals([json.compared, json.newNodes], [true, []]);
  assertEquals(json.otherRecipients, [
    { node: "beta", before: recipient, now: RECIPIENTS[1] },
  ]);
});

Deno.test("site takes its folders, serial and expiry from options", async () => {
  const host = await setUp();
  host.put("fleet/global.yaml", "");
  const words = "--nodes fleet --out out --serial 99 --expires-hours 1 --cache cache --json";
  const { output } = await site(host, "build", ...words.split(" "));
  const done = JSON.parse(output);
  assertEquals([done.out, done.serial, done.expires, done.nodes], [
    "out",
    99,
    "2026-11-22T21:00:00Z",
    [],
  ]);
  assertEquals((await host.stat("out/psyopsOS/timestamp.json"))?.kind, "file");
});

Deno.test("site shows a mistake in the fleet with its place, and writes nothing", async () => {
  const host = await setUp();
  host.put("nodes/beta.yaml", "recipient: x\nconfg: {}\n");
  const { code, output } = await site(host);
  assertEquals(code, EXIT.failed);
  assertEquals(output.split("\n"), [
    "Cannot read the fleet: nodes/beta.yaml:1:12: recipient must be an age recipient (age1… of 62 characters, or age1pq1… of 1959)",
    "  nodes/beta.yaml:2:1: unknown key confg, did you mean config?",
  ]);
  assertEquals(await host.stat("public"), undefined);
});

Deno.test("site --migrate rewrites lists of earlier versions, then builds, and has nothing to rewrite again", async () => {
  const host = await setUp();
  const old = "config:\n  users:\n    ops:\n      groups: [wheel] # why\n";
  host.put("nodes/tags/lab.yaml", old);
  const refused = await site(host);
  assertEquals(refused.code, EXIT.failed);
  assertStringIncludes(
    refused.output,
    "nodes/tags/lab.yaml:4:15: config.users.ops.groups must be a mapping, {wheel: true}: deno task site --migrate",
  );
  const { code, output } = await site(host, "--migrate");
  assertEquals(code, EXIT.ok, output);
  assertStringIncludes(output, "rewritten: nodes/tags/lab.yaml");
  assertEquals(host.textOf("nodes/tags/lab.yaml"), old.replace("[wheel]", "{wheel: true}"));
  assertEquals(JSON.parse((await site(host, "--migrate", "--json")).output).rewritten, []);
});

Deno.test("site says how to make keys when there are none", async () => {
  const host = await setUp();
  const { code, output } = await site(host, "--keys", "none");
  assertEquals(code, EXIT.failed);
  assertStringIncludes(output, "deno task keys init");
});

Deno.test("site refresh extends the site, without nodes/", async () => {
  const host = await setUp();
  await site(host, "--expires-hours", "1");
  await host.remove("nodes");
  host.clock = new Date("2026-11-22T20:30:00Z");
  const { code, output } = await site(host, "refresh", "--expires-hours", "2");
  assertEquals(code, EXIT.ok, output);
  assertMatch(output, /^public: serial 1795377600, valid until 2026-11-22T22:30:00Z$/);
  const json = JSON.parse((await site(host, "refresh", "--json")).output);
  assertEquals([json.serial, json.expires], [1795377600, "2026-11-25T20:30:00Z"]);
  assertEquals((await site(host, "refresh", "--out", "none")).code, EXIT.failed);
  assertEquals((await site(host, "refresh", "--keys", "none")).code, EXIT.failed);
});

for (const words of ["make", "build twice", "--serial x", "--expires-hours 1.5", "--serail 1"]) {
  Deno.test(`site ${words} is not understood`, async () => {
    const { code, output } = await site(await setUp(), ...words.split(" "));
    assertEquals(code, EXIT.usage, output);
  });
}

Deno.test("site serve needs a site", async () => {
  const { code, output } = await site(await setUp(), "serve", "--out", "none");
  assertEquals(code, EXIT.failed);
  assertStringIncludes(output, "there is no such directory");
});

Deno.test("site serve ended by Ctrl-C ended well", async () => {
  const out = await Deno.makeTempDir();
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "-P=build", "tasks/site.ts", "serve", "--port", "0", "--out", out],
    stdout: "piped",
  }).spawn();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  try {
    assertStringIncludes((await reader.read()).value ?? "", "(Ctrl-C ends it)");
  } finally {
    child.kill("SIGINT");
    assertEquals((await child.status).code, EXIT.ok);
    await reader.cancel();
    await Deno.remove(out);
  }
});

Deno.test("a site that was built and is served can be opened over HTTP", async () => {
  const host = await setUp();
  await site(host);
  const stop = new AbortController();
  const where = Promise.withResolvers<string>();
  const out = (line: string) => where.resolve(/http:\S+/.exec(line)?.[0] ?? line);
  const code = main(["serve", "--port", "0"], host, { out, err: out }, () => null, stop.signal);
  try {
    const base = await where.promise;
    const web = new DenoHost();
    const view = await openSite({
      pinned: parsePublicKey(host.textOf("keys/minisign.pubkey")),
      state: NO_STATE,
      now: host.now(),
      fetch: async (path) => {
        const response = await web.fetch(base + path);
        assertEquals(response.status, 200, path);
        return new Uint8Array(await response.arrayBuffer());
      },
    });
    await view.get("psyopsOS/nodes/alpha.json", "node");
  } finally {
    stop.abort();
  }
  assertEquals(await code, EXIT.ok);
});
