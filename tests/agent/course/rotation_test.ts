/** Keys that change while a node runs: the whole agent follows, with its record on the drive. */
import { assert, assertEquals } from "@std/assert";
import type { Bytes } from "../../../lib/bytes.ts";
import { signerOf } from "../../../lib/trust/keyring.ts";
import { ISSUED } from "../../site/support.ts";
import { testKey } from "../../support/signed_site.ts";
import { runAgent } from "../../../agent/course/run.ts";
import { type Keys, OLD, ROTATED, siteOf } from "../rotated_site.ts";
import { driveOf, World } from "../world.ts";

function site(serial: number, motd: string, ...versions: Keys[]): Promise<Map<string, Bytes>> {
  return siteOf({ serial, motd, issued: ISSUED }, ...versions);
}

Deno.test("runAgent() follows a new config key, past a serial that the old one's thief has raised", async () => {
  const highest = Number.MAX_SAFE_INTEGER;
  const first = new World(driveOf("alpha"), await site(highest, "thief's", OLD));
  await first.boot();
  assertEquals(first.status.serial, highest);

  const refused = first.reboot();
  refused.site = await site(43, "true", OLD);
  await refused.boot();
  assertEquals([refused.status.problem?.check, refused.status.source], ["serial", "last-good"]);

  const recovered = refused.reboot();
  recovered.site = await site(43, "true", OLD, ROTATED);
  await recovered.boot();
  assertEquals([recovered.status.serial, recovered.status.source], [43, "site"]);
  assertEquals(recovered.textOf("/etc/motd"), "true\n");

  // What was recovered is what the drive holds now.
  const later = recovered.reboot();
  later.site = undefined;
  await later.boot();
  assertEquals([later.status.serial, later.status.source], [43, "last-good"]);
  assertEquals(later.textOf("/etc/motd"), "true\n");
  const again = later.reboot();
  again.site = await site(highest, "thief's", OLD);
  await again.boot();
  assertEquals(again.status.problem?.check, "root-version");
});

/** The honest site without the stolen key, of a time long ago. */
function expiredSite(): Promise<Map<string, Bytes>> {
  return siteOf({ serial: 43, motd: "true", issued: "2026-10-01T00:00:00Z" }, OLD, ROTATED);
}

/** Lets `date` set the node's clock. */
function settable(world: World): World {
  world.programs.set("date", (args) => {
    world.clock = new Date(Number(args.at(-1)!.slice(1)) * 1000);
    return "";
  });
  return world;
}

Deno.test("runAgent() follows a new config key, past a time that the old one's thief has claimed", async () => {
  const thiefs = { serial: 42, motd: "thief's", issued: "2999-01-01T00:00:00Z" };
  const rotated = await site(43, "true", OLD, ROTATED);
  const running = settable(new World(driveOf("alpha"), await siteOf(thiefs, OLD)));
  running.onSleep = (count) => {
    if (count === 1) assertEquals(running.textOf("/etc/motd"), "thief's\n");
    running.site = rotated;
  };
  await running.boot({ sleeps: 2 });
  assertEquals([running.status.problem, running.textOf("/etc/motd")], [undefined, "true\n"]);

  const first = settable(new World(driveOf("alpha"), await siteOf(thiefs, OLD)));
  await first.boot();
  const second = settable(first.reboot());
  second.site = rotated;
  await second.boot();
  assertEquals([second.status.problem, second.textOf("/etc/motd")], [undefined, "true\n"]);
});

/** A node whose clock starts long before its image, as without a battery. */
function clockless(world: World): World {
  settable(world);
  const epoch = Date.parse(ISSUED) / 1000 - 3600;
  world.put("/etc/psyopsos/image.json", JSON.stringify({ version: "7", epoch }));
  world.clock = new Date("1970-01-01T00:00:00Z");
  return world;
}

Deno.test("runAgent() without a clock follows a new config key, past a time that the old one's thief has claimed", async () => {
  for (const issued of ["2999-01-01T00:00:00Z", "2030-01-01T00:00:00Z"]) {
    const first = clockless(
      new World(driveOf("alpha"), await siteOf({ serial: 42, motd: "thief's", issued }, OLD)),
    );
    await first.boot();
    assertEquals(first.textOf("/etc/motd"), "thief's\n");
    const second = clockless(first.reboot());
    second.site = await site(43, "true", OLD, ROTATED);
    await second.boot();
    assertEquals([second.status.problem, second.textOf("/etc/motd")], [undefined, "true\n"]);
    assertEquals(second.clock.getUTCFullYear(), 2026, "its clock is set back");
  }
});

Deno.test("runAgent() applies nothing of a dropped key again, even when the site that drops it has expired", async () => {
  const thiefs = await site(42, "thief's", OLD);
  const expired = await expiredSite();
  const running = new World(driveOf("alpha"), thiefs);
  running.onSleep = (count) => {
    if (count === 1) running.put("/etc/motd", "changed\n");
    running.site = expired;
  };
  await running.boot({ sleeps: 3 });
  assertEquals(running.textOf("/etc/motd"), "changed\n", "it is left as it is, and not repaired");
  assertEquals([running.status.problem?.check, running.status.phase], ["expired", "fetching"]);

  // Nor after the next boot, with the site down or with the thief's in its place.
  for (const after of [undefined, thiefs]) {
    const next = running.reboot();
    next.site = after;
    await next.boot();
    assertEquals([next.nodes.has("/etc/motd"), next.status.serial], [false, undefined]);
  }
  const honest = running.reboot();
  honest.site = await site(43, "true", OLD, ROTATED);
  await honest.boot();
  assertEquals([honest.status.problem, honest.textOf("/etc/motd")], [undefined, "true\n"]);
});

