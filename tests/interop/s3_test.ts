/**
 * Second opinions on the S3 wire from servers of others. s3rver reads everything but believes any secret, so it judges what is
 * sent and listed; its fork @20minutes/s3rver checks signatures but fails its own on listings, so it judges the signatures of
 * all else. The strict judge is tests/support/s3_server.ts.
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { text, utf8 } from "../../lib/bytes.ts";
import { DenoHost } from "../../lib/deno_host.ts";
import { EXIT, UserError } from "../../lib/errors.ts";
import { S3Target } from "../../lib/publish/s3_target.ts";
import { S3Wire } from "../../lib/publish/s3_wire.ts";
import { inMemory } from "../../lib/publish/target.ts";
import { PublishWorld } from "../support/publish_world.ts";

const BUCKET = "fleet-site";
/** The one key that both servers know. */
const KEY = { accessKey: "S3RVER", secretKey: "S3RVER" };
const REGION = "us-east-1";

/** Starts the server as a program of its own, see tests/support/s3rver/serve.ts. */
async function withServer(
  name: "s3rver" | "@20minutes/s3rver",
  body: (url: string) => Promise<void>,
): Promise<void> {
  const directory = await Deno.makeTempDir({ prefix: "psyopsos-s3-" });
  const folder = new URL("../support/s3rver/", import.meta.url).pathname;
  const server = new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "-A", "--config", `${folder}deno.json`, `${folder}serve.ts`]
      .concat([name, directory, BUCKET]),
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const lines = server.stdout.pipeThrough(new TextDecoderStream()).getReader();
  try {
    const port = Number((await lines.read()).value);
    assert(port > 0, `${name} did not start`);
    await body(`http://127.0.0.1:${port}`);
  } finally {
    await server.stdin.close();
    await lines.cancel();
    await server.status;
    await Deno.remove(directory, { recursive: true });
  }
}

function targetAt(url: string, key = KEY): S3Target {
  const settings = { endpoint: url, region: REGION, pathStyle: true, ...key };
  return new S3Target(new S3Wire(new DenoHost(), settings, BUCKET), "a/prefix");
}

const FACTS = {
  contentType: "application/json",
  cacheControl: "no-cache",
  sha256: "0".repeat(64),
  mark: "mark",
};

Deno.test("s3rver keeps a site as it is published, changed and pruned", async () => {
  const world = await PublishWorld.make();
  world.useKeys(KEY);
  world.host.clock = new Date();
  await world.build(1);
  await withServer("s3rver", async (url) => {
    const words = [`s3://${BUCKET}/a/prefix`, "--endpoint", url, "--region", REGION];
    const first = await world.publish(...words);
    assertEquals(first.code, EXIT.ok, first.output);
    const again = await world.publish(...words, "--json");
    assertEquals([JSON.parse(again.output).uploads, JSON.parse(again.output).listed], [0, false]);

    world.edit("beta", "beta-first", "beta-second");
    await world.host.remove("nodes/gamma.yaml");
    await world.build(2);
    const next = await world.publish(...words, "--prune", "--json");
    assertEquals(next.code, EXIT.ok, next.output);
    assertEquals([JSON.parse(next.output).removed, JSON.parse(next.output).kept > 6], [[], true]);
    const now = await world.publish(...words, "--full", "--prune", "--prune-after", "0", "--json");
    assertEquals(now.code, EXIT.ok, now.output);
    assert(JSON.parse(now.output).removed.length >= 6, now.output);
    assertEquals(JSON.parse(now.output).uploads, 0);

    const target = targetAt(url);
    const there = new Map();
    for await (const { path, tag, ageMs } of target.list("")) {
      assert(/^[0-9a-f]{32}$/.test(tag ?? "") && ageMs !== undefined && ageMs < 600_000, path);
      there.set(path, (await target.get(path, 1 << 20))!.bytes);
    }
    assertEquals([...there.keys()].sort(), [...world.files().keys()].sort());
    assertEquals((await world.read(there)).hostnames, {
      alpha: "alpha-first",
      beta: "beta-second",
    });
  });
});

Deno.test("s3rver puts together what comes in parts", async () => {
  const big = new Uint8Array(17 * 1024 * 1024 + 3).map((_, i) => i * 2654435761 >>> 24);
  await withServer("s3rver", async (url) => {
    const target = targetAt(url);
    const content = inMemory(big);
    await target.put("big.iso", content, FACTS);
    assertEquals((await target.stat("big.iso"))?.size, big.length);
    const { bytes } = (await target.get("big.iso", big.length))!;
    assert(bytes.length === big.length && bytes.every((byte, i) => byte === big[i]));
    const [file] = await Array.fromAsync(target.list(""));
    assertEquals(await target.holds(file!, content, "content"), true);
    const other = big.slice();
    other[0] = other[0]! ^ 1;
    assertEquals(await target.holds(file!, inMemory(other), "content"), false);
  });
});

Deno.test("@20minutes/s3rver accepts our signatures, and no others", async () => {
  await withServer("@20minutes/s3rver", async (url) => {
    const target = targetAt(url);
    // Characters that are encoded in one place and not in another.
    for (const path of ["psyopsOS/nodes/a-b_c.json", "psyopsOS/os/1.0+2/x.iso", "x~y z.txt"]) {
      await target.put(path, inMemory(utf8(`content of ${path}`)), FACTS);
      assertEquals(text((await target.get(path, 100))!.bytes), `content of ${path}`);
      const known = await target.stat(path);
      assertEquals([known?.sha256, known?.mark], [FACTS.sha256, FACTS.mark]);
      await target.remove(path);
      assertEquals(await target.stat(path), undefined);
      assertEquals(await target.get(path, 100), undefined);
    }
    const wrong = targetAt(url, { ...KEY, secretKey: "wrong" });
    await assertRejects(
      () => wrong.put("x", inMemory(utf8("x")), FACTS),
      UserError,
      "the secret access key is wrong",
    );
    const stranger = targetAt(url, { ...KEY, accessKey: "STRANGER" });
    await assertRejects(
      () => stranger.get("x", 100),
      UserError,
      "the server does not know this access key",
    );
  });
});
