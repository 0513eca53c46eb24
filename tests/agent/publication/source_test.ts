import { assert, assertEquals, assertRejects } from "@std/assert";
import { readIdentity } from "../../../agent/identity/read.ts";
import { Source } from "../../../agent/publication/source.ts";
import { AgentError } from "../../../agent/report/problem.ts";
import { firstStatus, sendStatus } from "../../../agent/report/status.ts";
import { RefusedError } from "../../../lib/errors.ts";
import { MAX_TIMESTAMP_BYTES } from "../../../lib/trust/freshness.ts";
import { NO_STATE } from "../../../lib/trust/roots.ts";
import { driveOf, makeSite, World } from "../world.ts";

const SITE = await makeSite();
const NOW = new Date("2026-11-22T21:00:00Z");

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

Deno.test("ask() goes on to the next URL, also past one that is refused, and stays with it", async () => {
  const world = new Mirrors();
  const urls = ["http://down.test/", "http://bad.test/", "http://good.test/"];
  world.answer = (url) => {
    if (url.hostname === "down.test") throw new TypeError("Connection refused (os error 111)");
    if (url.hostname === "good.test") return world.page(url);
    return new Response(url.pathname.endsWith("timestamp.json") ? "{}" : world.page(url).body);
  };
  const source = await sourceOf(world, urls);
  assertEquals((await source.ask(NO_STATE, NOW)).kind, "publication");
  world.asked.length = 0;
  assertEquals((await source.ask(NO_STATE, NOW)).kind, "unchanged");
  assertEquals(world.asked, ["http://good.test/psyopsOS/timestamp.json"]);
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
    { version: "1", epoch: 0, kernel: "1" },
    { version: "1", commit: "1", form: "source" },
    NOW,
  );
  const failure = await sendStatus(world, url, status) ?? "";
  assert(failure !== "" && !/s3cret|t0ken/.test(failure), failure);
});
