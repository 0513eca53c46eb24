/**
 * What a key of the configuration is. Each key is one file beside this one; whatever is to be known of it follows from its
 * {@linkcode ConfigKey}: how it is checked, merged and described, what its defaults are, what it needs of an image, what a
 * node reports of it and how that is judged. What a node does about it is in the file of the same name in `agent/resources/`.
 *
 * @module
 */
import type * as v from "valibot";

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

/** What the key of a course is: read by the agent's course itself, applied by nothing. */
export interface CourseKey<Schema extends v.GenericSchema, Desired> {
  /** How a value of it is checked, {@linkcode described} in all its fields. */
  readonly schema: Schema;
  /** YAML as it would stand below `config`; a test reads it. */
  readonly example: string;
  /** What is wanted where the merged configuration says `value`: all defaults are filled in here and nowhere else. */
  desired(value: v.InferOutput<Schema> | undefined, node: NodeContext): Desired;
  /** What is wrong with a merged value though each of its layers is right. */
  problems?(value: v.InferOutput<Schema>): string[];
}

/** What a key is. */
export interface ConfigKey<
  Schema extends v.GenericSchema,
  Desired,
  Observed extends v.GenericSchema,
> extends CourseKey<Schema, Desired> {
  readonly needs: Needs;
  /** What a node reports of it. What only the node may know is told as {@linkcode PRIVATE_DIGEST}. */
  readonly observed: Observed;
  /**
   * One line for each way in which what a node `seen` to be differs from what is `wanted` of it; `shown` is what the public
   * part of its configuration alone would want.
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
 * Stands for the SHA-256 of what only the node may know (a private file that is as demanded, a private script's output): the
 * hash of a short secret gives the secret away.
 */
export const PRIVATE_DIGEST = "private";

/** One line when `have` is not what is wanted; nothing where nothing particular is. */
export function compare(what: string, have: unknown, want: unknown): string[] {
  const [left, right] = [JSON.stringify(have ?? null), JSON.stringify(want)];
  return want === undefined || left === right ? [] : [`${what} is ${left}, must be ${right}`];
}
