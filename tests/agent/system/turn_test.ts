/** Two agents on one node: the service goes on in turns, an administrator's `once` waits for it, but not for ever. */
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { LOCK_FILE } from "../../../agent/system/paths.ts";
import { Turn, TURN_WAIT_MS } from "../../../agent/system/turn.ts";
import { EXIT, UserError } from "../../../lib/errors.ts";
import { driveOf, makeSite, STATUS, World } from "../world.ts";

const SERVICE = { pid: 812, since: "2026-11-22T19:59:00.000Z", command: "psyopsos-agent daemon" };

Deno.test("runAgent() has the node to itself in a round and lets others have it in between", async () => {
  const world = new World(driveOf("alpha"), await makeSite());
  const held: (string | undefined)[] = [];
  const fetch = world.fetch.bind(world);
  world.fetch = (url, init) => {
    held.push(world.locks.get(LOCK_FILE)?.command);
    return fetch(url, init);
  };
  world.onSleep = () => void held.push(world.locks.get(LOCK_FILE)?.command);
  await world.boot({ sleeps: 2 });
  assertEquals([...new Set(held)], ["psyopsos-agent daemon", undefined]);
  assertEquals(world.locks.size, 0);
});

Deno.test("runAgent() with once changes nothing while a round of the service goes on", async () => {
  const world = new World(driveOf("alpha"), await makeSite());
  world.locks.set(LOCK_FILE, SERVICE);
  const start = world.clock.getTime();
  await assertRejects(() => world.boot({ once: true }), UserError, "process 812");
  assertEquals(world.clock.getTime() - start, TURN_WAIT_MS);
  assertEquals(await world.stat(STATUS), undefined);
  assertEquals(world.requests, []);
  assertStringIncludes(world.printed.join(), "process 812 (psyopsos-agent daemon)");
});

Deno.test("runAgent() goes on as soon as the other agent's round is over", async () => {
  const world = new World(driveOf("alpha"), await makeSite());
  world.locks.set(LOCK_FILE, SERVICE);
  const sleep = world.sleep.bind(world);
  world.sleep = (ms, signal) => {
    if (world.clock.getTime() % 5000 === 0) world.locks.delete(LOCK_FILE);
    return sleep(ms, signal);
  };
  world.clock = new Date("2026-11-22T20:00:01Z");
  assertEquals(await world.boot({ once: true }), EXIT.ok);
  assertEquals(world.status.phase, "configured");
});

Deno.test("take() ends without a lock when the agent is stopped while it waits", async () => {
  const world = new World();
  world.locks.set(LOCK_FILE, SERVICE);
  world.sleep = () => Promise.resolve(world.stop.abort());
  const { signal } = world.stop;
  const turn = new Turn(world, { verb: "daemon", once: false, signal, onWait: () => {} });
  assertEquals(await turn.take(), false);
  turn.release();
  assertEquals(world.locks.get(LOCK_FILE), SERVICE);
});
