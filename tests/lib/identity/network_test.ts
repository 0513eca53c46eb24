import { assertEquals, assertThrows } from "@std/assert";
import { UserError } from "../../../lib/errors.ts";
import type { StaticNetwork } from "../../../lib/identity/make_drive.ts";
import { checkNetwork } from "../../../lib/identity/network.ts";

Deno.test("checkNetwork() takes IPv4 and IPv6", () => {
  checkNetwork({
    address: "192.0.2.10/24",
    gateway: "192.0.2.1",
    dns: ["192.0.2.1", "2001:db8::1"],
  });
  checkNetwork({ address: "2001:db8::10/64", gateway: "2001:db8::1", interface: "eth0" });
});

const WRONG: [StaticNetwork, string][] = [
  [{ address: "192.0.2.10" }, "prefix length"],
  [{ address: "192.0.2.10/33" }, "/0 to /32"],
  [{ address: "192.0.2.10/24/1" }, "prefix length"],
  [{ address: "192.0.2.300/24" }, "the address must be an IP address"],
  [{ address: "host/24" }, "the address must be an IP address"],
  [{ address: "192.0.2.10/24", gateway: "gw" }, "the gateway must be"],
  [{ address: "192.0.2.10/24", gateway: "2001:db8::1" }, "of the same family"],
  [{ address: "192.0.2.10/24", dns: ["1.1.1"] }, "a DNS server must be"],
  [{ address: "192.0.2.10/24", interface: "eth0; reboot" }, "the interface must be"],
];
for (const [network, message] of WRONG) {
  Deno.test(`checkNetwork() refuses ${JSON.stringify(network)}`, () => {
    const error = assertThrows(() => checkNetwork(network), UserError, message);
    assertEquals(error.message.startsWith("Cannot use this network: "), true);
  });
}
