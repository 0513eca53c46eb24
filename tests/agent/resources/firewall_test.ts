import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { firewall, keptFirewall } from "../../../agent/resources/firewall.ts";
import { applier, bind } from "../../../agent/resources/resource.ts";
import { sha256Hex, utf8 } from "../../../lib/bytes.ts";
import type { NodeConfig } from "../../../lib/config/mod.ts";
import { FakeHost } from "../../support/fake_host.ts";
import { TrialsFake } from "../trial/trials_fake.ts";
import { NftFake } from "./nft_fake.ts";
import { apply, askQuestions, SECRET, settle, targetOf } from "./questions.ts";

const { apply: act, observe } = applier("firewall", firewall);
const FOREIGN = "\tchain KUBE-POSTROUTING {\n\t}\n";
const PUT = "put the firewall in force";
const nodeOf = () => {
  const host = new FakeHost();
  const nft = new NftFake(host);
  nft.tables.set("ip filter", FOREIGN);
  return { host, nft };
};
const digestOf = (text: string) => sha256Hex(utf8(text));

askQuestions("firewall", {
  resource: firewall,
  host: () => nodeOf().host,
  cases: [
    { title: "does nothing where nothing is said", config: {}, steps: [], unseen: true },
    { title: "makes a table", config: { firewall: {} }, steps: [PUT] },
    {
      title: "replaces a table",
      before: { firewall: { input: "accept" } },
      config: { firewall: { allow: { web: { tcp: [80], from: ["10.0.0.0/8"] } } } },
      steps: [PUT],
    },
    {
      title: "removes its table",
      before: { firewall: {} },
      config: {},
      steps: ["remove the firewall"],
      check: async (host) => {
        assertEquals(await host.stat("/run/psyopsos/firewall.json"), undefined);
      },
    },
    {
      title: "tells nothing of rules that are secret",
      config: { firewall: { rules: `chain ${SECRET} { }` } },
      steps: [PUT],
    },
  ],
});

Deno.test("the firewall leaves the tables of others alone, whatever becomes of its own", async () => {
  const { host, nft } = nodeOf();
  const configs: NodeConfig[] = [
    { firewall: {} },
    { firewall: { input: "accept", trusted: { lan: true } } },
    {},
  ];
  for (const config of configs) {
    await settle(host, act, targetOf(config));
    assertEquals(nft.tables.get("ip filter"), FOREIGN);
  }
  assertEquals([...nft.tables.keys()], ["ip filter"]);
  for (const statements of nft.loaded) {
    const begin = "add table inet psyopsos\ndelete table inet psyopsos\n";
    assert(statements.startsWith(begin), "it is one transaction");
    assertEquals(statements.match(/table/g)?.length, statements === begin ? 2 : 3);
  }
});

Deno.test("a firewall that somebody changed or removed comes back, and is told of as different until then", async () => {
  const { host, nft } = nodeOf();
  const target = targetOf({ firewall: {} });
  await settle(host, act, target);
  const text = nft.own!;
  const wanted = await observe(host, target);
  for (const other of ["", undefined]) {
    if (other === undefined) nft.tables.delete("inet psyopsos");
    else nft.tables.set("inet psyopsos", other);
    assertEquals(await observe(host, target), other === undefined ? "none" : "differs");
    assertEquals(await settle(host, act, target), [PUT]);
    assertEquals(nft.own, text);
    assertEquals(await observe(host, target), wanted);
  }
});

Deno.test("rules that nft refuses are never loaded, and its complaint is told", async () => {
  const { host, nft } = nodeOf();
  const good = targetOf({ firewall: {} });
  await settle(host, act, good);
  const text = nft.own;
  const trials = new TrialsFake();
  const bad = targetOf({ firewall: { rules: "nonsense" } }, { trials });
  const { troubles } = await apply(host, act, bad);
  assertEquals(troubles.map(({ message }) => message), [
    `Cannot ${PUT}: rules, line 1: syntax error, unexpected string`,
  ]);
  assertEquals([nft.own, trials.attempts], [text, []]);
});

Deno.test("a firewall is a trial, whose script brings back the table before, or none", async () => {
  const { host, nft } = nodeOf();
  const trials = new TrialsFake();
  const first = targetOf({ firewall: {} }, { trials });
  await settle(host, act, first);
  const text = nft.own!;
  await settle(host, act, targetOf({ firewall: { input: "accept" } }, { trials }));
  const [one, other] = trials.attempts;
  const none = "nft -f - <<'END-OF-PSYOPSOS-TABLE'\n" +
    "add table inet psyopsos\ndelete table inet psyopsos\n";
  assertEquals(one!.revert, `${none}END-OF-PSYOPSOS-TABLE\n`);
  const before = `${none}table inet psyopsos {\n${text}}\nEND-OF-PSYOPSOS-TABLE\n`;
  assertEquals(other!.revert, before);
  assertEquals(one!.digest, digestOf(one!.text));
  assertStringIncludes(one!.text, "policy drop");
});

