import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { KeptTrials } from "../../../agent/trial/kept.ts";
import { OpenTrial } from "../../../agent/trial/open_trial.ts";
import { TrialRunner } from "../../../agent/trial/runner.ts";
import { mustHold, type Trial } from "../../../agent/trial/trial.ts";
import { sha256Hex, utf8 } from "../../../lib/bytes.ts";
import { UserError } from "../../../lib/errors.ts";
import { FakeHost } from "../../support/fake_host.ts";
import { type Drive, DriveFake, MOUNT } from "../identity/drive_fake.ts";
import { WatchdogFake } from "./watchdog_fake.ts";

const digestOf = (setting: string) => sha256Hex(utf8(setting));

/** A node with one setting, "old" at first, and a site that answers under settings of {@linkcode Node.good}. */
class Node {
  readonly host: FakeHost;
  readonly drive: DriveFake;
  readonly watchdog: WatchdogFake;
  readonly stop = new AbortController();
  setting = "old";
  good = ["old", "new"];
  answered: number | undefined;
  /** How often the site was asked. */
  asked = 0;
  readonly trials: TrialRunner;

  constructor(files?: Drive) {
    this.host = new FakeHost({ "/run/x": "" });
    this.drive = new DriveFake(this.host, files ?? new Map([["nodename", "alpha\n"]]));
    this.host.put(`${MOUNT}/x`, "");
    this.host.programs.get("mount")!(["-o", "ro,x"], {});
    this.watchdog = new WatchdogFake(this.host, (script) => void (this.setting = script));
    this.answered = this.host.uptime();
    this.trials = this.agent();
  }

  /** An agent that was started anew. */
  agent(signal = this.stop.signal): TrialRunner {
    return new TrialRunner(this.host, {
      kept: new KeptTrials(this.host, "alpha"),
      signal,
      answeredAt: () => this.answered,
      ask: () => {
        this.asked++;
        const isAnswered = this.good.includes(this.setting);
        if (isAnswered) this.answered = this.host.uptime();
        return Promise.resolve(isAnswered);
      },
    });
  }

  /** A trial of a setting; the script that brings the other one back is that one's name. */
  trial(setting: string, more: Partial<Trial> = {}): Trial {
    return {
      subject: "firewall",
      digest: digestOf(setting),
      text: `text of ${setting}`,
      revert: this.setting,
      apply: () => Promise.resolve(void (this.setting = setting)),
      ...more,
    };
  }

  /** What the node is after a reset: without all that is in RAM. */
  reboot(): Node {
    this.drive.unmount();
    return new Node(this.drive.files);
  }

  /** Whether a trial lies in RAM. */
  async isOpen(): Promise<boolean> {
    return (await this.host.readDir(OpenTrial.directory("firewall"))).length > 0;
  }
}

Deno.test("a setting under which the site answers is confirmed, and kept in RAM and on the drive", async () => {
  const node = new Node();
  assertEquals(await node.trials.attempt(node.trial("new")), { kind: "confirmed" });
  assertEquals(node.setting, "new");
  assertEquals(await node.isOpen(), false);
  const confirmed = { digest: digestOf("new"), text: "text of new" };
  assertEquals(await node.trials.confirmed("firewall"), confirmed);
  assertEquals(await node.trials.settle(), []);
  const next = node.reboot();
  assertEquals(await next.trials.confirmed("firewall"), confirmed);
  // What was confirmed is applied again without a trial, whether a site answers or not.
  [next.answered, next.good] = [undefined, []];
  assertEquals(await next.trials.attempt(next.trial("new")), { kind: "confirmed" });
  assertEquals([next.setting, next.asked], ["new", 0]);
});

Deno.test("a setting that cuts the site off is reverted, refused until another one is wanted, in the next boot too", async () => {
  const node = new Node();
  await node.trials.attempt(node.trial("new"));
  const before = node.host.uptime();
  const outcome = await node.trials.attempt(node.trial("bad"));
  assertEquals(outcome.kind, "refused");
  assertEquals(node.setting, "new");
  assert(node.host.uptime() - before >= 86_000, "it has its time to answer");
  assert(node.host.uptime() - before <= 100_000);
  const refused = () => mustHold(outcome, "use it");
  assertMatch(assertThrows(refused, UserError).message, /^Cannot use it: the site did not answer/);
  const asked = node.asked;
  assertEquals(await node.trials.attempt(node.trial("bad")), outcome);
  assertEquals([node.asked, node.setting], [asked, "new"]);
  const next = node.reboot();
  assertEquals(await next.trials.attempt(next.trial("bad")), outcome);
  assertEquals(next.setting, "old");
  // What was confirmed before is still what a boot begins with.
  assertEquals((await next.trials.confirmed("firewall"))?.text, "text of new");
  next.good = ["old", "new", "bad"];
  assertEquals(await next.trials.attempt(next.trial("new")), { kind: "confirmed" });
  assertEquals((await next.trials.attempt(next.trial("other"))).kind, "refused");
  assertEquals((await next.trials.attempt(next.trial("bad"))).kind, "confirmed");
});

