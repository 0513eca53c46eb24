/**
 * How configurations are laid over each other: `global` < the node's tags in the order it lists them < the node; within
 * one file `config` < `private`. Mappings merge key by key, lists and plain values replace. One exception: a file's
 * `content` brings its own `encoding`, since text read with an inherited encoding would be something else.
 *
 * @module
 */
import type { NodeConfig } from "../documents/site.ts";

type Mapping = Record<string, unknown>;

/** All `layers` in one, later ones over earlier ones. The layers are not changed. */
export function mergeConfig(layers: readonly NodeConfig[]): NodeConfig {
  let merged: Mapping = {};
  for (const layer of layers) merged = mergeMappings(merged, layer);
  return merged;
}

function mergeMappings(under: Mapping, over: Mapping): Mapping {
  const out = { ...under };
  if ("content" in over && !("encoding" in over)) delete out.encoding;
  for (const [key, value] of Object.entries(over)) {
    const below = out[key];
    out[key] = isMapping(value) ? mergeMappings(isMapping(below) ? below : {}, value) : value;
  }
  return out;
}

function isMapping(value: unknown): value is Mapping {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** What is wrong with a merged configuration though each of its layers is right; places as dotted names. */
export function mergedProblems(config: NodeConfig): string[] {
  const problems: string[] = [];
  const byUid = new Map<number, string>();
  for (const [name, { uid }] of Object.entries(config.users ?? {})) {
    if (uid === undefined) continue;
    const other = byUid.get(uid);
    if (other !== undefined) problems.push(`users ${other} and ${name} have the same uid`);
    byUid.set(uid, name);
  }
  const paths = Object.keys(config.files ?? {});
  const files = new Set(paths);
  for (const path of paths) {
    for (let at = path.lastIndexOf("/"); at > 0; at = path.lastIndexOf("/", at - 1)) {
      const parent = path.slice(0, at);
      if (files.has(parent)) problems.push(`file ${parent} would be the directory of ${path}`);
    }
  }
  return problems;
}
