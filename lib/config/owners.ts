/**
 * Who owns what on a node: a path, a service, an interface or a table of the firewall belongs to one key of the configuration
 * alone, or to the agent itself. Two that write the same would undo each other's work in every round.
 *
 * @module
 */

/** One thing on a node: its kind and name. A path that ends in a slash stands for all that is below it, too. */
export type Claim = readonly [kind: "path" | "service" | "interface" | "table", name: string];

/** A claim that a value makes, and where in the key it does. */
export interface Claimed {
  claim: Claim;
  at: readonly string[];
  /** Whether others may lie below a path, because it is a directory. */
  holdsOthers?: true;
}

/** Every directory above `path`, nearest first, but for the root. */
export function parentsOf(path: string): string[] {
  const parents: string[] = [];
  for (let at = path.lastIndexOf("/"); at > 0; at = path.lastIndexOf("/", at - 1)) {
    parents.push(path.slice(0, at));
  }
  return parents;
}

/** What belongs to the agent, whatever it is told. */
export const AGENT_OWNS: readonly Claim[] = [
  ["path", "/run/psyopsos/"],
  ["path", "/etc/psyopsos/"],
  ["path", "/usr/lib/psyopsos/"],
  ["path", "/usr/bin/psyopsos-agent"],
  ["path", "/etc/init.d/psyopsos-agent"],
  ["path", "/etc/init.d/psyopsos-coldplug"],
  ["path", "/etc/init.d/psyopsos-hotplug"],
  ["path", "/etc/init.d/psyopsos-kernel"],
  ["path", "/etc/init.d/psyopsos-storage"],
  ["path", "/etc/mdev.conf"],
  // What the console shows above its login.
  ["path", "/etc/issue"],
  // The identity drive's.
  ["path", "/etc/ssh/ssh_host_ed25519_key"],
  ["path", "/etc/ssh/ssh_host_ed25519_key.pub"],
  ["path", "/etc/machine-id"],
  ["path", "/etc/hostid"],
  ["path", "/etc/iscsi/initiatorname.iscsi"],
  ["service", "psyopsos-agent"],
  ["service", "psyopsos-coldplug"],
  ["service", "psyopsos-hotplug"],
  ["service", "psyopsos-kernel"],
  ["service", "psyopsos-storage"],
];

/** Who owns what, in the order of claiming. */
export class Owners {
  readonly #owners = new Map<string, string>();
  readonly #folders: [Claim, string][] = [];

  /** Claims something for `owner`; gives who owns it already, if anybody does. */
  add(claim: Claim, owner: string): string | undefined {
    const [kind, name] = claim;
    const known = this.#owners.get(claim.join(" ")) ??
      this.#folders.find(([[, folder]]) => kind === "path" && `${name}/`.startsWith(folder))?.[1];
    if (known !== undefined) return known;
    this.#owners.set(claim.join(" "), owner);
    if (kind === "path" && name.endsWith("/")) this.#folders.push([claim, owner]);
    return undefined;
  }
}
