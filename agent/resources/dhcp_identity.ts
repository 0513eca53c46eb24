/**
 * What DHCP servers are told of a node.
 *
 * @module
 */
import { encodeHex } from "@std/encoding/hex";
import { desired, type NodeConfig } from "../../lib/config/mod.ts";
import { deriveIds } from "../identity/derived.ts";
import type { Identity } from "../identity/read.ts";
import type { DhcpIdentity } from "../network/dhcp.ts";

/** Its host name by `config`, and its DUID. */
export function dhcpIdentity(identity: Identity, config: NodeConfig): DhcpIdentity {
  return {
    hostname: desired("hostname", config, identity),
    duid: encodeHex(deriveIds(identity).duid),
  };
}
