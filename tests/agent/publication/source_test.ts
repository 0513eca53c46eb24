import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { readIdentity } from "../../../agent/identity/read.ts";
import { type AskTime, Source } from "../../../agent/publication/source.ts";
import { AgentError } from "../../../agent/report/problem.ts";
import { Clock } from "../../../agent/system/clock.ts";
import { firstStatus, sendStatus } from "../../../agent/report/status.ts";
import { RefusedError } from "../../../lib/errors.ts";
import { MAX_TIMESTAMP_BYTES } from "../../../lib/trust/freshness.ts";
import { NO_STATE } from "../../../lib/trust/roots.ts";
import { signerOf } from "../../../lib/trust/keyring.ts";
import { testKey } from "../../support/signed_site.ts";
import { OLD, ROTATED, siteOf } from "../rotated_site.ts";
import { driveOf, makeSite, PAIRS, World } from "../world.ts";
import { buildOptions, ISSUED } from "../../site/support.ts";
import { buildSite } from "../../../site/build/build.ts";
import { parseFleet } from "../../../site/fleet/fleet.ts";
import { encryptTo } from "../../../lib/trust/age.ts";
import type { Bytes } from "../../../lib/bytes.ts";

const SITE = await makeSite();
const NOW: AskTime = {
  now: { ms: Date.parse("2026-11-22T21:00:00Z"), from: "the clock" },
  sinceIssuedMs: 0,
};

async function sourceOf(world: World, sites?: string[]): Promise<Source> {
  for (const [name, data] of driveOf("alpha")) world.put(`/drive/${name}`, data);
  const identity = await readIdentity(world, "/drive");
  return new Source(world, { ...identity, ...(sites && { sites }) });
}

/** Answers every URL by `answer`; counts requests by host. */
class Mirrors extends World {
  readonly asked: string[] = [];
  answer: (url: URL, init?: RequestInit) => Response | Promise<Response> = () =>
    new Response(null, { status: 404 });
  override async fetch(url: string, init?: RequestInit): Promise<Response> {
    this.asked.push(url);
    return await this.answer(new URL(url), init);
  }
  page(url: URL): Response {
    const data = SITE.get(url.pathname.slice(1));
    return data ? new Response(data.slice()) : new Response(null, { status: 404 });
  }
}

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
  const source = new Source(world, { ...identity, sites }, 20);
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

/** A site whose certificates hold from some time on (`from`) or until then, and what it publishes. */
interface Certified {
  from?: string;
  until?: string;
  site: Map<string, Bytes>;
}

/** A machine without a clock, whose image is of 1 November, and its sites by host. */
class Clockless extends Mirrors {
  override clock = new Date(0);

  constructor(readonly sites: Record<string, Certified>) {
    super();
    this.programs.set("date", (args) => {
      this.clock = new Date(Number(args.at(-1)!.slice(1)) * 1000);
      return "";
    });
    this.answer = ({ hostname, pathname }) => {
      const { from, until, site } = this.sites[hostname]!;
      const now = this.clock.toISOString();
      const wrong = from && now < from ? "not valid yet" : until && now >= until ? "expired" : "";
      if (wrong) throw new TypeError(`invalid peer certificate: certificate ${wrong}: then`);
      const data = site.get(pathname.slice(1));
      return data ? new Response(data.slice()) : new Response(null, { status: 404 });
    };
  }

  /** Asks `count` times; gives the serials that came, and how often the clock was set each time. */
  async serials(count: number, state = NO_STATE): Promise<[(number | string)[], number[]]> {
    const source = await sourceOf(this, Object.keys(this.sites).map((one) => `https://${one}/`));
    const clock = await Clock.start(this, Date.parse("2026-11-01T00:00:00Z") / 1000);
    await clock.noteIssued(ISSUED);
    const [found, sets]: [(number | string)[], number[]] = [[], []];
    for (let i = 0; i < count; i++) {
      this.log.length = 0;
      try {
        const answer = await source.ask(state, {
          now: clock.trusted(),
          sinceIssuedMs: clock.sinceIssuedMs,
          guessed: { guesses: clock.guesses, use: (guess) => clock.guess(guess) },
        });
        const isNew = answer.kind === "publication";
        found.push(isNew ? answer.publication.view.timestamp.serial : "unchanged");
      } catch (error) {
        found.push((error as Error).name);
      }
      sets.push(this.log.filter((line) => line.startsWith("run date")).length);
      await this.sleep(300_000);
    }
    return [found, sets];
  }
}

const RENEWED = "2026-11-20T00:00:00.000Z";
const OLDER = await makeSite({ serial: 41 });

Deno.test("ask() without a clock reads each URL by the time that its certificate holds at", async () => {
  const newer = await makeSite({ serial: 43 });
  for (const accepted of [0, 42]) {
    const world = new Clockless({
      "renewed.test": { from: RENEWED, site: newer },
      "abandoned.test": { until: RENEWED, site: OLDER },
    });
    const state = { ...NO_STATE, serial: accepted };
    assertEquals((await world.serials(3, state))[0], [43, "unchanged", "unchanged"]);
  }
  // The newest is where the better guess is of no use.
  const turned = new Clockless({
    "renewed.test": { from: RENEWED, site: OLDER },
    "image.test": { until: RENEWED, site: newer },
  });
  assertEquals((await turned.serials(3))[0], [43, "unchanged", "unchanged"]);
});

Deno.test("ask() prefers what is read by the better guess of the time, and leaves the clock there", async () => {
  const world = new Clockless({
    "image.test": { until: RENEWED, site: SITE },
    "renewed.test": { from: RENEWED, site: SITE },
  });
  const { answer } = world;
  // Away in the first round.
  world.answer = (url) => {
    if (url.hostname !== "renewed.test" || world.elapsed > 0) return answer(url);
    throw new TypeError("Connection refused (os error 111)");
  };
  const [found, sets] = await world.serials(3);
  assertEquals(found, [42, "unchanged", "unchanged"]);
  assertEquals([sets[2], world.clock.toISOString() > RENEWED], [0, true]);
});

Deno.test("ask() tries again in the next round what failed by another guess for another reason", async () => {
  const newer = await makeSite({ serial: 43 });
  const world = new Clockless({
    "renewed.test": { from: RENEWED, site: OLDER },
    "image.test": { until: RENEWED, site: newer },
  });
  const { answer } = world;
  world.answer = (url) => {
    const response = answer(url);
    return url.hostname === "image.test" && world.elapsed === 0
      ? new Response(null, { status: 503 })
      : response;
  };
  assertEquals((await world.serials(2))[0], [41, 43]);
});

Deno.test("ask() does not move the clock in every round for a certificate that holds at no time", async () => {
  const dead = { until: "2020-01-01T00:00:00.000Z", site: OLDER };
  const world = new Clockless({ "dead.test": dead, "good.test": { from: RENEWED, site: SITE } });
  const [found, sets] = await world.serials(4);
  assertEquals(found, [42, "unchanged", "unchanged", "unchanged"]);
  assertEquals(
    [sets.slice(1, 3), sets[3]! > 0],
    [[0, 0], true],
    "a quarter of an hour later again",
  );
  // Where nothing else answers, every guess is tried each time, and the best is left in the end.
  const alone = new Clockless({ "dead.test": dead });
  const [failed, moved] = await alone.serials(3);
  assertEquals([failed, moved[1]! > 0], [Array(3).fill("AgentError"), true]);
  assertEquals(alone.clock.toISOString() > RENEWED, true);
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
