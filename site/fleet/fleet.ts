/**
 * The fleet as its administrator writes it: `global.yaml`, `tags/<tag>.yaml` and one `<node>.yaml` per machine.
 * Reading is pure ({@linkcode parseFleet}); {@linkcode loadFleet} fetches the files. All problems of all files are found
 * in one go, each with file, line and column.
 *
 * @module
 */
import * as v from "valibot";
import { text } from "../../lib/bytes.ts";
import { closest } from "../../lib/cli/closest.ts";
import {
  mergeConfig,
  mergedProblems,
  type NodeConfig,
  nodeConfigSchema,
} from "../../lib/config/mod.ts";
import { isNodeName, TAG_NAME } from "../../lib/documents/names.ts";
import { type UpdatePolicy, updatePolicySchema } from "../../lib/documents/os_update.ts";
import {
  notesSchema,
  recipientSchema,
  sshHostKeySchema,
  tagsSchema,
} from "../../lib/documents/site.ts";
import { UserError } from "../../lib/errors.ts";
import type { Host } from "../../lib/host.ts";
import { instant, mapping } from "../../lib/schema/fields.ts";
import { described } from "../../lib/schema/words.ts";
import { isRecipient, MAX_KEYS } from "../../lib/trust/age.ts";
import { isPostQuantum } from "../../lib/trust/age_value.ts";
import type { NodeOutputs } from "../build/build.ts";
import { type FileKind, fileKind } from "./schema_line.ts";
import { unseal, type Unsealed } from "./sealed.ts";
import {
  type CheckOptions,
  checkYaml,
  type ParsedYaml,
  parseYaml,
  placeOf,
  type Problem,
  problemText,
  type YamlFile,
} from "./yaml_file.ts";

/** The file beside the nodes' that says which release goes where. */
export const UPDATE_FILE = "os-update.yaml";
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

