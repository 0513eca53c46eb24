/** Stores and proxies that differ from the strict server: what each was reported to do, and that publishing goes through. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { EXIT } from "../../lib/errors.ts";
import { assertSame, published, PublishWorld } from "../support/publish_world.ts";
import { xml } from "../support/s3_bucket.ts";
import { lateFailure, type Mischief, type S3Server, type SeenS3 } from "../support/s3_server.ts";

const STAMP = "psyopsOS/timestamp.json";
const ISO = "psyopsOS/os/1.0/psyopsos.iso";

/** A big release: a part and a little more. */
const IMAGE = new Uint8Array(16 * 1024 * 1024 + 5).map((_, i) => i * 2654435761 >>> 24);

/** Puts it into the built site. */
function putImage(world: PublishWorld, path = ISO): void {
  world.host.put(`public/${path}`, IMAGE);
}

/** Mischief at the first request that fits. */
function once(fits: (seen: SeenS3) => boolean, what: Mischief) {
  let done = false;
  return (seen: SeenS3): Mischief | undefined => {
    if (done || !fits(seen)) return undefined;
    done = true;
    return what;
  };
}

for (const entityTags of ["weak", "none"] as const) {
  Deno.test(`publish goes on behind a proxy with entity tags: ${entityTags}, and says what that costs`, async () => {
    const { world, server } = await published();
    await using _ = server;
    server.entityTags = entityTags;
    await world.build(2);
    const { code, output } = await world.publishTo(server);
    assertEquals(code, EXIT.ok, output);
    assertStringIncludes(output, "note: the server gives psyopsOS/timestamp.json no entity tag");
    assertSame(world, server);
  });

  Deno.test(`publish notices a rival behind a proxy with entity tags: ${entityTags}`, async () => {
    const { world, server } = await published();
    await using _ = server;
    server.entityTags = entityTags;
    await world.build(3);
    const rival = world.files().get(STAMP)!;
    world.edit("beta", "beta-first", "beta-second");
    await world.build(4);
    server.mischief = ({ method, key }) => {
      if (method === "PUT" && key.includes("/bins/")) server.put(STAMP, rival);
      return undefined;
    };
    const { code, output } = await world.publishTo(server);
    assertEquals([code, server.objects.get(STAMP)!.bytes], [EXIT.failed, rival]);
    assertStringIncludes(output, "somebody else published at the same time");
  });
}

Deno.test("publish asks for bodies as they are, so that proxies leave entity tags alone", async () => {
  const { server } = await published();
  await using _ = server;
  const asked = new Set(server.requests.map(({ headers }) => headers["accept-encoding"]));
  assertEquals([...asked], ["identity"]);
  // Proxies change it: it is no part of the signature.
  assert(server.requests.every(({ headers }) => !/accept/.test(headers["authorization"] ?? "")));
});

Deno.test("publish goes on where a proxy's entity tag is never recognized", async () => {
  const { world, server } = await published();
  await using _ = server;
  await world.build(2);
  server.mischief = ({ method, key, headers }) =>
    method === "PUT" && key === STAMP && headers["if-match"] !== undefined
      ? { status: 412, code: "PreconditionFailed" }
      : undefined;
  const { code, output } = await world.publishTo(server);
  assertEquals(code, EXIT.ok, output);
  assertSame(world, server);
});

Deno.test("publish follows redirects and publishes, in the region that they name", async () => {
  const world = await PublishWorld.make();
  await using server = await world.serve();
  world.useKeys();
  await world.build(1);
  let redirects = 0;
  // As Amazon's first address does for a new bucket in another region.
  server.mischief = ({ target, headers: { authorization } }) => {
    if (!authorization?.includes("/us-east-1/s3/")) return undefined;
    redirects++;
    const headers = { location: server.url + target, "x-amz-bucket-region": server.region };
    return { status: 307, code: "TemporaryRedirect", headers };
  };
  const { code, output } = await world.publishTo(server, "--region", "us-east-1");
  assertEquals(code, EXIT.ok, output);
  assertSame(world, server);
  assert(redirects > 20);
});

