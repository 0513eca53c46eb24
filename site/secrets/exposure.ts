/**
 * What a node can read and others with it: when its drive is lost, these values are to be changed.
 *
 * @module
 */
import type * as v from "valibot";
import { nearest } from "../../lib/nearest.ts";
import { nodeConfigSchema } from "../../lib/config/mod.ts";
import { UserError } from "../../lib/errors.ts";
import { below } from "../../lib/schema/paths.ts";
import { factsOf } from "../../lib/schema/words.ts";
import { printable } from "../../lib/visible.ts";
import type { FleetNode } from "../fleet/assemble.ts";
import { ownerOf, Sealed } from "../fleet/sealed.ts";
import type { SecretFleet } from "./secret_files.ts";
import { secretName } from "./secret_path.ts";

/** One value below `private` that a node gets. */
export interface Exposed {
  /** Path of the file, as in messages. */
  file: string;
  line: number;
  /** "global", "tags/lab" or "nodes/alpha". */
  owner: string;
  /** Dotted, from below `private`. */
  name: string;
  /** Whether it stands in the file encrypted. */
  sealed: boolean;
}

/** The node of that name. @throws {UserError} when there is none. */
export function findNode({ fleet }: SecretFleet, name: string): FleetNode {
  const node = fleet.nodes.find((one) => one.name === name);
  if (node) return node;
  const near = nearest(name, fleet.nodes.map((one) => one.name));
  throw new UserError(
    `find node ${printable(name, 80)}`,
    `there is none of that name${near ? `, did you mean ${near}?` : ""}`,
  );
}

/**
 * The values below `private` in `global.yaml` and in the files of the node's tags; with `own`, those in its own file, too.
 * Values that a later layer replaces are among them: what is replaced today was perhaps read before.
 */
export function exposedTo(
  secrets: SecretFleet,
  node: FleetNode,
  options: { own?: boolean } = {},
): Exposed[] {
  const paths = ["global.yaml", ...node.tags.map((tag) => `tags/${tag}.yaml`)];
  if (options.own) paths.push(`${node.name}.yaml`);
  return paths.flatMap((path) => {
    const parsed = secrets.files.files.get(path);
    if (!parsed) return [];
    const values = leaves(nodeConfigSchema, (parsed.value as { private?: unknown }).private, [
      "private",
    ]);
    return values.map(({ path: at, sealed }) => ({
      file: parsed.file,
      line: parsed.problemAt(at, "").line,
      owner: ownerOf(path),
      name: secretName(at),
      sealed,
    }));
  });
}

type Leaf = { path: (string | number)[]; sealed: boolean };

/** All single values in `value` except those of fields that are never secret; encrypted values always count. */
function leaves(
  schema: v.GenericSchema | undefined,
  value: unknown,
  path: (string | number)[],
  open = false,
): Leaf[] {
  if (value instanceof Sealed) return [{ path, sealed: true }];
  const harmless = open || (schema && factsOf(schema)?.secrecy === "open");
  if (typeof value !== "object" || value === null) {
    return value === undefined || value === null || harmless ? [] : [{ path, sealed: false }];
  }
  return Object.entries(value).flatMap(([key, item]) => {
    const at = [...path, Array.isArray(value) ? Number(key) : key];
    return leaves(below(schema, key), item, at, harmless);
  });
}
