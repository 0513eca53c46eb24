/**
 * Whether a node is what its site demands, judged by its status document: every demand is compared, and every
 * difference is one line. What a key demands and how that is judged stands with the key. Pure.
 *
 * @module
 */
import { compare } from "../config/key.ts";
import { differences as configDifferences, type NodeConfig } from "../config/mod.ts";
import type { Status } from "../documents/status.ts";

/** What a node must be. */
export interface Demands {
  node: string;
  /** Its merged configuration, and the part of it that everyone can read on the site. */
  config: NodeConfig;
  shown: NodeConfig;
  serial?: number;
  source?: "site" | "last-good";
  imageVersion?: string;
}

/** One line for each way in which `status` differs; empty when the node is what it must be. */
export function differences(status: Status | undefined, demands: Demands): string[] {
  if (!status) return ["no status document"];
  const { node, config, shown, serial, source, imageVersion } = demands;
  const found = [
    ...compare("node", status.node, node),
    ...compare("phase", status.phase, "configured"),
    ...compare("serial", status.serial, serial),
    ...compare("source", status.source, source),
    ...compare("image version", status.image.version, imageVersion),
  ];
  if (status.problem) found.push(`problem: ${status.problem.check}: ${status.problem.message}`);
  if (!status.observed) return [...found, "nothing was observed"];
  return [...found, ...configDifferences(status.observed, config, shown, { name: node })];
}
