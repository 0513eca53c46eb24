import { assertEquals, assertLess, assertRejects } from "@std/assert";
import { ensureNetwork, parseAddresses, parseLinks } from "../../../agent/network/address.ts";
import { DHCP_CLIENT, INTERFACES } from "../../../agent/system/paths.ts";
import { AgentError } from "../../../agent/report/problem.ts";
import { World } from "../world.ts";

Deno.test("parseAddresses() takes global addresses of both families", () => {
  const output = [
    "1: lo    inet 127.0.0.1/8 scope host lo\\       valid_lft forever",
    "2: eth0    inet 10.0.2.15/24 brd 10.0.2.255 scope global eth0\\       valid_lft forever",
    "2: eth0    inet6 fec0::5054:ff:fe12:3456/64 scope site dynamic",
    "3: eth1    inet6 2001:db8::2/64 scope global dynamic flags 100",
    "3: eth1    inet6 2001:db8::3/64 scope global tentative",
    "3: eth1    inet6 fe80::1/64 scope link",
    "4: br0@eth1    inet 192.0.2.1/24 scope global br0",
  ].join("\n");
  assertEquals(parseAddresses(output), [
    ["eth0", "10.0.2.15/24"],
    ["eth1", "2001:db8::2/64"],
    ["br0", "192.0.2.1/24"],
  ]);
});

Deno.test("parseAddresses() takes a time that grows with the output's length", () => {
  const from = performance.now();
  assertEquals(parseAddresses(`2: ${"a/".repeat(300_000)} inet`), []);
  assertEquals(parseAddresses(`2: ${"a/".repeat(300_000)}`), []);
  assertLess(performance.now() - from, 2_000);
});

Deno.test("parseLinks() reads the lines of the interfaces program", () => {
  assertEquals(parseLinks("eth0 up\neth1 down\n"), [
    { name: "eth0", connected: true },
    { name: "eth1", connected: false },
  ]);
});

Deno.test("ensureNetwork() asks by DHCP once and leaves an address alone", async () => {
  const world = new World();
  const expected = [{ interface: "eth0", address: "10.0.2.15/24", via: "dhcp" as const }];
  assertEquals(await ensureNetwork(world, undefined, "alpha"), expected);
  assertEquals(await ensureNetwork(world, undefined, "alpha"), expected);
  const asked = world.log.filter((line) => line.startsWith(`run ${DHCP_CLIENT} start eth0 4`));
  assertEquals(asked.length, 1);
  assertEquals(asked[0]!.endsWith("-x hostname:alpha"), true);
});

Deno.test("ensureNetwork() sets a static address, route and name servers", async () => {
  const world = new World();
  const fixed = { address: "192.0.2.10/24", gateway: "192.0.2.1", dns: ["192.0.2.2", "192.0.2.3"] };
  assertEquals(await ensureNetwork(world, fixed), [
    { interface: "eth0", address: "192.0.2.10/24", via: "static" },
  ]);
  assertEquals(world.textOf("/etc/resolv.conf"), "nameserver 192.0.2.2\nnameserver 192.0.2.3\n");
  const route = "run ip -4 route replace default via 192.0.2.1 dev eth0 metric 100 proto static";
  assertEquals(world.log.includes(route), true);
  assertEquals(world.log.some((line) => line.startsWith(`run ${DHCP_CLIENT}`)), false);
});

Deno.test("ensureNetwork() tells of a router that is outside the network before the route through it", async () => {
  const world = new World();
  await ensureNetwork(world, { address: "203.0.113.5/32", gateway: "172.31.1.1" });
  assertEquals(world.log.filter((line) => line.includes("route")), [
    "run ip -4 route replace 172.31.1.1/32 dev eth0 metric 100 proto static",
    "run ip -4 route replace default via 172.31.1.1 dev eth0 metric 100 proto static",
  ]);
});

Deno.test("ensureNetwork() waits until an IPv6 address is known to be the node's alone, within bounds", async () => {
  const world = new World();
  world.network.tentative = 3;
  assertEquals(await ensureNetwork(world, { address: "2001:db8::5/64" }), [
    { interface: "eth0", address: "2001:db8::5/64", via: "static" },
  ]);
  world.network.tentative = 1000;
  await assertRejects(
    () => ensureNetwork(world, { address: "2001:db8::5/64" }),
    AgentError,
    "no interface took the static address",
  );
});

Deno.test("ensureNetwork() gives a static address to the interface that has a cable", async () => {
  const world = new World();
  let asked = 0;
  world.programs.set(INTERFACES, () => `eth0 down\neth1 ${asked++ > 2 ? "up" : "down"}\n`);
  const fixed = { address: "192.0.2.10/24" };
  await assertRejects(() => ensureNetwork(world, { ...fixed, interface: "eth9" }), AgentError);
  await ensureNetwork(world, fixed).catch(() => {});
  assertEquals(world.log.includes("run ip addr add 192.0.2.10/24 dev eth1"), true);
});

Deno.test("ensureNetwork() says what is missing", async () => {
  const world = new World();
  world.network.dhcp = false;
  await assertRejects(() => ensureNetwork(world, undefined), AgentError, "no DHCP answer on eth0");
  world.programs.set(INTERFACES, () => "eth0 down\n");
  await assertRejects(() => ensureNetwork(world, undefined), AgentError, "eth0 (no cable)");
  world.programs.set(INTERFACES, () => "");
  await assertRejects(() => ensureNetwork(world, undefined), AgentError, "no network interface");
});
