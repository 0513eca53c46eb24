/**
 * Volumes that a node's key leads to: whoever has it can read what opens them.
 *
 * @module
 */
import type { FleetNode } from "../fleet/assemble.ts";
import { exposedTo } from "./exposure.ts";
import type { SecretFleet } from "./secret_files.ts";

/** A volume of a node. */
export interface ExposedVolume {
  node: string;
  volume: string;
}

/** Where the keys of volumes stand below `private`. */
const KEY = /^storage\.volumes\.([a-z0-9-]+)\.luks\.(?:key|oldKeys\..+)$/;

/** The volumes with keys that `node` can read: its own, and those of nodes that have them from the same files. */
export function exposedVolumes(secrets: SecretFleet, node: FleetNode): ExposedVolume[] {
  const places = (one: FleetNode) =>
    exposedTo(secrets, one, { own: true }).filter(({ name }) => KEY.test(name))
      .map(({ owner, name }) => ({ owner, volume: KEY.exec(name)![1]! }));
  const readable = new Set(places(node).map(({ owner, volume }) => `${owner} ${volume}`));
  return secrets.fleet.nodes.flatMap((one) => {
    const volumes = places(one).filter(({ owner, volume }) => readable.has(`${owner} ${volume}`));
    return [...new Set(volumes.map(({ volume }) => volume))]
      .map((volume) => ({ node: one.name, volume }));
  });
}