Deno.test("a trial whose site does not answer afterwards either proves nothing; only another setting need not wait", async () => {
  const node = new Node();
  node.good = [];
  assertEquals((await node.trials.attempt(node.trial("new"))).kind, "reverted");
  assertEquals(node.setting, "old");
  node.good = ["old", "new", "other"];
  node.answered = node.host.uptime();
  // An agent that was started anew waits as well.
  for (const trials of [node.trials, node.agent()]) {
    assertEquals((await trials.attempt(node.trial("new"))).kind, "postponed");
  }
  assertEquals((await node.trials.attempt(node.trial("other"))).kind, "confirmed");
});

Deno.test("pauses between trials that prove nothing double, up to an hour", async () => {
  const node = new Node();
  node.good = [];
  const pauses: number[] = [];
  for (let i = 0; i < 6; i++) {
    node.answered = node.host.uptime();
    assertEquals((await node.trials.attempt(node.trial("new"))).kind, "reverted");
    const ended = node.host.uptime();
    let outcome = await node.trials.attempt(node.trial("new"));
    while (outcome.kind === "postponed" && /tried again in/.test(outcome.reason)) {
      await node.watchdog.pass(60);
      outcome = await node.trials.attempt(node.trial("new"));
    }
    // The pause is over, but there was no answer since.
    assertEquals(outcome.kind, "postponed");
    pauses.push(Math.round((node.host.uptime() - ended) / 60_000));
  }
  assertEquals(pauses, [5, 10, 20, 40, 60, 60]);
});

Deno.test("nothing is tried without a verified answer of the last minute", async () => {
  const node = new Node();
  for (const answered of [undefined, node.host.uptime() - 60_000]) {
    node.answered = answered;
    assertEquals((await node.trials.attempt(node.trial("new"))).kind, "postponed");
    assertEquals([node.setting, node.asked, await node.isOpen()], ["old", 0, false]);
  }
});

Deno.test("a setting that can't be applied is reverted, whatever it had changed", async () => {
  const node = new Node();
  const apply = () => {
    node.setting = "half";
    return Promise.reject(new UserError("do it", "no"));
  };
  const attempt = () => node.trials.attempt(node.trial("new", { apply }));
  await assertRejects(attempt, UserError, "Cannot do it: no");
  assertEquals([node.setting, await node.isOpen()], ["old", false]);
  assertEquals((await attempt()).kind, "postponed");
});

Deno.test("a setting that finds fault with itself is reverted and refused at once", async () => {
  for (const complaint of ["no banner", new UserError("look", "no banner")]) {
    const node = new Node();
    const check = () =>
      typeof complaint === "string" ? Promise.resolve(complaint) : Promise.reject(complaint);
    const outcome = await node.trials.attempt(node.trial("new", { check }));
    const reason = "no banner; change it to have it tried again";
    assertEquals(outcome, { kind: "refused", reason });
    assertEquals([node.setting, node.asked], ["old", 0]);
    assert(node.host.uptime() < 10_000, "at once");
  }
});

Deno.test("a trial has the time that it is given", async () => {
  const node = new Node();
  const before = node.host.uptime();
  await node.trials.attempt(node.trial("bad", { seconds: 30 }));
  assert(node.host.uptime() - before < 40_000);
});

/** The agent is killed by what it does: everything after that never happens. */
async function kill(node: Node, trial: Trial): Promise<void> {
  const never = new Promise<void>(() => {});
  let killed = () => {};
  const dead = new Promise<void>((resolve) => killed = resolve);
  const apply = async () => {
    await trial.apply();
    killed();
    await never;
  };
  node.trials.attempt({ ...trial, apply });
  await dead;
}

Deno.test("an agent killed while it applied is followed by one that reverts, and proves nothing", async () => {
  const node = new Node();
  await kill(node, node.trial("bad"));
  assertEquals([node.setting, await node.isOpen()], ["bad", true]);
  const next = node.agent();
  assertEquals(await next.settle(), []);
  assertEquals([node.setting, await node.isOpen()], ["old", false]);
  const outcome = await next.attempt(node.trial("bad"));
  assertEquals(outcome.kind, "postponed");
});

/** Leaves a whole trial behind, as an agent does that was killed while it asked its site. */
async function leave(node: Node, setting: string): Promise<void> {
  const open = await OpenTrial.start(node.host, node.trial(setting), 90);
  node.setting = setting;
  await open.noteApplied();
}

Deno.test("an agent killed while it asked is followed by one that asks, and confirms", async () => {
  const node = new Node();
  await leave(node, "new");
  await node.agent().settle();
  assertEquals([node.setting, await node.isOpen()], ["new", false]);
  assertEquals((await node.trials.confirmed("firewall"))?.digest, digestOf("new"));
});

