import { assertEquals } from "@std/assert";
import { utf8 } from "../../../lib/bytes.ts";
import { S3Target } from "../../../lib/publish/s3_target.ts";
import { S3Wire } from "../../../lib/publish/s3_wire.ts";
import { inMemory } from "../../../lib/publish/target.ts";

const SETTINGS = {
  endpoint: "https://s3.example",
  region: "eu-central-1",
  pathStyle: true,
  accessKey: "AKIATEST",
  secretKey: "secret",
};

/** A bucket in which a GET gives `body`, whatever a HEAD says of its size. */
function bucketOf(body: () => BodyInit): S3Target {
  const fetch = (_: string, init: RequestInit = {}) =>
    Promise.resolve(
      new Response(init.method === "HEAD" ? null : body(), { headers: { etag: '"x-2"' } }),
    );
  const host = { fetch, now: () => new Date(0), sleep: () => Promise.resolve() };
  return new S3Target(new S3Wire(host, SETTINGS, "site"), "");
}

Deno.test("holds() reads no more of an object than the file that it compares has", async () => {
  const content = inMemory(utf8("hello"));
  const file = { path: "psyopsOS/a.json", size: 5, tag: "x-2" };
  const same = (body: () => BodyInit) => bucketOf(body).holds(file, content, "content");
  assertEquals(await same(() => "hello"), true);
  assertEquals(await same(() => "hallo"), false);
  let sent = 0;
  const endless = () =>
    new ReadableStream({
      pull(controller) {
        sent += 65_536;
        controller.enqueue(new Uint8Array(65_536));
      },
    });
  assertEquals(await same(endless), false);
  assertEquals(sent < 1_000_000, true, `${sent} bytes were read`);
});
