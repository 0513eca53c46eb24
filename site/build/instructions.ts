/**
 * The instructions of one node: what it is told, signed and encrypted to it alone.
 *
 * @module
 */
import { type Bytes, sha256Hex, text, utf8 } from "../../lib/bytes.ts";
import { asksForTags } from "../../lib/config/files.ts";
import { agentFor, FIRST_AGENT } from "../../lib/config/mod.ts";
import {
  type Envelope,
  type Instructions,
  parseEnvelope,
  parseInstructions,
  SITE_PATHS,
} from "../../lib/documents/site.ts";
import { canonicalJson } from "../../lib/json.ts";
import { MAX_DOCUMENT_BYTES } from "../../lib/limits.ts";
import { ROLE_OF } from "../../lib/trust/comment.ts";
import type { SignDocument } from "../../lib/trust/keyring.ts";
import type { FleetNode } from "../fleet/assemble.ts";
import type { Encrypted } from "./node_outputs.ts";
import { checkSize } from "./size.ts";

/** What {@linkcode instruct} needs beside the node. */
export interface InstructOptions {
  serial: number;
  issued: string;
  /** Key lines of those who may sign instructions. */
  signers: readonly string[];
  sign: SignDocument;
  encrypt: (recipients: readonly string[], plaintext: Bytes) => Promise<Bytes>;
  /** Earlier ciphertext by node. */
  cache?: ReadonlyMap<string, Encrypted>;
}

/** A node's instructions, encrypted: from the cache where they are the same, else made anew. */
export async function instruct(
  node: FleetNode,
  options: InstructOptions,
): Promise<{ encrypted: Encrypted; envelope?: Envelope }> {
  const { serial, issued, signers } = options;
  const { name, recipient, whole: config, public: shown } = node;
  const needed = agentFor(config);
  const agent = needed === FIRST_AGENT ? undefined : needed;
  const tags = asksForTags(config.files) ? node.tags : undefined;
  // With the bound that it was checked against: what was made under another one is made, and checked, anew.
  const key = sha256Hex(
    canonicalJson({
      ...{ agent, node: name, recipient, tags, config, shown, signers },
      most: MAX_DOCUMENT_BYTES,
    }),
  );
  const known = options.cache?.get(name);
  if (known && known.serial <= serial && known.key === key) return { encrypted: known };

  const instructions: Instructions = {
    ...agent === undefined ? {} : { agent },
    type: "postboot",
    node: name,
    serial,
    issued,
    ...tags === undefined ? {} : { tags },
    config,
    public: shown,
  };
  const payload = canonicalJson(instructions);
  const path = SITE_PATHS.postboot(name);
  const minisig = options.sign(ROLE_OF.postboot, payload, "postboot", path);
  const envelope: Envelope = { payload: text(payload), minisig };
  const plaintext = canonicalJson(envelope);
  checkSize(`the instructions of ${name}`, plaintext.length, config);
  // The very bytes that the node will read.
  parseInstructions(utf8(parseEnvelope(plaintext, name).payload), name);
  const ciphertext = await options.encrypt([recipient], plaintext);
  return { encrypted: { key, serial, ciphertext }, envelope };
}
