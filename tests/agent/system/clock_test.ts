import { assertEquals } from "@std/assert";
import { Clock, type Guess, MAX_AHEAD_MS } from "../../../agent/system/clock.ts";
import { FakeHost } from "../../support/fake_host.ts";

const EPOCH = Date.parse("2026-11-01T00:00:00Z");
const HOUR = 3_600_000;
const YEAR = 365 * 24 * HOUR;

/** A host whose clock `date` can set. */
function machine(clock: string): FakeHost {
  const host = new FakeHost();
  host.clock = new Date(clock);
  host.programs.set("date", (args) => {
    host.clock = new Date(Number(args.at(-1)!.slice(1)) * 1000);
    return "";
  });
  return host;
}

const started = (host: FakeHost) => Clock.start(host, EPOCH / 1000);
const wasSet = (host: FakeHost) => host.log.some((line) => line.startsWith("run date"));

Deno.test("a clock that may be right is believed and left alone", async () => {
  const host = machine("2026-11-22T20:00:00Z");
  const clock = await started(host);
  await clock.noteIssued("2999-01-01T00:00:00Z");
  await clock.believe(EPOCH + YEAR);
  assertEquals([clock.isBehind, wasSet(host)], [false, false]);
  assertEquals(clock.trusted(), { ms: Date.parse("2026-11-22T20:00:00Z"), from: "the clock" });
});

Deno.test("a machine without a clock counts from the time of its image, and shows the best it knows", async () => {
  const host = machine("1970-01-01T00:00:09Z");
  const clock = await started(host);
  assertEquals(clock.isBehind, true);
  assertEquals(clock.trusted(), { ms: EPOCH + 5000, from: "the time of its image" });
  await host.sleep(HOUR);
  assertEquals(clock.trusted().ms, EPOCH + 5000 + HOUR);
  await clock.noteIssued("2026-11-22T20:00:00Z");
  assertEquals(host.clock.toISOString(), "2026-11-22T20:00:00.000Z");
  await host.sleep(HOUR);
  assertEquals(clock.trusted().ms, EPOCH + 5000 + 2 * HOUR, "what it set is no clock");
  assertEquals(clock.sinceIssuedMs, HOUR);
  assertEquals(clock.now().toISOString(), "2026-11-22T21:00:00.000Z");
});

Deno.test("the next agent of the same boot does not take what was set for a clock", async () => {
  const host = machine("1970-01-01T00:00:00Z");
  await (await started(host)).noteIssued("2030-01-01T00:00:00Z");
  await host.sleep(HOUR);
  const next = await started(host);
  assertEquals(next.trusted(), { ms: EPOCH + 5000 + HOUR, from: "the time of its image" });
  // When the machine is set by somebody else, that is its clock.
  host.clock = new Date("2026-12-24T00:00:00Z");
  assertEquals([next.trusted().from, next.isBehind], ["the clock", false]);
});

Deno.test("a clock that could not be set is still the one it was", async () => {
  const host = machine("1970-01-01T00:00:00Z");
  host.programs.set("date", () => ({ code: 1 }));
  const clock = await started(host);
  await clock.noteIssued("2030-01-01T00:00:00Z");
  assertEquals(clock.trusted().from, "the time of its image");
  assertEquals((await started(host)).trusted().from, "the time of its image");
});

Deno.test("a clock is set back when the time that it was set by is taken back", async () => {
  const host = machine("1970-01-01T00:00:00Z");
  const clock = await started(host);
  await clock.noteIssued("2031-01-01T00:00:00Z");
  assertEquals(host.clock.getUTCFullYear(), 2031);
  await host.sleep(HOUR);
  await clock.forgetIssued();
  assertEquals(host.clock.getTime(), EPOCH + 5000 + HOUR);
  assertEquals(clock.sinceIssuedMs, 0);
});

Deno.test("a time server counts before a publication, but never before the image nor ten years after it", async () => {
  const host = machine("1970-01-01T00:00:00Z");
  const clock = await started(host);
  for (const wrong of [NaN, 0, EPOCH - 1, EPOCH + MAX_AHEAD_MS + 1]) {
    assertEquals(clock.isUsable(wrong), false);
    await clock.believe(wrong);
  }
  await clock.noteIssued("2999-01-01T00:00:00Z");
  assertEquals(host.clock.getTime(), EPOCH + 5000, "nor does a publication");
  await clock.noteIssued("2031-01-01T00:00:00Z");
  await clock.believe(EPOCH + YEAR);
  assertEquals(host.clock.getTime(), EPOCH + YEAR);
  assertEquals(clock.trusted().from, "the time of its image");
});

Deno.test("a clock that can't be right is set by the best guess, or by the one that is asked for", async () => {
  const host = machine("1970-01-01T00:00:00Z");
  const clock = await started(host);
  const year = async (by: Guess | undefined) => {
    await clock.guess(by);
    return host.clock.getUTCFullYear();
  };
  assertEquals(clock.guesses, ["image"]);
  await clock.noteIssued("2031-01-01T00:00:00Z");
  await clock.believe(Date.parse("2033-01-01T00:00:00Z"));
  assertEquals(clock.guesses, ["server", "publication", "image"]);
  const seen = [await year("publication"), await year("image"), await year(undefined)];
  assertEquals(seen, [2031, 2026, 2033]);
  await year("publication");
  assertEquals(clock.guesses, ["publication", "server", "image"]);
  await clock.noteIssued("2031-02-01T00:00:00Z");
  assertEquals(host.clock.getUTCFullYear(), 2031, "it stays as it was guessed");
  await clock.forgetIssued();
  assertEquals([clock.guesses, host.clock.getUTCFullYear()], [["server", "image"], 2033]);

  const right = machine("2026-11-22T20:00:00Z");
  const own = await started(right);
  await own.noteIssued("2031-01-01T00:00:00Z");
  await own.guess("publication");
  assertEquals([own.guesses, wasSet(right)], [[], false], "a clock is no guess");
});

Deno.test("a clock that was ours is still ours when it could not be set anew", async () => {
  const host = machine("1970-01-01T00:00:00Z");
  const clock = await started(host);
  await clock.noteIssued("2031-01-01T00:00:00Z");
  await host.sleep(HOUR);
  // An agent that was killed before it ran date, or a date that failed, once and again.
  host.programs.set("date", () => ({ code: 1 }));
  await clock.guess("image");
  await clock.believe(Date.parse("2033-01-01T00:00:00Z"));
  for (const agent of [clock, await started(host)]) {
    assertEquals([agent.isBehind, agent.trusted().from], [true, "the time of its image"]);
    assertEquals(agent.trusted().ms, EPOCH + 5000 + HOUR);
  }
});
