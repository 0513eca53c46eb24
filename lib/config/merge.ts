/**
 * How configurations are laid over each other: `global` < the node's tags in the order it lists them < the node; within
 * one file `config` < `private`. Mappings merge key by key, lists and plain values replace. A field that is set may
 * also remove other fields of its mapping that lower layers set (`replaces` in its facts).
 *
 * @module
 */
import type * as v from "valibot";
import { below } from "../schema/paths.ts";
import { factsOf } from "../schema/words.ts";

type Mapping = Record<string, unknown>;

/** All `layers` of a value of `schema` in one, later ones over earlier ones. The layers are not changed. */
export function mergeLayers(schema: v.GenericSchema, layers: readonly object[]): Mapping {
  let merged: Mapping = {};
  for (const layer of layers) merged = mergeMappings(schema, merged, layer as Mapping);
  return merged;
}

function mergeMappings(
  schema: v.GenericSchema | undefined,
  under: Mapping,
  over: Mapping,
): Mapping {
  const out = { ...under };
  for (const key of Object.keys(over)) {
    const field = below(schema, key);
    for (const replaced of (field && factsOf(field)?.replaces) ?? []) delete out[replaced];
  }
  for (const [key, value] of Object.entries(over)) {
    const under = out[key];
    out[key] = isMapping(value)
      ? mergeMappings(below(schema, key), isMapping(under) ? under : {}, value)
      : value;
  }
  return out;
}

function isMapping(value: unknown): value is Mapping {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