Deno.test("an agent killed while it asked is followed by one that finds the old state back, and refuses the setting", async () => {
  for (const seconds of [0, 95]) {
    const node = new Node();
    await leave(node, "bad");
    await node.watchdog.pass(seconds);
    assertEquals(node.setting, seconds === 0 ? "bad" : "old");
    const next = node.agent();
    await next.settle();
    assertEquals([node.setting, await node.isOpen()], ["old", false]);
    assertEquals((await next.attempt(node.trial("bad"))).kind, "refused");
  }
});

Deno.test("without any agent the state before comes back at the deadline; a watchdog that was killed is replaced", async () => {
  const node = new Node();
  await leave(node, "bad");
  node.watchdog.watched.clear();
  await node.watchdog.pass(200);
  assertEquals(node.setting, "bad");
  await node.agent().settle();
  assertEquals([node.setting, await node.isOpen()], ["old", false]);
});

Deno.test("what a killed agent has confirmed and not kept is kept by the next one; what was never begun is cleared away", async () => {
  const node = new Node();
  await leave(node, "new");
  await (await OpenTrial.found(node.host))[0]!.confirm();
  await node.agent().settle();
  assertEquals((await node.trials.confirmed("firewall"))?.digest, digestOf("new"));
  node.host.put(`${OpenTrial.directory("firewall")}/deadline`, "7\n");
  await node.agent().settle();
  assertEquals(await node.isOpen(), false);
});

Deno.test("an agent that is stopped in a trial leaves it to the next one, or the watchdog", async () => {
  const node = new Node();
  node.good = ["old"];
  const check = () => Promise.resolve(void node.stop.abort());
  const outcome = await node.trials.attempt(node.trial("new", { check }));
  assertEquals(outcome.kind, "postponed");
  assertEquals([node.setting, await node.isOpen()], ["new", true]);
  await node.watchdog.pass(95);
  assertEquals(node.setting, "old");
});

Deno.test("an agent that comes too late to confirm takes what the watchdog has brought back", async () => {
  const node = new Node();
  const check = () => node.watchdog.pass(95).then(() => undefined);
  const outcome = await node.trials.attempt(node.trial("new", { check }));
  assertEquals(outcome.kind, "refused");
  assertEquals(node.setting, "old");
});

Deno.test("a script that brings nothing back is told of", async () => {
  const node = new Node();
  node.watchdog.failure = "the script failed: no such table";
  const outcome = await node.trials.attempt(node.trial("bad"));
  assert(outcome.kind !== "confirmed");
  assertMatch(outcome.reason, /what was before it is not back: the script failed: no such table$/);
});

Deno.test("nothing is tried where no watchdog can be started", async () => {
  const dead = new Node();
  dead.watchdog.isDead = true;
  const missing = new Node();
  missing.host.programs.delete("/usr/lib/psyopsos/trial-watchdog");
  for (const node of [dead, missing]) {
    await assertRejects(() => node.trials.attempt(node.trial("new")), UserError, "watch a trial");
    assertEquals([node.setting, await node.isOpen()], ["old", false]);
  }
});

Deno.test("a drive that was pulled gets what was confirmed once it is there again; the next round tells why not", async () => {
  const node = new Node();
  node.drive.readOnly = true;
  assertEquals((await node.trials.attempt(node.trial("new"))).kind, "confirmed");
  const [trouble] = await node.trials.settle();
  assertEquals(trouble?.check, "state");
  assertEquals((await node.trials.confirmed("firewall"))?.digest, digestOf("new"));
  node.drive.readOnly = false;
  await node.trials.settle();
  assertEquals(await node.trials.settle(), []);
  assertEquals((await node.reboot().trials.confirmed("firewall"))?.digest, digestOf("new"));
});

Deno.test("a record that can't be read counts as none, and is told of", async () => {
  const node = new Node(
    new Map([["nodename", "alpha\n"], ["state/trial-firewall.json", "{}"]]),
  );
  assertEquals(await node.trials.confirmed("firewall"), undefined);
  assertMatch(
    (await node.trials.settle())[0]!.message,
    /^Cannot read what was kept of the firewall: version/,
  );
  assertEquals((await node.trials.attempt(node.trial("new"))).kind, "confirmed");
});

Deno.test("a setting that was refused has its chance anew once it is forgiven", async () => {
  const node = new Node();
  await node.trials.attempt(node.trial("new"));
  await node.trials.attempt(node.trial("bad"));
  assertEquals(await node.trials.refused("firewall"), digestOf("bad"));
  await node.trials.forgive("firewall");
  node.good.push("bad");
  const next = node.reboot();
  next.good.push("bad");
  assertEquals(await next.trials.refused("firewall"), undefined);
  assertEquals((await next.trials.confirmed("firewall"))?.digest, digestOf("new"));
  assertEquals((await next.trials.attempt(next.trial("bad"))).kind, "confirmed");
});

Deno.test("what nobody wants any more is forgotten, in the next boot too", async () => {
  const node = new Node();
  await node.trials.attempt(node.trial("new"));
  await node.trials.forget("firewall");
  assertEquals(await node.trials.confirmed("firewall"), undefined);
  assertEquals(await node.reboot().trials.confirmed("firewall"), undefined);
});
