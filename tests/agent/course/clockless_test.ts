/** Nodes without a clock: what lets https begin there, and what it never changes. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { runAgent } from "../../../agent/course/run.ts";
import { ISSUED } from "../../site/support.ts";
import { answerTo } from "../network/ntp_fake.ts";
import { OLD, ROTATED, siteOf } from "../rotated_site.ts";
import { driveOf, makeSite, SITE, World } from "../world.ts";

const PUBLISHED = await makeSite();
const IMAGE = Date.parse(ISSUED) - 3_600_000;
const YEAR_MS = 365 * 86_400_000;

interface ClocklessOptions {
  clock?: string;
  /** Text of the drive's file of time servers. */
  drive?: string;
  record?: World;
}

/** A node whose certificates hold for a year from some time on, that of issue if nothing else is said. */
class Clockless extends World {
  certificate = Date.parse(ISSUED);

  /** @param record A node whose drive this one has. */
  constructor(
    site: string,
    { clock = "1970-01-01T00:00:00Z", drive = "", record }: ClocklessOptions = {},
  ) {
    record?.drive.unmount();
    const files = record?.drive.files ?? driveOf("alpha", site);
    if (drive !== "") files.set("ntp", drive);
    super(files, PUBLISHED);
    const facts = { version: "7", epoch: IMAGE / 1000, ntp: ["image.test"] };
    this.put("/etc/psyopsos/image.json", JSON.stringify(facts));
    this.clock = new Date(clock);
    this.programs.set("date", (args) => {
      this.clock = new Date(Number(args.at(-1)!.slice(1)) * 1000);
      return "";
    });
  }

  override async fetch(url: string, init?: RequestInit): Promise<Response> {
    const age = this.clock.getTime() - this.certificate;
    if (url.startsWith("https:") && (age < 0 || age > YEAR_MS)) {
      const why = age < 0 ? "not valid yet: verification time 1" : "expired: verification time 2";
      throw new TypeError(`invalid peer certificate: certificate ${why}`);
    }
    return await super.fetch(url.replace(/^https:/, "http:"), init);
  }

  get asked(): string[] {
    return this.log.filter((line) => line.startsWith("ask "));
  }
}

const HTTPS = SITE.replace("http:", "https:");

Deno.test("runAgent() without a clock asks a time server before https, once", async () => {
  const world = new Clockless(HTTPS);
  world.datagrams.set("image.test", (question) => answerTo(question, Date.parse(ISSUED)));
  await world.boot({ sleeps: 2 });
  assertEquals([world.status.phase, world.asked], ["configured", ["ask image.test:123"]]);
});

Deno.test("runAgent() asks the time servers of its drive instead of the image's", async () => {
  const world = new Clockless(HTTPS, { drive: "# ours\ndrive.test\n192.0.2.7\n" });
  world.datagrams.set("drive.test", (question) => answerTo(question, Date.parse(ISSUED)));
  await world.boot();
  assertEquals(world.asked, ["ask drive.test:123", "ask 192.0.2.7:123"]);
  assertEquals(world.status.phase, "configured");
});

Deno.test("runAgent() asks no time server for http, or with a clock that may be right", async () => {
  const http = new Clockless(SITE);
  await http.boot();
  const right = new Clockless(HTTPS, { clock: "2026-11-22T20:00:00Z" });
  await right.boot();
  for (const world of [http, right]) {
    assertEquals([world.asked, world.status.phase], [[], "configured"]);
  }
});

Deno.test("runAgent() says that no time server answers, and asks again in the next round", async () => {
  const world = new Clockless(HTTPS);
  world.onSleep = (count) => {
    if (count !== 1) return;
    world.datagrams.set("image.test", (question) => answerTo(question, Date.parse(ISSUED)));
  };
  await world.boot({ sleeps: 2 });
  const said = world.printed.find((line) => line.includes("waiting what=time"));
  assertStringIncludes(said ?? "", "image.test: no answer in time");
  assertEquals(world.status.phase, "configured");
});

Deno.test("runAgent() takes no time from a server that is before its image or far beyond, and judges freshness by none", async () => {
  for (const wrong of [IMAGE - 1000, Date.parse("2037-01-01T00:00:00Z")]) {
    const world = new Clockless(HTTPS);
    world.datagrams.set("image.test", (question) => answerTo(question, wrong));
    await world.boot();
    assert(
      world.printed.some((line) =>
        line.includes("before the time of this image or more than ten years")
      ),
    );
    assertEquals(world.status.problem?.check, "unreachable");
  }
  // One that lies within the bounds lets https begin; the site has expired by it, and counts all the same.
  const world = new Clockless(HTTPS);
  world.datagrams.set(
    "image.test",
    (question) => answerTo(question, Date.parse("2030-01-01T00:00:00Z")),
  );
  world.certificate = Date.parse("2029-12-01T00:00:00Z");
  await world.boot();
  assertEquals([world.status.phase, world.clock.getUTCFullYear()], ["configured", 2030]);
});

