/**
 * Reads a node's instructions from an opened site: decrypts, parses, verifies, each within its bound. The agent reads by this
 * function, and so does the site build of the very bytes that it is about to publish: what no node would take is not built.
 *
 * @module
 */
import { type Bytes, utf8 } from "../bytes.ts";
import type { SiteView } from "../trust/client.ts";
import { refusal } from "../trust/verified.ts";
import { type Instructions, parseEnvelope, parseInstructions, SITE_PATHS } from "./site.ts";

/** Who reads. */
export interface Reader {
  /** The node's name. */
  name: string;
  /** Decrypts with the node's keys; how it fails is told on. */
  decrypt: (ciphertext: Bytes) => Promise<Uint8Array>;
  /** Version of the agent; without it all is understood. */
  agent?: string;
}

/**
 * What the site tells the node, wholly verified.
 *
 * @throws {RefusedError} naming the check that failed: the client's, the decryption's, "node" (meant for another one), "schema"
 * or "serial".
 * @throws {AgentTooOldError} when only a later agent understands it.
 */
export async function readInstructions(
  view: SiteView,
  { name, decrypt, agent }: Reader,
): Promise<Instructions> {
  const path = SITE_PATHS.postboot(name);
  const plaintext = await decrypt(await view.getHashed(path));
  const envelope = parseEnvelope(plaintext, name);
  const payload = utf8(envelope.payload);
  view.verifyInner(payload, envelope.minisig, "postboot", path);
  const instructions = parseInstructions(payload, name, agent);
  if (instructions.serial > view.timestamp.serial) {
    const state = `its serial is ${instructions.serial}, the site is at ${view.timestamp.serial}`;
    throw refusal("serial", path, state);
  }
  return instructions;
}
