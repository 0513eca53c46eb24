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
import { decodeBase64 } from "@std/encoding/base64";
import * as v from "valibot";
import { RefusedError } from "../errors.ts";
import { MAX_DOCUMENT_BYTES } from "../limits.ts";
import {
  accountName,
  byteCount,
  dictionary,
  filePath,
  hostName,
  httpUrl,
  instant,
  isBase64,
  line,
  listOf,
  matching,
  publicKeyLine,
  serial,
  sha256,
} from "../schema/fields.ts";
import { readDocument, unreadable } from "../schema/read.ts";
import { NODE_NAME, TAG_NAME } from "./names.ts";

const object = "must be a mapping";

const user = v.strictObject({
  uid: v.optional(
    v.pipe(
      v.number("must be a number"),
      v.integer("must be a whole number"),
      v.minValue(1, "must be 1 to 65533"),
      v.maxValue(65533, "must be 1 to 65533"),
    ),
  ),
  comment: v.optional(matching(/^[^:\p{Cc}]{0,128}$/u, "must be up to 128 characters, without :")),
  groups: v.optional(listOf(accountName)),
  shell: v.optional(filePath),
  sshKeys: v.optional(listOf(publicKeyLine)),
}, object);

const file = v.pipe(
  v.strictObject({
    content: v.string("must be text"),
    encoding: v.optional(v.literal("base64", "must be base64, or left out for text")),
    mode: v.optional(matching(/^[0-7]{4}$/, 'must be four octal digits in quotes, e.g. "0644"')),
    owner: v.optional(accountName),
    group: v.optional(accountName),
  }, object),
  v.forward(
    v.partialCheck(
      [["content"], ["encoding"]],
      (given) => given.encoding !== "base64" || isBase64(given.content),
      "must be base64, as encoding says",
    ),
    ["content"],
  ),
);

const script = v.strictObject({
  run: v.pipe(v.string("must be text"), v.nonEmpty("must not be empty")),
  when: v.optional(v.picklist(["boot", "change"], "must be boot or change")),
}, object);

/** The schema of what a node is configured with; both `config` and `private` follow it. */
export const nodeConfigSchema = v.strictObject({
  hostname: v.optional(hostName),
  users: v.optional(dictionary(accountName, user)),
  files: v.optional(dictionary(filePath, file)),
  scripts: v.optional(
    dictionary(
      matching(
        /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/,
        "must be a script name: up to 63 of A-Z, a-z, 0-9, ., _ and -",
      ),
      script,
    ),
  ),
  report: v.optional(v.strictObject({ url: httpUrl }, object)),
  check: v.optional(v.strictObject({
    everySeconds: v.pipe(
      v.number("must be a number"),
      v.integer("must be a whole number"),
      v.minValue(5, "must be 5 to 604800 seconds"),
      v.maxValue(604800, "must be 5 to 604800 seconds"),
    ),
  }, object)),
}, object);

/** A node's configuration. Scripts run `when` "boot" (default, on every boot) or "change" (when their text is new). */
export type NodeConfig = v.InferOutput<typeof nodeConfigSchema>;
/** One account of a {@linkcode NodeConfig}; without `uid` the node picks one. */
export type UserConfig = NonNullable<NodeConfig["users"]>[string];
/** One file of a {@linkcode NodeConfig}; mode defaults to "0644", owner and group to root. */
export type FileConfig = NonNullable<NodeConfig["files"]>[string];
/** One script of a {@linkcode NodeConfig}. */
export type ScriptConfig = NonNullable<NodeConfig["scripts"]>[string];

export const nodeNameSchema = matching(NODE_NAME, "must be a node name in lower case");
export const tagNameSchema = matching(
  TAG_NAME,
  "must be a tag name: up to 63 of a-z, 0-9, _ and -, starting with a letter or digit",
);
/** An age recipient, X25519 or post-quantum hybrid; the checksum is checked where nodes are read from files. */
export const recipientSchema = matching(
  /^age1(?:[02-9ac-hj-np-z]{58}|pq1[02-9ac-hj-np-z]{1952})$/,
  "must be an age recipient (age1… of 62 characters, or age1pq1… of 1959)",
);
export const sshHostKeySchema = v.pipe(
  publicKeyLine,
  v.regex(/^ssh-ed25519 /, "must be an ssh-ed25519 public key line"),
);
export const notesSchema = v.pipe(
  v.string("must be text"),
  v.maxLength(65536, "must be at most 65536 characters"),
);
export const tagsSchema = v.pipe(
  listOf(tagNameSchema),
  v.check((tags) => new Set(tags).size === tags.length, "must not name a tag twice"),
);

const globalDocumentSchema = v.strictObject({
  notes: v.optional(notesSchema),
  config: nodeConfigSchema,
}, object);
const nodeDocumentSchema = v.strictObject({
  name: nodeNameSchema,
  recipient: recipientSchema,
  sshHostKey: v.optional(sshHostKeySchema),
  tags: tagsSchema,
  notes: v.optional(notesSchema),
  config: nodeConfigSchema,
}, object);
const tagNodesSchema = v.array(nodeNameSchema, "must be a list");
const postbootIndexSchema = v.record(
  nodeNameSchema,
  v.strictObject({
    path: line("must be a path"),
    sha256,
    size: byteCount,
  }, object),
  object,
);
const instructionsSchema = v.strictObject({
  type: v.literal("postboot", "must be postboot"),
  node: nodeNameSchema,
  serial,
  issued: instant,
  config: nodeConfigSchema,
  /** The part of `config` that everyone can read in the node's public document: what a node may tell about itself. */
  public: nodeConfigSchema,
}, object);
const envelopeSchema = v.strictObject({
  payload: v.string("must be text"),
  minisig: v.pipe(v.string("must be text"), v.maxLength(16384, "must be at most 16384 characters")),
}, object);

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
  return readDocument(globalDocumentSchema, bytes, SITE_PATHS.global, MAX_DOCUMENT_BYTES);
}

/** Reads a node's public document; `name` is whose it must be. */
export function parseNodeDocument(bytes: Uint8Array, name: string): NodeDocument {
  const path = SITE_PATHS.node(name);
  const document = readDocument(nodeDocumentSchema, bytes, path, MAX_DOCUMENT_BYTES);
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

/**
 * Reads the verified payload of an envelope.
 *
 * @throws {RefusedError} "schema", or "node" when it is meant for another node than `name`.
 */
export function parseInstructions(bytes: Uint8Array, name: string): Instructions {
  const path = SITE_PATHS.postboot(name);
  const instructions = readDocument(instructionsSchema, bytes, path, MAX_DOCUMENT_BYTES);
  if (instructions.node !== name) {
    throw new RefusedError("node", `use ${path}`, `it is for node ${instructions.node}`, {
      document: path,
    });
  }
  return instructions;
}

/** The bytes of a file's content. */
export function fileContent(given: FileConfig): Uint8Array<ArrayBuffer> {
  return given.encoding === "base64"
    ? decodeBase64(given.content)
    : new TextEncoder().encode(given.content);
}
