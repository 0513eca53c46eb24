/**
 * Nodes that will not understand their instructions, because these need a later agent than any offered release
 * contains. Such a node keeps what it has until it is updated, and whoever publishes the site should know about it.
 *
 * @module
 */
import { isNewer } from "../../lib/config/mod.ts";
import type { NodeOutputs } from "./node_outputs.ts";
import type { FoundRelease } from "./releases.ts";

/** One such node. */
export interface HeldBack {
  node: string;
  /** The smallest agent that its instructions need. */
  needs: string;
  /** The newest agent that a release brings which some channel offers. */
  offered: string;
}

/** The nodes that are held back; none where no release that is offered tells its agent. */
export function heldBack(
  outputs: ReadonlyMap<string, NodeOutputs>,
  offered: readonly FoundRelease[],
): HeldBack[] {
  const agents = offered.flatMap(({ agent }) => agent === undefined ? [] : [agent]);
  const [first, ...rest] = agents;
  if (first === undefined) return [];
  const newest = rest.reduce((best, one) => isNewer(one, best) ? one : best, first);
  return [...outputs].filter(([, { agent }]) => isNewer(agent, newest))
    .map(([node, { agent }]) => ({ node, needs: agent, offered: newest }));
}
