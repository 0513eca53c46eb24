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
import { decodeBase64 } from "@std/encoding/base64";
import { text } from "../bytes.ts";
import { RefusedError } from "../errors.ts";
import { NODE_NAME, TAG_NAME } from "./names.ts";

/** Largest document a reader accepts, in bytes. */
export const MAX_DOCUMENT_BYTES = 8 * 1024 * 1024;
/** Most entries of any list or dictionary in a configuration. */
const MAX_ENTRIES = 1024;
/** Longest one-line text. */
const MAX_LINE = 8192;

const object = "must be a mapping";
const list = "must be a list";
const line = (rule: string) =>
  v.pipe(
    v.string(rule),
    v.nonEmpty("must not be empty"),
    v.maxLength(MAX_LINE, `must be at most ${MAX_LINE} characters`),
    // deno-lint-ignore no-control-regex -- they are what is refused
    v.regex(/^[^\x00-\x1f\x7f]*$/, "must be one line without control characters"),
  );
const matching = (pattern: RegExp, rule: string) => v.pipe(v.string(rule), v.regex(pattern, rule));
const dictionary = <
  const Key extends v.GenericSchema<string, string>,
  const Value extends v.GenericSchema,
>(key: Key, value: Value) =>
  v.pipe(
    v.record(key, value, object),
    v.maxEntries(MAX_ENTRIES, `must have at most ${MAX_ENTRIES} entries`),
  );
const listOf = <const Item extends v.GenericSchema>(item: Item) =>
  v.pipe(
    v.array(item, list),
    v.maxLength(MAX_ENTRIES, `must have at most ${MAX_ENTRIES} entries`),
  );

const hostName = v.pipe(
  matching(
    /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*$/,
    "must be a host name in lower case",
  ),
  v.maxLength(64, "must be at most 64 characters"),
);
const accountName = matching(
  /^[a-z_][a-z0-9_-]{0,31}$/,
  "must be an account name: up to 32 of a-z, 0-9, _ and -, starting with a letter or _",
);
const publicKeyLine = v.pipe(
  line("must be an SSH public key line"),
  v.check(isSshKeyLine, "must be an SSH public key line, e.g. ssh-ed25519 AAAA… comment"),
);
const url = v.pipe(
  line("must be a URL"),
  v.check(
    (given) => /^https?:\/\//.test(given) && URL.canParse(given),
    "must be an http:// or https:// URL",
  ),
);
const filePath = v.pipe(
  line("must be a path"),
  v.maxLength(4095, "must be at most 4095 characters"),
  v.check(
    isFilePath,
    "must be an absolute path without . and .. parts, not below /proc, /sys, /dev",
  ),
);

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
  report: v.optional(v.strictObject({ url }, object)),
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

