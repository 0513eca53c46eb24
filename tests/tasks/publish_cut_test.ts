/**
 * Publishing that breaks off: after every single request, in two ways, a client must find the old publication or the new one,
 * wholly; and the same command must finish the work.
 */
import { assert, assertEquals } from "@std/assert";
import { EXIT, UserError } from "../../lib/errors.ts";
import { NO_STATE } from "../../lib/trust/roots.ts";
import { rotateKey } from "../../lib/trust/rotate.ts";
import { PublishWorld } from "../support/publish_world.ts";
import type { Mischief, S3Server, Stored } from "../support/s3_server.ts";

interface Change {
  name: string;
  /** Changes fleet, keys or releases; then the site is built anew. */
  change: (world: PublishWorld) => Promise<void> | void;
  words?: string[];
  ways?: ("cut" | "cut-after")[];
}

const CHEAP = { ops: 32_768, memory: 1 << 20 };
const NEVER = () => Promise.reject(new Error("asked for a passphrase"));

const CHANGES: Change[] = [
  {
    name: "a changed secret",
    change: (world) => world.edit("beta", "beta-first", "beta-second"),
    ways: ["cut", "cut-after"],
  },
  {
    name: "changes everywhere, a node gone, and --prune",
    change: async (world) => {
      for (const name of ["alpha", "beta"]) {
        world.edit(name, `${name}-first`, `${name}-second`);
        world.edit(name, "config: {}", "config: {check: {everySeconds: 60}}");
      }
      await world.host.remove("nodes/gamma.yaml");
      world.host.put("nodes/global.yaml", "config: {check: {everySeconds: 400}}\n");
      world.host.put("nodes/tags/lab.yaml", "config: {files: {/etc/motd: {content: hello}}}\n");
    },
    words: ["--prune", "--prune-after", "0"],
  },
  {
    name: "a release",
    change: (world) => world.putImage("1.0"),
  },
  {
    name: "another config key",
    change: async ({ host }) => {
      await rotateKey(host, "keys", "config", {
        issued: "2026-11-22T20:00:00Z",
        passphrase: NEVER,
        cost: CHEAP,
      });
    },
  },
  {
    name: "all keys replaced",
    change: async ({ host }) => {
      for (const role of ["root", "timestamp"] as const) {
        const options = { issued: "2026-11-22T20:00:00Z", passphrase: NEVER, cost: CHEAP };
        await rotateKey(host, "keys", role, options);
      }
    },
    words: ["--prune", "--prune-after", "0"],
  },
];

for (const { name, change, words = [], ways } of CHANGES) {
  // Before a request is nearly after the one before it: once in both ways is enough.
  for (const mischief of ways ?? ["cut-after" as const]) {
    const when = mischief === "cut" ? "before" : "after";
    Deno.test(`publish of ${name}, broken off ${when} any of its requests had its effect`, async () => {
      const world = await PublishWorld.make();
      await using server = await world.serve();
      world.useKeys();
      await world.build(1);
      await world.publishTo(server);
      const old = new Map(server.objects);
      const state = (await world.read(server.contents())).state;
      await change(world);
      await world.build(2, { releases: "images" });

      const count = await runs(world, server, old, words);
      const seen = new Set<number>();
      for (let at = 1; at <= count; at++) {
        reset(server, old);
        server.mischief = breakOff(at, mischief);
        const { code, output } = await world.publishTo(server, "--parallel", "3", ...words);
        const where = `request ${at} of ${count}`;
        assert(code === EXIT.failed || server.requests.length < at, `${where}: ${output}`);
        // One that comes for the first time, and one that has seen the old publication.
        for (const known of [NO_STATE, state]) {
          const { serial, hostnames } = await world.read(server.contents(), known);
          seen.add(serial);
          if (name === "a changed secret") {
            assertEquals(hostnames["beta"], serial === 1 ? "beta-first" : "beta-second", where);
          }
        }
        delete server.mischief;
        const again = await world.publishTo(server, ...words);
        assertEquals(again.code, EXIT.ok, again.output);
        assertComplete(world, server, words, where);
        assertEquals((await world.read(server.contents(), state)).serial, 2);
      }
      assertEquals([...seen].sort(), [1, 2], "both were met");
      assert(count >= 15, `${count} requests`);
    });
  }
}

