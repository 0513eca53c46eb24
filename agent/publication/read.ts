/**
 * Reads this node's instructions from an opened site with the keys of its drive. They hold everything that the node needs.
 * Every step is checked, whether the bytes come from the site or from the drive.
 *
 * @module
 */
import { readInstructions } from "../../lib/documents/read_instructions.ts";
import { AgentTooOldError, type Instructions, SITE_PATHS } from "../../lib/documents/site.ts";
import { RefusedError } from "../../lib/errors.ts";
import { decryptWith } from "../../lib/trust/age.ts";
import type { SiteView } from "../../lib/trust/client.ts";
import type { Identity } from "../identity/read.ts";
import { agentFacts } from "../report/facts.ts";
import { AgentError } from "../report/problem.ts";

/** What a publication says about this node, wholly verified. */
export interface Publication {
  instructions: Instructions;
  view: SiteView;
}

/**
 * Reads what `view` says about the node.
 *
 * @throws {RefusedError} naming the check that failed: the client's, "recipient" (not encrypted to this node), "node" (meant for
 * another one), "schema" or "serial".
 * @throws {AgentError} "node" when the site does not know the node, "agent" when only a later agent understands what it says.
 */
export async function readPublication(view: SiteView, identity: Identity): Promise<Publication> {
  const { name, ageKeys } = identity;
  const agePath = SITE_PATHS.postboot(name);
  if (!await view.lists(agePath)) {
    throw new AgentError("node", "configure this node", `the site does not know ${name}`);
  }
  try {
    const instructions = await readInstructions(view, {
      name,
      decrypt: (ciphertext) => decrypt(ageKeys, ciphertext, agePath),
      agent: agentFacts().version,
    });
    return { instructions, view };
  } catch (error) {
    if (!(error instanceof AgentTooOldError)) throw error;
    throw new AgentError("agent", error.doing, error.state, { cause: error });
  }
}

async function decrypt(keys: readonly string[], ciphertext: Uint8Array, path: string) {
  try {
    return await decryptWith(keys, ciphertext);
  } catch (error) {
    if (!(error instanceof RefusedError)) throw error;
    throw new RefusedError(error.check, `decrypt ${path}`, error.state, { document: path });
  }
}
