import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { readIdentity } from "../../../agent/identity/read.ts";
import { Source } from "../../../agent/publication/source.ts";
import { AgentError } from "../../../agent/report/problem.ts";
import { firstStatus, sendStatus } from "../../../agent/report/status.ts";
import { RefusedError } from "../../../lib/errors.ts";
import { MAX_TIMESTAMP_BYTES } from "../../../lib/trust/freshness.ts";
import { NO_STATE } from "../../../lib/trust/roots.ts";
import { signerOf } from "../../../lib/trust/keyring.ts";
import { testKey } from "../../support/signed_site.ts";
import { OLD, ROTATED, siteOf } from "../rotated_site.ts";
import { driveOf, makeSite, PAIRS, World } from "../world.ts";
import { Mirrors, NOW, SITE, sourceOf } from "./mirrors.ts";
import { buildOptions, ISSUED } from "../../site/support.ts";
import { buildSite } from "../../../site/build/build.ts";
import { parseFleet } from "../../../site/fleet/fleet.ts";
import { encryptTo } from "../../../lib/trust/age.ts";
import type { Bytes } from "../../../lib/bytes.ts";

Deno.test("ask() answers unchanged for one conditional request", async () => {
  const world = new World(undefined, SITE);
  const source = await sourceOf(world);
  const first = await source.ask(NO_STATE, NOW);
  assertEquals(first.kind, "publication");
  world.requests.length = 0;
  assertEquals((await source.ask(NO_STATE, NOW)).kind, "unchanged");
  assertEquals(world.requests, ["GET psyopsOS/timestamp.json"]);
  world.site = await makeSite({ serial: 43 });
  assertEquals((await source.ask(NO_STATE, NOW)).kind, "publication");
});

Deno.test("ask() asks all URLs at once, takes one that is good, and says what came of the others", async () => {
  const world = new Mirrors();
  const urls = ["http://down.test/", "http://bad.test/", "http://good.test/"];
  world.answer = (url) => {
    if (url.hostname === "down.test") throw new TypeError("Connection refused (os error 111)");
    if (url.hostname === "good.test") return world.page(url);
    return new Response(url.pathname.endsWith("timestamp.json") ? "{}" : world.page(url).body);
  };
  const source = await sourceOf(world, urls);
  for (const kind of ["publication", "unchanged"]) {
    world.asked.length = 0;
    const answer = await source.ask(NO_STATE, NOW);
    assertEquals(answer.kind, kind);
    assertEquals(world.asked.slice(0, 3), urls.map((url) => `${url}psyopsOS/timestamp.json`));
    assertEquals(answer.lagging.map(({ url, how }) => [url, how]), [
      [urls[0], "unreachable"],
      [urls[1], "refused"],
    ]);
    assertStringIncludes(answer.lagging[0]!.reason, "Connection refused");
  }
  assertEquals(world.asked.length, 3, "an unchanged site costs one request a URL");
});

Deno.test("ask() takes the highest serial of all URLs, and says which one lags behind", async () => {
  const newer = await makeSite({ serial: 43 });
  const world = new Mirrors();
  world.answer = (url) => {
    const data = (url.hostname === "new.test" ? newer : SITE).get(url.pathname.slice(1));
    return data ? new Response(data.slice()) : new Response(null, { status: 404 });
  };
  const source = await sourceOf(world, ["http://ann:s3cret@old.test/", "http://new.test/"]);
  const answer = await source.ask(NO_STATE, NOW);
  assert(answer.kind === "publication");
  assertEquals(answer.publication.view.timestamp.serial, 43);
  const reason = "it is at serial 42, another URL at 43";
  assertEquals(answer.lagging, [{ url: "http://old.test/", how: "behind", reason }]);
  // What it remembers now makes the older one a refusal; the newer one counts all the same.
  const again = await source.ask(answer.publication.view.state, NOW);
  assertEquals([again.kind, again.lagging.length], ["unchanged", 1]);
  assertEquals(again.lagging[0]!.how, "behind");
  assertStringIncludes(again.lagging[0]!.reason, "its serial is 42, but 43 was accepted before");
});

