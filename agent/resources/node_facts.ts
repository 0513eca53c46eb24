/**
 * What the files of a node may say of it: its name, its tags, its addresses.
 *
 * @module
 */
import { factsIn, type NodeFacts } from "../../lib/config/template.ts";
import type { Host } from "../../lib/host.ts";
import { parseAddresses } from "../network/address.ts";
import { readMadeNetwork } from "../network/made.ts";
import { outputOf, run } from "../system/programs.ts";
import type { Target } from "./resource.ts";

/** The facts that `templates` ask for; the system is asked for addresses where one of them names one. */
export async function readNodeFacts(
  host: Host,
  { identity, tags }: Target,
  templates: readonly string[],
): Promise<NodeFacts> {
  const needsAddresses = templates.some((text) => factsIn(text).some((one) => "interface" in one));
  // Where this fails there are none, which is said of each file that names one.
  const output = needsAddresses ? await run(host, ["ip", "-o", "addr", "show"]) : undefined;
  const own = output ? parseAddresses(outputOf(output)) : [];
  // A card that has a name of the configuration's is known by the kernel's, too.
  const { names } = await readMadeNetwork(host);
  const former = own.flatMap(([name, address]): [string, string][] =>
    names[name] === undefined ? [] : [[names[name], address]]
  );
  const addresses = [...own, ...former];
  return { name: identity.name, tags, addresses };
}
