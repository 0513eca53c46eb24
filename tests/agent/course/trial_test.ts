/** Trials in the course of an agent: when they begin, what confirms them, what the next boot begins with. */
import { assertEquals, assertMatch } from "@std/assert";
import { NftFake } from "../resources/nft_fake.ts";
import { WatchdogFake } from "../trial/watchdog_fake.ts";
import { ALPHA, driveOf, makeSite, World } from "../world.ts";

const CUT = "chain out { type filter hook output priority 0; policy drop; }";
const withFirewall = (said: string) =>
  ALPHA.replace("config:\n", `config:\n  firewall: {${said}}\n`);
const OPEN = withFirewall("");
const CUTTING = withFirewall(`rules: "${CUT}"`);

/** A node with nftables, whose own rules can keep it from its site. */
class Node extends World {
  readonly nft = new NftFake(this);
  readonly watchdog = new WatchdogFake(this, (script) => {
    const statements = script.split("\n").slice(1, -2).map((line) => `${line}\n`).join("");
    this.programs.get("nft")!(["-f", "-"], { stdin: statements });
  });
  /** Requests that were made over connections of their own. */
  anew = 0;
  /** What is in force when an interface goes up for the first time. */
  atFirstLink: string | undefined;

  constructor(...args: ConstructorParameters<typeof World>) {
    super(...args);
    const ip = this.programs.get("ip")!;
    this.programs.set("ip", (words, options) => {
      if (words[0] === "link") this.atFirstLink ??= this.nft.own ?? "none";
      return ip(words, options);
    });
  }

  override async fetch(
    url: string,
    { newConnection, ...init }: RequestInit & { newConnection?: boolean } = {},
  ): Promise<Response> {
    if (newConnection) this.anew++;
    // What is established goes on.
    if (newConnection && this.nft.own?.includes("hook output")) {
      throw new TypeError("client error (Connect): Operation timed out (os error 110)");
    }
    return await super.fetch(url, init);
  }

  override reboot(): Node {
    this.drive.unmount();
    return new Node(this.drive.files, this.site);
  }
}

Deno.test("runAgent() confirms a firewall by new connections, and loads it at the next boot before an interface goes up", async () => {
  const node = new Node(driveOf("alpha"), await makeSite({ alpha: OPEN }));
  await node.boot();
  assertEquals(node.status.problem, undefined);
  assertEquals([node.atFirstLink, node.anew > 0], ["none", true]);
  const text = node.nft.own;
  const next = node.reboot();
  // Nobody answers: what was confirmed is in force all the same, and not tried.
  next.site = undefined;
  await next.boot();
  assertEquals([next.status.source, next.atFirstLink, next.anew], ["last-good", text, 0]);
  assertEquals(next.nft.own, text);
});

Deno.test("runAgent() confirms a firewall by documents that have expired since", async () => {
  const node = new Node(driveOf("alpha"), await makeSite({ alpha: OPEN }));
  const nft = node.programs.get("nft")!;
  node.programs.set("nft", (args, options) => {
    if (args[0] === "-f") node.clock = new Date(node.clock.getTime() + 400 * 86_400_000);
    return nft(args, options);
  });
  await node.boot();
  assertEquals(node.nft.own?.includes("policy drop"), true);
  assertEquals(node.watchdog.reverted, []);
});

Deno.test("runAgent() takes no older documents, and no forged ones, for an answer", async () => {
  const good = await makeSite({ alpha: OPEN });
  const older = await makeSite({ alpha: OPEN, serial: 41 });
  const forged = new Map(good);
  const timestamp = new TextDecoder().decode(good.get("psyopsOS/timestamp.json"));
  forged.set(
    "psyopsOS/timestamp.json",
    new TextEncoder().encode(timestamp.replace('"serial": 42', '"serial": 43')),
  );
  for (const other of [older, forged]) {
    const node = new Node(driveOf("alpha"), good);
    const fetch = node.fetch.bind(node);
    node.fetch = (url, init) => {
      node.site = node.nft.own === undefined ? good : other;
      return fetch(url, init);
    };
    await node.boot();
    assertEquals([node.nft.own, node.watchdog.reverted.length], [undefined, 1]);
    assertMatch(node.status.problem!.message, /answers without it; change it to have it tried/);
  }
});

Deno.test("runAgent() brings back the firewall before one that cuts it off, says so, and does not try it in the next boot", async () => {
  const node = new Node(driveOf("alpha"), await makeSite({ alpha: OPEN }));
  let text: string | undefined;
  node.onSleep = async (sleeps) => {
    if (sleeps > 1) return;
    text = node.nft.own;
    node.site = await makeSite({ alpha: CUTTING, serial: 43 });
  };
  await node.boot({ sleeps: 3 });
  const problem =
    /^Cannot put the firewall in force: the site did not answer under it, and answers/;
  assertMatch(node.status.problem!.message, problem);
  assertEquals([node.status.phase, node.status.serial], ["degraded", 43]);
  assertEquals([node.nft.own, node.watchdog.reverted.length], [text, 1]);
  const next = node.reboot();
  await next.boot({ sleeps: 2 });
  assertMatch(next.status.problem!.message, problem);
  assertEquals([next.atFirstLink, next.nft.own, next.watchdog.reverted], [text, text, []]);
});

Deno.test("runAgent() tries no firewall by documents that its drive kept, until the site answers", async () => {
  const first = new Node(driveOf("alpha"), await makeSite({ alpha: OPEN }));
  await first.boot();
  const node = first.reboot();
  // The drive lost what was confirmed, so that this would be a trial.
  node.drive.files!.delete("state/trial-firewall.json");
  const { site } = node;
  node.site = undefined;
  node.onSleep = (sleeps) => {
    if (sleeps > 1) return;
    assertEquals(node.nft.own, undefined);
    assertEquals(node.status.source, "last-good");
    node.site = site;
  };
  await node.boot({ sleeps: 2 });
  assertEquals(node.nft.own?.includes("policy drop"), true);
  assertEquals(node.status.problem, undefined);
});

Deno.test("runAgent() goes on where an agent was killed in a trial", async () => {
  const node = new Node(driveOf("alpha"), await makeSite({ alpha: CUTTING }));
  // It dies when it asks whether the site answers.
  const fetch = node.fetch.bind(node);
  const dead = new Promise<void>((resolve) => {
    node.fetch = (url, init) => {
      if (!node.nft.own) return fetch(url, init);
      resolve();
      return new Promise(() => {});
    };
  });
  void node.boot();
  await dead;
  assertEquals(node.nft.own?.includes("hook output"), true);
  node.fetch = fetch;
  await node.watchdog.pass(95);
  assertEquals(node.nft.own, undefined);
  node.locks.clear();
  await node.boot();
  assertEquals(node.watchdog.reverted.length, 1, "it is not tried once more");
  assertMatch(node.status.problem!.message, /answers without it; change it to have it tried/);
  assertEquals(node.nft.own, undefined);
});
