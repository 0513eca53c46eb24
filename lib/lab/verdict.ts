/**
 * Whether a node is what its site demands, judged by its status document: every demand is compared, and every
 * difference is one line. What a key demands and how that is judged stands with the key. Pure.
 *
 * @module
 */
import { sha256Hex, utf8 } from "../bytes.ts";
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
  /** What its public scripts must print, by name; what others print is not looked at. */
  outputs?: Readonly<Record<string, string>>;
}

/** One line for each way in which `status` differs; empty when the node is what it must be. */
export function differences(status: Status | undefined, demands: Demands): string[] {
  if (!status) return ["no status document"];
  const { node, config, shown, serial, source, imageVersion, outputs = {} } = demands;
  const found = [
    ...compare("node", status.node, node),
    ...compare("phase", status.phase, "configured"),
    ...compare("serial", status.serial, serial),
    ...compare("source", status.source, source),
    ...compare("image version", status.image.version, imageVersion),
  ];
  if (status.problem) found.push(`problem: ${status.problem.check}: ${status.problem.message}`);
  if (!status.observed) return [...found, "nothing was observed"];
  found.push(...configDifferences(status.observed, config, shown, { name: node }));
  for (const [name, output] of Object.entries(outputs)) {
    const script = status.observed.scripts?.find((one) => one.name === name);
    if (!script) continue;
    found.push(
      ...compare(`script ${name}: output`, script.outputSha256, sha256Hex(utf8(output))),
    );
  }
  return found;
}
