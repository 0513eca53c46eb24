/**
 * From the YAML of a fleet's files to the fleet: each file by its schema, then what must hold between them. Pure. All problems
 * of all files are found in one go, each with file, line and column.
 *
 * @module
 */
import type * as v from "valibot";
import { nearest } from "../../lib/nearest.ts";
import { isNodeName, TAG_NAME } from "../../lib/documents/names.ts";
import { type UpdatePolicy, updatePolicySchema } from "../../lib/documents/os_update.ts";
import { UserError } from "../../lib/errors.ts";
import {
  certificateProblems,
  type LayerSource,
  listWarnings,
  type MergedNode,
  mergeNode,
  placed,
  problemsOf,
  rootWarnings,
} from "./merge_nodes.ts";
import { FleetIds } from "./fleet_ids.ts";
import { ownerOf } from "./sealed.ts";
import { globalSchema, type Layer, layerSchema, nodeSchema, UPDATE_FILE } from "./fleet_schema.ts";
import {
  type CheckOptions,
  checkYaml,
  type ParsedYaml,
  parseYaml,
  type Problem,
  problemText,
  type YamlFile,
} from "./yaml_file.ts";

/** What `global.yaml` says where there is none. */
const NOTHING = { admins: [], secrets: undefined, notes: undefined, config: {}, private: {} };

/** Most problems that one message tells. */
const MAX_PROBLEMS_SHOWN = 20;

/** What is public of a node beside its configuration. */
export interface PublicFacts {
  name: string;
  /** age recipient whose identity is on the node's drive. */
  recipient: string;
  /** Public line of the SSH host key on the node's drive. */
  sshHostKey?: string;
  /** When its identity drive was made, in UTC. */
  created?: string;
  /** In the order in which they are laid over each other. */
  tags: string[];
  notes?: string;
}

/** One machine whose file was read, with all layers of its configuration merged. */
export type FleetNode = PublicFacts & MergedNode;

/** One machine whose file was not read, because what an earlier build made of it still holds. */
export interface KnownNode<Outputs> extends PublicFacts {
  known: Outputs;
}

/** Whether a node's file was read. */
export function wasRead<Outputs>(node: FleetNode | KnownNode<Outputs>): node is FleetNode {
  return !("known" in node);
}

/** All that is known of a fleet. `Outputs` is what builds make of nodes; without it all of them were read. */
export interface Fleet<Outputs = never> {
  /** age recipients of the administrators: secrets in the files are encrypted to these. */
  admins: string[];
  global: Layer;
  /** Names of all tags, sorted. */
  tags: string[];
  /** What is allowed and as a rule not meant. */
  warnings: Problem[];
  /** Sorted by name. */
  nodes: (FleetNode | ([Outputs] extends [never] ? never : KnownNode<Outputs>))[];
  /** What `os-update.yaml` says of releases and channels. */
  osUpdate?: UpdatePolicy;
}

/** Whether the fleet says that each of its secrets says where it belongs. */
export function saysBound({ files }: FleetFiles): boolean {
  const global = files.get("global.yaml")?.value as { secrets?: unknown } | null | undefined;
  return global?.secrets === "bound";
}

/** The fleet's files, as far as they are YAML. */
export interface FleetFiles {
  /** As they are named in messages. */
  directory: string;
  /** Paths below the directory, sorted. */
  paths: string[];
  /** Those of them that are YAML. */
  files: Map<string, ParsedYaml>;
  problems: Problem[];
}

/** Reads the YAML of a fleet's files: path below the nodes directory to text. Problems are thrown by {@linkcode assembleFleet}. */
export function parseFiles(texts: ReadonlyMap<string, string>, directory = "nodes"): FleetFiles {
  const files = new Map<string, ParsedYaml>();
  const problems: Problem[] = [];
  const paths = [...texts.keys()].sort();
  for (const path of paths) {
    const parsed = parseYaml(`${directory}/${path}`, texts.get(path)!);
    if (Array.isArray(parsed)) problems.push(...parsed);
    else files.set(path, parsed);
  }
  return { directory, paths, files, problems };
}

/** Tells the place of a problem in a node's file. */
type Places = Pick<YamlFile<unknown>, "problemAt">;

/** A node's own layer, and where what it says stands. */
interface NodeSource extends Places {
  facts: PublicFacts;
  /** Absent for a node that is known. */
  layer?: Layer;
}

/**
 * The fleet of these files. With `survey`, secrets are left out and not to be relied on.
 *
 * @param options `known` are nodes that need not be read, by the paths of their files.
 * @throws {UserError} with all problems.
 */
