import { assertEquals, assertRejects } from "@std/assert";
import { utf8 } from "../../../lib/bytes.ts";
import { UserError } from "../../../lib/errors.ts";
import { SiteServer } from "../../../lib/lab/site_server.ts";

const files = new Map([["psyopsOS/timestamp.json", utf8("{}\n")]]);
const start = () => SiteServer.start({ read: (path) => Promise.resolve(files.get(path)) });

Deno.test("SiteServer serves files with tags and records requests", async () => {
  await using server = await start();
  const url = `${server.hostUrl}psyopsOS/timestamp.json`;
  const first = await fetch(url);
  assertEquals(await first.text(), "{}\n");
  const tag = first.headers.get("etag")!;
  const second = await fetch(url, { headers: { "if-none-match": tag } });
  assertEquals([second.status, await second.text()], [304, ""]);
  const third = await fetch(`${server.hostUrl}nothing`);
  await third.body?.cancel();
  assertEquals(server.requests.map(({ method, status }) => [method, status]), [
    ["GET", 200],
    ["GET", 304],
    ["GET", 404],
  ]);
});

Deno.test("SiteServer keeps status documents and wakes who waits for one", async () => {
  await using server = await start();
  const put = (phase: string) =>
    fetch(`${server.hostUrl}status/alpha`, { method: "PUT", body: JSON.stringify({ phase }) });
  const waiting = server.waitForStatus("alpha", ({ phase }) => phase === "configured", 5_000);
  assertEquals((await put("starting")).status, 204);
  assertEquals((await put("configured")).status, 204);
  assertEquals((await waiting).phase, "configured");
  await assertRejects(
    () => server.waitForStatus("alpha", ({ phase }) => phase === "degraded", 50),
    UserError,
    "no fitting status from alpha",
  );
  const bad = await fetch(`${server.hostUrl}status/alpha`, { method: "PUT", body: "{" });
  assertEquals(bad.status, 400);
});

Deno.test("SiteServer misbehaves as told", async () => {
  await using server = await start();
  const url = `${server.hostUrl}psyopsOS/timestamp.json`;
  server.trick = (_, honest) => honest && new Uint8Array([honest[0]! ^ 1, ...honest.slice(1)]);
  assertEquals(await (await fetch(url)).text(), "z}\n");
  server.trick = () => ({ status: 503 });
  const refused = await fetch(url);
  await refused.body?.cancel();
  assertEquals(refused.status, 503);
  server.trick = () => "hang";
  await assertRejects(() => fetch(url, { signal: AbortSignal.timeout(200) }));
  server.down = true;
  await assertRejects(() => fetch(url));
});
