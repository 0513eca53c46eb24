/** `publish --check URL`: what an anonymous node gets of what was published. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { EXIT } from "../../lib/errors.ts";
import { PublishWorld } from "../support/publish_world.ts";
import type { Mischief, S3Server, SeenS3 } from "../support/s3_server.ts";

const STAMP = "psyopsOS/timestamp.json";

async function published(
  ...words: string[]
): Promise<{ world: PublishWorld; server: S3Server; url: string }> {
  const world = await PublishWorld.make();
  const server = await world.serve();
  world.useKeys();
  await world.build(1);
  const { code, output } = await world.publishTo(server, ...words);
  assertEquals(code, EXIT.ok, output);
  return { world, server, url: `${server.url}/${server.bucket}` };
}

Deno.test("publish --check reads the site without credentials: timestamp, bins, a document of each kind", async () => {
  const { world, server, url } = await published("--acl", "public-read");
  await using _ = server;
  world.edit("beta", "beta-first", "beta-second");
  await world.build(2);
  const { code, output } = await world.publishTo(
    server,
    ...["--acl", "public-read", "--check", url],
  );
  assertEquals(code, EXIT.ok, output);
  assertStringIncludes(output, `${url}/: nodes read serial 2, valid until `);
  assertStringIncludes(output, "; 8 documents in 1 bin");
  const anonymous = server.requests.filter(({ headers }) => headers["authorization"] === undefined)
    .map(({ key }) => key.replace(/\.[0-9a-f]{16}\./, ".*."));
  assertEquals(anonymous.slice(0, 3), [
    STAMP,
    "psyopsOS/root/1.json",
    "psyopsOS/root/1.json.minisig",
  ]);
  assert(anonymous.includes("psyopsOS/bins/all.*.json"));
  assert(
    anonymous.some((key) => key.includes("/signed/")) &&
      anonymous.some((key) => /\.age$/.test(key)),
  );
});

Deno.test("publish --check says that objects are private, and what lets everybody read them", async () => {
  const { world, server, url } = await published();
  await using _ = server;
  const { code, output } = await world.publishTo(server, "--check", url);
  assertEquals(code, EXIT.failed);
  assertStringIncludes(output, "nothing to upload");
  assertStringIncludes(
    output,
    `Cannot read ${url}/ as nodes do: ${STAMP}: the server answers 403 to who is not signed in`,
  );
  assertStringIncludes(output, "--full --acl public-read lets everybody read them");
  const mended = await world.publishTo(
    server,
    ...["--full", "--acl", "public-read", "--check", url],
  );
  assertEquals(mended.code, EXIT.ok, mended.output);
});

Deno.test("publish --check finds what a policy has forgotten", async () => {
  const { world, server, url } = await published("--acl", "public-read");
  await using _ = server;
  for (const folder of ["bins/", "signed/", "postboot/", "root/"]) {
    const hidden = [...server.objects].filter(([key]) => key.startsWith(`psyopsOS/${folder}`));
    for (const [key, stored] of hidden) server.objects.set(key, { ...stored, acl: undefined });
    const { code, output } = await world.publishTo(server, "--check", url);
    assertEquals(code, EXIT.failed);
    assertStringIncludes(output, `psyopsOS/${folder}`);
    for (const [key, stored] of hidden) server.objects.set(key, stored);
  }
});

Deno.test("publish --check without a target checks and does no more", async () => {
  const { world, server, url } = await published("--acl", "public-read");
  await using _ = server;
  server.requests.length = 0;
  const { code, output } = await world.publish("--check", url, "--json");
  assertEquals(code, EXIT.ok, output);
  const { checked } = JSON.parse(output);
  assertEquals([checked.serial, checked.bins, checked.documents], [1, 1, 8]);
  assert(server.requests.every(({ headers }) => headers["authorization"] === undefined));
  const json = await world.publishTo(server, "--check", url, "--json");
  assertEquals(JSON.parse(json.output).checked.serial, 1);
});

/** What is wrong at the address, and what is said of it. */
const WRONG: [string, string, (server: S3Server) => (seen: SeenS3) => Mischief | undefined][] = [
  [
    "a page for people",
    "psyopsOS/timestamp.json is refused: ",
    () => ({ key }) =>
      key === STAMP
        ? { answer: { status: 200, body: new TextEncoder().encode("<html>Log in</html>") } }
        : undefined,
  ],
  [
    "another bin",
    "is refused: ",
    () => ({ key, headers }) =>
      key.includes("/bins/") && headers["authorization"] === undefined
        ? { answer: { status: 200, body: new TextEncoder().encode("{}") } }
        : undefined,
  ],
  [
    "nothing",
    "the server answers 404",
    () => ({ headers }) =>
      headers["authorization"] === undefined ? { status: 404, code: "NoSuchKey" } : undefined,
  ],
  [
    "an endless timestamp",
    "it is longer than 1048576 bytes",
    () => ({ headers }) => headers["authorization"] === undefined ? "endless" : undefined,
  ],
  [
    "another host",
    "it redirects to http://localhost",
    (server) => ({ headers }) =>
      headers["authorization"] === undefined
        ? {
          status: 302,
          code: "Found",
          headers: { location: `${server.url.replace("127.0.0.1", "localhost")}/x` },
        }
        : undefined,
  ],
  [
    "a circle",
    "it redirects more than 5 times",
    (server) => ({ headers, target }) =>
      headers["authorization"] === undefined
        ? { status: 302, code: "Found", headers: { location: server.url + target } }
        : undefined,
  ],
  [
    "a server that hangs up",
    "connection closed",
    () => ({ headers }) => headers["authorization"] === undefined ? "cut" : undefined,
  ],
];

