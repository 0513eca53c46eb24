/**
 * The schemas of a fleet's files: `global.yaml`, `tags/<tag>.yaml`, `<node>.yaml` and `os-update.yaml`.
 *
 * @module
 */
import * as v from "valibot";
import { layerConfigSchema } from "../../lib/config/mod.ts";
import { updatePolicySchema } from "../../lib/documents/os_update.ts";
import {
  notesSchema,
  recipientSchema,
  sshHostKeySchema,
  tagsSchema,
} from "../../lib/documents/site.ts";
import { anyText, instant, keyLineProblem, mapping } from "../../lib/schema/fields.ts";
import { described } from "../../lib/schema/words.ts";
import { isRecipient, MAX_KEYS } from "../../lib/trust/age.ts";
import { isPostQuantum } from "../../lib/trust/age_value.ts";
import { type FileKind, fileKind } from "./schema_line.ts";

/** The file beside the nodes' that says which release goes where. */
export const UPDATE_FILE = "os-update.yaml";

const layerEntries = {
  notes: v.optional(described(notesSchema, "For people; readable by everyone on the site.")),
  config: v.optional(
    described(layerConfigSchema, "What nodes are told; readable by everyone on the site.", {
      published: true,
    }),
    {},
  ),
  private: v.optional(
    described(
      layerConfigSchema,
      "What nodes are told in secret, laid over config: it leaves this machine encrypted to the nodes alone.",
    ),
    {},
  ),
};
const anyRecipient = v.pipe(
  recipientSchema,
  v.check(isRecipient, "must be an age recipient: its checksum is wrong"),
);
const adminsSchema = v.pipe(
  v.array(anyRecipient, "must be a list"),
  v.maxLength(MAX_KEYS, `must have at most ${MAX_KEYS} entries`),
  v.check((given) => new Set(given).size === given.length, "must not name a recipient twice"),
  // As the age command does: a value is only as safe as its weakest recipient.
  v.check(
    (given) => new Set(given.map(isPostQuantum)).size < 2,
    "must be all post-quantum (age1pq1…) or all not: together they are as weak as the weaker",
  ),
);
/** A tag's file: what global, tags and nodes have in common. */
export const layerSchema = mapping(layerEntries);
export const globalSchema = mapping({
  admins: v.optional(
    described(
      adminsSchema,
      "age recipients of the administrators: secrets in the fleet's files are encrypted to these.",
    ),
    [],
  ),
  secrets: v.optional(
    described(
      v.literal("bound", "must be bound, or left out"),
      "`bound`: a secret that does not say inside where it belongs is refused; deno task secret rekey writes this.",
    ),
  ),
  ...layerEntries,
});
export const nodeSchema = mapping({
  recipient: described(anyRecipient, "age recipient whose identity is on the node's drive."),
  sshHostKey: v.optional(
    described(sshHostKeySchema, "Public line of the SSH host key that is on the node's drive.", {
      desk: keyLineProblem,
    }),
  ),
  seed: v.optional(
    described(
      anyText,
      "What its machine-id, hostid and the like are derived from, encrypted to the administrators; it is on its drives, too. " +
        "deno task node new and renew write it.",
      { sealed: true, secrecy: "secret" },
    ),
  ),
  created: v.optional(described(instant, "When the node's drive was made, in UTC.")),
  tags: v.optional(
    described(
      tagsSchema,
      "Tags, files tags/<tag>.yaml, in the order in which they are laid over each other.",
    ),
    [],
  ),
  ...layerEntries,
});

const SCHEMAS: Record<FileKind, v.GenericSchema> = {
  global: globalSchema,
  tag: layerSchema,
  node: nodeSchema,
  "os-update": updatePolicySchema,
};

/** The schema of a file of the fleet, by its path below the nodes directory. */
export function fileSchema(path: string): v.GenericSchema {
  return SCHEMAS[fileKind(path)];
}

/** What global, a tag or a node says. */
export type Layer = v.InferOutput<typeof layerSchema>;