Deno.test("ask() reads what is left when the newest publication can't be read, but not past one that knows no such node", async () => {
  const newer = await makeSite({ serial: 43 });
  const fleet = parseFleet(new Map([["beta.yaml", `recipient: ${PAIRS.beta.recipient}\n`]]));
  const { files: other } = await buildSite(fleet, { ...buildOptions(44), encrypt: encryptTo });
  const world = new Mirrors();
  const serve = (site: Map<string, Uint8Array>, path: string) =>
    site.has(path)
      ? new Response(site.get(path)!.slice() as Bytes)
      : new Response(null, { status: 404 });
  world.answer = (url) => {
    const path = url.pathname.slice(1);
    if (url.hostname === "old.test") return serve(SITE, path);
    return path.endsWith(".age") ? new Response(null, { status: 404 }) : serve(newer, path);
  };
  const urls = ["http://old.test/", "http://new.test/"];
  const source = await sourceOf(world, urls);
  const answer = await source.ask(NO_STATE, NOW);
  assert(answer.kind === "publication");
  assertEquals(answer.publication.view.timestamp.serial, 42);
  assertEquals(answer.lagging[0]!.how, "unreachable");
  assertStringIncludes(answer.lagging[0]!.reason, "answered 404");
  world.answer = (url) => serve(url.hostname === "old.test" ? SITE : other, url.pathname.slice(1));
  const strict = await sourceOf(world, urls);
  await assertRejects(() => strict.ask(NO_STATE, NOW), AgentError, "does not know alpha");
});

Deno.test("ask() waits for the other URLs only a while once one has answered", async () => {
  const world = new Mirrors();
  world.answer = (url, init) => {
    if (url.hostname === "good.test") return world.page(url);
    return new Promise((_resolve, reject) => {
      init!.signal!.addEventListener("abort", () => reject(new DOMException("x", "AbortError")));
    });
  };
  for (const [name, data] of driveOf("alpha")) world.put(`/drive/${name}`, data);
  const identity = await readIdentity(world, "/drive");
  const sites = ["http://dead.test/", "http://good.test/"];
  const source = new Source(world, { ...identity, sites }, { othersMs: 20 });
  const answer = await source.ask(NO_STATE, NOW);
  assertEquals([answer.kind, answer.lagging.length], ["publication", 1]);
  assertStringIncludes(answer.lagging[0]!.reason, "no answer in time");
});

Deno.test("ask() believes no URL that is behind a root which another URL has shown to drop its key", async () => {
  const thiefs = { serial: 50, motd: "thief's", issued: ISSUED };
  const old = await siteOf(thiefs, OLD);
  const honest = await siteOf(
    { ...thiefs, serial: 43, issued: "2026-10-01T00:00:00Z" },
    OLD,
    ROTATED,
  );
  const world = new Mirrors();
  world.answer = (url) => {
    const data = (url.hostname === "old.test" ? old : honest).get(url.pathname.slice(1));
    return data ? new Response(data.slice()) : new Response(null, { status: 404 });
  };
  const source = await sourceOf(world, ["http://old.test/", "http://honest.test/"]);
  const first = await sourceOf(world, ["http://old.test/"]);
  const seen = await first.ask(NO_STATE, NOW);
  assert(seen.kind === "publication");
  const { state } = seen.publication.view;
  const error = await assertRejects(() => source.ask(state, NOW), RefusedError);
  assertStringIncludes(error.message, "another URL of the site has shown 2");
  assertEquals([source.dropped?.rootVersion, source.dropped?.serial], [2, 0]);
});

Deno.test("ask() remembers what the newest of several root chains has left, whichever URL is the slowest", async () => {
  const facts = { serial: 43, motd: "true", issued: "2026-10-01T00:00:00Z" };
  const again = { ...ROTATED, config: signerOf(testKey("newer")) };
  const sites = new Map([
    ["two.test", await siteOf(facts, OLD, ROTATED)],
    ["three.test", await siteOf(facts, OLD, ROTATED, again)],
  ]);
  const first = new World(undefined, await siteOf({ ...facts, serial: 50, issued: ISSUED }, OLD));
  const seen = await (await sourceOf(first)).ask(NO_STATE, NOW);
  assert(seen.kind === "publication");
  for (const slow of sites.keys()) {
    const world = new Mirrors();
    world.answer = async ({ hostname, pathname }) => {
      if (hostname === slow) await new Promise((resolve) => setTimeout(resolve, 20));
      const data = sites.get(hostname)!.get(pathname.slice(1));
      return data ? new Response(data.slice()) : new Response(null, { status: 404 });
    };
    const source = await sourceOf(world, ["http://two.test/", "http://three.test/"]);
    await assertRejects(() => source.ask(seen.publication.view.state, NOW), RefusedError);
    assertEquals(source.dropped?.rootVersion, 3, `${slow} is slow`);
  }
});

