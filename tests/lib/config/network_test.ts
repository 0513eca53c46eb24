import { assertEquals, assertThrows } from "@std/assert";
import { mergedProblems, type NodeConfig } from "../../../lib/config/mod.ts";
import { parseKeptNetwork, wantedNetwork } from "../../../lib/config/network.ts";
import { wantedInterfaces } from "../../../lib/config/network_wanted.ts";
import { isWithin, plainCidr } from "../../../lib/schema/ip.ts";

type Interfaces = NonNullable<NodeConfig["network"]>["interfaces"];
const LAN = { match: { name: "eth0" } };
const B = { match: { name: "eth1" } };

function problems(interfaces: Interfaces): string[] {
  return mergedProblems({ network: { interfaces } }).map(({ message }) => message);
}

Deno.test("a network as a whole is looked at before a site is made of it", () => {
  const at = (message: string) => [`network.interfaces.${message}`];
  const cases: [Interfaces, string[]][] = [
    [{}, ["network.interfaces: names no interface"]],
    [{ lan: {} }, at("lan: must have one of match, vlan, bridge and bond")],
    [{ lan: { ...LAN, bond: { members: {} } } }, [
      ...at("lan: must have one of match, vlan, bridge and bond"),
      ...at("lan.bond.members: names no member"),
    ]],
    [{ lan: { match: {} } }, at("lan.match: must say one thing at least, e.g. mac")],
    [{ v: { vlan: { link: "x", id: 1 } } }, at("v: there is no interface x")],
    [{ v: { vlan: { link: "w", id: 1 } }, w: { vlan: { link: "v", id: 1 } } }, [
      ...at("v: it is made of itself, by w"),
      ...at("w: it is made of itself, by v"),
    ]],
    [{
      lan: LAN,
      x: { bridge: { members: { lan: true } } },
      y: { bridge: { members: { lan: true } } },
    }, at("y: lan is a member of x already")],
    [
      { lan: LAN, v: { vlan: { link: "lan", id: 2 } }, x: { bond: { members: { v: true } } } },
      at("x: v is no card, and only cards bond"),
    ],
    [
      { x: { bridge: { members: {} } }, y: { bridge: { members: { x: true } } } },
      at("y: x is a bridge, which can't be a member"),
    ],
    [
      { lan: { ...LAN, addresses: ["10.0.0.5/24"] }, x: { bridge: { members: { lan: true } } } },
      at("lan: it belongs to x, which has the addresses and routes"),
    ],
    [
      { lan: LAN, v: { vlan: { link: "lan", id: 2 } }, w: { vlan: { link: "lan", id: 2 } } },
      at("w.vlan: v is the VLAN 2 of lan"),
    ],
    [
      { lan: { ...LAN, mtu: 1400 }, v: { vlan: { link: "lan", id: 2 }, mtu: 1500 } },
      at("v.mtu: lan has less"),
    ],
    [
      { lan: { ...LAN, addresses: ["10.0.0.5/24"] }, b: { ...B, addresses: ["10.0.0.5/24"] } },
      at("b.addresses: 10.0.0.5/24 is an address of lan already"),
    ],
    [{ lan: { ...LAN, mtu: 576, addresses: ["fd00::1/64"] } }, at("lan.mtu: IPv6 needs 1280")],
    [
      { lan: { ...LAN, routes: [{ to: "default" }] } },
      at("lan.routes: a default route must say via"),
    ],
    [
      { lan: { ...LAN, routes: [{ to: "10.0.0.0/8", via: "fd00::1" }] } },
      at("lan.routes: fd00::1 is not of the family of 10.0.0.0/8"),
    ],
    [
      { lan: { ...LAN, dhcp: { routeMetric: 5 } }, b: { ...B, dhcp: { routeMetric: 5 } } },
      at("b.dhcp.routeMetric: lan has the same"),
    ],
    [{ lan: LAN, x: { bond: { members: { lan: true }, primary: "b", lacpRate: "fast" } } }, [
      ...at("x.bond.primary: b is no member"),
      ...at("x.bond.lacpRate: is for the mode 802.3ad"),
    ]],
    [{
      lan: {
        ...LAN,
        addresses: ["203.0.113.5/32"],
        routes: [{ to: "default", via: "172.31.1.1" }],
      },
    }, []],
  ];
  for (const [interfaces, messages] of cases) assertEquals(problems(interfaces), messages);
});

Deno.test("an interface and its settings belong to the network alone", () => {
  const config = {
    kernel: { sysctl: { "net.ipv6.conf.lan.accept_ra": 1 } },
    network: { interfaces: { lan: LAN } },
    files: { "/etc/resolv.conf": { content: "" } },
  };
  assertEquals(mergedProblems(config).map(({ message }) => message), [
    "network.interfaces.lan: the path /proc/sys/net/ipv6/conf/lan/accept_ra belongs to kernel.sysctl.net.ipv6.conf.lan.accept_ra",
    "files./etc/resolv.conf: the path /etc/resolv.conf belongs to the key dns",
  ]);
});

Deno.test("defaults: DHCP without an IPv4 address, nothing on members, metrics in the order of names", () => {
  const wanted = wantedInterfaces({
    interfaces: {
      z: { match: { name: "eth2" }, addresses: ["fd00::1/64"] },
      br0: { bridge: { members: { lan: true } } },
      lan: LAN,
      s: { ...B, addresses: ["10.0.0.5/24"] },
    },
  });
  assertEquals(
    wanted.map(({ name, dhcp4, acceptRa, dhcp }) => [name, dhcp4, acceptRa, dhcp.routeMetric]),
    [["lan", false, false, 101], ["br0", true, true, 100], ["s", false, true, 102], [
      "z",
      true,
      true,
      103,
    ]],
  );
});

Deno.test("what is kept of a network is read again, and anything else is none", () => {
  const wanted = wantedNetwork({ interfaces: { lan: LAN } }, { servers: ["192.0.2.1"] });
  assertEquals(parseKeptNetwork(wanted.text), wanted);
  assertEquals(wantedNetwork().text, "");
  for (
    const text of [
      "",
      "{",
      '{"network":{"interfaces":{"lo":{"match":{"name":"x"}}}}}',
      '{"network":{"interfaces":{}}}',
    ]
  ) {
    assertThrows(() => parseKeptNetwork(text));
  }
});

Deno.test("addresses have one spelling, and lie in networks", () => {
  assertEquals(plainCidr("FD00:0:0::5/64"), "fd00::5/64");
  assertEquals(plainCidr("10.0.0.5"), "10.0.0.5");
  assertEquals(isWithin("10.0.0.9", "10.0.0.5/24"), true);
  assertEquals(isWithin("10.0.1.9", "10.0.0.5/24"), false);
  assertEquals(isWithin("fe80::1", "fe80::/10"), true);
  assertEquals(isWithin("10.0.0.1", "fe80::/10"), false);
});
