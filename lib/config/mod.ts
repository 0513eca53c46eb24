/**
 * The configuration language: what a node can be told. One file a key; all else follows from the table of keys.
 *
 * @module
 */
import * as v from "valibot";
import { mapping, openMapping } from "../schema/fields.ts";
import { partOf } from "../schema/layer.ts";
import { schemaAt } from "../schema/paths.ts";
import { MISSING, ruleOf } from "../schema/read.ts";
import { factsOf, visitValues } from "../schema/words.ts";
import { check, report } from "./course.ts";
import { directories } from "./directories.ts";
import { dns } from "./dns.ts";
import { doas } from "./doas.ts";
import { files } from "./files.ts";
import { firewall, firewallProblems } from "./firewall.ts";
import { groupProblems, groups } from "./groups.ts";
import { hostname } from "./hostname.ts";
import { hosts } from "./hosts.ts";
import { kernel } from "./kernel.ts";
import type { Admitted, ConfigKey, CourseKey, NodeContext } from "./key.ts";
import { links } from "./links.ts";
import { network } from "./network.ts";
import { ntp } from "./ntp.ts";
import { AGENT_OWNS, type Claim, type Claimed, Owners, parentsOf } from "./owners.ts";
import { mergeLayers, settled } from "./merge.ts";
import { scripts } from "./scripts.ts";
import { ssh } from "./ssh.ts";
import { storage } from "./storage.ts";
import { timezone } from "./timezone.ts";
import { users } from "./users.ts";

/** All keys in the order in which they are applied: later ones need what earlier ones make. */
export const KEYS = {
  kernel,
  hostname,
  network,
  dns,
  hosts,
  timezone,
  storage,
  ntp,
  groups,
  users,
  doas,
  ssh,
  firewall,
  directories,
  files,
  links,
  scripts,
  report,
  check,
} as const;

/** Name of a key. */
export type KeyName = keyof typeof KEYS;
/** Names of all keys, in the order in which they are applied. */
export const KEY_NAMES = Object.keys(KEYS) as KeyName[];

/** Names of the keys that a node applies and tells of. */
export type AppliedName = {
  [Name in KeyName]: (typeof KEYS)[Name] extends { observed: unknown } ? Name : never;
}[KeyName];
/** Names of all {@linkcode AppliedName}s, in the order in which they are applied. */
export const APPLIED_NAMES = KEY_NAMES.filter((name): name is AppliedName =>
  "observed" in KEYS[name]
);

/** What is wanted of a key. */
export type Desired<Name extends KeyName> = ReturnType<(typeof KEYS)[Name]["desired"]>;
/** What a node tells of a key. */
export type ObservedOf<Name extends AppliedName> = v.InferOutput<(typeof KEYS)[Name]["observed"]>;

type Optional<Schemas extends Record<string, v.GenericSchema>> = {
  [Name in keyof Schemas]: v.OptionalSchema<Schemas[Name], undefined>;
};

/** Each schema as an optional entry. */
function optional<Schemas extends Record<string, v.GenericSchema>>(
  schemas: Schemas,
): Optional<Schemas> {
  const entries = Object.entries(schemas).map(([name, schema]) => [name, v.optional(schema)]);
  return Object.fromEntries(entries) as Optional<Schemas>;
}

/** `part` of each of `keys`, by the key's name. */
function partsOf<Keys extends object, Part extends keyof Keys[keyof Keys]>(
  keys: Keys,
  part: Part,
): { [Name in keyof Keys]: Keys[Name][Part] } {
  const parts = Object.entries(keys).map(([name, key]) => [name, key[part]]);
  return Object.fromEntries(parts) as { [Name in keyof Keys]: Keys[Name][Part] };
}

/** The schema of what a node is configured with; both `config` and `private` follow it. */
export const nodeConfigSchema = mapping(optional(partsOf(KEYS, "schema")));
/** A node's configuration. */
export type NodeConfig = v.InferOutput<typeof nodeConfigSchema>;

/** The schema of what one file says, which others complete. */
export const layerConfigSchema = partOf(nodeConfigSchema);
/** What one file says of a configuration. */
export type LayerConfig = v.InferOutput<typeof layerConfigSchema>;

/** What of the keys is applied. */
const APPLIED = Object.fromEntries(APPLIED_NAMES.map((name) => [name, KEYS[name]])) as {
  [Name in AppliedName]: (typeof KEYS)[Name];
};
/** The schema of what a node tells of itself, key by key; keys of later versions are left out. */
export const observedSchema = openMapping(optional(partsOf(APPLIED, "observed")));
/** What a node really is, read back after applying. */
export type Observed = v.InferOutput<typeof observedSchema>;

