/**
 * The key `hosts`.
 *
 * @module
 */
import { anyText, dictionary, hostName, ipAddress, listOf } from "../schema/fields.ts";
import { described } from "../schema/words.ts";
import { compare, configKey, tellable } from "./key.ts";

/** Addresses, each with its names in order. */
export type Hosts = Record<string, string[]>;

/** Names as lines of `/etc/hosts`, in the order of the addresses as text. */
export function hostLines(hosts: Hosts): string {
  return Object.entries(hosts).sort(([a], [b]) => a < b ? -1 : 1)
    .map(([address, names]) => `${address}\t${names.join(" ")}\n`).join("");
}

export const hosts = configKey({
  schema: described(
    dictionary(
      ipAddress,
      described(listOf(described(hostName, "One name.", { since: "0.2.0" })), "Its names.", {
        since: "0.2.0",
      }),
    ),
    "Names of addresses in /etc/hosts, beside localhost and the node's own host name, which is 127.0.1.1 there.",
    { since: "0.2.0", default: "none" },
  ),
  example: "hosts:\n  10.0.0.5: [nas.example.net, nas]\n",
  desired: (value = {}): Hosts => value,
  needs: { programs: [], packages: [] },
  owns: [["path", "/etc/hosts"]],
  /** The lines of the file behind the node's own. */
  observed: anyText,
  differences: (wanted, seen, shown) =>
    compare("/etc/hosts", seen, tellable(hostLines(wanted), hostLines(shown))),
});