Deno.test("publish sends nothing to whom it is redirected elsewhere, and names them and the region", async () => {
  const { world, server } = await published();
  await using _ = server;
  await using other = await world.serve();
  const to = (status: number, region: string) => (seen: SeenS3): Mischief => ({
    status,
    code: "Redirect",
    headers: { location: other.url + seen.target, "x-amz-bucket-region": region },
  });
  server.mischief = to(307, server.region);
  const elsewhere = await world.publishTo(server);
  assertEquals([elsewhere.code, other.requests.length], [EXIT.failed, 0]);
  assertStringIncludes(elsewhere.output, `redirects to ${other.url} (307)`);
  server.mischief = to(301, "us-west-2");
  const { output } = await world.publishTo(server);
  assertStringIncludes(output, `not in region eu-central-1, but in us-west-2 (${other.url})`);
  assertStringIncludes(output, "--region NAME");
});

Deno.test("publish ends a circle of redirects", async () => {
  const { world, server } = await published();
  await using _ = server;
  server.requests.length = 0;
  server.mischief = ({ target }) => ({
    status: 307,
    code: "TemporaryRedirect",
    headers: { location: server.url + target },
  });
  const { code, output } = await world.publishTo(server);
  assertEquals([code, server.requests.length], [EXIT.failed, 4]);
  assertStringIncludes(output, `redirects to ${server.url} (307)`);
});

Deno.test("publish sends a checksum with every upload, as Object Lock wants it", async () => {
  const world = await PublishWorld.make();
  await using server = await world.serve();
  server.store.rules = { objectLock: true };
  world.useKeys();
  await world.build(1);
  putImage(world);
  const { code, output } = await world.publishTo(server);
  assertEquals(code, EXIT.ok, output);
  assertSame(world, server);
});

Deno.test("publish tries again what failed after the server had begun to answer", async () => {
  const { world, server } = await published();
  await using _ = server;
  putImage(world);
  const isComplete = ({ method, key }: SeenS3) => method === "POST" && key.includes("uploadId=");
  server.mischief = once(isComplete, lateFailure("InternalError"));
  const { code, output } = await world.publishTo(server);
  assertEquals(code, EXIT.ok, output);
  assertMatch(output, /, 1 request repeated$/);
  assertSame(world, server);
  // For good: one line, and no parts are left.
  putImage(world, `${ISO}2`);
  server.mischief = (seen) => isComplete(seen) ? lateFailure("InternalError") : undefined;
  const failed = await world.publishTo(server);
  assertStringIncludes(failed.output, "out of order (200 InternalError: We encountered an");
  assertEquals([failed.output.includes("<"), server.store.openUploads], [false, 0]);
});

Deno.test("publish looks whether a big file is whole when the answer to its last request was lost", async () => {
  for (const opaqueTags of [false, true]) {
    const { world, server } = await published();
    await using _ = server;
    server.store.rules = { opaqueTags };
    putImage(world);
    server.mischief = once(
      ({ method, key }) => method === "POST" && key.includes("uploadId="),
      "cut-after",
    );
    const { code, output } = await world.publishTo(server);
    assertEquals(code, EXIT.ok, output);
    assertSame(world, server);
  }
});

Deno.test("publish says that an upload in parts is gone when the file is not there either", async () => {
  const { world, server } = await published();
  await using _ = server;
  putImage(world);
  server.mischief = ({ method, key }) =>
    method === "POST" && key.includes("uploadId=")
      ? { status: 404, code: "NoSuchUpload" }
      : undefined;
  const { code, output } = await world.publishTo(server);
  assertEquals([code, server.store.openUploads], [EXIT.failed, 0]);
  assertStringIncludes(output, "the server answered 404");
});

Deno.test("publish tries again an answer that breaks off in its middle", async () => {
  const { world, server } = await published();
  await using _ = server;
  await world.build(2);
  const cut = new Set<string>();
  server.mischief = ({ method, key }) => {
    if (method !== "GET" || cut.has(key)) return undefined;
    cut.add(key);
    return "cut-body";
  };
  const { code, output } = await world.publishTo(server);
  assertEquals(code, EXIT.ok, output);
  assertMatch(output, /, \d+ requests repeated$/);
  assertSame(world, server);
});

