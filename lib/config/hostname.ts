/**
 * The key `hostname`.
 *
 * @module
 */
import { anyText, hostName } from "../schema/fields.ts";
import { described } from "../schema/words.ts";
import { compare, configKey, tellable } from "./key.ts";

export const hostname = configKey({
  schema: described(hostName, "The node's host name.", {
    since: "0.1.0",
    default: "the node's name",
  }),
  example: "hostname: nas1.example.net\n",
  desired: (value, { name }) => value ?? name,
  needs: { programs: ["hostname"], packages: [] },
  owns: [["path", "/etc/hostname"], ["path", "/proc/sys/kernel/hostname"]],
  inParts: true,
  observed: anyText,
  differences: (wanted, seen, shown) => compare("hostname", seen, tellable(wanted, shown)),
});
