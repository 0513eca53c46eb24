/**
 * The documents a fleet is made of: their schemas, their paths on the site, and strict readers. The site build and the
 * agent use this one file, so what a node can't read is never published.
 *
 * Supported: the keys below and no others; an unknown key is refused, not skipped, because a node that ignores half of
 * what it is told is worse than one that says so. Messages name the place and the rule, never the value: it may be a
 * secret.
 *
 * @module
 */
import * as v from "valibot";
import { isNewer, nodeConfigSchema } from "../config/mod.ts";
import { inNewForm } from "../config/old_forms.ts";
import { RefusedError, UserError } from "../errors.ts";
import { MAX_DOCUMENT_BYTES } from "../limits.ts";
import {
  anyText,
  byteCount,
  instant,
  line,
  listOf,
  mapping,
  matching,
  openMapping,
  publicKeyLine,
  serial,
  sha256,
} from "../schema/fields.ts";
import { readDocument, unreadable } from "../schema/read.ts";
import { NODE_NAME, TAG_NAME } from "./names.ts";

export const nodeNameSchema = matching(NODE_NAME, "a node name in lower case");
export const tagNameSchema = matching(
  TAG_NAME,
  "a tag name: up to 63 of a-z, 0-9, _ and -, starting with a letter or digit",
);
/** An age recipient, X25519 or post-quantum hybrid; the checksum is checked where nodes are read from files. */
export const recipientSchema = matching(
  /^age1(?:[02-9ac-hj-np-z]{58}|pq1[02-9ac-hj-np-z]{1952})$/,
  "an age recipient (age1… of 62 characters, or age1pq1… of 1959)",
);
export const sshHostKeySchema = v.pipe(
  publicKeyLine,
  v.regex(/^ssh-ed25519 /, "must be an ssh-ed25519 public key line"),
);
export const notesSchema = v.pipe(
  anyText,
  v.maxLength(65536, "must be at most 65536 characters"),
);
export const tagsSchema = v.pipe(
  listOf(tagNameSchema),
  v.check((tags) => new Set(tags).size === tags.length, "must not name a tag twice"),
);

const globalDocumentSchema = mapping({
  notes: v.optional(notesSchema),
  config: nodeConfigSchema,
});
const nodeDocumentSchema = mapping({
  name: nodeNameSchema,
  recipient: recipientSchema,
  sshHostKey: v.optional(sshHostKeySchema),
  tags: tagsSchema,
  notes: v.optional(notesSchema),
  config: nodeConfigSchema,
});
const tagNodesSchema = v.array(nodeNameSchema, "must be a list");
const postbootIndexSchema = v.record(
  nodeNameSchema,
  mapping({
    path: line("a path"),
    sha256,
    size: byteCount,
  }),
);
const agentVersion = matching(/^\d{1,6}\.\d{1,6}\.\d{1,6}$/, "a version, e.g. 1.2.3");
const instructionsSchema = mapping({
  /** The smallest agent that knows all that is said here; absent where every agent does. */
  agent: v.optional(agentVersion),
  type: v.literal("postboot", "must be postboot"),
  node: nodeNameSchema,
  serial,
  issued: instant,
  /** The node's tags in its order, where a template asks for them: then an older agent reads none of this anyway. */
  tags: v.optional(tagsSchema),
  config: nodeConfigSchema,
  /** The part of `config` that everyone can read in the node's public document: what a node may tell about itself. */
  public: nodeConfigSchema,
});
/** What an agent of any version can read of instructions. */
const headSchema = openMapping({ node: nodeNameSchema, agent: v.optional(agentVersion) });
const envelopeSchema = mapping({
  payload: anyText,
  minisig: v.pipe(anyText, v.maxLength(16384, "must be at most 16384 characters")),
});

/** `psyopsOS/global.json`: the public part of what all nodes share. */
export type GlobalDocument = v.InferOutput<typeof globalDocumentSchema>;
/** `psyopsOS/nodes/<node>.json`: a node's public facts and its merged public configuration. */
export type NodeDocument = v.InferOutput<typeof nodeDocumentSchema>;
/** `psyopsOS/postboot.json`: for each node where its instructions are. Nodes don't need it: bins list the instructions. */
export type PostbootIndex = v.InferOutput<typeof postbootIndexSchema>;
/** What a node is told to be: the merged configuration with secrets. */
export type Instructions = v.InferOutput<typeof instructionsSchema>;
/** The plaintext inside `psyopsOS/postboot/<node>.age`: {@linkcode Instructions} as text, and its signature. */
export type Envelope = v.InferOutput<typeof envelopeSchema>;

