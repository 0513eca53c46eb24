import { assertEquals, assertRejects } from "@std/assert";
import { request } from "node:http";
import { concat, text, utf8 } from "../../../lib/bytes.ts";
import { formatStatus, type Phase } from "../../../lib/documents/status.ts";
import { UserError } from "../../../lib/errors.ts";
import { SiteServer } from "../../../lib/lab/site_server.ts";
import { exampleStatus } from "../../support/status.ts";

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
  const put = (phase: Phase) =>
    fetch(`${server.hostUrl}status/alpha`, {
      method: "PUT",
      body: formatStatus(exampleStatus({ phase })),
    });
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

/** A request with the path as it is: fetch() would tidy it up. */
async function ask(
  server: SiteServer,
  path: string,
  { method = "GET", headers = {} }: { method?: string; headers?: Record<string, string> } = {},
): Promise<{ status: number; headers: Record<string, unknown>; body: string }> {
  return await new Promise((resolve, reject) => {
    const asked = request(
      { port: server.port, host: "127.0.0.1", path, method, headers },
      (response) => {
        const pieces: Uint8Array[] = [];
        response.on("data", (piece: Uint8Array) => pieces.push(piece));
        response.on("end", () =>
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            body: text(concat(pieces)),
          }));
      },
    );
    asked.on("error", reject);
    asked.end();
  });
}

Deno.test("SiteServer answers HEAD as GET, without the body", async () => {
  await using server = await start();
  const path = "/psyopsOS/timestamp.json";
  const [get, head] = [await ask(server, path), await ask(server, path, { method: "HEAD" })];
  const facts = ({ headers }: typeof get) =>
    ["etag", "content-length", "content-type", "accept-ranges"].map((name) => headers[name]);
  assertEquals([head.status, head.body], [200, ""]);
  assertEquals(facts(head), facts(get));
  assertEquals(head.headers["content-length"], "3");
});

Deno.test("SiteServer sends a file in ranges, whole again when put together", async () => {
  const file = Uint8Array.from({ length: 1000 }, (_, i) => 32 + i % 90);
  await using server = await SiteServer.start({ read: () => Promise.resolve(file) });
  const { headers } = await ask(server, "/x", { method: "HEAD" });
  const etag = String(headers.etag);
  let body = "";
  while (body.length < file.length) {
    const range = `bytes=${body.length}-${body.length + 299}`;
    const part = await ask(server, "/x", { headers: { range, "if-range": etag } });
    assertEquals(part.status, 206);
    assertEquals(part.headers["content-length"], String(part.body.length));
    body += part.body;
  }
  assertEquals(body, text(file));
  const outside = await ask(server, "/x", { headers: { range: "bytes=1000-" } });
  assertEquals([outside.status, outside.headers["content-range"]], [416, "bytes */1000"]);
  const changed = await ask(server, "/x", { headers: { range: "bytes=0-1", "if-range": '"old"' } });
  assertEquals([changed.status, changed.body.length], [200, 1000]);
});

Deno.test("SiteServer says that nothing has changed without a body or its length", async () => {
  await using server = await start();
  const path = "/psyopsOS/timestamp.json";
  const { headers } = await ask(server, path);
  const again = await ask(server, path, { headers: { "if-none-match": String(headers.etag) } });
  assertEquals([again.status, again.body, again.headers.etag], [304, "", headers.etag]);
  assertEquals(again.headers["content-length"], undefined);
});

Deno.test("SiteServer gives nothing from outside, and its error page for what is missing", async () => {
  const pages = new Map([["error.html", utf8("<p>no</p>")], ["secret", utf8("s")]]);
  const read = (path: string) => Promise.resolve(pages.get(path));
  await using server = await SiteServer.start({ read, errorPage: "error.html" });
  for (const path of ["/nothing", "/../secret", "/%2e%2e/secret", "//secret", "/a/"]) {
    const { status, headers, body } = await ask(server, path);
    assertEquals([status, body], [404, "<p>no</p>"], path);
    assertEquals(headers["content-type"], "text/html; charset=utf-8");
  }
  await using bare = await SiteServer.start({ read });
  assertEquals((await ask(bare, "/nothing")).body, "");
});
