/**
 * Two who publish at the same time: one is stopped at a request, the other does its whole work, the first goes on. Whoever pruned,
 * nodes must find all that the timestamp of the moment leads to.
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { EXIT } from "../../lib/errors.ts";
import { PublishWorld } from "../support/publish_world.ts";
import type { S3Server } from "../support/s3_server.ts";

const STAMP = "/psyopsOS/timestamp.json";

/** Publication 1 at the server for 30 hours, its files also in "first"; 2, with another text for beta, in "public". */
async function twoSites(): Promise<{ world: PublishWorld; server: S3Server }> {
  const world = await PublishWorld.make();
  const server = await world.serve();
  world.useKeys();
  await world.build(1);
  await world.publishTo(server);
  keep(world, "first");
  world.wait(30);
  world.edit("beta", "beta-first", "beta-second");
  await world.build(2);
  return { world, server };
}

/** Keeps the built site in another directory. */
function keep(world: PublishWorld, dir: string): void {
  for (const [path, bytes] of world.files()) world.host.put(`${dir}/${path}`, bytes);
}

/** Does something else, once, right before the first request that fits. */
function before(
  world: PublishWorld,
  fits: (method: string, url: string) => boolean,
  work: () => Promise<void> | void,
): { done: boolean } {
  const { fetch } = world.host;
  const state = { done: false };
  world.host.fetch = async (url, init) => {
    if (!state.done && fits(init?.method ?? "GET", url)) {
      state.done = true;
      await work();
    }
    return await fetch(url, init);
  };
  return state;
}

/** Publishes what is in "public", is stopped just before the timestamp, and comes back 25 hours later. */
async function breakOff(world: PublishWorld, server: S3Server): Promise<void> {
  server.mischief = ({ method, key }) =>
    method === "PUT" && key === "psyopsOS/timestamp.json"
      ? { status: 403, code: "Odd" }
      : undefined;
  assertEquals((await world.publishTo(server)).code, EXIT.failed);
  delete server.mischief;
  world.wait(25);
}

async function publish(world: PublishWorld, server: S3Server, ...words: string[]): Promise<string> {
  const { code, output } = await world.publishTo(server, ...words);
  assertEquals(code, EXIT.ok, output);
  return output;
}

for (const words of [[], ["--full"]]) {
  const name = ["publish", ...words].join(" ");
  Deno.test(`${name} keeps its files while somebody prunes between its content and its timestamp`, async () => {
    const { world, server } = await twoSites();
    await using _ = server;
    const other = before(
      world,
      (method, url) => method === "PUT" && url.endsWith(STAMP),
      async () => {
        const words = ["--from", "first", "--prune", "--json"];
        assertEquals(JSON.parse(await publish(world, server, ...words)).removed, []);
      },
    );
    await publish(world, server, ...words);
    const { serial, hostnames } = await world.read(server.contents());
    assertEquals([other.done, serial, hostnames["beta"]], [true, 2, "beta-second"]);
  });

  Deno.test(`${name} keeps what it put long before it was broken off, while somebody prunes`, async () => {
    const { world, server } = await twoSites();
    await using _ = server;
    await breakOff(world, server);
    const other = before(
      world,
      (method, url) => method === "PUT" && url.endsWith(STAMP),
      async () => {
        const words = ["--from", "first", "--prune", "--json"];
        assertEquals(JSON.parse(await publish(world, server, ...words)).removed, []);
      },
    );
    await publish(world, server, ...words);
    const { serial, hostnames } = await world.read(server.contents());
    assertEquals([other.done, serial, hostnames["beta"]], [true, 2, "beta-second"]);
  });
}

Deno.test("publish --prune leaves a file that somebody puts anew after it was listed", async () => {
  const { world, server } = await twoSites();
  await using _ = server;
  await breakOff(world, server);
  // The one who prunes has its list, and is about to look at the first file once more.
  let listed = false;
  const other = before(
    world,
    (method, url) => {
      listed ||= url.includes("prefix=psyopsOS%2Ftags");
      return listed && method === "HEAD";
    },
    async () => void await publish(world, server),
  );
  const words = ["--from", "first", "--prune", "--json", "--parallel", "1"];
  const pruned = await publish(world, server, ...words);
  assertEquals([JSON.parse(pruned).removed, JSON.parse(pruned).kept], [[], 2]);
  const { serial, hostnames } = await world.read(server.contents());
  assertEquals([other.done, serial, hostnames["beta"]], [true, 2, "beta-second"]);
});

Deno.test("publish --prune removes nothing once somebody else has published", async () => {
  const { world, server } = await twoSites();
  await using _ = server;
  server.put("psyopsOS/nodes/ghost.json", "left over from long ago");
  keep(world, "second");
  world.wait(30);
  await world.build(3);
  // After its timestamp is up, and what it leads to was seen.
  let put = false;
  const other = before(
    world,
    (method, url) => {
      put ||= method === "PUT" && url.endsWith(STAMP);
      return put && method === "PUT" && url.endsWith("/index.html");
    },
    async () => void await publish(world, server),
  );
  const output = await publish(world, server, "--from", "second", "--prune");
  assertStringIncludes(output, "note: somebody else has published since: nothing was removed");
  assert(other.done && server.objects.has("psyopsOS/nodes/ghost.json"));
  assertEquals((await world.read(server.contents())).serial, 3);
});

