/**
 * The fleet as its administrator writes it: `global.yaml`, `tags/<tag>.yaml` and one `<node>.yaml` per machine.
 * Reading is pure ({@linkcode parseFleet}); {@linkcode loadFleet} fetches the files. All problems of all files are found
 * in one go, each with file, line and column.
 *
 * @module
 */
import * as v from "valibot";
import { closest } from "../lib/cli/closest.ts";
import { UserError } from "../lib/errors.ts";
import type { Host } from "../lib/host.ts";
import { isNodeName, TAG_NAME } from "../lib/identity/names.ts";
import { isRecipient } from "../lib/trust/age.ts";
import {
  type NodeConfig,
  nodeConfigSchema,
  notesSchema,
  recipientSchema,
  sshHostKeySchema,
  tagsSchema,
} from "./document.ts";
import { mergeConfig, mergedProblems } from "./merge.ts";
import { type Problem, problemText, readYaml, type YamlFile } from "./yaml_file.ts";

/** Most problems that one message tells. */
const MAX_PROBLEMS_SHOWN = 20;

/** What global, a tag or a node says. */
export interface Layer {
  notes?: string;
  /** Readable by everyone. */
  config: NodeConfig;
  /** Leaves the administrator's machine only encrypted to a node. */
  private: NodeConfig;
}

/** One machine. */
export interface FleetNode extends Layer {
  name: string;
  /** age recipient whose identity is on the node's drive. */
  recipient: string;
  /** Public line of the SSH host key on the node's drive. */
  sshHostKey?: string;
  /** In the order in which they are laid over each other. */
  tags: string[];
}

/** All that is known of a fleet. */
export interface Fleet {
  global: Layer;
  tags: Map<string, Layer>;
  /** Sorted by name. */
  nodes: FleetNode[];
}

const layerEntries = {
  notes: v.optional(notesSchema),
  config: v.optional(nodeConfigSchema, {}),
  private: v.optional(nodeConfigSchema, {}),
};
const layerSchema = v.strictObject(layerEntries, "must be a mapping");
const nodeSchema = v.strictObject({
  recipient: v.pipe(
    recipientSchema,
    v.check(isRecipient, "must be an age recipient: its checksum is wrong"),
  ),
  sshHostKey: v.optional(sshHostKeySchema),
  tags: v.optional(tagsSchema, []),
  ...layerEntries,
}, "must be a mapping");

/** A node's public configuration: no `private` part of any layer is in it. */
export function publicConfig(fleet: Fleet, node: FleetNode): NodeConfig {
  return mergeConfig(layersOf(fleet, node).map((layer) => layer.config));
}

/** A node's whole configuration, secrets included. */
export function wholeConfig(fleet: Fleet, node: FleetNode): NodeConfig {
  return mergeConfig(layersOf(fleet, node).flatMap((layer) => [layer.config, layer.private]));
}

function layersOf(fleet: Fleet, node: FleetNode): Layer[] {
  const tags = node.tags.map((tag) => fleet.tags.get(tag)!);
  return [fleet.global, ...tags, node];
}

/**
 * Reads a fleet from its files: path below the nodes directory to text. `directory` stands before paths in messages.
 *
 * @throws {UserError} with all problems.
 */
export function parseFleet(files: ReadonlyMap<string, string>, directory = "nodes"): Fleet {
  const problems: Problem[] = [];
  const read = <Schema extends v.GenericSchema>(path: string, schema: Schema) => {
    const result = readYaml(`${directory}/${path}`, files.get(path) ?? "", schema);
    if (!Array.isArray(result)) return result;
    problems.push(...result);
  };
  const global = read("global.yaml", layerSchema)?.value ?? { config: {}, private: {} };
  const tags = new Map<string, Layer>();
  const nodes: { node: FleetNode; source: YamlFile<unknown> }[] = [];
  const tagNames: string[] = [];
  for (const path of [...files.keys()].sort()) {
    const place = { file: `${directory}/${path}`, line: 1, column: 1 };
    const [, tag, name] = /^(?:tags\/(.+)|([^/]+))\.yaml$/.exec(path) ?? [];
    if (path === "global.yaml") continue;
    if (tag !== undefined) {
      tagNames.push(tag);
      if (!TAG_NAME.test(tag)) problems.push({ ...place, message: "not a valid tag name" });
      const layer = read(path, layerSchema);
      if (layer) tags.set(tag, layer.value);
    } else if (name !== undefined) {
      if (!isNodeName(name)) problems.push({ ...place, message: "not a valid node name" });
      const source = read(path, nodeSchema);
      if (source) nodes.push({ node: { name, ...source.value }, source });
    }
  }
  for (const { node, source } of nodes) {
    for (const [i, tag] of node.tags.entries()) {
      if (tagNames.includes(tag)) continue;
      const near = closest(tag, tagNames);
      problems.push(source.problemAt(
        ["tags", i],
        `unknown tag ${tag}${
          near ? `, did you mean ${near}?` : ""
        } (a tag is a file ${directory}/tags/${tag}.yaml)`,
      ));
    }
  }
  for (const key of ["recipient", "sshHostKey"] as const) {
    const owners = new Map<string, string>();
    for (const { node, source } of nodes) {
      const value = node[key]?.split(" ").slice(0, 2).join(" ");
      if (value === undefined) continue;
      const owner = owners.get(value);
      if (owner === undefined) owners.set(value, node.name);
      else problems.push(source.problemAt([key], `${key} is that of node ${owner}`));
    }
  }
  const fleet = {
    global,
    tags,
    nodes: nodes.map(({ node }) => node).sort((a, b) => a.name < b.name ? -1 : 1),
  };
  if (problems.length === 0) {
    for (const { node, source } of nodes) {
      for (const config of [publicConfig(fleet, node), wholeConfig(fleet, node)]) {
        for (const message of mergedProblems(config)) {
          const problem = source.problemAt([], `once merged, ${message}`);
          if (!problems.some((known) => known.message === problem.message)) problems.push(problem);
        }
      }
    }
  }
  if (problems.length > 0) throw fleetError(problems);
  return fleet;
}

/** Reads the fleet in `directory`. @throws {UserError} when there is none, or with all problems. */
export async function loadFleet(host: Host, directory: string): Promise<Fleet> {
  const files = new Map<string, string>();
  if ((await host.stat(directory))?.kind !== "directory") {
    throw new UserError(`Cannot read the fleet: there is no directory ${directory}`, {
      hint: "deno task node new NAME --site URL makes a first node",
    });
  }
  for (const [prefix, at] of [["", directory], ["tags/", `${directory}/tags`]] as const) {
    for (const name of await host.readDir(at)) {
      if (name.startsWith(".")) continue;
      if (name.endsWith(".yml")) {
        throw new UserError(`Cannot read ${at}/${name}: its name must end in .yaml`);
      }
      if (!name.endsWith(".yaml")) continue;
      try {
        files.set(prefix + name, await host.readTextFile(`${at}/${name}`));
      } catch (error) {
        throw new UserError(`Cannot read ${at}/${name}: it is no readable text file`, {
          cause: error,
        });
      }
    }
  }
  return parseFleet(files, directory);
}

function fleetError(problems: readonly Problem[]): UserError {
  const [first, ...rest] = problems.map(problemText);
  const shown = rest.slice(0, MAX_PROBLEMS_SHOWN);
  const more = rest.length - shown.length;
  if (more > 0) shown.push(`and ${more} more`);
  return new UserError(`Cannot read the fleet: ${first}`, {
    hint: shown.length > 0 ? shown.join("\n  ") : undefined,
  });
}
