/**
 * Numbers of accounts and groups over a whole fleet: where two nodes take one number for two names, or two for one, what is on a
 * disk belongs to somebody else as soon as it is read on the other node.
 *
 * @module
 */
import { derivedId, type GivenId } from "../../lib/config/ids.ts";
import { desired, type NodeConfig } from "../../lib/config/mod.ts";

type Kind = "uid" | "gid";

/** A warning about what a node's configuration says at a path. */
export interface IdWarning {
  path: readonly string[];
  message: string;
}

interface Known extends GivenId {
  node: string;
}

/** The numbers of the nodes that were looked at so far. */
export class FleetIds {
  readonly #known: Record<Kind, { names: Map<string, Known>; ids: Map<number, Known> }> = {
    uid: { names: new Map(), ids: new Map() },
    gid: { names: new Map(), ids: new Map() },
  };

  /** Adds a node; gives what of it does not agree with those before. */
  add(node: string, config: NodeConfig): IdWarning[] {
    const users = Object.entries(config.users ?? {})
      .map(([name, { uid }]) => ({ name, id: uid ?? derivedId(name) }));
    // An account's own group is told with the account.
    const groups = Object.entries(desired("groups", config, { name: node }))
      .flatMap(([name, { gid, own }]) => own ? [] : [{ name, id: gid }]);
    return [
      ...users.flatMap((given) => this.#add("uid", ["users", given.name], { ...given, node })),
      ...groups.flatMap((given) => this.#add("gid", ["groups", given.name], { ...given, node })),
    ];
  }

  #add(kind: Kind, path: readonly string[], given: Known): IdWarning[] {
    const { names, ids } = this.#known[kind];
    const { name, id } = given;
    const [alike, other] = [names.get(name), ids.get(id)];
    names.set(name, alike ?? given);
    ids.set(id, other ?? given);
    const what = `${path.join(".")} has the ${kind} ${id}`;
    const warn = (message: string) => [{ path, message }];
    if (alike && alike.id !== id) return warn(`${what} here, and ${alike.id} on ${alike.node}`);
    if (other && other.name !== name) {
      return warn(`${what}, which is ${other.name}'s on ${other.node}`);
    }
    return [];
  }
}
