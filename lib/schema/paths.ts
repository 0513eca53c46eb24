/**
 * Walks a schema by the path of a value: what belongs there, which keys are known.
 *
 * @module
 */
import type * as v from "valibot";

/** What is known of a schema from outside. */
export interface SchemaParts {
  type: string;
  key?: v.GenericSchema;
  entries?: Record<string, v.GenericSchema>;
  value?: v.GenericSchema;
  item?: v.GenericSchema;
  wrapped?: v.GenericSchema;
}

/** `schema` without what is wrapped around it. */
export function unwrapped(schema: v.GenericSchema | undefined): SchemaParts | undefined {
  let inner = schema as SchemaParts | undefined;
  while (inner?.wrapped) inner = inner.wrapped as unknown as SchemaParts;
  return inner;
}

/** The schema of what `key` holds in a value of `schema`. */
export function below(
  schema: v.GenericSchema | undefined,
  key: unknown,
): v.GenericSchema | undefined {
  const inner = unwrapped(schema);
  const name = String(key);
  const entry = inner?.entries && Object.hasOwn(inner.entries, name)
    ? inner.entries[name]
    : undefined;
  return entry ?? inner?.value ?? inner?.item;
}

/** Names of the keys that `schema` knows at `path`. */
export function keysAt(schema: v.GenericSchema, path: readonly unknown[]): string[] {
  return Object.keys(schemaAt(schema, path)?.entries ?? {});
}

/** The schema of what `path` leads to, without what is wrapped around it; undefined when it leads nowhere. */
export function schemaAt(
  schema: v.GenericSchema,
  path: readonly unknown[],
): SchemaParts | undefined {
  let at: v.GenericSchema | undefined = schema;
  for (const key of path) at = below(at, key);
  return unwrapped(at);
}

/** Paths of lists where a mapping belongs; the schema library takes one for the other. */
export function listsAsMappings(
  schema: v.GenericSchema | undefined,
  value: unknown,
  path: string[] = [],
): string[][] {
  if (typeof value !== "object" || value === null) return [];
  const inner = unwrapped(schema);
  if (Array.isArray(value) && (inner?.entries || inner?.value)) return [path];
  return Object.entries(value).flatMap(([key, item]) =>
    listsAsMappings(below(schema, key), item, [...path, key])
  );
}