/** What is public of a node beside its configuration. */
export interface KnownFacts {
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

/** One machine. */
export interface FleetNode extends KnownFacts, Layer {
  name: string;
  /** What an earlier build made of it, if that still holds; then its configuration has not been read. */
  known?: NodeOutputs;
}

/** All that is known of a fleet. */
export interface Fleet {
  /** age recipients of the administrators: secrets in the files are encrypted to these. */
  admins: string[];
  global: Layer;
  tags: Map<string, Layer>;
  /** Sorted by name. */
  nodes: FleetNode[];
  /** What `os-update.yaml` says of releases and channels. */
  osUpdate?: UpdatePolicy;
}

const layerEntries = {
  notes: v.optional(described(notesSchema, "For people; readable by everyone on the site.")),
  config: v.optional(
    described(nodeConfigSchema, "What nodes are told; readable by everyone on the site."),
    {},
  ),
  private: v.optional(
    described(
      nodeConfigSchema,
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
const layerSchema = mapping(layerEntries);
const globalSchema = mapping({
  admins: v.optional(
    described(
      adminsSchema,
      "age recipients of the administrators: secrets in the fleet's files are encrypted to these.",
    ),
    [],
  ),
  ...layerEntries,
});
const nodeSchema = mapping({
  recipient: described(anyRecipient, "age recipient whose identity is on the node's drive."),
  sshHostKey: v.optional(
    described(sshHostKeySchema, "Public line of the SSH host key that is on the node's drive."),
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

/** A node's public configuration: no `private` part of any layer is in it. */
export function publicConfig(fleet: Fleet, node: FleetNode): NodeConfig {
  return mergeConfig(layersOf(fleet, node).map((layer) => layer.config));
}

/** A node's whole configuration, secrets included. */
export function wholeConfig(fleet: Fleet, node: FleetNode): NodeConfig {
  return mergeConfig(layersOf(fleet, node).flatMap((layer) => [layer.config, layer.private]));
}

function layersOf(fleet: Fleet, node: FleetNode): Layer[] {
  if (node.known) throw new TypeError(`The configuration of ${node.name} has not been read`);
  const tags = node.tags.map((tag) => fleet.tags.get(tag)!);
  return [fleet.global, ...tags, node];
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

/** The first half of {@linkcode parseFleet}. Its `problems` are thrown by the second. */
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

/**
 * Reads a fleet from its files: path below the nodes directory to text. `directory` stands before paths in messages;
 * `unsealed` holds the plaintext of `!age` values.
 *
 * @throws {UserError} with all problems.
 */
export function parseFleet(
  files: ReadonlyMap<string, string>,
  directory = "nodes",
  unsealed?: Unsealed,
): Fleet {
  return assembleFleet(parseFiles(files, directory), { unsealed });
}

/** The second half of {@linkcode parseFleet}. With `survey`, secrets are left out and not to be relied on. */
export function assembleFleet(
  given: FleetFiles,
  options: CheckOptions & { known?: ReadonlyMap<string, FleetNode> },
): Fleet {
  const { directory, files } = given;
  const problems: Problem[] = [...given.problems];
  const read = <Schema extends v.GenericSchema>(path: string, schema: Schema) => {
    const parsed = files.get(path);
    if (!parsed) return undefined;
    const result = checkYaml(parsed, schema, options);
    if (!Array.isArray(result)) return result;
    problems.push(...result);
  };
  const { admins, ...global } = read("global.yaml", globalSchema)?.value ??
    { admins: [], config: {}, private: {} };
  const tags = new Map<string, Layer>();
  const nodes: { node: FleetNode; source: Pick<YamlFile<unknown>, "problemAt"> }[] = [];
  const tagNames: string[] = [];
  for (const path of given.paths) {
    const place = { file: `${directory}/${path}`, line: 1, column: 1 };
    const [, tag, name] = /^(?:tags\/(.+)|([^/]+))\.yaml$/.exec(path) ?? [];
    if (path === "global.yaml" || path === UPDATE_FILE) continue;
    if (tag !== undefined) {
      tagNames.push(tag);
      if (!TAG_NAME.test(tag)) problems.push({ ...place, message: "not a valid tag name" });
      const layer = read(path, layerSchema);
      if (layer) tags.set(tag, layer.value);
    } else if (name !== undefined) {
      const known = options.known?.get(path);
      if (known) {
        // Its places are not known: loadFleet reads all files when there is a problem.
        nodes.push({ node: known, source: { problemAt: (_, message) => ({ ...place, message }) } });
        continue;
      }
      if (!isNodeName(name)) problems.push({ ...place, message: "not a valid node name" });
      const source = read(path, nodeSchema);
      if (source) nodes.push({ node: { name, ...source.value }, source });
    }
  }
  const osUpdate = files.has(UPDATE_FILE) ? read(UPDATE_FILE, updatePolicySchema) : undefined;
  for (const [channel, { canaries = [] }] of Object.entries(osUpdate?.value.channels ?? {})) {
    for (const [i, name] of canaries.entries()) {
      if (isNodeName(name) && given.paths.includes(`${name}.yaml`)) continue;
      const near = closest(name, nodes.map(({ node }) => node.name));
      problems.push(osUpdate!.problemAt(
        ["channels", channel, "canaries", i],
        `unknown node ${name}${near ? `, did you mean ${near}?` : ""}`,
      ));
    }
  }
  const tagNamed = new Set(tagNames);
  for (const { node, source } of nodes) {
    for (const [i, tag] of node.tags.entries()) {
      if (tagNamed.has(tag)) continue;
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
  const fleet: Fleet = {
    admins,
    global,
    tags,
    nodes: nodes.map(({ node }) => node).sort((a, b) => a.name < b.name ? -1 : 1),
    ...(osUpdate ? { osUpdate: osUpdate.value } : {}),
  };
  if (problems.length === 0 && !options.survey) {
    for (const { node, source } of nodes) {
      if (node.known) continue;
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

/** How {@linkcode loadFleet} comes by secrets. */
export interface LoadOptions {
  /** The administrator's age identities; asked for when there is a secret in the files. */
  identities?: () => Promise<readonly string[]>;
  /** Finds nodes that need not be read, by the paths of their files. */
  known?: (texts: ReadonlyMap<string, string>) => Promise<ReadonlyMap<string, FleetNode>>;
}

/** Reads the fleet in `directory`. @throws {UserError} when there is none, or with all problems. */
export async function loadFleet(
  host: Host,
  directory: string,
  options: LoadOptions = {},
): Promise<Fleet> {
  const texts = await readFleetFiles(host, directory);
  const known = await options.known?.(texts);
  if (known && known.size > 0) {
    try {
      return await assembleTexts(texts, directory, options, known);
    } catch (error) {
      // Told again below, with all problems and their places.
      if (!(error instanceof UserError)) throw error;
    }
  }
  return await assembleTexts(texts, directory, options);
}

async function assembleTexts(
  texts: ReadonlyMap<string, string>,
  directory: string,
  options: LoadOptions,
  known?: ReadonlyMap<string, FleetNode>,
): Promise<Fleet> {
  const unread = known ? new Map([...texts].filter(([path]) => !known.has(path))) : texts;
  const given = { ...parseFiles(unread, directory), paths: [...texts.keys()].sort() };
  const sealed = [...given.files.values()].flatMap((file) => file.sealed);
  if (sealed.length === 0 || !options.identities || given.problems.length > 0) {
    // What can't be parsed is told first, without a word about secrets that nobody was asked to decrypt.
    return assembleFleet(given, { known, survey: given.problems.length > 0 });
  }
  const armored = sealed.map((one) => one.armored);
  const unsealed = await unseal(armored, await options.identities());
  return assembleFleet(given, { unsealed, known });
}

/** The texts of the YAML files in `directory`, by path below it. @throws {UserError} when there is no such directory. */
export async function readFleetFiles(host: Host, directory: string): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  if ((await host.stat(directory))?.kind !== "directory") {
    throw new UserError("read the fleet", `there is no directory ${directory}`, {
      hint: "deno task node new NAME --site URL makes a first node",
    });
  }
  for (const [prefix, at] of [["", directory], ["tags/", `${directory}/tags`]] as const) {
    for (const name of await host.readDir(at)) {
      if (name.startsWith(".")) continue;
      if (name.endsWith(".yml")) {
        throw new UserError(`read ${at}/${name}`, "its name must end in .yaml");
      }
      if (!name.endsWith(".yaml")) continue;
      files.set(prefix + name, await readText(host, `${at}/${name}`));
    }
  }
  return files;
}

async function readText(host: Host, file: string): Promise<string> {
  let data: Uint8Array;
  try {
    data = await host.readFile(file);
  } catch (error) {
    throw new UserError(`read ${file}`, "it is no readable file", { cause: error });
  }
  try {
    return text(data);
  } catch {
    // Where the first wrong byte is: the lenient decoder puts a mark in its place.
    const lenient = new TextDecoder().decode(data);
    const place = placeOf(lenient, Math.max(0, lenient.indexOf("\ufffd")));
    throw fleetError([{ file, ...place, message: "not text in UTF-8" }]);
  }
}

function fleetError(problems: readonly Problem[]): UserError {
  const [first = "", ...rest] = problems.map(problemText);
  const shown = rest.slice(0, MAX_PROBLEMS_SHOWN);
  const more = rest.length - shown.length;
  if (more > 0) shown.push(`and ${more} more`);
  return new UserError("read the fleet", first, {
    hint: shown.length > 0 ? shown.join("\n  ") : undefined,
  });
}