Deno.test("runAgent() without a clock takes a thief's time back when the key is dropped, even by a site that has expired", async () => {
  const thiefs = { serial: 42, motd: "thief's", issued: "2030-01-01T00:00:00Z" };
  const world = clockless(new World(driveOf("alpha"), await siteOf(thiefs, OLD)));
  const expired = await expiredSite();
  world.onSleep = () => {
    if (world.site !== expired) assertEquals(world.clock.getUTCFullYear(), 2030);
    world.site = expired;
  };
  await world.boot({ sleeps: 2 });
  assertEquals([world.status.problem?.check, world.clock.getUTCFullYear()], ["expired", 2026]);
});

Deno.test("runAgent() does not take the thief's site again, nor report where the thief wants it", async () => {
  const thiefs = await site(42, "thief's", OLD);
  const expired = await expiredSite();
  const world = new World(driveOf("alpha"), thiefs);
  world.onSleep = (count) => {
    if (count === 2) {
      assertEquals([world.status.serial, world.status.source], [undefined, undefined]);
      world.requests.length = 0;
    }
    world.site = count === 1 ? expired : thiefs;
  };
  await world.boot({ sleeps: 4 });
  assertEquals(world.status.problem?.check, "root-version");
  assertEquals(world.requests.filter((one) => one.startsWith("PUT")), []);
});

Deno.test("runAgent() goes on from what another agent of the node has accepted meanwhile", async () => {
  const world = new World(driveOf("alpha"), await site(42, "older", OLD));
  const once = () =>
    runAgent(world, {
      once: true,
      signal: new AbortController().signal,
      random: () => 0.5,
      print: () => {},
      pid: 4711,
    });
  world.onSleep = async (count) => {
    if (count === 1) {
      world.site = await site(43, "newer", OLD);
      assertEquals(await once(), 0);
      world.site = undefined;
    }
    assertEquals(world.textOf("/etc/motd"), "newer\n", `after round ${count}`);
    if (count === 2) world.site = await site(42, "older", OLD);
  };
  await world.boot({ sleeps: 4 });
  assertEquals([world.status.serial, world.status.problem?.check], [43, "serial"]);
  const next = world.reboot();
  await next.boot();
  assertEquals([next.status.serial, next.status.source], [43, "last-good"]);
});

Deno.test("runAgent() that could not let go on the drive keeps what it accepts after that", async () => {
  const world = new World(driveOf("alpha"), await site(42, "thief's", OLD));
  const sites = [
    await expiredSite(),
    await site(43, "true", OLD, ROTATED),
    undefined,
  ];
  world.onSleep = (count) => {
    world.site = sites[count - 1];
    world.drive.readOnly = count < 2;
  };
  await world.boot({ sleeps: 4 });
  const next = world.reboot();
  next.site = undefined;
  await next.boot();
  assertEquals([next.status.serial, next.textOf("/etc/motd")], [43, "true\n"]);
});

Deno.test("runAgent() lets go of a dropped key's documents on the drive as soon as it can be written again", async () => {
  const world = new World(driveOf("alpha"), await site(42, "thief's", OLD));
  const expired = await expiredSite();
  const kept = () => [...world.nodes.keys()].some((path) => path.includes("/state/good-42/"));
  world.onSleep = (count) => {
    world.site = expired;
    world.drive.readOnly = count === 1;
    if (count === 2) assertEquals([kept(), world.status.rollbackGuard], [true, "image"]);
  };
  await world.boot({ sleeps: 3 });
  assertEquals([kept(), world.status.rollbackGuard], [false, "drive"]);
});

Deno.test("runAgent() sets a clock forward that is before its image, and no other", async () => {
  const started = (time: string) => {
    const world = settable(new World(driveOf("alpha")));
    world.put(
      "/etc/psyopsos/image.json",
      JSON.stringify({ version: "7", epoch: Date.parse(ISSUED) / 1000 - 60 }),
    );
    world.clock = new Date(time);
    return world;
  };
  const served = await site(42, "one", OLD);
  const behind = started("1970-01-01T00:00:00Z");
  behind.site = served;
  await behind.boot();
  assertEquals(behind.textOf("/etc/motd"), "one\n");
  assert(behind.clock.getTime() >= Date.parse(ISSUED));
  const near = started("2026-11-22T19:59:58Z");
  near.site = served;
  await near.boot();
  assertEquals(near.textOf("/etc/motd"), "one\n");
  assert(!near.log.some((line) => line.startsWith("run date")));
});

Deno.test("runAgent() follows a new timestamp key and refuses the old one from then on", async () => {
  const keys = { ...OLD, timestamp: signerOf(testKey("time")) };
  const first = new World(driveOf("alpha"), await site(42, "one", OLD));
  await first.boot();
  const second = first.reboot();
  second.site = await site(43, "two", OLD, keys);
  await second.boot();
  assertEquals([second.status.serial, second.textOf("/etc/motd")], [43, "two\n"]);
  const third = second.reboot();
  third.site = await site(44, "three", OLD);
  await third.boot();
  assertEquals(third.status.problem?.check, "root-version");
  assertEquals(third.textOf("/etc/motd"), "two\n");
});
