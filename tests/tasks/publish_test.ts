import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { equal } from "../../lib/bytes.ts";
import { EXIT } from "../../lib/errors.ts";
import { assertSame, published, PublishWorld } from "../support/publish_world.ts";
import { KEYS, S3Server } from "../support/s3_server.ts";

Deno.test("publish uploads a site that a client can read", async () => {
  const { world, server } = await published();
  await using _ = server;
  assertSame(world, server);
  assertEquals(server.objects.size, world.files().size);
  const { serial, hostnames } = await world.read(server.contents());
  assertEquals([serial, hostnames["beta"]], [1, "beta-first"]);
});

Deno.test("publish says how each file is to be served and kept", async () => {
  const { server } = await published();
  await using _ = server;
  const facts = (pattern: RegExp) => {
    const [, { headers }] = [...server.objects].find(([key]) => pattern.test(key))!;
    return [headers["content-type"], headers["cache-control"]];
  };
  const forGood = "public, max-age=31536000, immutable";
  assertEquals(facts(/timestamp\.json$/), ["application/json", "no-cache"]);
  assertEquals(facts(/bins\/all\./), ["application/json", forGood]);
  assertEquals(facts(/signed\/nodes\/alpha\./), ["application/json", forGood]);
  assertEquals(facts(/postboot\/alpha\./), ["application/octet-stream", forGood]);
  assertEquals(facts(/nodes\/alpha\.json$/), ["application/json", "no-cache"]);
  assertEquals(facts(/alpha\.json\.minisig$/), ["text/plain; charset=utf-8", "no-cache"]);
  assertEquals(facts(/^index\.html$/), ["text/html; charset=utf-8", "no-cache"]);
});

Deno.test("publish uploads content, then the timestamp, then copies, the page last", async () => {
  const { server } = await published();
  await using _ = server;
  const stage = (key: string) =>
    key === "psyopsOS/timestamp.json"
      ? 2
      : key === "index.html"
      ? 4
      : /^psyopsOS\/(bins|signed|postboot|root)\//.test(key)
      ? 1
      : 3;
  const stages = server.changes().map((line) => stage(line.replace("PUT ", "")));
  assertEquals(stages, stages.toSorted());
  assertEquals([...new Set(stages)], [1, 2, 3, 4]);
});

Deno.test("publish of the same again uploads nothing, and lists only what nodes read", async () => {
  const { world, server } = await published();
  await using _ = server;
  server.requests.length = 0;
  const { output } = await world.publishTo(server);
  assertStringIncludes(output, "nothing to upload");
  assertEquals(server.changes(), []);
  const listed = server.requests.map(({ key }) => /list-type=2&prefix=(.*)/.exec(key)?.[1]);
  assertEquals(listed.filter((prefix) => prefix !== undefined), [
    "psyopsOS%2Fbins%2F",
    "psyopsOS%2Fpostboot%2F",
    "psyopsOS%2Fsigned%2F",
  ]);
  assertEquals(server.requests.filter(({ key }) => key.endsWith(".age")), [], "read");
});

Deno.test("publish of one changed secret takes six uploads, of which nodes need three", async () => {
  const { world, server } = await published();
  await using _ = server;
  world.edit("beta", "beta-first", "beta-second");
  await world.build(2);
  server.requests.length = 0;
  const { output } = await world.publishTo(server, "--json");
  const { uploads, uploadsUntilLive, listed } = JSON.parse(output);
  assertEquals([uploads, uploadsUntilLive, listed], [6, 3, false]);
  assertEquals(server.changes().map((line) => line.replace(/\.[0-9a-f]{16}\./, ".*.")).sort(), [
    "PUT index.html",
    "PUT psyopsOS/bins/all.*.json",
    "PUT psyopsOS/postboot.json",
    "PUT psyopsOS/postboot.json.minisig",
    "PUT psyopsOS/postboot/beta.*.age",
    "PUT psyopsOS/timestamp.json",
  ]);
  assertEquals((await world.read(server.contents())).hostnames["beta"], "beta-second");
  assertSame(world, server);
});

Deno.test("publish of one changed public document takes nine uploads, of which nodes need four", async () => {
  const { world, server } = await published();
  await using _ = server;
  world.edit("beta", "config: {}", "config: {check: {everySeconds: 60}}");
  await world.build(2);
  const { output } = await world.publishTo(server, "--json");
  const { uploads, uploadsUntilLive } = JSON.parse(output);
  assertEquals([uploads, uploadsUntilLive], [9, 4]);
  assertSame(world, server);
});