/** Changes an object's content and leaves all that is said of it. */
function vandalize(server: S3Server, key: string): void {
  const stored = server.objects.get(key)!;
  const bytes = stored.bytes.slice();
  bytes[0] = bytes[0]! ^ 1;
  server.objects.set(key, { ...stored, bytes });
}

Deno.test("publish --full repairs content that changed while its metadata stayed", async () => {
  for (const rules of [{}, { opaqueTags: true }, { opaqueTags: true, checksums: true }]) {
    const world = await PublishWorld.make();
    await using server = await world.serve();
    server.store.rules = rules;
    world.useKeys();
    await world.build(1);
    putImage(world);
    await world.publishTo(server);
    const keys = [...server.objects.keys()].filter((key) => key !== STAMP && key !== ISO);
    for (const key of keys) {
      const before = server.objects.get(key)!;
      vandalize(server, key);
      // A store that tells the content's MD5 tells that of the new content.
      if (!rules.opaqueTags) server.put(key, server.objects.get(key)!.bytes, before.headers);
    }
    vandalize(server, ISO);
    server.objects.set(ISO, { ...server.objects.get(ISO)!, etag: `${"0".repeat(32)}-2` });
    server.requests.length = 0;
    const { code, output } = await world.publishTo(server, "--full", "--json");
    assertEquals([code, JSON.parse(output).uploads], [EXIT.ok, keys.length + 1], output);
    assertSame(world, server);
    server.requests.length = 0;
    const again = await world.publishTo(server, "--full", "--json");
    assertEquals(JSON.parse(again.output).uploads, 0);
    // Nothing is read where the store itself tells: the big file was sent in parts of ours.
    const read = server.requests.filter(({ method, key }) =>
      method === "GET" && key !== STAMP && !key.includes("list-type")
    );
    const told = !rules.opaqueTags || "checksums" in rules;
    // The bin is read for what it lists.
    assertEquals(read.length, told ? 1 : keys.length + 1, JSON.stringify(rules));
  }
});

Deno.test("publish --full needs no server that understands to be asked for checksums", async () => {
  const { world, server } = await published();
  await using _ = server;
  for (const [key, stored] of server.objects) {
    server.objects.set(key, { ...stored, etag: "0".repeat(32) });
  }
  server.mischief = ({ headers }) =>
    headers["x-amz-checksum-mode"] === undefined
      ? undefined
      : { answer: { ...xml("<Error><Code>NotImplemented</Code></Error>"), status: 501 } };
  const { code, output } = await world.publishTo(server, "--full");
  assertEquals(code, EXIT.ok, output);
  assertStringIncludes(output, "nothing to upload");
});

Deno.test("publish --acl lets everybody read what is put, and with --full what is there", async () => {
  const { world, server } = await published();
  await using _ = server;
  putImage(world);
  await world.build(2);
  await world.publishTo(server, "--acl", "public-read");
  const isOpen = () =>
    [...server.objects].filter(([, { acl }]) => acl === "public-read").map(([key]) => key);
  assert(isOpen().includes(STAMP) && isOpen().includes(ISO), "what is new");
  assert(isOpen().length < server.objects.size, "what is old");
  const { code, output } = await world.publishTo(server, "--acl", "public-read", "--full");
  assertEquals(code, EXIT.ok, output);
  const closed = [...world.files().keys()].filter((path) => !isOpen().includes(path));
  assertEquals(closed, []);
});

Deno.test("publish --acl says that a bucket takes none", async () => {
  const { world, server } = await published();
  await using _ = server;
  server.store.rules = { noAcls: true };
  await world.build(2);
  const { code, output } = await world.publishTo(server, "--acl", "public-read");
  assertEquals(code, EXIT.failed);
  assertStringIncludes(output, "the bucket takes no ACLs");
  const dir = await world.publish("file:/srv/site", "--acl", "public-read");
  assertEquals(dir.code, EXIT.usage);
});