Deno.test("publish for the first time, broken off anywhere, leaves no site or a whole one", async () => {
  const world = await PublishWorld.make();
  await using server = await world.serve();
  world.useKeys();
  await world.build(1);
  const none = new Map<string, Stored>();
  const count = await runs(world, server, none, []);
  for (let at = 1; at <= count; at++) {
    reset(server, none);
    server.mischief = breakOff(at, at % 2 === 0 ? "cut" : "cut-after");
    await world.publishTo(server, "--parallel", "3");
    if (server.objects.has("psyopsOS/timestamp.json")) await world.read(server.contents());
    delete server.mischief;
    assertEquals((await world.publishTo(server)).code, EXIT.ok);
    assertComplete(world, server, [], `request ${at}`);
  }
});

Deno.test("publish of a third site over one that was broken off anywhere", async () => {
  const world = await PublishWorld.make();
  await using server = await world.serve();
  world.useKeys();
  await world.build(1);
  await world.publishTo(server);
  const old = new Map(server.objects);
  const first = world.host.textOf("nodes/beta.yaml");
  world.edit("beta", "config: {}", "config: {check: {everySeconds: 60}}");
  await world.build(2);
  const second = world.files();
  const count = await runs(world, server, old, []);
  // Back to what it was: whatever was uploaded of the second must not stay where people look.
  world.host.put("nodes/beta.yaml", first);
  await world.build(3);
  const third = world.files();
  const use = async (files: ReadonlyMap<string, Uint8Array>) => {
    await world.host.remove("public");
    for (const [path, bytes] of files) world.host.put(`public/${path}`, bytes);
  };
  for (let at = 1; at <= count; at++) {
    await use(second);
    reset(server, old);
    server.mischief = breakOff(at, "cut-after");
    await world.publishTo(server, "--parallel", "2");
    delete server.mischief;
    await use(third);
    assertEquals((await world.publishTo(server)).code, EXIT.ok);
    assertComplete(world, server, [], `request ${at}`);
    assertEquals((await world.read(server.contents())).serial, 3);
  }
});

Deno.test("publish into a directory, broken off at any file, leaves the old site or the new one", async () => {
  const world = await PublishWorld.make();
  const { host } = world;
  await world.build(1);
  await world.publish("file:/srv/site");
  const there = () =>
    new Map(
      [...host.nodes].filter(([path, { kind }]) => path.startsWith("/srv/site/") && kind === "file")
        .map(([path, { data }]) => [path.slice("/srv/site/".length), data]),
    );
  const old = there();
  for (const name of ["alpha", "beta"]) world.edit(name, `${name}-first`, `${name}-second`);
  world.edit("beta", "config: {}", "config: {check: {everySeconds: 60}}");
  await world.build(2);
  const write = host.writeFile.bind(host);
  const seen: number[] = [];
  for (let at = 0, code: number = EXIT.failed; code !== EXIT.ok; at++) {
    await host.remove("/srv/site");
    for (const [path, bytes] of old) host.put(`/srv/site/${path}`, bytes);
    let left = at;
    host.writeFile = (...args) =>
      left-- > 0 ? write(...args) : Promise.reject(new UserError("write", "the disk is full"));
    ({ code } = await world.publish("file:/srv/site", "--parallel", "2"));
    host.writeFile = write;
    seen.push((await world.read(there())).serial);
    assertEquals((await world.publish("file:/srv/site")).code, EXIT.ok);
    for (const [path, bytes] of world.files()) assertEquals(there().get(path), bytes, path);
  }
  assertEquals([seen.at(0), seen.at(-1), seen.length > 8], [1, 2, true]);
});

/** Number of requests of a whole publish over `old`. */
async function runs(
  world: PublishWorld,
  server: S3Server,
  old: ReadonlyMap<string, Stored>,
  words: readonly string[],
): Promise<number> {
  reset(server, old);
  const { code, output } = await world.publishTo(server, "--parallel", "3", ...words);
  assertEquals(code, EXIT.ok, output);
  return server.requests.length;
}

/** Puts the server back to what it held, and counts from 1 again. */
function reset(server: S3Server, old: ReadonlyMap<string, Stored>): void {
  delete server.mischief;
  server.objects.clear();
  for (const [key, stored] of old) server.objects.set(key, stored);
  server.requests.length = 0;
}

/** The line goes dead at a request and stays so. */
function breakOff(at: number, how: Mischief) {
  return ({ number }: { number: number }): Mischief | undefined =>
    number < at ? undefined : number === at ? how : "cut";
}

/** All of the built site is there; with --prune nothing else of it. */
function assertComplete(
  world: PublishWorld,
  server: S3Server,
  words: readonly string[],
  where: string,
): void {
  const there = server.contents();
  const files = world.files();
  for (const [path, bytes] of files) assertEquals(there.get(path), bytes, `${path}, ${where}`);
  if (words.includes("--prune")) {
    assertEquals([...there.keys()].sort(), [...files.keys()].sort(), where);
  }
}
