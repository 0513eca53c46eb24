/**
 * What a key of the configuration is. Each key is one file beside this one; whatever is to be known of it follows from its
 * {@linkcode ConfigKey}: how it is checked, merged and described, what its defaults are, what it needs of an image, what a
 * node reports of it and how that is judged. What a node does about it is in the file of the same name in `agent/resources/`.
 *
 * @module
 */
import type * as v from "valibot";
import type { Claim, Claimed } from "./owners.ts";

/** What is known of a node beside its configuration, for defaults. */
export interface NodeContext {
  /** The node's name. */
  name: string;
}

/** Programs that the agent runs for a key, and packages that hold what it reads. */
export interface Needs {
  /** As the agent calls them: names found on its PATH, or absolute paths. */
  programs: readonly string[];
  /** Packages of the image, beyond those that every image has. */
  packages: readonly string[];
}

/** One port, or the first and the last of several: "8000-8100". */
export type PortRange = number | string;

/** What a firewall must let in for a key to do its work. */
export interface Admitted {
  tcp?: readonly PortRange[];
  udp?: readonly PortRange[];
  /** Interfaces of the key's own, over which everything is admitted and passed on. */
  interfaces?: readonly string[];
}

/** A key that the agent's course reads itself and that no resource applies, e.g. `check`. */
export interface CourseKey<Schema extends v.GenericSchema, Desired> {
  /** How a value of it is checked, {@linkcode described} in all its fields. */
  readonly schema: Schema;
  /** YAML as it would stand below `config`, or below `private` where it holds a secret field; a test reads it. */
  readonly example: string;
  /**
   * The wanted state for the merged configuration's `value`; all defaults are filled in here and nowhere else. `whole` is the
   * configuration that the value is of, for what depends on other keys; `admitted` gives what its keys need of a firewall.
   */
  desired(
    value: v.InferOutput<Schema> | undefined,
    node: NodeContext,
    whole: Readonly<Record<string, unknown>>,
    admitted: () => Readonly<Record<string, Admitted>>,
  ): Desired;
  /**
   * Fills in, when the site is built, what depends on whether a merged `value` is public: the instructions say it, so that
   * agents of all versions do the same. `shown` is what everyone can read of it.
   */
  settle?(
    value: v.InferOutput<Schema>,
    shown: v.InferOutput<Schema> | undefined,
  ): v.InferOutput<Schema>;
  /** Problems of a merged value that none of its layers has by itself, where they have one with their place in the key. */
  problems?(value: v.InferOutput<Schema>): (string | PlacedProblem)[];
}

/** A problem at a place in a key. */
export interface PlacedProblem {
  at: readonly string[];
  message: string;
}

/** What a key is. */
export interface ConfigKey<
  Schema extends v.GenericSchema,
  Desired,
  Observed extends v.GenericSchema,
> extends CourseKey<Schema, Desired> {
  readonly needs: Needs;
  /** Packages that a value needs in the image beside. */
  packagesFor?(value: v.InferOutput<Schema>): readonly string[];
  /** What belongs to it on every node, whether a configuration says something of the key or not. */
  readonly owns?: readonly Claim[];
  /** Where a site of an earlier version holds one of these files below `files`, the node does the rest of the key, not nothing. */
  readonly inParts?: true;
  /** What a value of it owns beside. */
  claims?(value: v.InferOutput<Schema>): Claimed[];
  /**
   * What a firewall must let in for it, where the configuration says `value` of the key; undefined is asked, too: what runs
   * anyway needs it all the same.
   */
  admits?(value: v.InferOutput<Schema> | undefined): Admitted | undefined;
  /** What a node reports about the key. {@linkcode PRIVATE_DIGEST} stands in for what only the node may know. */
  readonly observed: Observed;
  /**
   * One line for each difference between the state that a node reports (`seen`) and the `wanted` one. `shown` is the
   * state that the public part of the configuration alone would want.
   */
  differences(wanted: Desired, seen: v.InferOutput<Observed>, shown: Desired): string[];
}

/** Names the types of a key's parts. */
export function configKey<
  const Schema extends v.GenericSchema,
  Desired,
  const Observed extends v.GenericSchema,
>(key: ConfigKey<Schema, Desired, Observed>): ConfigKey<Schema, Desired, Observed> {
  return key;
}

/** Names the types of a course key's parts. */
export function courseKey<const Schema extends v.GenericSchema, Desired>(
  key: CourseKey<Schema, Desired>,
): CourseKey<Schema, Desired> {
  return key;
}

/**
 * Stands for the SHA-256 of content that only the node may know (a private file that is as wanted, a private script's
 * output), because the hash of a short secret gives the secret away.
 */
export const PRIVATE_DIGEST = "private";
/** Stands for what only the node may know where it is not as wanted. */
export const DIFFERS = "differs";

/**
 * What a node tells of a value: the value itself where everyone can read on the site that it is wanted, else only whether it
 * is as wanted.
 */
export function toldOf(have: string, wanted: string, shown: string): string {
  if (wanted === shown) return have;
  return have === wanted ? PRIVATE_DIGEST : DIFFERS;
}

/** What {@linkcode toldOf} gives where all is as wanted. */
export function tellable(wanted: string, shown: string): string {
  return wanted === shown ? wanted : PRIVATE_DIGEST;
}

/** One line when `have` differs from `want`; none when they agree or `want` is undefined. */
export function compare(what: string, have: unknown, want: unknown): string[] {
  const [left, right] = [JSON.stringify(have ?? null), JSON.stringify(want)];
  return want === undefined || left === right ? [] : [`${what} is ${left}, must be ${right}`];
}
