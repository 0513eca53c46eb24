/**
 * JSON Schemas of a fleet's files, for editors: what may stand where, what it means, what its default is. Made from the very
 * schemas by which the site build reads the files; rules that JSON Schema can't say are left to the build.
 *
 * An editor has to be told of the tag `!age` (`"yaml.customTags": ["!age scalar"]`, as in `.vscode/settings.json`).
 *
 * @module
 */
import type { JsonSchema } from "@valibot/to-json-schema";
import type * as v from "valibot";
import type { Host } from "../../lib/host.ts";
import { FIELD_FACTS, type FieldFacts } from "../../lib/schema/words.ts";
import { fileSchema } from "./fleet_schema.ts";
import { FILE_KINDS, type FileKind, SCHEMA_FOLDER } from "./schema_line.ts";

/** A file of each kind. */
const EXAMPLES: Record<FileKind, string> = {
  global: "global.yaml",
  tag: "tags/x.yaml",
  node: "x.yaml",
  "os-update": "os-update.yaml",
};

/** The schemas by path below the nodes directory. */
export async function editorSchemas(): Promise<Map<string, string>> {
  // Only who writes schemas has to wait for this.
  const { toJsonSchema } = await import("@valibot/to-json-schema");
  const convert = (schema: v.GenericSchema) =>
    toJsonSchema(schema, {
      errorMode: "ignore",
      overrideAction: ({ jsonSchema }) => withFacts(jsonSchema),
    });
  return new Map(FILE_KINDS.map((kind) => {
    const { $schema, ...schema } = convert(fileSchema(EXAMPLES[kind]));
    const whole = tidy({
      $schema,
      title: `psyopsOS, ${EXAMPLES[kind]}`,
      ...schema,
      properties: withSecrets(schema.properties ?? {}),
    });
    return [`${SCHEMA_FOLDER}/${kind}.json`, `${JSON.stringify(whole, null, 2)}\n`];
  }));
}

/** Writes the schemas beside the fleet's files where they are missing or of another version. */
export async function writeEditorSchemas(host: Host, nodes: string): Promise<void> {
  await host.mkdir(`${nodes}/${SCHEMA_FOLDER}`);
  for (const [path, text] of await editorSchemas()) {
    const file = `${nodes}/${path}`;
    if (await host.stat(file) && await host.readTextFile(file) === text) continue;
    await host.writeFile(file, text);
  }
}

/** Says in words what JSON Schema has no place for. */
function withFacts(schema: JsonSchema): JsonSchema {
  const { [FIELD_FACTS]: facts, description = "", ...rest } = schema as JsonSchema & {
    [FIELD_FACTS]?: FieldFacts;
  };
  if (!facts) return schema;
  const { default: given, since, secrecy } = facts;
  const words = [
    description,
    ...given === undefined ? [] : [`Default: ${given}.`],
    ...secrecy === "open" ? ["No secret, wherever it stands."] : [],
    ...secrecy === "secret" ? ["Secret: taken below private only."] : [],
    ...since === undefined ? [] : [`Since agent ${since}.`],
  ];
  return { ...rest, description: words.join(" ") };
}

/** Below `private` any single value may be encrypted: armored text, whatever it is in the end. */
function withSecrets(properties: Record<string, unknown>): Record<string, unknown> {
  return "private" in properties
    ? { ...properties, private: orArmored(properties.private as JsonSchema) }
    : properties;
}

const ARMORED = { type: "string", pattern: "^-----BEGIN AGE ENCRYPTED FILE-----" } as const;

function orArmored(schema: JsonSchema): JsonSchema {
  const { properties, additionalProperties, items, description, ...rest } = schema;
  if (properties || additionalProperties || items) {
    return {
      ...schema,
      ...properties && {
        properties: Object.fromEntries(
          Object.entries(properties).map(([key, one]) => [key, orArmored(one as JsonSchema)]),
        ),
      },
      ...typeof additionalProperties === "object" && {
        additionalProperties: orArmored(additionalProperties),
      },
      ...typeof items === "object" && { items: orArmored(items as JsonSchema) },
    };
  }
  // A layer may say null of what it takes away.
  if (rest.anyOf) {
    const either = rest.anyOf.map((one) => isNull(one) ? one : orArmored(one as JsonSchema));
    return { ...schema, anyOf: either };
  }
  // Any text is allowed already.
  if (rest.type === "string" && Object.keys(rest).length === 1) return schema;
  return { ...description === undefined ? {} : { description }, anyOf: [rest, ARMORED] };
}

function isNull(schema: unknown): boolean {
  return (schema as JsonSchema).type === "null";
}

/** Without lists that say nothing. */
function tidy(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(tidy);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key, one]) => !(key === "required" && Array.isArray(one) && one.length === 0))
      .map(([key, one]) => [key, tidy(one)]),
  );
}