Deno.test("ask() tells of the refusal when no URL is good", async () => {
  const world = new Mirrors();
  world.answer = (url) => {
    if (url.hostname === "down.test") throw new TypeError("Connection refused (os error 111)");
    return new Response(url.pathname.endsWith("timestamp.json") ? "{}" : world.page(url).body);
  };
  const source = await sourceOf(world, ["http://bad.test/", "http://down.test/"]);
  await assertRejects(() => source.ask(NO_STATE, NOW), RefusedError);
  const down = await sourceOf(world, ["http://down.test/"]);
  await assertRejects(() => down.ask(NO_STATE, NOW), AgentError, "Connection refused");
});

Deno.test("ask() says that what answered is no site where a network shows its own page, and refuses nothing", async () => {
  const pages: [string, string, number][] = [
    ["<!DOCTYPE html><title>Welcome</title>", "text/html", 200],
    ["\n <html><body>Sign in</body></html>", "application/json", 200],
    [`<!-- ${"x".repeat(MAX_TIMESTAMP_BYTES)} -->`, "text/html; charset=utf-8", 200],
    ["sign in", "text/plain", 511],
  ];
  for (const [body, type, status] of pages) {
    const world = new Mirrors();
    world.answer = () => new Response(body, { status, headers: { "content-type": type } });
    const source = await sourceOf(world);
    await assertRejects(() => source.ask(NO_STATE, NOW), AgentError, "what answered is no site");
  }
});

Deno.test("ask() stops reading a body that is too long", async () => {
  const world = new Mirrors();
  let sent = 0;
  let cancelled = false;
  world.answer = () =>
    new Response(
      new ReadableStream({
        pull(controller) {
          sent += 65536;
          controller.enqueue(new Uint8Array(65536));
        },
        cancel() {
          cancelled = true;
        },
      }),
    );
  const source = await sourceOf(world);
  await assertRejects(() => source.ask(NO_STATE, NOW), AgentError, "is longer than");
  assertEquals([cancelled, sent < 2 * MAX_TIMESTAMP_BYTES], [true, true]);
});

Deno.test("ask() follows a redirect of the site to its own hosts only", async () => {
  const world = new Mirrors();
  const to = (host: string) => (url: URL) =>
    url.host === "old.test"
      ? new Response(null, { status: 301, headers: { location: `http://${host}${url.pathname}` } })
      : world.page(url);
  const source = await sourceOf(world, ["http://old.test/", "http://new.test/"]);
  world.answer = to("new.test");
  assertEquals((await source.ask(NO_STATE, NOW)).lagging, []);
  const alone = await sourceOf(world, ["http://old.test/"]);
  world.asked.length = 0;
  await assertRejects(() => alone.ask(NO_STATE, NOW), AgentError, "not one of the site's");
  assertEquals(world.asked, ["http://old.test/psyopsOS/timestamp.json"]);
});

Deno.test("ask() says what the server answered, and ends with its signal", async () => {
  const world = new Mirrors();
  const source = await sourceOf(world);
  await assertRejects(() => source.ask(NO_STATE, NOW), AgentError, "answered 404");
  world.answer = (_url, init) =>
    new Promise((_resolve, reject) => {
      init!.signal!.addEventListener("abort", () => reject(new DOMException("x", "AbortError")));
    });
  const stop = new AbortController();
  const asking = source.ask(NO_STATE, NOW, stop.signal);
  stop.abort();
  await assertRejects(() => asking, AgentError, "stopped");
});

Deno.test("no message of a failed request holds a password or a token of its URL", async () => {
  const world = new Mirrors();
  const fails = (asked: string) => {
    // As Deno says it, in the message or in its cause.
    const said = `error sending request for url (${asked})`;
    return Promise.reject(new TypeError(said, { cause: new Error(`${said}: client error`) }));
  };
  world.fetch = fails;
  const source = await sourceOf(world, ["http://ann:s3cret@down.test/"]);
  const error = await assertRejects(() => source.ask(NO_STATE, NOW), AgentError, "down.test/psy");
  assert(!error.message.includes("s3cret"), error.message);
  const url = "https://ann:s3cret@down.test/status?token=t0ken";
  const status = firstStatus(
    { version: "1", epoch: 0, kernel: "1", timeServers: [] },
    { version: "1", commit: "1", form: "source" },
    new Date(NOW.now.ms),
  );
  const failure = await sendStatus(world, url, status) ?? "";
  assert(failure !== "" && !/s3cret|t0ken/.test(failure), failure);
});