for (const [name, says, mischief] of WRONG) {
  Deno.test(`publish --check says in one line that it finds ${name}`, async () => {
    const { world, server, url } = await published("--acl", "public-read");
    await using _ = server;
    server.mischief = mischief(server);
    const { code, output } = await world.publish("--check", url);
    assert(code === EXIT.failed || code === EXIT.refused, output);
    const [line = "", ...hints] = output.split("\n");
    assert(line.startsWith(`Cannot read ${url}/ as nodes do: `) && line.includes(says), output);
    assert(hints.length <= 1, output);
  });
}

Deno.test("publish --check says that an older publication is still served", async () => {
  const { world, server, url } = await published("--acl", "public-read");
  await using _ = server;
  const old = server.objects.get(STAMP)!.bytes;
  world.edit("beta", "beta-first", "beta-second");
  await world.build(2);
  server.mischief = ({ key, headers }) =>
    key === STAMP && headers["authorization"] === undefined
      ? { answer: { status: 200, body: old } }
      : undefined;
  const { code, output } = await world.publishTo(
    server,
    ...["--acl", "public-read", "--check", url],
  );
  assertEquals(code, EXIT.failed);
  assertStringIncludes(output, "it still has serial 1 of 2026-11-22T20:00:00Z");
});

for (
  const url of [
    "ftp://x",
    "ftp://ann:pw@site.example/",
    "ann:pw@site.example",
    "http://ann:pw@[x/",
    "site.example",
    "http://",
    "http://ann:pw@site.example/",
    "http://x/?a",
    "http://x/fleet?",
    "http://x/fleet#",
  ]
) {
  Deno.test(`publish --check ${url} is not understood`, async () => {
    const { world, server } = await published();
    await using _ = server;
    await world.build(2);
    server.requests.length = 0;
    for (const words of [[], [`s3://${server.bucket}`, "--endpoint", server.url]]) {
      const { code, output } = await world.publish(...words, "--check", url);
      assertEquals([code, output.includes("pw")], [EXIT.usage, false], output);
    }
    // It is told before anything is published.
    assertEquals(server.requests, []);
  });
}

Deno.test("publish --json --check says what was published also when it can't be read", async () => {
  const { world, server, url } = await published();
  await using _ = server;
  await world.build(2);
  const { code, output, stdout } = await world.publishTo(server, "--json", "--check", url);
  assertEquals(code, EXIT.failed);
  const { serial, uploads, checked, error } = JSON.parse(stdout);
  assertEquals([serial, uploads > 0, checked], [2, true, null]);
  assertStringIncludes(error, "the server answers 403 to who is not signed in");
  assertStringIncludes(output, `\n${error}`);
  // What was not published says nothing there.
  server.mischief = ({ method }) =>
    method === "PUT" ? { status: 403, code: "AccessDenied" } : undefined;
  await world.build(3);
  const failed = await world.publishTo(server, "--json", "--check", url);
  assertEquals([failed.code, failed.stdout], [EXIT.failed, ""]);
});