/** What a configuration wants of the key `name`, defaults included. */
export function desired<Name extends KeyName>(
  name: Name,
  config: NodeConfig,
  node: NodeContext,
): Desired<Name> {
  const key = KEYS[name] as CourseKey<v.GenericSchema, unknown>;
  const admitted = () => admittedBy(config);
  return key.desired(config[name], node, config, admitted) as Desired<Name>;
}

/** What the keys of a configuration need of a firewall, by their names; those that it says nothing of, too. */
export function admittedBy(config: NodeConfig): Record<string, Admitted> {
  const needed = APPLIED_NAMES.flatMap((name) => {
    const { admits } = KEYS[name] as ConfigKey<v.GenericSchema, unknown, v.GenericSchema>;
    const admitted = admits?.(config[name]);
    return admitted ? [[name, admitted] as const] : [];
  });
  return Object.fromEntries(needed);
}

/**
 * Whether `files` holds a file of the key `name`: a site of psyopsOS up to 0.1.0 may be built so. A node then leaves the key
 * alone, or the two would undo each other's work.
 */
export function isLeftToFiles(name: AppliedName, { files = {} }: NodeConfig): boolean {
  const { owns = [], inParts } = KEYS[name] as { owns?: readonly Claim[]; inParts?: true };
  return !inParts && owns.some(([kind, path]) => kind === "path" && files[path] !== undefined);
}

export { type ReplacedList, replacedLists } from "./merge.ts";

/**
 * All `layers` in one, later ones over earlier ones. Whether it is whole, {@linkcode mergedProblems} tells.
 */
export function mergeConfig(layers: readonly LayerConfig[]): NodeConfig {
  return settled(nodeConfigSchema, mergeLayers(nodeConfigSchema, layers)) as NodeConfig;
}

/**
 * `config` without the entries that lack something: what is public of a configuration may need its private part to be whole.
 */
export function wholeEntries(config: NodeConfig): NodeConfig {
  const { issues } = v.safeParse(nodeConfigSchema, config);
  const lacking = issues?.find((issue) => ruleOf(issue) === MISSING);
  if (!lacking) return config;
  // What can be left out: the nearest field around that others do without.
  const path = lacking.path!.map(({ key }) => String(key));
  let at = path.length - 1;
  while (at > 0 && isRequired(path.slice(0, at))) at--;
  return wholeEntries(without(config, path.slice(0, at)) as NodeConfig);
}

/** Whether the mapping around it can't be without the field at `path`. */
function isRequired(path: readonly string[]): boolean {
  const parent = schemaAt(nodeConfigSchema, path.slice(0, -1));
  const field = parent?.entries?.[path.at(-1)!] as { type?: string } | undefined;
  return field !== undefined && field.type !== "optional";
}

function without(value: object, [key, ...rest]: readonly string[]): object {
  const { [key!]: inner, ...others } = value as Record<string, object>;
  return rest.length === 0 ? others : { ...others, [key!]: without(inner!, rest) };
}

/** A merged configuration with all that depends on which part of it is public (`shown`); see {@linkcode CourseKey.settle}. */
export function settleConfig(merged: NodeConfig, shown: NodeConfig): NodeConfig {
  const settled = KEY_NAMES.flatMap((name) => {
    const { settle } = KEYS[name] as CourseKey<v.GenericSchema, unknown>;
    const value = merged[name];
    return settle && value !== undefined ? [[name, settle(value, shown[name])]] : [];
  });
  return { ...merged, ...Object.fromEntries(settled) };
}

/** A problem that only shows once layers are merged. */
export interface MergedProblem {
  /** Where, from the top of the configuration. */
  path: readonly string[];
  /** A line that names the place. */
  message: string;
}

/** Problems of a merged configuration that none of its layers has by itself. */
export function mergedProblems(config: NodeConfig): MergedProblem[] {
  const { issues = [] } = v.safeParse(nodeConfigSchema, config);
  if (issues.length > 0) {
    // What the keys themselves look for is asked of whole values alone.
    return issues.map((issue) => ({
      path: (issue.path ?? []).map(({ key }) => String(key)),
      message: `${v.getDotPath(issue)} ${ruleOf(issue)}`,
    }));
  }
  const own = KEY_NAMES.flatMap((name) => {
    const key = KEYS[name] as CourseKey<v.GenericSchema, unknown>;
    const problems = config[name] === undefined ? [] : key.problems?.(config[name]) ?? [];
    return problems.map((one) =>
      typeof one === "string"
        ? { path: [name], message: one }
        : { path: [name, ...one.at], message: `${name}.${one.message}` }
    );
  });
  return [
    ...own,
    ...groupProblems(config),
    ...firewallProblems(config, admittedBy(config)),
    ...secondOwners(config),
  ];
}

