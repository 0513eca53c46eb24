/**
 * Publishing against a real S3 server of others, Versity's gateway to a file system. It is built from its source by name, which takes
 * a minute or two once and then comes from Go's cache; a desk without Go skips it.
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { DenoHost } from "../../lib/deno_host.ts";
import { EXIT } from "../../lib/errors.ts";
import { S3Target } from "../../lib/publish/s3_target.ts";
import { S3Wire } from "../../lib/publish/s3_wire.ts";
import { PublishWorld } from "../support/publish_world.ts";
import { needTool, toolPath } from "../support/tools.ts";

const MODULE = "github.com/versity/versitygw/cmd/versitygw@v1.8.0";
const BUCKET = "fleet-site";
const REGION = "eu-central-1";
const KEY = { accessKey: "AKIATESTGATEWAY", secretKey: "secret/of+the-gateway" };
const ISO = "psyopsOS/os/1.0/psyopsos.iso";

/** Builds the server; gives its path. */
async function build(): Promise<string> {
  const bin = new URL("../../build/versitygw", import.meta.url).pathname;
  const run = await new Deno.Command(toolPath("go")!, {
    args: ["install", MODULE],
    env: { GOBIN: bin, GOFLAGS: "-modcacherw" },
  }).output();
  assertEquals(run.code, 0, new TextDecoder().decode(run.stderr));
  return `${bin}/versitygw`;
}

interface Gateway extends AsyncDisposable {
  url: string;
  /** Where the bucket's objects are files. */
  files: string;
}