/** Where each document is on the site. */
export const SITE_PATHS = {
  global: "psyopsOS/global.json",
  postbootIndex: "psyopsOS/postboot.json",
  node: (name: string) => `psyopsOS/nodes/${name}.json`,
  tagNodes: (tag: string) => `psyopsOS/tags/${tag}/nodes.json`,
  /** What signatures and bins call it; the bytes are at its `storedPath`, which has the hash in its name. */
  postboot: (name: string) => `psyopsOS/postboot/${name}.age`,
} as const;

/** Reads `psyopsOS/global.json`. @throws {RefusedError} "schema", as all readers here. */
export function parseGlobalDocument(bytes: Uint8Array): GlobalDocument {
  return readConfigured(globalDocumentSchema, bytes, SITE_PATHS.global);
}

/** Reads a node's public document; `name` is whose it must be. */
export function parseNodeDocument(bytes: Uint8Array, name: string): NodeDocument {
  const path = SITE_PATHS.node(name);
  const document = readConfigured(nodeDocumentSchema, bytes, path);
  if (document.name !== name) throw unreadable(path, `is about node ${document.name}`);
  return document;
}

/** Reads `psyopsOS/tags/<tag>/nodes.json`: the names of the nodes that bear the tag. */
export function parseTagNodes(bytes: Uint8Array, tag: string): string[] {
  return readDocument(tagNodesSchema, bytes, SITE_PATHS.tagNodes(tag), MAX_DOCUMENT_BYTES);
}

/** Reads `psyopsOS/postboot.json`. */
export function parsePostbootIndex(bytes: Uint8Array): PostbootIndex {
  return readDocument(postbootIndexSchema, bytes, SITE_PATHS.postbootIndex, MAX_DOCUMENT_BYTES);
}

/** Reads the decrypted content of `psyopsOS/postboot/<name>.age`. Its signature is still to be verified. */
export function parseEnvelope(bytes: Uint8Array, name: string): Envelope {
  return readDocument(envelopeSchema, bytes, SITE_PATHS.postboot(name), MAX_DOCUMENT_BYTES);
}

/** Instructions that only a later agent understands; what is asked for is to update the OS. */
export class AgentTooOldError extends UserError {
  constructor(path: string, readonly needed: string, readonly own: string) {
    super(`use ${path}`, `it needs agent ${needed}, this is ${own}: update the OS`);
    this.name = "AgentTooOldError";
  }
}

/**
 * Reads the verified payload of an envelope, as the agent of version `agent`; without it, as one that knows everything.
 *
 * @throws {RefusedError} "schema", or "node" when it is meant for another node than `name`.
 * @throws {AgentTooOldError} before anything else of it is read.
 */
export function parseInstructions(bytes: Uint8Array, name: string, agent?: string): Instructions {
  const path = SITE_PATHS.postboot(name);
  const { node, agent: needed } = readDocument(headSchema, bytes, path, MAX_DOCUMENT_BYTES);
  if (node !== name) {
    throw new RefusedError("node", `use ${path}`, `it is for node ${node}`, { document: path });
  }
  if (agent !== undefined && needed !== undefined && isNewer(needed, agent)) {
    throw new AgentTooOldError(path, needed, agent);
  }
  return readConfigured(instructionsSchema, bytes, path);
}

/** Reads a document with configurations, also in the forms of earlier versions. */
function readConfigured<Schema extends v.GenericSchema>(
  schema: Schema,
  bytes: Uint8Array,
  path: string,
): v.InferOutput<Schema> {
  return readDocument(schema, bytes, path, MAX_DOCUMENT_BYTES, (document) => {
    if (typeof document !== "object" || document === null) return document;
    return Object.fromEntries(
      Object.entries(document).map(([key, value]) => [
        key,
        key === "config" || key === "public" ? inNewForm(value) : value,
      ]),
    );
  });
}