export function assembleFleet<Outputs = never>(
  given: FleetFiles,
  options: Omit<CheckOptions, "owner"> & { known?: ReadonlyMap<string, KnownNode<Outputs>> },
): Fleet<Outputs> {
  const { directory, files } = given;
  const problems: Problem[] = [...given.problems];
  const mustBeBound = options.mustBeBound || saysBound(given);
  const read = <Schema extends v.GenericSchema>(path: string, schema: Schema) => {
    const parsed = files.get(path);
    if (!parsed) return undefined;
    const result = checkYaml(parsed, schema, { ...options, mustBeBound, owner: ownerOf(path) });
    if (!Array.isArray(result)) return result;
    problems.push(...result);
  };
  const globalFile = read("global.yaml", globalSchema);
  const { admins, secrets: _, ...global } = globalFile?.value ?? NOTHING;
  const atTop = (_path: unknown, message: string) => ({
    ...{ file: `${directory}/global.yaml`, line: 1, column: 1 },
    message,
  });
  const globalSource = { value: global, problemAt: globalFile?.problemAt ?? atTop };
  const tags = new Map<string, LayerSource>();
  const sources: NodeSource[] = [];
  const tagNames: string[] = [];
  for (const path of given.paths) {
    const place = { file: `${directory}/${path}`, line: 1, column: 1 };
    const [, tag, name] = /^(?:tags\/(.+)|([^/]+))\.yaml$/.exec(path) ?? [];
    if (path === "global.yaml" || path === UPDATE_FILE) continue;
    if (tag !== undefined) {
      tagNames.push(tag);
      if (!TAG_NAME.test(tag)) problems.push({ ...place, message: "not a valid tag name" });
      const layer = read(path, layerSchema);
      if (layer) tags.set(tag, layer);
    } else if (name !== undefined) {
      const known = options.known?.get(path);
      if (known) {
        // This file was not parsed, so places are unknown; after a problem loadFleet reads all files again.
        sources.push({ facts: known, problemAt: (_, message) => ({ ...place, message }) });
        continue;
      }
      if (!isNodeName(name)) problems.push({ ...place, message: "not a valid node name" });
      const source = read(path, nodeSchema);
      if (!source) continue;
      const { config, private: secret, seed: _, ...facts } = source.value;
      const layer = { config, private: secret };
      sources.push({ facts: { name, ...facts }, layer, problemAt: source.problemAt });
    }
  }
  const osUpdate = files.has(UPDATE_FILE) ? read(UPDATE_FILE, updatePolicySchema) : undefined;
  if (osUpdate) problems.push(...unknownCanaries(osUpdate, given.paths));
  for (const source of sources) problems.push(...unknownTags(source, tagNames, directory));
  problems.push(...sharedKeys(sources));
  if (problems.length > 0) throw fleetError(problems);

  const warnings = new Map<string, Problem>();
  const ids = new FleetIds();
  const nodes: (FleetNode | KnownNode<Outputs>)[] = sources.map(({ facts, layer, problemAt }) => {
    if (!layer) return options.known!.get(`${facts.name}.yaml`)!;
    const own = { value: layer, problemAt };
    const layers = [globalSource, ...facts.tags.map((tag) => tags.get(tag)!), own];
    const merged = mergeNode(layers);
    if (!options.survey) {
      problems.push(...problemsOf(facts.name, merged, layers));
      problems.push(...certificateProblems(facts.sshHostKey, merged, layers));
    }
    const found = [
      ...listWarnings(layers),
      ...rootWarnings(facts.name, merged, layers),
      ...ids.add(facts.name, merged.whole)
        .map(({ path, message }) => placed(path, message, layers)),
    ];
    for (const warning of found) {
      warnings.set(problemText(warning), warning);
    }
    return { ...facts, ...merged };
  });
  if (problems.length > 0) throw fleetError(problems);
  return {
    admins,
    global,
    tags: [...tags.keys()].sort(),
    warnings: [...warnings.values()],
    nodes: nodes.sort((a, b) => a.name < b.name ? -1 : 1) as Fleet<Outputs>["nodes"],
    ...(osUpdate ? { osUpdate: osUpdate.value } : {}),
  };
}

function unknownCanaries(
  { value, problemAt }: YamlFile<UpdatePolicy>,
  paths: readonly string[],
): Problem[] {
  const names = paths.flatMap((path) => /^([^/]+)\.yaml$/.exec(path)?.[1] ?? []).filter(isNodeName);
  return Object.entries(value.channels).flatMap(([channel, { canaries = [] }]) =>
    canaries.flatMap((name, i) => {
      if (names.includes(name)) return [];
      const near = nearest(name, names);
      const message = `unknown node ${name}${near ? `, did you mean ${near}?` : ""}`;
      return [problemAt(["channels", channel, "canaries", i], message)];
    })
  );
}

function unknownTags(
  { facts, problemAt }: NodeSource,
  tagNames: readonly string[],
  directory: string,
): Problem[] {
  return facts.tags.flatMap((tag, i) => {
    if (tagNames.includes(tag)) return [];
    const near = nearest(tag, tagNames);
    const hint = near ? `, did you mean ${near}?` : "";
    const message = `unknown tag ${tag}${hint} (a tag is a file ${directory}/tags/${tag}.yaml)`;
    return [problemAt(["tags", i], message)];
  });
}

/** Problems of nodes that share a key: a drive was copied, or a line of a node's file. */
function sharedKeys(sources: readonly NodeSource[]): Problem[] {
  const problems: Problem[] = [];
  for (const key of ["recipient", "sshHostKey"] as const) {
    const owners = new Map<string, string>();
    for (const { facts, problemAt } of sources) {
      const value = facts[key]?.split(" ").slice(0, 2).join(" ");
      if (value === undefined) continue;
      const owner = owners.get(value);
      if (owner === undefined) owners.set(value, facts.name);
      else problems.push(problemAt([key], `${key} is that of node ${owner}`));
    }
  }
  return problems;
}

/** One error that tells all problems. */
export function fleetError(problems: readonly Problem[]): UserError {
  const [first = "", ...rest] = problems.map(problemText);
  const shown = rest.slice(0, MAX_PROBLEMS_SHOWN);
  const more = rest.length - shown.length;
  if (more > 0) shown.push(`and ${more} more`);
  return new UserError("read the fleet", first, {
    hint: shown.length > 0 ? shown.join("\n  ") : undefined,
  });
}
