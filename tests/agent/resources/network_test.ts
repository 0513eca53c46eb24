import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { dns } from "../../../agent/resources/dns.ts";
import { network } from "../../../agent/resources/network.ts";
import { ntp } from "../../../agent/resources/ntp.ts";
import { applier } from "../../../agent/resources/resource.ts";
import type { NodeConfig } from "../../../lib/config/mod.ts";
import { TrialsFake } from "../trial/trials_fake.ts";
import { NetworkHost } from "./network_fake.ts";
import { apply, askQuestions, settle, targetOf } from "./questions.ts";

const { apply: act } = applier("network", network);
type Interfaces = NonNullable<NodeConfig["network"]>["interfaces"];
const of = (interfaces: Interfaces): NodeConfig => ({ network: { interfaces } });

const LAN = { match: { mac: "52:54:00:00:00:01" } };
const STATIC = {
  ...LAN,
  addresses: ["192.0.2.5/24"],
  routes: [{ to: "default", via: "192.0.2.1" }],
};

function target(config: NodeConfig, trials = new TrialsFake()) {
  return targetOf(config, { trials });
}

Deno.test("network gives a card its name and asks by DHCP", async () => {
  const [host, trials] = [new NetworkHost(), new TrialsFake()];
  const steps = await settle(host, act, target(of({ lan: LAN }), trials));
  assertEquals(steps, ["change the network of lan"]);
  const lan = host.link("lan")!;
  assertEquals([lan.altnames, lan.up, lan.addresses], [["eth0"], true, ["10.9.0.20/24"]]);
  assertEquals(trials.kept.get("network")?.text.includes('"lan"'), true);
});

Deno.test("network makes bonds, bridges and VLANs in their order, and undoes what is no longer told", async () => {
  const [host, trials] = [new NetworkHost(), new TrialsFake()];
  await settle(host, act, target(of({ lan: STATIC }), trials));
  const before = structuredClone([host.links, host.routes]);
  const b = { match: { mac: "52:54:00:00:00:02" } };
  const config = of({
    lan: LAN,
    b,
    bond0: {
      bond: { members: { lan: true, b: true }, primary: "lan", miimonMs: 50 },
      dhcp4: false,
      mtu: 1400,
    },
    v70: { vlan: { link: "bond0", id: 70 }, dhcp4: false },
    br0: {
      bridge: { members: { v70: true }, stp: true },
      addresses: ["192.0.2.5/24"],
      routes: STATIC.routes,
    },
  });
  await settle(host, act, target(config, trials));
  assertEquals(host.links.map(({ ifname, master, kind, up }) => [ifname, master, kind, up]), [
    ["lan", "bond0", undefined, true],
    ["b", "bond0", undefined, true],
    ["bond0", undefined, "bond", true],
    ["v70", "br0", "vlan", true],
    ["br0", undefined, "bridge", true],
  ]);
  assertEquals(host.link("bond0")!.info, { mode: "active-backup", miimon: 50, primary: "lan" });
  assertEquals(host.routes.map(({ dev }) => dev), ["br0"]);
  await settle(host, act, target(of({ lan: STATIC }), trials));
  // The other card is the kernel's again, and down, as a boot would leave it.
  assertEquals([host.links, host.routes], before);
  await settle(host, act, target({}, trials));
  assertEquals(host.links.map(({ ifname, altnames }) => [ifname, altnames]), [["eth0", []], [
    "eth1",
    [],
  ]]);
  assertEquals(trials.kept.size, 0);
});

Deno.test("network keeps what is in force where no card fits, or two", async () => {
  const [host, trials] = [new NetworkHost(), new TrialsFake()];
  await settle(host, act, target(of({ lan: STATIC }), trials));
  const before = structuredClone([host.links, host.routes, [...trials.kept]]);
  const cases: [Interfaces, RegExp][] = [
    [
      { lan: { match: { mac: "52:54:00:00:00:09" } } },
      /no card is lan; there are lan \(52:54:00:00:00:01\), eth1/,
    ],
    [
      { lan: { match: { driver: "virtio_net" } } },
      /several cards are lan: lan, eth1; what was before stays$/,
    ],
    [{ a: LAN, b: { match: { path: "0000:00:02.0" } } }, /one card is a and b/],
  ];
  for (const [interfaces, why] of cases) {
    const { steps, troubles } = await apply(host, act, target(of(interfaces), trials));
    assertEquals(steps, []);
    assert(why.test(troubles[0]?.message ?? ""), troubles[0]?.message);
    assertEquals([host.links, host.routes, [...trials.kept]], before);
  }
  // The confirmed network says so, and the rest of it goes on.
  host.links.shift();
  const { troubles } = await apply(host, act, target(of({ lan: STATIC }), trials));
  assertStringIncludes(troubles[0]!.message, "no card is lan");
});

