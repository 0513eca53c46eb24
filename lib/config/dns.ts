/**
 * The key `dns`: who is asked for names. The agent is the only writer of `/etc/resolv.conf`.
 *
 * @module
 */
import * as v from "valibot";
import {
  anyText,
  boolean,
  hostName,
  ipAddress,
  listOf,
  mapping,
  matching,
} from "../schema/fields.ts";
import { described } from "../schema/words.ts";
import { compare, configKey } from "./key.ts";

// All of it stands in a file that every account of the node may read.
const OPEN = { since: "0.2.0", secrecy: "open" } as const;

/** Most DNS servers; C libraries ask the first three. */
const MAX_SERVERS = 8;
/** Most domains: C libraries take no more than six. */
const MAX_SEARCH = 6;

const option = matching(
  /^[a-z][a-z0-9-]{0,31}(?::[0-9]{1,5})?$/,
  "an option of resolv.conf(5), e.g. timeout:2",
);

export const dnsSchema = mapping({
  servers: v.optional(
    described(
      v.pipe(
        listOf(described(ipAddress, "One server.", OPEN)),
        v.maxLength(MAX_SERVERS, `must have at most ${MAX_SERVERS} entries`),
      ),
      "Servers by their addresses, asked in this order and before those of DHCP; programs ask the first three of all.",
      { ...OPEN, default: "none" },
    ),
  ),
  search: v.optional(
    described(
      v.pipe(
        listOf(described(hostName, "One domain.", OPEN)),
        v.maxLength(MAX_SEARCH, `must have at most ${MAX_SEARCH} entries`),
      ),
      "Domains in which short names are looked for. Those of DHCP are not taken.",
      { ...OPEN, default: "none" },
    ),
  ),
  options: v.optional(
    described(
      listOf(described(option, "One option.", OPEN)),
      "Options of resolv.conf(5).",
      { ...OPEN, default: "none" },
    ),
  ),
  useDhcp: v.optional(
    described(boolean, "Whether servers that DHCP names are asked, too.", {
      ...OPEN,
      default: "true",
    }),
  ),
});

/** What a fleet says of DNS. */
export type DnsConfig = v.InferOutput<typeof dnsSchema>;

/** What is wanted of DNS. */
export interface WantedDns {
  servers: readonly string[];
  search: readonly string[];
  options: readonly string[];
  useDhcp: boolean;
}

/** What is wanted, defaults included. */
export function wantedDns(value: DnsConfig = {}): WantedDns {
  const { servers = [], search = [], options = [], useDhcp = true } = value;
  return { servers, search, options, useDhcp };
}

export const dns = configKey({
  schema: described(
    dnsSchema,
    "Who is asked for names, in /etc/resolv.conf. It is tried and confirmed together with `network`, since servers that do not " +
      "answer cut a node off as well.",
    { ...OPEN, default: "the servers that DHCP or the identity drive names" },
  ),
  example: "dns:\n  servers: [192.0.2.53]\n  search: [example.net]\n  useDhcp: false\n",
  desired: (value): WantedDns => wantedDns(value),
  needs: { programs: ["/usr/lib/psyopsos/resolv-conf"], packages: [] },
  owns: [["path", "/etc/resolv.conf"]],
  /** The lines of the file. */
  observed: v.array(anyText),
  differences: ({ servers, search, options, useDhcp }, seen) => {
    const words = (key: string) =>
      seen.filter((line) => line.startsWith(`${key} `)).map((line) => line.slice(key.length + 1));
    const asked = words("nameserver");
    return [
      ...compare(
        "the first servers of /etc/resolv.conf",
        useDhcp ? asked.slice(0, servers.length) : asked,
        servers,
      ),
      ...compare("search in /etc/resolv.conf", words("search").join(" "), search.join(" ")),
      ...compare("options in /etc/resolv.conf", words("options").join(" "), options.join(" ")),
    ];
  },
});
