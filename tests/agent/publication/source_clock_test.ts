/** Certificates on a machine without a clock: by which guess of the time each URL is read, and where the clock is left. */
import { assertEquals } from "@std/assert";
import type { Bytes } from "../../../lib/bytes.ts";
import { NO_STATE } from "../../../lib/trust/roots.ts";
import { Clock } from "../../../agent/system/clock.ts";
import { ISSUED } from "../../site/support.ts";
import { makeSite } from "../world.ts";
import { Mirrors, SITE, sourceOf } from "./mirrors.ts";

/** A site whose certificates hold from some time on (`from`) or until then, and what it publishes. */
interface Certified {
  from?: string;
  until?: string;
  site: Map<string, Bytes>;
}

/** A machine without a clock, whose image is of 1 November, and its sites by host. */
class Clockless extends Mirrors {
  override clock = new Date(0);

  constructor(readonly sites: Record<string, Certified>) {
    super();
    this.programs.set("date", (args) => {
      this.clock = new Date(Number(args.at(-1)!.slice(1)) * 1000);
      return "";
    });
    this.answer = ({ hostname, pathname }) => {
      const { from, until, site } = this.sites[hostname]!;
      const now = this.clock.toISOString();
      const wrong = from && now < from ? "not valid yet" : until && now >= until ? "expired" : "";
      if (wrong) throw new TypeError(`invalid peer certificate: certificate ${wrong}: then`);
      const data = site.get(pathname.slice(1));
      return data ? new Response(data.slice()) : new Response(null, { status: 404 });
    };
  }

  /** Asks `count` times; gives the serials that came, and how often the clock was set each time. */
  async serials(count: number, state = NO_STATE): Promise<[(number | string)[], number[]]> {
    const source = await sourceOf(this, Object.keys(this.sites).map((one) => `https://${one}/`));
    const clock = await Clock.start(this, Date.parse("2026-11-01T00:00:00Z") / 1000);
    await clock.noteIssued(ISSUED);
    const [found, sets]: [(number | string)[], number[]] = [[], []];
    for (let i = 0; i < count; i++) {
      this.log.length = 0;
      try {
        const answer = await source.ask(state, {
          now: clock.trusted(),
          sinceIssuedMs: clock.sinceIssuedMs,
          guessed: { guesses: clock.guesses, use: (guess) => clock.guess(guess) },
        });
        const isNew = answer.kind === "publication";
        found.push(isNew ? answer.publication.view.timestamp.serial : "unchanged");
      } catch (error) {
        found.push((error as Error).name);
      }
      sets.push(this.log.filter((line) => line.startsWith("run date")).length);
      await this.sleep(300_000);
    }
    return [found, sets];
  }
}

const RENEWED = "2026-11-20T00:00:00.000Z";
const OLDER = await makeSite({ serial: 41 });

Deno.test("ask() without a clock reads each URL by the time that its certificate holds at", async () => {
  const newer = await makeSite({ serial: 43 });
  for (const accepted of [0, 42]) {
    const world = new Clockless({
      "renewed.test": { from: RENEWED, site: newer },
      "abandoned.test": { until: RENEWED, site: OLDER },
    });
    const state = { ...NO_STATE, serial: accepted };
    assertEquals((await world.serials(3, state))[0], [43, "unchanged", "unchanged"]);
  }
  // The newest is where the better guess is of no use.
  const turned = new Clockless({
    "renewed.test": { from: RENEWED, site: OLDER },
    "image.test": { until: RENEWED, site: newer },
  });
  assertEquals((await turned.serials(3))[0], [43, "unchanged", "unchanged"]);
});

Deno.test("ask() prefers what is read by the better guess of the time, and leaves the clock there", async () => {
  const world = new Clockless({
    "image.test": { until: RENEWED, site: SITE },
    "renewed.test": { from: RENEWED, site: SITE },
  });
  const { answer } = world;
  // Away in the first round.
  world.answer = (url) => {
    if (url.hostname !== "renewed.test" || world.elapsed > 0) return answer(url);
    throw new TypeError("Connection refused (os error 111)");
  };
  const [found, sets] = await world.serials(3);
  assertEquals(found, [42, "unchanged", "unchanged"]);
  assertEquals([sets[2], world.clock.toISOString() > RENEWED], [0, true]);
});

Deno.test("ask() tries again in the next round what failed by another guess for another reason", async () => {
  const newer = await makeSite({ serial: 43 });
  const world = new Clockless({
    "renewed.test": { from: RENEWED, site: OLDER },
    "image.test": { until: RENEWED, site: newer },
  });
  const { answer } = world;
  world.answer = (url) => {
    const response = answer(url);
    return url.hostname === "image.test" && world.elapsed === 0
      ? new Response(null, { status: 503 })
      : response;
  };
  assertEquals((await world.serials(2))[0], [41, 43]);
});

Deno.test("ask() does not move the clock in every round for a certificate that holds at no time", async () => {
  const dead = { until: "2020-01-01T00:00:00.000Z", site: OLDER };
  const world = new Clockless({ "dead.test": dead, "good.test": { from: RENEWED, site: SITE } });
  const [found, sets] = await world.serials(4);
  assertEquals(found, [42, "unchanged", "unchanged", "unchanged"]);
  assertEquals(
    [sets.slice(1, 3), sets[3]! > 0],
    [[0, 0], true],
    "a quarter of an hour later again",
  );
  // Where nothing else answers, every guess is tried each time, and the best is left in the end.
  const alone = new Clockless({ "dead.test": dead });
  const [failed, moved] = await alone.serials(3);
  assertEquals([failed, moved[1]! > 0], [Array(3).fill("AgentError"), true]);
  assertEquals(alone.clock.toISOString() > RENEWED, true);
});