Deno.test("publish of a site that was only kept current takes two uploads", async () => {
  const { world, server } = await published();
  await using _ = server;
  world.host.clock = new Date(world.host.clock.getTime() + 3600_000);
  await world.refresh();
  server.requests.length = 0;
  await world.publishTo(server);
  assertEquals(server.changes(), ["PUT psyopsOS/timestamp.json", "PUT index.html"]);
  assertSame(world, server);
});

Deno.test("publish uploads no file twice, whatever changed", async () => {
  const { world, server } = await published();
  await using _ = server;
  world.edit("beta", "config: {}", "config: {check: {everySeconds: 60}}");
  world.host.put("nodes/global.yaml", "config: {check: {everySeconds: 400}}\n");
  world.host.put("nodes/tags/more.yaml", "notes: Another tag.\n");
  world.putImage("1.0");
  await world.build(2, { releases: "images" });
  server.requests.length = 0;
  const { output } = await world.publishTo(server, "--json");
  const changes = server.changes();
  assertEquals([...new Set(changes)].length, changes.length);
  assertEquals(JSON.parse(output).uploads, changes.length);
  assert(
    changes.indexOf("PUT psyopsOS/os/1.0/manifest.json") < JSON.parse(output).uploadsUntilLive,
  );
  assertSame(world, server);
  assertEquals((await world.read(server.contents())).documents, 10);
});

Deno.test("publish --dry-run says what would be done and does nothing", async () => {
  const { world, server } = await published();
  await using _ = server;
  world.edit("beta", "beta-first", "beta-second");
  await world.build(2);
  const before = server.contents();
  server.requests.length = 0;
  const { code, output } = await world.publishTo(server, "--dry-run");
  assertEquals(code, EXIT.ok, output);
  assertMatch(output, /content +psyopsOS\/postboot\/beta\.[0-9a-f]{16}\.age, \d+ bytes\n/);
  assertMatch(output, /serial 2, valid until \S+; 6 files to upload$/);
  assertEquals(server.changes(), []);
  assertEquals(server.contents(), before);
});

Deno.test("publish --prune removes what the site no longer has, after the new timestamp", async () => {
  const { world, server } = await published();
  await using _ = server;
  server.put("psyopsOS/os/1.0/vmlinuz", "a release");
  server.put("other/file", "not the site's");
  server.put("psyopsOS/nodes/ghost.json", "left over from long ago");
  await world.host.remove("nodes/gamma.yaml");
  await world.build(2);
  await world.publishTo(server);
  assert(server.objects.has("psyopsOS/nodes/gamma.json"), "without --prune all stays");
  world.wait(25);
  server.requests.length = 0;
  const { code, output } = await world.publishTo(server, "--prune");
  assertEquals(code, EXIT.ok, output);
  const removed = server.changes().filter((line) => line.startsWith("DELETE"));
  assertEquals(removed.filter((line) => /gamma/.test(line)).length, 4);
  assertStringIncludes(removed.join(), "psyopsOS/nodes/ghost.json");
  assertEquals(removed.filter((line) => /\/os\/|other/.test(line)), []);
  assert(server.objects.has("other/file") && server.objects.has("psyopsOS/os/1.0/vmlinuz"));
  assertSame(world, server);
  assertEquals(Object.keys((await world.read(server.contents())).hostnames), ["alpha", "beta"]);

  // In one go: nothing is removed before the timestamp is there.
  await world.host.remove("nodes/beta.yaml");
  await world.build(3);
  server.requests.length = 0;
  await world.publishTo(server, "--prune", "--prune-after", "0");
  const changes = server.changes();
  const first = changes.findIndex((line) => line.startsWith("DELETE"));
  assert(changes.indexOf("PUT psyopsOS/timestamp.json") < first && first > 0);
  assertEquals([...server.objects.keys()].filter((key) => key.includes("beta")), []);
});

Deno.test("publish --prune removes nothing when the local site is not whole", async () => {
  const { world, server } = await published();
  await using _ = server;
  const [path] = [...world.files().keys()].filter((path) => path.includes("/postboot/alpha."));
  await world.host.remove(`public/${path}`);
  const before = server.contents();
  const { code, output } = await world.publishTo(server, "--prune");
  assertEquals(code, EXIT.failed);
  assertStringIncludes(output, `${path} is missing`);
  assertEquals(server.contents(), before);
});

