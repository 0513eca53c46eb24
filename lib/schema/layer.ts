/**
 * What one layer of a configuration may say: less than the whole, because other layers say the rest, and `null` where it
 * takes away what they said. What must be there, and what must hold between fields, is asked of the merged whole.
 *
 * @module
 */
import * as v from "valibot";

/** A part of a `Whole`, with `null` for what is taken away. */
export type Part<Whole> = Whole extends readonly unknown[] ? Whole
  : Whole extends object ? { [Name in keyof Whole]?: Part<Whole[Name]> | null }
  : Whole;

/** What valibot's schemas are made of, as far as mappings go. */
interface Made {
  type: string;
  pipe?: readonly [v.GenericSchema, ...{ kind: string }[]];
  wrapped?: v.GenericSchema;
  entries?: Record<string, v.GenericSchema>;
  key?: v.GenericSchema<string, string>;
  value?: v.GenericSchema;
  message?: string;
}

/** The schema of one layer of what `schema` is the whole of. */
export function partOf<Schema extends v.GenericSchema>(
  schema: Schema,
): v.GenericSchema<unknown, Part<v.InferOutput<Schema>>> {
  return derived(schema) as v.GenericSchema<unknown, Part<v.InferOutput<Schema>>>;
}

/** Of as many items as there are; the library's types count them. */
const pipe = v.pipe as unknown as (...items: unknown[]) => v.GenericSchema;

function derived(schema: v.GenericSchema): v.GenericSchema {
  const { type, pipe: items, wrapped, entries, key, value, message } = schema as unknown as Made;
  if (type === "optional") return derived(wrapped!);
  if (items) {
    const [root, ...rest] = items;
    const inner = derived(root);
    // A rule for a mapping with certain fields holds once they are all there.
    const kept = entries ? rest.filter(({ kind }) => kind !== "validation") : rest;
    return pipe(inner, ...kept);
  }
  const removable = (field: v.GenericSchema) => v.nullable(derived(field));
  if (entries) {
    const parts = Object.entries(entries).map(([name, field]) => [
      name,
      v.optional(removable(field)),
    ]);
    return v.strictObject(Object.fromEntries(parts), message);
  }
  return key && value ? v.record(key, removable(value), message) : schema;
}
