/** The network with the real `ip`, busybox's DHCP client and server, and the kernel of this machine, in namespaces. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { bringUp } from "../../../agent/course/bring_up.ts";
import { noteAnswered } from "../../../agent/network/help.ts";
import type { Reporter } from "../../../agent/report/reporter.ts";
import { digestOf } from "../../../agent/resources/network.ts";
import { IDENTITY } from "../../agent/resources/identity.ts";
import { TrialsFake } from "../../agent/trial/trials_fake.ts";
import { findNetwork, makeNetwork } from "../../../agent/network/apply.ts";
import { ensureNetwork } from "../../../agent/network/address.ts";
import { readBefore, revertScript } from "../../../agent/network/revert.ts";
import { planNetwork } from "../../../agent/network/plan.ts";
import { type NetworkConfig, wantedNetwork } from "../../../lib/config/network.ts";
import { macOf, NEEDS_NETWORK, NetworkHost } from "../../support/real_network.ts";

const DHCP = { hostname: "alpha", duid: "0004000102030405060708090a0b0c0d0e0f" };
const LAN = { match: { mac: macOf(0) }, acceptRa: false };

function networkTest(
  name: string,
  cards: number,
  body: (host: NetworkHost) => Promise<void>,
): void {
  Deno.test({
    name,
    ...NEEDS_NETWORK,
    fn: async () => {
      await using host = await NetworkHost.make(cards);
      await body(host);
    },
  });
}

async function make(host: NetworkHost, interfaces: NetworkConfig["interfaces"]): Promise<void> {
  const wanted = wantedNetwork({ interfaces });
  await makeNetwork(host, wanted, DHCP);
  const { aim, state, made } = await findNetwork(host, wanted.interfaces!, DHCP);
  assertEquals(planNetwork(aim, state, made), [], "a second plan is not empty");
}

networkTest("a card gets its name, a /32 address and a router outside of it", 1, async (host) => {
  await make(host, {
    lan: {
      ...LAN,
      addresses: ["203.0.113.5/32"],
      routes: [{ to: "default", via: "172.31.1.1" }],
    },
  });
  const routes = await host.ip("route", "show");
  assertStringIncludes(routes, "default via 172.31.1.1 dev lan");
  assertStringIncludes(routes, "172.31.1.1 dev lan");
  // What the kernel called it leads to it still.
  assertStringIncludes(await host.ip("addr", "show", "dev", "eth0"), "203.0.113.5/32");
});

networkTest(
  "an IPv6 address is waited for, and one that another machine has is told",
  1,
  async (host) => {
    await host.onPeer("ip", "addr", "add", "fd00::6/64", "dev", "peer0", "nodad");
    await make(host, { lan: { ...LAN, dhcp4: false, addresses: ["fd00::5/64"] } });
    // What the kernel gives the link by itself may take longer.
    const own = await host.ip("addr", "show", "dev", "lan", "scope", "global");
    assertStringIncludes(own, "fd00::5/64");
    assert(!own.includes("tentative"), own);
    await make(host, { lan: { ...LAN, dhcp4: false, addresses: ["fd00::6/64"] } });
    const shown = await host.ip("addr", "show", "dev", "lan");
    assertStringIncludes(shown, "dadfailed");
    assert(!shown.includes("fd00::5"), "the old address is still there");
  },
);

networkTest("an address moves from a card to a bridge over it, and back", 2, async (host) => {
  const addresses = ["10.0.0.5/24"];
  const routes = [{ to: "default", via: "10.0.0.1" }];
  await make(host, { lan: { ...LAN, addresses, routes } });
  const before = await host.shown();
  await make(host, {
    lan: LAN,
    br0: { bridge: { members: { lan: true } }, acceptRa: false, addresses, routes },
  });
  const bridged = await host.ip("-d", "link", "show", "dev", "lan");
  assertStringIncludes(bridged, "master br0");
  assertStringIncludes(await host.ip("route", "show"), "default via 10.0.0.1 dev br0");
  await make(host, { lan: { ...LAN, addresses, routes } });
  assertEquals(await host.shown(), before);
});

networkTest("two cards may have each other's names", 2, async (host) => {
  const card = (i: number) => ({ match: { mac: macOf(i) }, dhcp4: false, acceptRa: false });
  await make(host, { eth0: card(1), eth1: card(0) });
  assertStringIncludes(await host.ip("link", "show", "dev", "eth0"), macOf(1));
  assertStringIncludes(await host.ip("link", "show", "dev", "eth1"), macOf(0));
});

networkTest("DHCP gives classless routes by a router outside the network", 1, async (host) => {
  await host.onPeer("ip", "addr", "add", "10.9.0.1/32", "dev", "peer0");
  await host.onPeer("ip", "route", "add", "10.9.0.0/24", "dev", "peer0");
  using _server = await host.serveDhcp("peer0", [
    "start 10.9.0.20",
    "end 10.9.0.29",
    "option subnet 255.255.255.255",
    "option dns 10.9.0.1",
    "option domain elsewhere.example",
    "option router 10.9.0.77",
    "option staticroutes 0.0.0.0/0 10.9.0.1",
    "option lease 600",
  ]);
  await make(host, { lan: { ...LAN, dhcp: { routeMetric: 50 } } });
  const routes = await host.ip("route", "show");
  assertStringIncludes(routes, "default via 10.9.0.1 dev lan proto dhcp metric 50");
  assertStringIncludes(routes, "10.9.0.1 dev lan proto dhcp");
  assert(!routes.includes("10.9.0.77"), "the router option counts beside classless routes");
  // Search domains of DHCP are not taken.
  assertEquals(await host.readTextFile("/etc/resolv.conf"), "nameserver 10.9.0.1\n");
  // A network without DHCP ends the client, and what its lease brought goes with it.
  await make(host, { lan: { ...LAN, addresses: ["10.0.0.5/24"] } });
  assert(!(await host.ip("addr", "show", "dev", "lan")).includes("10.9.0."));
  assertEquals(
    await host.ip("route", "show"),
    "10.0.0.0/24 dev lan proto kernel scope link src 10.0.0.5 \n",
  );
});

networkTest(
  "what was before a trial comes back, also from the middle of it, and twice",
  2,
  async (host) => {
    await host.onPeer("ip", "addr", "add", "10.9.0.1/24", "dev", "peer0");
    using _server = await host.serveDhcp("peer0", [
      "start 10.9.0.20",
      "end 10.9.0.20",
      "option subnet 255.255.255.0",
      "option dns 10.9.0.1",
      "option router 10.9.0.1",
      "option lease 600",
    ]);
    await host.onPeer("ip", "addr", "add", "10.8.0.1/24", "dev", "peer1");
    using _other = await host.serveDhcp("peer1", [
      "start 10.8.0.20",
      "end 10.8.0.20",
      "option subnet 255.255.255.0",
      "option lease 600",
    ]);
    const first = await ensureNetwork(host, undefined, "alpha").catch(() => []);
    assert(first.some(({ address }) => address === "10.9.0.20/24"));
    await host.ip("addr", "add", "10.9.0.99/32", "dev", "eth0");
    const contact = { shown: await host.shown(), dns: await host.readTextFile("/etc/resolv.conf") };
    const configs: NetworkConfig["interfaces"][] = [
      {
        lan: {
          ...LAN,
          addresses: ["10.0.0.5/24", "fd00::5/64"],
          routes: [{ to: "default", via: "10.0.0.1" }],
        },
      },
      {
        lan: LAN,
        b: { match: { mac: macOf(1) } },
        br0: {
          bridge: { members: { lan: true, b: true }, stp: true },
          acceptRa: false,
          addresses: ["10.0.0.5/24"],
          mtu: 1400,
        },
      },
      { lan: { ...LAN, dhcp: { routeMetric: 7 } } },
    ];
    const dns = { servers: ["192.0.2.1"], search: ["a.example"], useDhcp: false };
    const state = async () => ({
      shown: await host.shown(),
      dns: await host.readTextFile("/etc/resolv.conf"),
    });
    let before = contact;
    for (const [i, interfaces] of configs.entries()) {
      const wanted = wantedNetwork({ interfaces }, dns);
      const found = await findNetwork(host, wanted.interfaces!, DHCP);
      const script = revertScript(found, await readBefore(host));
      await makeNetwork(host, wanted, DHCP);
      const after = await state();
      assert(after.shown !== before.shown, "nothing was changed");
      for (let times = 0; times < 2; times++) {
        const { code, stderr } = await host.script(script);
        assertEquals([code, new TextDecoder().decode(stderr)], [0, ""]);
        assertEquals(await state(), before, `of ${i}`);
      }
      // A kill leaves any part of it: each command of the network may be the last.
      const commands = host.ran.length;
      await makeNetwork(host, wanted, DHCP);
      const steps = host.ran.length - commands;
      assertEquals((await host.script(script)).code, 0);
      for (let last = 3; last < steps; last += 9) {
        let left = last;
        const run = host.run.bind(host);
        host.run = (command, options) =>
          left-- > 0 ? run(command, options) : Promise.reject(new Error("killed"));
        await makeNetwork(host, wanted, DHCP).catch(() => {});
        host.run = run;
        assertEquals((await host.script(script)).code, 0);
        assertEquals(await state(), before, `of ${i} after ${last} of ${steps}`);
      }
      await makeNetwork(host, wanted, DHCP);
      before = await state();
    }
  },
);

networkTest(
  "a node that was carried elsewhere gets help by the drive, then by DHCP, and loses nothing",
  2,
  async (host) => {
    await host.onPeer("ip", "addr", "add", "10.9.0.1/24", "dev", "peer0");
    using _server = await host.serveDhcp("peer0", [
      "start 10.9.0.20",
      "end 10.9.0.20",
      "option subnet 255.255.255.0",
      "option dns 10.9.0.1",
      "option router 10.9.0.1",
    ]);
    const kept = wantedNetwork({
      interfaces: {
        lan: { ...LAN, addresses: ["10.0.0.5/24"], routes: [{ to: "default", via: "10.0.0.1" }] },
        far: { match: { mac: macOf(5) } },
      },
    }, { servers: ["10.0.0.53"], useDhcp: false });
    const trials = new TrialsFake();
    trials.kept.set("network", { digest: digestOf(kept), text: kept.text });
    const told: string[] = [];
    const status: { fallback?: string } = {};
    const reporter = {
      status,
      aside: (_topic: string, _event: string, { reason }: { reason: string }) =>
        void told.push(reason),
      clearAside: () => {},
    } as unknown as Reporter;
    const drive = { address: "10.9.0.7/24", gateway: "10.9.0.254", interface: "eth0" };
    const identity = { ...IDENTITY, network: drive };
    const bring = () => bringUp(host, { identity, config: {}, trials, reporter });
    const default4 = async () => (await host.ip("route", "show", "default")).trim().split("\n");

    // What was confirmed is there first; of a card that is gone it is said.
    const first = await bring();
    assertEquals(first.map((one) => [one.interface, one.address]), [["lan", "10.0.0.5/24"]]);
    assertEquals(told.length, 1);
    assertStringIncludes(told[0]!, "as a whole: no card is far");
    assert(
      !(await host.ip("link", "show", "dev", "eth1")).includes(",UP"),
      "a card of nobody is up",
    );

    host.up = 599_000;
    await bring();
    assertEquals(status.fallback, undefined);
    host.up = 601_000;
    await bring();
    assertEquals(
      status.fallback,
      "no site answered for ten minutes after the boot: the identity drive's network.json came to help",
    );
    assertStringIncludes((await default4())[0]!, "via 10.9.0.254 dev lan metric 1");
    host.up = 661_000;
    await bring();
    assertStringIncludes(status.fallback!, "network.json and DHCP came to help");
    assertStringIncludes((await default4())[0]!, "via 10.9.0.1 dev lan proto dhcp");
    assertEquals(
      await host.readTextFile("/etc/resolv.conf"),
      "nameserver 10.9.0.1\nnameserver 10.0.0.53\n",
    );
    const shown = await host.ip("addr", "show", "dev", "lan");
    for (const address of ["10.0.0.5/24", "10.9.0.7/24", "10.9.0.20/24"]) {
      assertStringIncludes(
        shown,
        address,
      );
    }
    // Nor does the next round take any of it away, nor a site's answer.
    const found = await findNetwork(host, kept.interfaces!, DHCP);
    assertEquals(planNetwork({ ...found.aim, dhcp: DHCP }, found.state, found.made), []);
    await noteAnswered(host);
    await bring();
    assertStringIncludes(status.fallback!, "DHCP came to help");
  },
);

networkTest("a node none of whose cards is known is at its first contact", 1, async (host) => {
  const kept = wantedNetwork({ interfaces: { lan: { match: { mac: macOf(7) } } } });
  const trials = new TrialsFake();
  trials.kept.set("network", { digest: digestOf(kept), text: kept.text });
  const reporter = { status: {}, aside: () => {}, clearAside: () => {} } as unknown as Reporter;
  const identity = { ...IDENTITY, network: { address: "10.9.0.7/24" } };
  const found = await bringUp(host, { identity, config: {}, trials, reporter });
  assertEquals(found.map(({ address }) => address), ["10.9.0.7/24"]);
});
