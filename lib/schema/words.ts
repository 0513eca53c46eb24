/**
 * Words and facts that a schema carries for each of its fields: what the field means, in which unit, what it is when it is
 * left out, since which version agents know it, whether it may be shown. The reference, editors' schemas, exposure and the
 * choice of the smallest agent all read them from here.
 *
 * @module
 */
import * as v from "valibot";
import { below, type SchemaParts, unwrapped } from "./paths.ts";

/** What is told of a field beside its words. */
export interface FieldFacts {
  /** First version of the agent that knows the field; absent for what no agent reads. */
  since?: string;
  /** What the number counts, e.g. "seconds". */
  unit?: string;
  /** What counts when the field is left out, as the file would say it or in words. */
  default?: string;
  /**
   * "open": no secret wherever it stands, e.g. a file's mode. "free" (the default): readable by everyone below `config`, a secret
   * below `private`. "secret": taken below `private` alone.
   */
  secrecy?: "open" | "free" | "secret";
  /** Taken encrypted (`!age`) only, and read by who needs it alone: the site build leaves it as it is. */
  sealed?: true;
  /** Whether the site publishes what is in here in clear, so that no field of secrecy "secret" may stand in it. */
  published?: true;
  /**
   * A rule that only the desk applies, where a fleet's files are read: what is wrong with a value (or with its key), completing
   * "<place> …". A node accepts it, because whoever built its site may have known other rules.
   */
  desk?: (value: never, key: string) => string | undefined;
  /** First version of the agent that takes this very value (or its key), where that is later than {@linkcode since}. */
  sinceOf?: (value: never, key: string) => string | undefined;
  /** What stands in the whole where the field was taken away (`null`) and not said again. Default: nothing. */
  removed?: unknown;
  /** Fields of the same mapping that belong to this one: setting it removes what lower layers said of them. */
  replaces?: readonly string[];
}

/** Where a schema's metadata holds its {@linkcode FieldFacts}. */
export const FIELD_FACTS = "psyopsOS";

/** `schema` with words (whole sentences) and facts. */
export const described = <const Schema extends v.GenericSchema>(
  schema: Schema,
  words: string,
  facts: FieldFacts = {},
) => v.pipe(schema, v.description(words), v.metadata({ [FIELD_FACTS]: facts }));

/** Where a schema's metadata holds what its values must be, in words. */
const RULE = "psyopsOS rule";

/** `schema` with what its values must be, e.g. "a host name in lower case". Its messages say "must be" and the same. */
export const ruled = <const Schema extends v.GenericSchema>(schema: Schema, words: string) =>
  v.pipe(schema, v.metadata({ [RULE]: words }));

/** What the values of a schema must be, in words; undefined where it does not say. */
export function ruleWords(schema: v.GenericSchema): string | undefined {
  return v.getMetadata(inner(schema))[RULE] as string | undefined;
}

/** The words of a field, "" for none. */
export function wordsOf(schema: v.GenericSchema): string {
  return v.getDescription(inner(schema)) ?? "";
}

/** The facts of a field; undefined for a schema that was not {@linkcode described}. */
export function factsOf(schema: v.GenericSchema): FieldFacts | undefined {
  return v.getMetadata(inner(schema))[FIELD_FACTS] as FieldFacts | undefined;
}

/** One field of a schema. */
export interface Field {
  /** Names from the top; "<key>" stands for any name of a dictionary, "[]" for any item of a list. */
  path: readonly string[];
  schema: v.GenericSchema;
  parts: SchemaParts;
  required: boolean;
}

/** All fields below `schema`, mappings before what is in them. */
export function fieldsOf(schema: v.GenericSchema, path: readonly string[] = []): Field[] {
  const parts = unwrapped(schema)!;
  const found: Field[] = [];
  const add = (name: string, field: v.GenericSchema, required: boolean) => {
    const at = [...path, name];
    found.push({ path: at, schema: field, parts: unwrapped(field)!, required });
    found.push(...fieldsOf(field, at));
  };
  for (const [name, field] of Object.entries(parts.entries ?? {})) {
    add(name, field, (field as unknown as SchemaParts).type !== "optional");
  }
  if (!parts.entries && parts.value) add("<name>", parts.value, false);
  if (parts.item) add("[]", parts.item, false);
  return found;
}

/** What the rules of the desk say against values in `value`, with the path of each. */
export function deskProblems(
  schema: v.GenericSchema,
  value: unknown,
): { path: readonly string[]; rule: string }[] {
  const problems: { path: readonly string[]; rule: string }[] = [];
  visitValues(schema, value, (field, held, path) => {
    if (held === null) return;
    const rule = factsOf(field)?.desk?.(held as never, path.at(-1) ?? "");
    if (rule !== undefined) problems.push({ path, rule });
  });
  return problems;
}

/** Paths of those fields in `value` that are always secret and stand where everyone can read them. */
export function publishedSecrets(schema: v.GenericSchema, value: unknown): (readonly string[])[] {
  const found: (readonly string[])[] = [];
  visitValues(schema, value, (field, published, root) => {
    if (!factsOf(field)?.published) return;
    visitValues(field, published, (inner, _value, path) => {
      if (factsOf(inner)?.secrecy === "secret") found.push(path);
    }, root);
  });
  return found;
}

/** Calls `visit` with the schema of each value in `value`, of parents before what is in them. */
export function visitValues(
  schema: v.GenericSchema,
  value: unknown,
  visit: (schema: v.GenericSchema, value: unknown, path: readonly string[]) => void,
  path: readonly string[] = [],
): void {
  if (value === undefined) return;
  visit(schema, value, path);
  if (typeof value !== "object" || value === null) return;
  for (const [key, item] of Object.entries(value)) {
    const field = below(schema, key);
    if (field) visitValues(field, item, visit, [...path, key]);
  }
}

function inner(schema: v.GenericSchema): Parameters<typeof v.getMetadata>[0] {
  let at = schema as unknown as { wrapped?: unknown };
  while (at.wrapped) at = at.wrapped as { wrapped?: unknown };
  return at as unknown as Parameters<typeof v.getMetadata>[0];
}