Deno.test("runAgent() without a clock notices that its site has stood still for too long", async () => {
  const world = new Clockless(SITE);
  const expires = Date.parse("2026-11-25T20:00:00Z") - Date.parse(ISSUED);
  world.onSleep = (count) => {
    if (count === 1) world.elapsed += expires;
  };
  await world.boot({ sleeps: 2 });
  assertEquals([world.status.phase, world.status.problem?.check], ["degraded", "expired"]);
});

Deno.test("runAgent() goes on where the time can't be written down", async () => {
  const world = new Clockless(SITE);
  world.broken.set("/run/psyopsos/clock.json", new Error("No space left on device (os error 28)"));
  await world.boot();
  assertEquals([world.status.phase, world.status.serial], ["configured", 42]);
  assert(world.printed.some((line) => line.includes("degraded") && line.includes("check=clock")));
  assertEquals(world.clock.getUTCFullYear(), 1970, "a clock that is not written down is not set");
});

Deno.test("runAgent() without a clock gets over a date that a thief has claimed, though no certificate holds by it", async () => {
  const thiefs = { serial: 42, motd: "thief's", issued: "2031-01-01T00:00:00Z" };
  const first = new Clockless(HTTPS);
  first.certificate = IMAGE;
  first.site = await siteOf(thiefs, OLD);
  await first.boot();
  assertEquals([first.textOf("/etc/motd"), first.clock.getUTCFullYear()], ["thief's\n", 2031]);
  // The same agent while it runs, and the one of the next boot, whose record says 2031.
  const honest = await siteOf({ serial: 43, motd: "true", issued: ISSUED }, OLD, ROTATED);
  const running = new Clockless(HTTPS);
  running.certificate = IMAGE;
  running.site = first.site;
  running.onSleep = () => void (running.site = honest);
  await running.boot({ sleeps: 2 });
  const next = new Clockless(HTTPS, { record: first });
  next.certificate = IMAGE;
  next.site = honest;
  await next.boot();
  for (const world of [running, next]) {
    assertEquals([world.status.problem, world.textOf("/etc/motd")], [undefined, "true\n"]);
    assertEquals(world.clock.getUTCFullYear(), 2026);
  }
});

Deno.test("runAgent() without a clock asks a time server, too, when its http site leads to https", async () => {
  class Forced extends Clockless {
    override fetch(url: string, init?: RequestInit): Promise<Response> {
      if (!url.startsWith("http:")) return super.fetch(url, init);
      const headers = { location: url.replace("http:", "https:") };
      return Promise.resolve(new Response(null, { status: 301, headers }));
    }
  }
  for (const options of [{ once: true }, { sleeps: 2 }]) {
    const world = new Forced(SITE);
    world.datagrams.set("image.test", (question) => answerTo(question, Date.parse(ISSUED)));
    await world.boot(options);
    assertEquals([world.status.phase, world.asked.length], ["configured", 1]);
  }
});

Deno.test("runAgent() does not take for a clock what another agent has set while it slept", async () => {
  for (const days of [-1, 5]) {
    const world = new Clockless(HTTPS);
    world.certificate = Date.parse(ISSUED) - YEAR_MS / 2;
    world.datagrams.set("image.test", (question) => answerTo(question, Date.parse(ISSUED)));
    const { signal } = new AbortController();
    const other = { once: true, signal, random: () => 0.5, print: () => {}, pid: 4711 };
    world.onSleep = async (count) => {
      if (count !== 1) return;
      const told = Math.max(Date.parse(ISSUED) + days * 86_400_000, IMAGE + 1000);
      world.datagrams.set("image.test", (question) => answerTo(question, told));
      assertEquals(await runAgent(world, other), 0);
    };
    await world.boot({ sleeps: 4 });
    assertEquals([world.status.phase, world.status.problem], ["configured", undefined], `${days}`);
  }
});

Deno.test("runAgent() asks the time server again when no certificate holds by what it said", async () => {
  const world = new Clockless(HTTPS);
  world.datagrams.set(
    "image.test",
    (question) => answerTo(question, Date.parse(ISSUED) + 2 * YEAR_MS),
  );
  world.onSleep = (count) => {
    if (count !== 1) return;
    world.datagrams.set("image.test", (question) => answerTo(question, Date.parse(ISSUED)));
  };
  await world.boot({ sleeps: 2 });
  assertEquals([world.status.phase, world.clock.getUTCFullYear()], ["configured", 2026]);
});

Deno.test("runAgent() goes on by its own guess when another agent has set the clock by a worse one", async () => {
  const world = new Clockless(HTTPS);
  // Neither the time of the image nor that of the publication will do.
  world.certificate = Date.parse(ISSUED) + 86_400_000;
  const told = world.certificate + 3_600_000;
  world.datagrams.set("image.test", (question) => answerTo(question, told));
  const { signal } = new AbortController();
  const other = { once: true, signal, random: () => 0.5, print: () => {}, pid: 4711 };
  const problems: unknown[] = [];
  world.onSleep = async (count) => {
    problems.push(world.status.problem);
    if (count !== 1) return;
    world.datagrams.clear();
    assertEquals(await runAgent(world, other), 1);
  };
  await world.boot({ sleeps: 3 });
  assertEquals(problems, [undefined, undefined, undefined]);
});