/** What of a configuration would be somebody else's. */
function secondOwners(config: NodeConfig): MergedProblem[] {
  const owners = new Owners();
  for (const claim of AGENT_OWNS) owners.add(claim, "the agent itself");
  for (const name of APPLIED_NAMES) {
    const { owns = [] } = KEYS[name] as { owns?: readonly Claim[] };
    for (const claim of owns) owners.add(claim, `the key ${name}`);
  }
  const claims = APPLIED_NAMES.flatMap((name) => {
    const key = KEYS[name] as ConfigKey<v.GenericSchema, unknown, v.GenericSchema>;
    const claimed = config[name] === undefined ? [] : key.claims?.(config[name]) ?? [];
    return claimed.map((one) => ({ ...one, path: [name, ...one.at] }));
  });
  const second = claims.flatMap(({ claim, path }) => {
    const owner = owners.add(claim, path.join("."));
    if (owner === undefined) return [];
    const message = `${path.join(".")}: the ${claim[0]} ${claim[1]} belongs to ${owner}`;
    return [{ path, message }];
  });
  return [...second, ...inTheWay(claims)];
}

/** What of a configuration would have to lie below a file or a link of it. */
function inTheWay(claims: readonly (Claimed & { path: readonly string[] })[]): MergedProblem[] {
  const ends = new Map(
    claims.filter(({ claim, holdsOthers }) => claim[0] === "path" && !holdsOthers)
      .map(({ claim, path }) => [claim[1], path.join(".")]),
  );
  return claims.filter(({ claim }) => claim[0] === "path").flatMap(({ claim: [, name], path }) =>
    parentsOf(name).filter((parent) => ends.has(parent)).map((parent) => ({
      path,
      message: `${path.join(".")}: nothing can lie below ${parent}, which is ${ends.get(parent)}`,
    }))
  );
}

/** One line for each difference between `observed` and what `config` wants; `shown` is the public part of `config`. */
export function differences(
  observed: Observed,
  config: NodeConfig,
  shown: NodeConfig,
  node: NodeContext,
): string[] {
  return APPLIED_NAMES.flatMap((name) => {
    const key = KEYS[name] as ConfigKey<v.GenericSchema, unknown, v.GenericSchema>;
    const seen = observed[name];
    if (isLeftToFiles(name, config)) return [];
    if (seen === undefined) {
      // An agent older than this key does not report it, which is a difference only if the configuration sets the key.
      return config[name] === undefined ? [] : [`nothing was observed of ${name}`];
    }
    const [wanted, open] = [config, shown].map((one) => desired(name, one, node));
    return key.differences(wanted, seen, open);
  });
}

/** Programs and packages that the keys of `config` need; those of all keys where none is given. */
export function needsOf(config?: NodeConfig): { programs: string[]; packages: string[] } {
  const names = APPLIED_NAMES.filter((name) => !config || config[name] !== undefined);
  const all = (part: "programs" | "packages") =>
    [...new Set(names.flatMap((name) => KEYS[name].needs[part]))].sort();
  return { programs: all("programs"), packages: all("packages") };
}

/** Packages that an image must have for what `config` says, by key; keys that need none are left out. */
export function packagesFor(config: NodeConfig): Record<string, string[]> {
  const needs = APPLIED_NAMES.flatMap((name): [string, string[]][] => {
    const { needs, packagesFor } = KEYS[name] as ConfigKey<
      v.GenericSchema,
      unknown,
      v.GenericSchema
    >;
    const value = config[name];
    if (value === undefined) return [];
    const packages = [...needs.packages, ...packagesFor?.(value) ?? []];
    return packages.length > 0 ? [[name, packages]] : [];
  });
  return Object.fromEntries(needs);
}

/** The first version of the agent that knows all that `config` says. */
export function agentFor(config: NodeConfig): string {
  let needed = FIRST_AGENT;
  visitValues(nodeConfigSchema, config, (schema, value, path) => {
    const { since, sinceOf } = factsOf(schema) ?? {};
    for (const version of [since, sinceOf?.(value as never, path.at(-1) ?? "")]) {
      if (version !== undefined && isNewer(version, needed)) needed = version;
    }
  });
  return needed;
}

/** The agent that knew the first keys; documents that need no later one say nothing of versions. */
export const FIRST_AGENT = "0.1.0";

/** Whether version `a` comes after `b`; both are three numbers with dots. */
export function isNewer(a: string, b: string): boolean {
  const [left, right] = [a, b].map((version) => version.split(".").map(Number));
  for (const [i, number] of left!.entries()) {
    if (number !== right![i]) return number > (right![i] ?? 0);
  }
  return false;
}