Deno.test("network does without an optional card, and knows cards by their place and driver", async () => {
  const [host, trials] = [new NetworkHost(), new TrialsFake()];
  const config = of({
    lan: { match: { driver: "virtio_net", path: "0000:00:03.0" }, addresses: ["192.0.2.5/24"] },
    usb: { match: { driver: "cdc_ether" }, optional: true },
    far: { vlan: { link: "usb", id: 7 }, optional: true },
  });
  await settle(host, act, target(config, trials));
  assertEquals(host.link("lan")!.address, "52:54:00:00:00:02");
});

Deno.test("network gives two cards each other's names", async () => {
  const [host, trials] = [new NetworkHost(), new TrialsFake()];
  const card = (mac: number) => ({ match: { mac: `52:54:00:00:00:0${mac}` }, dhcp4: false });
  await settle(host, act, target(of({ eth0: card(2), eth1: card(1) }), trials));
  assertEquals(host.links.map(({ ifname }) => ifname), ["eth1", "eth0"]);
});

Deno.test("network leaves alone what others have made", async () => {
  const [host, trials] = [new NetworkHost(), new TrialsFake()];
  await settle(host, act, target(of({ lan: STATIC }), trials));
  host.link("lan")!.addresses.push("192.0.2.100/32");
  host.programs.get("ip")!(["link", "add", "name", "cni0", "type", "bridge"], {});
  host.routes.push({
    family: "4",
    dst: "10.42.1.0/24",
    gateway: "192.0.2.6",
    dev: "lan",
    metric: 0,
    protocol: "boot",
  });
  const before = structuredClone([host.links, host.routes]);
  assertEquals(await apply(host, act, target(of({ lan: STATIC }), trials)), {
    steps: [],
    troubles: [],
  });
  assertEquals([host.links, host.routes], before);
});

Deno.test("network says which address another machine has, and keeps nothing", async () => {
  const [host, trials] = [new NetworkHost(), new TrialsFake()];
  host.taken.add("192.0.2.5/24");
  const { troubles } = await apply(host, act, target(of({ lan: STATIC }), trials));
  assertEquals(troubles.map(({ message }) => message), [
    "Cannot change the network: lan: another machine has 192.0.2.5/24",
  ]);
  assertEquals(trials.kept.size, 0);
});

Deno.test("network has a card wake the machine, or not", async () => {
  const [host, trials] = [new NetworkHost(), new TrialsFake()];
  await settle(host, act, target(of({ lan: { ...STATIC, wakeOnLan: true } }), trials));
  assertEquals(host.wakes.get("lan"), true);
  await settle(host, act, target(of({ lan: { ...STATIC, wakeOnLan: false } }), trials));
  assertEquals(host.wakes.get("lan"), false);
});

Deno.test("network does nothing that the trial does not allow", async () => {
  const [host, trials] = [new NetworkHost(), new TrialsFake()];
  trials.next = { kind: "postponed", reason: "the site does not answer" };
  const { troubles } = await apply(host, act, target(of({ lan: STATIC }), trials));
  assertEquals(troubles.map(({ message }) => message), [
    "Cannot change the network: the site does not answer",
  ]);
  assertEquals(host.link("eth0")?.ifname, "eth0");
  assertStringIncludes(trials.attempts[0]!.revert, "must move 2 eth0");
});

Deno.test("dns is tried with the network, and written by one program", async () => {
  const [host, trials] = [new NetworkHost(), new TrialsFake()];
  const config: NodeConfig = {
    dns: { servers: ["192.0.2.53"], search: ["a.example"], useDhcp: false },
  };
  assertEquals(await settle(host, act, target(config, trials)), ["confirm the network"]);
  assertEquals(host.textOf("/etc/resolv.conf"), "search a.example\nnameserver 192.0.2.53\n");
  assertEquals(trials.attempts.map(({ subject }) => subject), ["network"]);
  // Nothing of links is touched where the network itself is not told.
  assertEquals(host.log.some((line) => line.startsWith("run ip link")), false);
  host.put("/etc/resolv.conf", "nameserver 198.51.100.1\n");
  assertEquals(await settle(host, act, target(config, trials)), ["confirm the network"]);
  assertEquals(host.textOf("/etc/resolv.conf"), "search a.example\nnameserver 192.0.2.53\n");
});

askQuestions("dns", {
  resource: dns,
  host: () => new NetworkHost(),
  first: act,
  cases: [{ title: "is told as it is", config: { dns: { servers: ["192.0.2.53"] } }, steps: [] }],
});

askQuestions("ntp", {
  resource: ntp,
  host: () => new NetworkHost(),
  cases: [{ title: "changes nothing", config: { ntp: { servers: ["192.0.2.123"] } }, steps: [] }],
});

askQuestions("network", {
  resource: network,
  host: () => new NetworkHost(),
  cases: [
    { title: "is set up", config: of({ lan: STATIC }), steps: ["change the network of lan"] },
  ],
});