Deno.test("publish below a prefix touches nothing else", async () => {
  const world = await PublishWorld.make();
  await using server = await world.serve();
  world.useKeys();
  await world.build(1);
  server.put("psyopsOS/bins/all.0123456789abcdef.json", "of another site");
  const target = `s3://${server.bucket}/fleets/one`;
  for (const words of [[], ["--prune", "--full"]]) {
    const { code, output } = await world.publish(target, "--endpoint", server.url, ...words);
    assertEquals(code, EXIT.ok, output);
  }
  const keys = [...server.objects.keys()].filter((key) => !key.startsWith("fleets/one/"));
  assertEquals(keys, ["psyopsOS/bins/all.0123456789abcdef.json"]);
  assertEquals(server.objects.size, world.files().size + 1);
});

Deno.test("publish puts anew what nodes read and somebody removed, without reading anything", async () => {
  const { world, server } = await published();
  await using _ = server;
  server.store.pageSize = 7;
  const gone = [...server.objects.keys()].filter((key) => /postboot\/alpha\.|\/bins\//.test(key));
  for (const key of gone) server.objects.delete(key);
  const cut = [...server.objects.keys()].find((key) => key.includes("/signed/nodes/beta."))!;
  server.put(cut, server.objects.get(cut)!.bytes.subarray(1));
  server.requests.length = 0;
  const { code, output } = await world.publishTo(server);
  assertEquals([code, gone.length], [EXIT.ok, 2], output);
  assertEquals(server.changes().sort(), [...gone, cut].map((key) => `PUT ${key}`).sort());
  const read = server.requests.filter(({ method, key }) =>
    method === "GET" && !/list-type/.test(key)
  );
  assertEquals(read.map(({ key }) => key), ["psyopsOS/timestamp.json"]);
  assertSame(world, server);
});

Deno.test("publish --full repairs what was changed by hand", async () => {
  const { world, server } = await published();
  await using _ = server;
  server.store.pageSize = 7;
  server.put("psyopsOS/nodes/beta.json", "vandalism");
  const bin = [...server.objects.keys()].find((key) => key.includes("/bins/"))!;
  server.put(bin, server.objects.get(bin)!.bytes.toReversed());
  const { code, output } = await world.publishTo(server, "--full");
  assertEquals(code, EXIT.ok, output);
  assertSame(world, server);
});

Deno.test("publish refuses to put an older publication or timestamp over a newer one", async () => {
  const { world, server } = await published();
  await using _ = server;
  const older = world.files();
  world.host.clock = new Date(world.host.clock.getTime() + 60_000);
  await world.build(1);
  await world.publishTo(server);
  const restore = () => {
    for (const [path, bytes] of older) world.host.put(`public/${path}`, bytes);
  };
  restore();
  const stamp = await world.publishTo(server);
  assertEquals(stamp.code, EXIT.failed);
  assertStringIncludes(stamp.output, "it has a timestamp of 2026-11-22T20:01:00Z, newer than");
  await world.build(2);
  await world.publishTo(server);
  restore();
  const serial = await world.publishTo(server);
  assertStringIncludes(serial.output, "it has serial 2, newer than 1");
});

for (const rivals of ["timestamp", "timestamp that is longer than any may be"]) {
  Deno.test(`publish notices when somebody else publishes at the same time a ${rivals}`, async () => {
    const { world, server } = await published();
    await using _ = server;
    await world.build(3);
    const long = new Uint8Array(2 * 1024 * 1024);
    const rival = rivals === "timestamp" ? world.files().get("psyopsOS/timestamp.json")! : long;
    world.edit("beta", "beta-first", "beta-second");
    await world.build(4);
    server.mischief = ({ method, key }) => {
      if (method === "PUT" && key.includes("/bins/")) server.put("psyopsOS/timestamp.json", rival);
      return undefined;
    };
    const { code, output } = await world.publishTo(server);
    assertEquals(code, EXIT.failed);
    assertStringIncludes(output, "somebody else published at the same time");
    assert(equal(server.objects.get("psyopsOS/timestamp.json")!.bytes, rival));
  });
}

Deno.test("publish needs a site that nodes would take", async () => {
  const { world, server } = await published();
  await using _ = server;
  server.requests.length = 0;
  const none = await world.publishTo(server, "--from", "elsewhere");
  assertEquals([none.code, none.output.split("\n")[0]], [
    EXIT.failed,
    "Cannot publish elsewhere: there is no site in it",
  ]);
  const { clock } = world.host;
  world.host.clock = new Date("2027-03-01T00:00:00Z");
  const expired = await world.publishTo(server);
  assertEquals(expired.code, EXIT.refused);
  assertMatch(expired.output, /nodes would refuse .*timestamp\.json, it expired at/);
  world.host.clock = clock;
  const stranger = await PublishWorld.make();
  for (const [path, { data }] of stranger.host.nodes) {
    if (path.startsWith("keys/") && data.length > 0) world.host.put(`strange-${path}`, data);
  }
  const other = await world.publishTo(server, "--keys", "strange-keys");
  assertEquals(other.code, EXIT.refused, other.output);
  const bin = [...world.files().keys()].find((path) => path.includes("/bins/"))!;
  world.host.put(`public/${bin}`, "{}");
  const damaged = await world.publishTo(server, "--full");
  assertEquals(damaged.code, EXIT.failed);
  assertStringIncludes(damaged.output, `${bin} is damaged`);
  assertEquals(server.changes(), []);
});

Deno.test("publish uploads nothing damaged", async () => {
  const { world, server } = await published();
  await using _ = server;
  world.edit("beta", "beta-first", "beta-second");
  await world.build(2);
  const age = [...world.files().keys()].find((path) => path.includes("/postboot/beta."))!;
  world.host.put(`public/${age}`, "not what its name says");
  const { code, output } = await world.publishTo(server);
  assertEquals(code, EXIT.failed);
  assertStringIncludes(output, `${age} is damaged`);
  assertEquals((await world.read(server.contents())).serial, 1);
});

Deno.test("publish sends a big release file in parts", async () => {
  const world = await PublishWorld.make();
  await using server = await world.serve();
  world.useKeys();
  await world.build(1);
  const size = 36 * 1024 * 1024 + 5;
  const image = new Uint8Array(size).map((_, i) => i * 2654435761 >>> 24);
  world.host.put("public/psyopsOS/os/1.0/psyopsos.iso", image);
  // A part whose answer is lost is sent again.
  let parts = 0;
  server.mischief = ({ key }) => {
    if (!key.includes("partNumber")) return undefined;
    return ++parts === 2 ? "cut-after" : undefined;
  };
  const { code, output } = await world.publishTo(server);
  assertEquals(code, EXIT.ok, output);
  const stored = server.objects.get("psyopsOS/os/1.0/psyopsos.iso")!;
  assertEquals([stored.bytes.length, stored.etag.slice(-2)], [size, "-3"]);
  assertEquals(stored.bytes.every((byte, i) => byte === image[i]), true);
  assertEquals(stored.headers["cache-control"], "public, max-age=31536000, immutable");
  assertEquals([parts, server.store.openUploads], [4, 0]);
  server.requests.length = 0;
  for (const words of [[], ["--full"]]) {
    await world.publishTo(server, ...words);
    assertEquals(server.changes().filter((line) => line.includes(".iso")), [], "not sent again");
  }
});

Deno.test("publish takes keys with a session token, and keys from a profile", async () => {
  const { world, server } = await published();
  await using _ = server;
  const temporary = { ...KEYS, accessKey: "ASIATESTTESTTESTTEST", sessionToken: "token/of+today" };
  server.credentials = [temporary];
  world.useKeys(temporary);
  assertEquals((await world.publishTo(server)).code, EXIT.ok);
  world.host.variables.clear();
  world.host.variables.set("HOME", "/home/admin");
  world.host.put(
    "/home/admin/.aws/credentials",
    `[fleet]\naws_access_key_id = ${temporary.accessKey}\naws_secret_access_key = ${temporary.secretKey}\naws_session_token = ${temporary.sessionToken}\n`,
  );
  world.host.put(
    "/home/admin/.aws/config",
    `[profile fleet]\nregion = eu-central-1\nendpoint_url = ${server.url}/\n`,
  );
  const { code, output } = await world.publish(`s3://${server.bucket}`, "--profile", "fleet");
  assertEquals(code, EXIT.ok, output);
});

const ONE_LINE_FAILURES: {
  name: string;
  says: string;
  prepare: (server: S3Server, world: PublishWorld) => void;
  words?: string[];
  bucket?: string;
}[] = [
  {
    name: "a wrong secret",
    says: "the secret access key is wrong",
    prepare: (_, world) => world.useKeys({ ...KEYS, secretKey: "wrong-secret-MARKED" }),
  },
  {
    name: "an unknown key",
    says: "the server does not know this access key",
    prepare: (_, world) => world.useKeys({ ...KEYS, accessKey: "AKIAMARKEDMARKEDMARK" }),
  },
  {
    name: "a wrong session token",
    says: "the session token is missing or wrong",
    prepare: (_, world) => world.useKeys({ ...KEYS, sessionToken: "MARKED" }),
  },
  {
    name: "a clock that is wrong",
    says: "this machine's clock differs from the server's by more than 15 minutes",
    prepare: (server) => void (server.skewMs = 16 * 60_000),
  },
  {
    name: "a missing bucket",
    says: "there is no such bucket",
    prepare: () => {},
    bucket: "no-such-bucket",
  },
  {
    name: "another region",
    says: "the bucket is not in region us-west-2",
    prepare: () => {},
    words: ["--region", "us-west-2"],
  },
  {
    name: "missing rights",
    says: "access denied",
    prepare: (server) => void (server.mischief = () => ({ status: 403, code: "AccessDenied" })),
  },
  {
    name: "a server that is overloaded for good",
    says: "the server is overloaded or out of order (503 SlowDown: As the test wants it.)",
    prepare: (server) => void (server.mischief = () => ({ status: 503, code: "SlowDown" })),
  },
  {
    name: "a server that does not answer",
    says: "gave no answer within 1 s",
    prepare: (server) => void (server.mischief = () => "hang"),
    words: ["--timeout", "1"],
  },
  {
    name: "a server that hangs up",
    says: "cannot be reached (connection closed before message completed)",
    prepare: (server) => void (server.mischief = () => "cut"),
  },
  {
    name: "an endpoint that has no host names for buckets",
    says: "the bucket can't be in the host name of http://127.0.0.1:1/storage/s3",
    prepare: () => {},
    words: ["--endpoint", "http://127.0.0.1:1/storage/s3", "--virtual-host"],
  },
  {
    name: "no server",
    says: "http://127.0.0.1:1 cannot be reached (Requests to port 1 are blocked)",
    prepare: () => {},
    words: ["--endpoint", "http://127.0.0.1:1"],
  },
];

for (const { name, says, prepare, words = [], bucket } of ONE_LINE_FAILURES) {
  Deno.test(`publish says in one line what is wrong: ${name}`, async () => {
    const world = await PublishWorld.make();
    await using server = await world.serve();
    world.useKeys();
    await world.build(1);
    prepare(server, world);
    const endpoint = words.includes("--endpoint") ? [] : ["--endpoint", server.url];
    const { code, output } = await world.publish(
      `s3://${bucket ?? server.bucket}`,
      ...endpoint,
      ...words,
    );
    assertEquals(code, EXIT.failed);
    const [line = "", ...hints] = output.split("\n");
    assert(line.startsWith("Cannot publish to s3://") && line.includes(says), output);
    assert(hints.length <= 1 && hints.every((hint) => hint.startsWith("  ")), output);
    for (const secret of [KEYS.secretKey, KEYS.accessKey, "MARKED", "Signature="]) {
      assert(!output.includes(secret), "the output holds no secret");
    }
    assertEquals(server.objects.size, 0);
  });
}

Deno.test("publish gets through a server that is overloaded for a while, and says so", async () => {
  const { world, server } = await published();
  await using _ = server;
  world.edit("beta", "beta-first", "beta-second");
  await world.build(2);
  const tries = new Map<string, number>();
  // For each request by itself: several are under way at once, and must not take each other's turn.
  server.mischief = ({ method, key }) => {
    const done = tries.get(`${method} ${key}`) ?? 0;
    tries.set(`${method} ${key}`, done + 1);
    return [{ status: 503, code: "SlowDown" }, "cut" as const][done];
  };
  const { code, output } = await world.publishTo(server, "--parallel", "1");
  assertEquals(code, EXIT.ok, output);
  assertMatch(output, /, \d+ requests repeated$/);
  assertSame(world, server);
  // Pauses grow from try to try.
  const pauses = world.host.log.filter((line) => line.startsWith("sleep"));
  assert(pauses.length > 10);
});

Deno.test("publish takes a lost answer to the timestamp's upload for what it is", async () => {
  const { world, server } = await published();
  await using _ = server;
  world.edit("beta", "beta-first", "beta-second");
  await world.build(2);
  let lost = false;
  server.mischief = ({ method, key }) => {
    if (lost || method !== "PUT" || key !== "psyopsOS/timestamp.json") return undefined;
    lost = true;
    return "cut-after";
  };
  const { code, output } = await world.publishTo(server);
  assertEquals([code, lost], [EXIT.ok, true], output);
  assertSame(world, server);
});

Deno.test("publish works with a server that knows no conditions", async () => {
  const world = await PublishWorld.make();
  await using server = await world.serve();
  world.useKeys();
  await world.build(1);
  let refused = false;
  server.mischief = ({ method, key }) => {
    if (refused || method !== "PUT" || key !== "psyopsOS/timestamp.json") return undefined;
    refused = true;
    return { status: 501, code: "NotImplemented" };
  };
  assertEquals((await world.publishTo(server)).code, EXIT.ok);
  assertSame(world, server);
});

Deno.test("publish as a program, with the bucket in the host name", async () => {
  const world = await PublishWorld.make();
  await using server = await S3Server.start();
  world.host.clock = new Date();
  await world.build(1);
  const dir = await Deno.makeTempDir({ prefix: "psyopsos-publish-" });
  try {
    for (const [path, bytes] of world.files()) {
      await Deno.mkdir(`${dir}/${path}`.replace(/[^/]+$/, ""), { recursive: true });
      await Deno.writeFile(`${dir}/${path}`, bytes);
    }
    const run = async (secret: string) => {
      const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
        args: ["run", "-q", "-P=build", "tasks/publish.ts", `s3://${server.bucket}`]
          .concat("--virtual-host", "--from", dir, "--keys", `${dir}/none`, "--json"),
        // A proxy sees the host name that is asked for; nobody has to know its address.
        env: {
          NO_COLOR: "1",
          HTTP_PROXY: server.url,
          NO_PROXY: "",
          AWS_ENDPOINT_URL: "http://s3.example.test",
          AWS_ACCESS_KEY_ID: KEYS.accessKey,
          AWS_SECRET_ACCESS_KEY: secret,
          AWS_REGION: server.region,
        },
      }).output();
      const decoder = new TextDecoder();
      return { code, out: decoder.decode(stdout), err: decoder.decode(stderr) };
    };
    const wrong = await run("wrong");
    assertEquals([wrong.code, server.objects.size], [EXIT.failed, 0]);
    assertStringIncludes(wrong.err, "the secret access key is wrong");
    const { code, out, err } = await run(KEYS.secretKey);
    assertEquals(code, EXIT.ok, err);
    assertEquals(JSON.parse(out).uploads, world.files().size);
    assertSame(world, server);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("publish puts a site into a directory and keeps it current there", async () => {
  const world = await PublishWorld.make();
  await world.build(1);
  const first = await world.publish("file:/srv/site");
  assertEquals(first.code, EXIT.ok, first.output);
  world.edit("beta", "beta-first", "beta-second");
  await world.host.remove("nodes/gamma.yaml");
  await world.build(2);
  world.host.put("/srv/site/robots.txt", "not the site's");
  await world.publish("file:/srv/site/", "--prune");
  world.wait(25);
  const { output } = await world.publish("file:/srv/site/", "--prune");
  assertStringIncludes(output, "file:/srv/site: serial 2");
  const there = new Map(
    [...world.host.nodes].filter(([path, { kind }]) =>
      path.startsWith("/srv/site/") && kind === "file"
    ).map(([path, { data }]) => [path.slice("/srv/site/".length), data]),
  );
  assertEquals(there.delete("robots.txt"), true);
  assertEquals([...there.keys()].sort(), [...world.files().keys()].sort());
  assertEquals((await world.read(there)).hostnames["beta"], "beta-second");
});

for (
  const words of [
    [],
    ["s3://a b"],
    ["http://x"],
    ["file:"],
    ["s3://fleet", "file:x"],
    [
      "s3://fleet",
      "--path-style",
      "--virtual-host",
    ],
    ["s3://fleet", "--parallel", "0"],
    ["s3://fleet/../x"],
  ]
) {
  Deno.test(`publish ${words.join(" ")} is not understood`, async () => {
    const world = await PublishWorld.make();
    world.useKeys();
    const { code, output } = await world.publish(...words);
    assertEquals(code, EXIT.usage, output);
  });
}

Deno.test("publish without a target says what one is", async () => {
  const world = await PublishWorld.make();
  const { output } = await world.publish();
  assertStringIncludes(
    output,
    "expected s3://BUCKET[/PREFIX] or file:DIRECTORY, here or in PSYOPSOS_PUBLISH",
  );
});