Deno.test("publish --prune leaves the publication that it replaces to those who read it", async () => {
  const { world, server } = await twoSites();
  await using _ = server;
  const old = server.contents().get("psyopsOS/timestamp.json")!;
  const output = await publish(world, server, "--prune");
  assertStringIncludes(output, "files that the site no longer has stay for now");
  const reader = server.contents().set("psyopsOS/timestamp.json", old);
  assertEquals((await world.read(reader)).hostnames["beta"], "beta-first");
  // Another command can't know what this one has replaced; some minutes later nobody reads that any more.
  const soon = JSON.parse(await publish(world, server, "--prune", "--json"));
  assertEquals([soon.kept, soon.removed], [2, []]);
  assertStringIncludes(soon.remarks.join(), "nodes may still read what it replaced");
  world.wait(0.2);
  const next = JSON.parse(await publish(world, server, "--prune", "--json"));
  assertEquals([next.kept, next.removed.length], [0, 2]);
  assertEquals((await world.read(server.contents())).serial, 2);
});

Deno.test("publish --prune removes nothing that is younger than a day, unless told to", async () => {
  const { world, server } = await twoSites();
  await using _ = server;
  await publish(world, server);
  world.wait(0.2);
  server.put("psyopsOS/nodes/ghost.json", "of somebody who publishes now");
  const young = JSON.parse(await publish(world, server, "--prune", "--json"));
  assertEquals([young.kept, young.removed.length], [1, 2]);
  world.wait(23);
  assertEquals(JSON.parse(await publish(world, server, "--prune", "--json")).removed, []);
  assertStringIncludes(
    await publish(world, server, "--prune"),
    "1 file that the site no longer has stays for now, as others may be publishing or reading it\n",
  );
  world.wait(1.1);
  const old = JSON.parse(await publish(world, server, "--prune", "--json"));
  assertEquals(old.removed, ["psyopsOS/nodes/ghost.json"]);
  server.put("psyopsOS/nodes/ghost.json", "a secret by mistake");
  const told = await publish(world, server, "--prune", "--prune-after", "0");
  assertStringIncludes(told, "removed    psyopsOS/nodes/ghost.json");
});

Deno.test("publish --prune --dry-run tells what would go, by the same rules", async () => {
  const { world, server } = await twoSites();
  await using _ = server;
  server.put("psyopsOS/nodes/ghost.json", "young");
  const before = server.contents();
  const dry = JSON.parse(await publish(world, server, "--prune", "--dry-run", "--json"));
  assertEquals([dry.removed, dry.kept], [[], 3]);
  assertEquals(server.contents(), before);
});

Deno.test("publish tells a file's age by the server's clock, and by its own where the server tells none", async () => {
  for (const tellsDate of [true, false]) {
    const { world, server } = await twoSites();
    await using _ = server;
    server.tellsDate = tellsDate;
    server.put("psyopsOS/nodes/ghost.json", "left over");
    // This machine's clock goes ten minutes fast; the server still takes its signatures.
    server.skewMs = -10 * 60_000;
    server.objects.get("psyopsOS/nodes/ghost.json")!.modified = server.now();
    world.wait(23.9);
    const { removed } = JSON.parse(await publish(world, server, "--prune", "--json"));
    assertEquals(removed, tellsDate ? [] : ["psyopsOS/nodes/ghost.json"]);
  }
});

Deno.test("publish puts anew what vanished while it published", async () => {
  const { world, server } = await twoSites();
  await using _ = server;
  const bin = [...world.files().keys()].find((path) => path.includes("/bins/"))!;
  before(
    world,
    (method, url) => method === "PUT" && url.endsWith(STAMP),
    () => void server.objects.delete(bin),
  );
  await publish(world, server);
  assertEquals((await world.read(server.contents())).serial, 2);
});

Deno.test("publish says what is missing when somebody goes on removing it", async () => {
  const { world, server } = await twoSites();
  await using _ = server;
  const bin = [...world.files().keys()].find((path) => path.includes("/bins/"))!;
  server.mischief = ({ method, key }) => {
    if (method === "PUT" && key === "psyopsOS/timestamp.json") server.objects.delete(bin);
    if (method === "HEAD" && key === bin) server.objects.delete(bin);
    return undefined;
  };
  const { code, output } = await world.publishTo(server);
  assertEquals(code, EXIT.failed);
  assertStringIncludes(output, `${bin} is gone again after it was put`);
  delete server.mischief;
  await publish(world, server);
  assertEquals((await world.read(server.contents())).serial, 2);
});
