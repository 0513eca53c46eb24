/**
 * Checks a static network before it goes onto a drive, where a mistake would leave a node without a way to hear of it.
 *
 * @module
 */
import { isIP } from "node:net";
import { UserError } from "../errors.ts";
import type { StaticNetwork } from "./make_drive.ts";

/** @throws {UserError} naming the part that is wrong. */
export function checkNetwork(network: StaticNetwork): void {
  const fail = (state: string) => new UserError(`Cannot use this network: ${state}`);
  const [address = "", length = "", ...rest] = network.address.split("/");
  const family = isIP(address);
  const bits = family === 6 ? 128 : 32;
  if (family === 0) throw fail("the address must be an IP address, e.g. 192.0.2.10/24");
  if (!/^\d{1,3}$/.test(length) || Number(length) > bits || rest.length > 0) {
    throw fail(`the address must end in its prefix length, /0 to /${bits}`);
  }
  if (network.gateway !== undefined && isIP(network.gateway) !== family) {
    throw fail("the gateway must be an IP address of the same family as the address");
  }
  for (const server of network.dns ?? []) {
    if (isIP(server) === 0) throw fail("a DNS server must be an IP address");
  }
  if (network.interface !== undefined && !/^[A-Za-z0-9._-]{1,15}$/.test(network.interface)) {
    throw fail("the interface must be a name like eth0");
  }
}