Deno.test("a firewall that was refused or postponed leaves the confirmed one in force, and says why in every round", async () => {
  const { host, nft } = nodeOf();
  const trials = new TrialsFake();
  await settle(host, act, targetOf({ firewall: {} }, { trials }));
  const text = nft.own;
  for (const kind of ["refused", "postponed"] as const) {
    trials.next = { kind, reason: `it was ${kind}` };
    const target = targetOf({ firewall: { input: "accept" } }, { trials });
    for (let round = 0; round < 2; round++) {
      const { troubles, steps } = await apply(host, act, target);
      assertEquals(troubles.map(({ message }) => message), [`Cannot ${PUT}: it was ${kind}`]);
      assertEquals([nft.own, steps], [text, []]);
      // What somebody else did to the confirmed one is repaired in the meantime.
      nft.tables.delete("inet psyopsos");
    }
    await apply(host, act, target);
  }
  trials.next = { kind: "refused", reason: "it was refused" };
  await apply(host, act, targetOf({ firewall: { input: "accept" } }, { trials }));
  // Once the good one is wanted again, the other one has its chance anew.
  assertEquals(await settle(host, act, targetOf({ firewall: {} }, { trials })), [
    "forget that another firewall was refused",
  ]);
  trials.next = { kind: "confirmed" };
  assertEquals(await settle(host, act, targetOf({ firewall: { input: "accept" } }, { trials })), [
    PUT,
  ]);
});

Deno.test("what sshd listens on really is admitted, whatever the configuration says of it", async () => {
  const { host, nft } = nodeOf();
  nft.sshPorts = [22, 2200];
  const config: NodeConfig = { firewall: {}, ssh: { port: 2222 } };
  await settle(host, act, targetOf(config));
  assertMatch(nft.own!, /\ttcp dport \{ 22, 2200, 2222 \} accept\n/);
  const told = await observe(host, targetOf(config));
  nft.sshPorts = [2222];
  await settle(host, act, targetOf(config));
  assertMatch(nft.own!, /\ttcp dport \{ 2222 \} accept\n/);
  assertEquals(await observe(host, targetOf(config)), told);
});

Deno.test("an image without nft says so where a firewall is wanted, and nothing where none is", async () => {
  const host = new FakeHost();
  const { troubles } = await apply(host, act, targetOf({ firewall: {} }));
  assertEquals(troubles[0]?.message, `Cannot ${PUT}: this image lacks nft`);
  assertEquals(await apply(host, act, targetOf({})), { steps: [], troubles: [] });
  // A drive that was in another image's node has still to forget it.
  const trials = new TrialsFake();
  trials.kept.set("firewall", { digest: "0".repeat(64), text: "" });
  assertEquals(await settle(host, act, targetOf({}, { trials })), ["remove the firewall"]);
  assertEquals(trials.kept.size, 0);
});

Deno.test("the confirmed firewall is loaded once in a boot, before anything is known", async () => {
  const kept = bind(({ trials }) => trials, keptFirewall);
  const trials = new TrialsFake();
  const config = { firewall: {} };
  await settle(nodeOf().host, act, targetOf(config, { trials }));
  const { host, nft } = nodeOf();
  assertEquals(await settle(host, kept, targetOf({}, { trials })), [
    "load the firewall that the identity drive keeps",
  ]);
  // It is the one that is wanted: nothing is left to be tried.
  assertEquals(await settle(host, act, targetOf(config, { trials })), []);
  nft.tables.delete("inet psyopsos");
  assertEquals(await settle(host, kept, targetOf({}, { trials })), []);
  assertEquals(await settle(new FakeHost(), kept, targetOf({})), []);
});

Deno.test("the firewall is tried for as long as the fleet gives a network", async () => {
  const network = { trialSeconds: 45, interfaces: { lan: { match: { name: "eth0" } } } };
  for (const config of [{ firewall: {} }, { firewall: {}, network }]) {
    const { host } = nodeOf();
    const trials = new TrialsFake();
    await settle(host, act, { ...targetOf(config), trials });
    assertEquals(
      trials.attempts.map(({ seconds }) => seconds),
      ["network" in config ? 45 : undefined],
    );
  }
});