/** Starts it over an empty bucket. */
async function start(program: string): Promise<Gateway> {
  const dir = await Deno.makeTempDir({ prefix: "psyopsos-versitygw-" });
  for (const name of [`data/${BUCKET}`, "facts"]) {
    await Deno.mkdir(`${dir}/${name}`, { recursive: true });
  }
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  listener.close();
  const server = new Deno.Command(program, {
    // Beside the data, as not every file system keeps attributes.
    args: ["--port", `127.0.0.1:${port}`, "--region", REGION, "--quiet", "--keep-alive"]
      .concat(["posix", "--sidecar", `${dir}/facts`, `${dir}/data`]),
    env: { ROOT_ACCESS_KEY: KEY.accessKey, ROOT_SECRET_KEY: KEY.secretKey },
    stdout: "null",
    stderr: "null",
  }).spawn();
  const url = `http://127.0.0.1:${port}`;
  const gateway = {
    url,
    files: `${dir}/data/${BUCKET}`,
    async [Symbol.asyncDispose]() {
      server.kill("SIGKILL");
      await server.status;
      await Deno.remove(dir, { recursive: true });
    },
  };
  for (let tries = 0;; tries++) {
    try {
      await (await fetch(url)).body?.cancel();
      return gateway;
    } catch (error) {
      if (tries > 100) {
        await gateway[Symbol.asyncDispose]();
        throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

Deno.test({
  name: "versitygw keeps a site as it is published and pruned, and says no as S3 does",
  ...needTool("go"),
  fn: async () => {
    const program = await build();
    await using gateway = await start(program);
    const world = await PublishWorld.make();
    world.host.clock = new Date();
    world.useKeys(KEY);
    world.host.variables.set("AWS_REGION", REGION);
    await world.build(1);
    const image = new Uint8Array(20 * 1024 * 1024 + 5).map((_, i) => i * 2654435761 >>> 24);
    world.host.put(`public/${ISO}`, image);
    const run = async (...words: string[]) => {
      const target = `s3://${BUCKET}/a/prefix`;
      return await world.publish(target, "--endpoint", gateway.url, ...words);
    };
    const publish = async (...words: string[]) => {
      const { code, output } = await run(...words, "--json");
      assertEquals(code, EXIT.ok, output);
      return JSON.parse(output);
    };
    const settings = { endpoint: gateway.url, region: REGION, pathStyle: true, ...KEY };
    const wire = new S3Wire(new DenoHost(), settings, BUCKET);
    const there = async () => {
      const target = new S3Target(wire, "a/prefix");
      const found = new Map();
      for await (const { path } of target.list("")) {
        found.set(path, (await target.get(path, image.length))!.bytes);
      }
      return found;
    };
    assertEquals((await publish()).uploads, world.files().size);
    for (const [path, bytes] of world.files()) {
      const stored = await Deno.readFile(`${gateway.files}/a/prefix/${path}`);
      assert(stored.length === bytes.length && stored.every((byte, i) => byte === bytes[i]), path);
    }
    assertEquals((await world.read(await there())).serial, 1);

    const again = await publish();
    assertEquals([again.uploads, again.listed], [0, false]);
    const full = await publish("--full");
    assertEquals([full.uploads, full.listed], [0, true]);

    world.edit("beta", "beta-first", "beta-second");
    await world.host.remove("nodes/gamma.yaml");
    await world.build(2);
    world.host.put(`public/${ISO}`, image);
    const next = await publish("--prune");
    assertEquals([next.removed, next.kept > 6], [[], true]);
    assert((await publish("--prune", "--prune-after", "0")).removed.length > 6);
    assertEquals([...(await there()).keys()].sort(), [...world.files().keys()].sort());
    assertEquals((await world.read(await there())).hostnames, {
      alpha: "alpha-first",
      beta: "beta-second",
    });

    // A rival's timestamp: the condition is kept.
    const stamp = "psyopsOS/timestamp.json";
    world.edit("beta", "beta-second", "beta-third");
    await world.build(3);
    const { fetch } = world.host;
    let rivals = 0;
    world.host.fetch = async (url, init) => {
      if (init?.method === "PUT" && url.endsWith(stamp) && rivals++ === 0) {
        const other = await PublishWorld.make();
        other.host.clock = world.host.clock;
        other.useKeys(KEY);
        other.host.variables.set("AWS_REGION", REGION);
        await other.build(9);
        const words = ["--endpoint", gateway.url, "--overwrite"];
        const { code, output } = await other.publish(`s3://${BUCKET}/a/prefix`, ...words);
        assertEquals(code, EXIT.ok, output);
      }
      return await fetch(url, init);
    };
    const beaten = await run();
    world.host.fetch = fetch;
    assertEquals([beaten.code, rivals], [EXIT.failed, 1], beaten.output);
    assertStringIncludes(beaten.output, "somebody else published at the same time");
    await publish("--overwrite", "--full");
    assertEquals((await world.read(await there())).serial, 3);

    // A content that somebody changed, with the same facts.
    const key = "a/prefix/psyopsOS/nodes/beta.json";
    const { headers, body } = await wire.send({ method: "GET", key });
    const fact = "x-amz-meta-sha256";
    await wire.send({
      method: "PUT",
      key,
      payload: body.with(0, 0x20),
      headers: { [fact]: headers.get(fact)! },
    });
    assertEquals((await publish("--full")).uploads, 1);
    assertEquals((await publish("--full")).uploads, 0);

    const refusals: [string, () => Promise<{ code: number; output: string }>][] = [
      ["the secret access key is wrong", () => {
        world.useKeys({ ...KEY, secretKey: "wrong" });
        return run("--region", REGION);
      }],
      // It has a word of its own for this; what it says is passed on.
      ["No user exists with the provided access key ID", () => {
        world.useKeys({ ...KEY, accessKey: "AKIASTRANGER" });
        return run("--region", REGION);
      }],
      ["there is no such bucket", () => {
        world.useKeys(KEY);
        return world.publish("s3://no-such-bucket", "--endpoint", gateway.url);
      }],
      ["the bucket is not in region us-west-2", () => run("--region", "us-west-2")],
    ];
    for (const [says, refused] of refusals) {
      const { code, output } = await refused();
      assertEquals(code, EXIT.failed, output);
      assertStringIncludes(output, says);
    }
  },
});
