/**
 * Names of secrets as an administrator types them: dotted, from below `private`, e.g. `files./etc/k3s/token.content` or
 * `scripts.join.run`. Names of files and scripts may hold dots themselves; the schema tells where they end.
 *
 * @module
 */
import * as v from "valibot";
import { nearest } from "../../lib/nearest.ts";
import { nodeConfigSchema } from "../../lib/config/mod.ts";
import { EXIT, UserError } from "../../lib/errors.ts";
import { type SchemaParts, unwrapped } from "../../lib/schema/paths.ts";

/** Path of a value in a file of the fleet; its first part is "private". */
export type SecretPath = readonly (string | number)[];

const GROUPS = ["strict_object", "record", "array"];

/** The dotted name of `path`. */
export function secretName(path: SecretPath): string {
  return (path[0] === "private" ? path.slice(1) : path).join(".");
}

/** Reads a dotted name; a leading `private.` may be left out. @throws {UserError} naming the part that is not known. */
export function parseSecretName(name: string): SecretPath {
  const given = name.startsWith("private.") ? name.slice("private.".length) : name;
  const stuck: Stuck = { depth: -1, problem: "" };
  const found = walk(nodeConfigSchema, given, [], stuck);
  if (found) return ["private", ...found];
  throw new UserError(`use the name ${name}`, stuck.problem, {
    exitCode: EXIT.usage,
    hint: "names are like files./etc/token.content or scripts.join.run",
  });
}

/** The attempt that got farthest along the name, and why it got no farther. */
interface Stuck {
  depth: number;
  problem: string;
}

function walk(
  schema: v.GenericSchema,
  rest: string | undefined,
  path: (string | number)[],
  stuck: Stuck,
): (string | number)[] | undefined {
  const parts = unwrapped(schema)!;
  const isGroup = GROUPS.includes(parts.type);
  const give = (problem: string, likely = false) => {
    // Of attempts that got equally far, one that looks like a typing mistake is the best explanation.
    const depth = path.length + (likely ? 0.5 : 0);
    if (depth > stuck.depth) Object.assign(stuck, { depth, problem });
    return undefined;
  };
  if (rest === undefined) {
    return isGroup ? give(`it names a group of values${memberHint(parts)}`) : path;
  }
  if (!isGroup) return give(`${path.join(".")} is a single value`);
  const into = (key: string | number, inner: v.GenericSchema, more: string | undefined) =>
    walk(inner, more, [...path, key], stuck);
  if (parts.entries) {
    const [key, more] = cut(rest, rest.indexOf("."));
    const inner = Object.hasOwn(parts.entries, key) ? parts.entries[key] : undefined;
    if (inner) return into(key, inner, more);
    const known = Object.keys(parts.entries);
    const near = nearest(key, known);
    return give(
      `unknown key ${key}${near ? `, did you mean ${near}?` : `; known are ${known.join(", ")}`}`,
      near !== undefined,
    );
  }
  if (parts.item) {
    const [key, more] = cut(rest, rest.indexOf("."));
    return /^\d{1,4}$/.test(key)
      ? into(Number(key), parts.item, more)
      : give(`${path.join(".")} is a list: its items are numbered from 0`);
  }
  for (let dot = rest.length; dot > 0; dot = rest.lastIndexOf(".", dot - 1)) {
    const [key, more] = cut(rest, dot === rest.length ? -1 : dot);
    const checked = v.safeParse(parts.key!, key);
    if (!checked.success) {
      give(`the name in ${path.join(".")} ${checked.issues[0].message}`);
      continue;
    }
    const found = into(key, parts.value!, more);
    if (found) return found;
  }
  return undefined;
}

function cut(given: string, at: number): [string, string | undefined] {
  return at < 0 ? [given, undefined] : [given.slice(0, at), given.slice(at + 1)];
}

function memberHint(parts: SchemaParts): string {
  return parts.entries ? `: go on with .${Object.keys(parts.entries).join(", .")}` : "";
}