/** A UTC time to the second. */
export const instantSchema = v.pipe(
  matching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/, "must be a UTC time, e.g. 2026-11-22T20:00:00Z"),
  v.check((given) => Number.isFinite(Date.parse(given)), "must be a time that exists"),
);
const serial = v.pipe(
  v.number("must be a number"),
  v.safeInteger("must be a whole number"),
  v.minValue(1, "must be at least 1"),
);
const hash = matching(/^[0-9a-f]{64}$/, "must be a SHA-256 in hex");

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
const tagNodesSchema = v.array(nodeNameSchema, list);
const postbootIndexSchema = v.record(
  nodeNameSchema,
  v.strictObject({
    path: line("must be a path"),
    sha256: hash,
    size: v.pipe(v.number("must be a number"), v.safeInteger(), v.minValue(0)),
  }, object),
  object,
);
const instructionsSchema = v.strictObject({
  type: v.literal("postboot", "must be postboot"),
  node: nodeNameSchema,
  serial,
  issued: instantSchema,
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
  timestamp: "psyopsOS/timestamp.json",
  root: "psyopsOS/root.json",
  global: "psyopsOS/global.json",
  postbootIndex: "psyopsOS/postboot.json",
  node: (name: string) => `psyopsOS/nodes/${name}.json`,
  tagNodes: (tag: string) => `psyopsOS/tags/${tag}/nodes.json`,
  /** What signatures and bins call it; the bytes are at its `storedPath`, which has the hash in its name. */
  postboot: (name: string) => `psyopsOS/postboot/${name}.age`,
} as const;

/** Reads `psyopsOS/global.json`. @throws {RefusedError} "schema", as all readers here. */
export function parseGlobalDocument(bytes: Uint8Array): GlobalDocument {
  return parse(globalDocumentSchema, bytes, SITE_PATHS.global);
}

/** Reads a node's public document; `name` is whose it must be. */
export function parseNodeDocument(bytes: Uint8Array, name: string): NodeDocument {
  const path = SITE_PATHS.node(name);
  const document = parse(nodeDocumentSchema, bytes, path);
  if (document.name !== name) throw refused(path, `is about node ${document.name}`);
  return document;
}

/** Reads `psyopsOS/tags/<tag>/nodes.json`: the names of the nodes that bear the tag. */
export function parseTagNodes(bytes: Uint8Array, tag: string): string[] {
  return parse(tagNodesSchema, bytes, SITE_PATHS.tagNodes(tag));
}

/** Reads `psyopsOS/postboot.json`. */
export function parsePostbootIndex(bytes: Uint8Array): PostbootIndex {
  return parse(postbootIndexSchema, bytes, SITE_PATHS.postbootIndex);
}

/** Reads the decrypted content of `psyopsOS/postboot/<name>.age`. Its signature is still to be verified. */
export function parseEnvelope(bytes: Uint8Array, name: string): Envelope {
  return parse(envelopeSchema, bytes, SITE_PATHS.postboot(name));
}

/**
 * Reads the verified payload of an envelope.
 *
 * @throws {RefusedError} "schema", or "node" when it is meant for another node than `name`.
 */
export function parseInstructions(bytes: Uint8Array, name: string): Instructions {
  const path = SITE_PATHS.postboot(name);
  const instructions = parse(instructionsSchema, bytes, path);
  if (instructions.node !== name) {
    throw new RefusedError("node", `Cannot use ${path}: it is for node ${instructions.node}`, {
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

function parse<Schema extends v.GenericSchema>(
  schema: Schema,
  bytes: Uint8Array,
  path: string,
): v.InferOutput<Schema> {
  if (bytes.length > MAX_DOCUMENT_BYTES) {
    throw refused(path, `is over ${MAX_DOCUMENT_BYTES} bytes`);
  }
  let value: unknown;
  try {
    value = JSON.parse(text(bytes));
  } catch {
    // The parser's message quotes the text, which may be a secret.
    throw refused(path, "is not JSON in UTF-8");
  }
  const result = v.safeParse(schema, value, { abortEarly: true });
  if (result.success) {
    const [forbidden] = forbiddenKeys(value);
    if (forbidden) throw refused(path, `${forbidden.join(".")}: key not allowed`);
    return result.output;
  }
  const issue = result.issues[0];
  const place = v.getDotPath(issue) ?? "the document";
  throw refused(path, `${place}: ${ruleOf(issue)}`);
}

const FORBIDDEN = ["__proto__", "constructor", "prototype"];

/** Paths of keys that JavaScript objects treat specially; the schema library skips them without a word. */
export function forbiddenKeys(value: unknown, path: readonly string[] = []): string[][] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, item]) =>
    FORBIDDEN.includes(key) ? [[...path, key]] : forbiddenKeys(item, [...path, key])
  );
}

/** What an issue says, without the value that broke the rule. */
export function ruleOf(issue: v.BaseIssue<unknown>): string {
  if (issue.type !== "strict_object" || issue.expected === "Object") return issue.message;
  return issue.expected === "never" ? "unknown key" : "is missing";
}

function refused(path: string, state: string): RefusedError {
  return new RefusedError("schema", `Cannot read ${path}: ${state}`, { document: path });
}

/** Whether `given` holds a key type and a key blob that says the same type; options may stand before. */
function isSshKeyLine(given: string): boolean {
  const match =
    /(?:^|\s)((?:sk-)?(?:ssh-(?:ed25519|rsa)|ecdsa-sha2-nistp(?:256|384|521))(?:@openssh\.com)?) ([A-Za-z0-9+/]+={0,2})(?:\s|$)/
      .exec(given);
  if (!match) return false;
  const [, type = "", blob = ""] = match;
  if (!isBase64(blob)) return false;
  const bytes = decodeBase64(blob);
  const prefix = new Uint8Array([0, 0, 0, type.length, ...new TextEncoder().encode(type)]);
  return bytes.length > prefix.length && prefix.every((byte, i) => bytes[i] === byte);
}

function isFilePath(given: string): boolean {
  if (!/^(?:\/[^/]+)+$/.test(given)) return false;
  const parts = given.slice(1).split("/");
  return !parts.some((part) => part === "." || part === "..") &&
    !["proc", "sys", "dev"].includes(parts[0]!);
}

function isBase64(given: string): boolean {
  try {
    decodeBase64(given);
    return true;
  } catch {
    return false;
  }
}
