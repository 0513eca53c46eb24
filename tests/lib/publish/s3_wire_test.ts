import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { type Bytes, utf8 } from "../../../lib/bytes.ts";
import { UserError } from "../../../lib/errors.ts";
import { LongAnswer, NoAnswer, ServerError } from "../../../lib/publish/s3_errors.ts";
import { S3Wire } from "../../../lib/publish/s3_wire.ts";
import { FakeHost } from "../../support/fake_host.ts";
import { checkSignature } from "../../support/sigv4.ts";

const SETTINGS = {
  endpoint: "https://s3.example.net",
  region: "eu-west-1",
  pathStyle: true,
  accessKey: "AKIATEST",
  secretKey: "test-secret",
};

type Answer = (url: URL, init: RequestInit) => Response | Promise<Response>;

/** A wire whose requests `answer` answers, after it has checked that they are signed. */
function wireTo(answer: Answer, settings: Partial<typeof SETTINGS> = {}, attempts = 3) {
  const host = new FakeHost();
  const asked: string[] = [];
  host.fetch = async (url, init = {}) => {
    const at = new URL(url);
    const headers = new Headers(init.headers);
    const scope = headers.get("authorization")!.split("/")[2]!;
    checkSignature({
      method: init.method!,
      target: at.pathname + at.search,
      headers: { ...Object.fromEntries(headers), host: at.host },
      body: (init.body ?? new Uint8Array()) as Bytes,
    }, { credentials: [{ ...SETTINGS }], region: scope, now: host.now() });
    asked.push(`${init.method} ${url}`);
    return await answer(at, init);
  };
  const patience = { timeoutSeconds: 0.1, attempts, pauseMs: 100 };
  const wire = new S3Wire(host, { ...SETTINGS, ...settings }, "fleet", patience, () => 0.5);
  return { wire, host, asked };
}

const get = { method: "GET", key: "a/b.json" } as const;

Deno.test("S3Wire signs what it sends, in the path or the host name", async () => {
  const path = wireTo(() => new Response("x"));
  const odd = { method: "GET", key: "a/it's (b) ~c+d é.json", query: { prefix: "a b/!" } } as const;
  assertEquals((await path.wire.send(odd)).body, utf8("x"));
  assertEquals(path.asked, [
    "GET https://s3.example.net/fleet/a/it%27s%20%28b%29%20~c%2Bd%20%C3%A9.json?prefix=a%20b%2F%21",
  ]);
  const virtual = wireTo(() => new Response("x"), { pathStyle: false });
  await virtual.wire.send(get);
  assertEquals(virtual.asked, ["GET https://fleet.s3.example.net/a/b.json"]);
  for (const endpoint of ["https://x.example/s3", "http://127.0.0.1:9000"]) {
    const make = () => wireTo(() => new Response(""), { pathStyle: false, endpoint });
    assertThrows(make, UserError, "the bucket can't be in the host name");
  }
});

for (const key of ["../x", "a/../b", "a//b", "./a", "a/.", "/a", "a/"]) {
  Deno.test(`S3Wire asks nobody for ${key}`, async () => {
    const { wire, asked } = wireTo(() => new Response(""));
    await assertRejects(() => wire.send({ method: "DELETE", key }), UserError, "is no key");
    assertEquals(asked, []);
  });
}

Deno.test("S3Wire sends again what may succeed then, with growing pauses, and nothing else", async () => {
  const answers = [503, 500, 200];
  const { wire, host, asked } = wireTo(() => new Response("", { status: answers.shift()! }));
  await wire.send(get);
  assertEquals([asked.length, wire.retries], [3, 2]);
  assertEquals(host.log.filter((line) => line.startsWith("sleep")), ["sleep 75", "sleep 150"]);
  const refused = wireTo(() => new Response("", { status: 403 }));
  await assertRejects(() => refused.wire.send(get), ServerError);
  assertEquals(refused.asked.length, 1);
  const dead = wireTo(() => Promise.reject(new TypeError("fetch failed")));
  await assertRejects(() => dead.wire.send(get), TypeError);
  assertEquals(dead.asked.length, 3);
});

Deno.test("S3Wire gives up on who does not answer, or stops in the middle", async () => {
  const late = (_: URL, { signal }: RequestInit) =>
    new Promise<Response>((_, reject) =>
      signal!.addEventListener("abort", () => reject(new DOMException("x", "AbortError")))
    );
  const once = (answer: Answer) => wireTo(answer, {}, 1).wire;
  await assertRejects(() => once(late).send(get), NoAnswer, "no answer within 0.1 s");
  const stuck = (_: URL, { signal }: RequestInit) =>
    new Response(
      new ReadableStream({
        start(controller) {
          controller.enqueue(utf8("x"));
          signal!.addEventListener("abort", () => controller.error(new DOMException("x")));
        },
      }),
    );
  await assertRejects(() => once(stuck).send({ ...get, maxBytes: 9 }), NoAnswer);
  const into = () => () => {};
  await assertRejects(() => once(stuck).send({ ...get, into }), NoAnswer);
});

Deno.test("S3Wire reads no more than it is asked to, and gives big bodies part by part", async () => {
  const { wire } = wireTo(() => new Response("hello"));
  assertEquals((await wire.send({ ...get, maxBytes: 5 })).body, utf8("hello"));
  await assertRejects(() => wire.send({ ...get, maxBytes: 4 }), LongAnswer);
  const seen: string[] = [];
  const into = () => {
    seen.push("anew");
    return (part: Uint8Array) => void seen.push(new TextDecoder().decode(part));
  };
  assertEquals((await wire.send({ ...get, into })).body.length, 0);
  assertEquals(seen, ["anew", "hello"]);
});

Deno.test("S3Wire signs a redirected request for where it goes", async () => {
  const { wire, asked } = wireTo(
    ({ hostname }) =>
      hostname === "fleet.s3.us-west-2.amazonaws.com" ? new Response("x") : new Response("", {
        status: 307,
        headers: { location: "https://fleet.s3.us-west-2.amazonaws.com/a/b.json" },
      }),
    { endpoint: "https://s3.amazonaws.com" },
  );
  await wire.send(get);
  assertEquals(asked.length, 2);
  assert(asked[1]!.includes("us-west-2"));
});

Deno.test("S3Wire takes an error in an answer of status 200 for what it is, where that can be", async () => {
  const error = "<Error><Code>SlowDown</Code></Error>";
  const { wire, asked } = wireTo(() => new Response(error));
  await assertRejects(() => wire.send({ ...get, mayFailLate: true }), ServerError, "200 SlowDown");
  assertEquals(asked.length, 3);
  assertEquals((await wire.send(get)).body, utf8(error));
});
