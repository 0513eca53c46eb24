/**
 * How configurations are laid over each other: `global` < the node's tags in the order it lists them < the node; within
 * one file `config` < `private`. Mappings merge key by key, lists and plain values replace, and `null` takes away what lower
 * layers said. A field that is set may also remove other fields of its mapping that lower layers set (`replaces` in its facts).
 *
 * What was taken away stays marked until {@linkcode settled}, so that layers merged in any grouping give the same.
 *
 * @module
 */
import type * as v from "valibot";
import { below } from "../schema/paths.ts";
import { factsOf } from "../schema/words.ts";

/** Marks a mapping that was set anew after it had been taken away: nothing that lower layers say of it counts. */
const ANEW = Symbol("anew");

type Mapping = Record<string, unknown> & { [ANEW]?: true };

/** All `layers` of a value of `schema` in one layer, later ones over earlier ones. The layers are not changed. */
export function mergeLayers(schema: v.GenericSchema, layers: readonly object[]): object {
  let merged: Mapping = {};
  for (const layer of layers) merged = mergeMappings(schema, merged, layer as Mapping);
  return merged;
}

/**
 * What a merged layer of a value of `schema` says, when there is none below it: without marks of what was taken away, but for
 * what its field says stands for them ({@linkcode FieldFacts.removed}).
 */
export function settled(
  schema: v.GenericSchema | undefined,
  layer: object,
): Record<string, unknown> {
  const kept = Object.entries(layer).flatMap(([key, value]) => {
    const field = below(schema, key);
    if (isMapping(value)) return [[key, settled(field, value)]];
    if (value !== null) return [[key, value]];
    const stands = field && factsOf(field)?.removed;
    return stands === undefined ? [] : [[key, stands]];
  });
  return Object.fromEntries(kept);
}

/** A list that stands in place of one of a lower layer. */
export interface ReplacedList {
  path: readonly string[];
  /** Index of the layer that it is in. */
  layer: number;
}

/** The lists in `layers` that replace another one, lower layers first. */
export function replacedLists(layers: readonly object[]): ReplacedList[] {
  const found: ReplacedList[] = [];
  const visit = (under: unknown, over: Mapping, layer: number, path: readonly string[]) => {
    for (const [key, value] of Object.entries(over)) {
      const known = isMapping(under) ? under[key] : undefined;
      const at = [...path, key];
      const isOther = JSON.stringify(value) !== JSON.stringify(known);
      if (Array.isArray(value) && Array.isArray(known) && isOther) found.push({ path: at, layer });
      else if (isMapping(value)) visit(known, value, layer, at);
    }
  };
  let merged: Mapping = {};
  for (const [i, layer] of layers.entries()) {
    visit(merged, layer as Mapping, i, []);
    merged = mergeMappings(undefined, merged, layer as Mapping);
  }
  return found;
}

function mergeMappings(
  schema: v.GenericSchema | undefined,
  under: Mapping,
  over: Mapping,
): Mapping {
  const out: Mapping = over[ANEW] ? { [ANEW]: true } : { ...under };
  for (const key of Object.keys(over)) {
    const field = below(schema, key);
    for (const replaced of (field && factsOf(field)?.replaces) ?? []) delete out[replaced];
  }
  for (const [key, value] of Object.entries(over)) {
    const known = out[key];
    if (!isMapping(value)) out[key] = value;
    else {
      const merged = mergeMappings(below(schema, key), isMapping(known) ? known : {}, value);
      out[key] = known === null ? { ...merged, [ANEW]: true } : merged;
    }
  }
  return out;
}

function isMapping(value: unknown): value is Mapping {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
