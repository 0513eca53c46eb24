/**
 * The one table of import rules: what each folder may import, on which floor it stands, what may reach a node. The lint
 * plugin, the check of the agent's imports and the test of the README's table read it.
 *
 * Imports run from a higher floor to a lower one. A file belongs to the longest place that it lies in; `lib/` holds the files
 * directly below it, so that a new folder in it is nobody's until it is listed.
 *
 * @module
 */

/** A folder (with a slash at its end) or a file, and its rules. */
export interface Layer {
  readonly place: string;
  /** The floor: 1 is the ground, on which everything may stand. */
  readonly rank: number;
  /** Other places that it may import; packages are always allowed. */
  readonly imports: readonly string[];
}

/** Files directly in `lib/`: bytes, errors, the host. */
const GROUND = "lib/";
/** What stands between bare `@std/` names and the packages behind them. */
const ADAPTERS = "lib/std/";

const layer = (place: string, rank: number, ...imports: string[]): Layer => ({
  place,
  rank,
  imports: place === GROUND || place === ADAPTERS ? imports : [...imports, GROUND],
});

/** All places of the project that hold TypeScript, from the ground up. */
export const LAYERS: readonly Layer[] = [
  layer(GROUND, 1),
  layer(ADAPTERS, 1),
  layer("lib/formats/", 2),
  layer("lib/schema/", 2),
  layer("lib/cli/", 3),
  layer("lib/kmod/", 3, "lib/formats/"),
  layer("lib/publish/", 3),
  layer("lib/trust/", 3),
  layer("lib/documents/", 4, "lib/trust/"),
  layer("lib/apk/", 4, "lib/cli/", "lib/formats/"),
  layer("lib/identity/", 5, "lib/cli/", "lib/documents/", "lib/trust/"),
  layer("lib/agent_build/", 5, "lib/apk/", "lib/formats/", "lib/trust/"),
  layer("lib/dev/", 5, "lib/documents/", "lib/trust/"),
  layer(
    "lib/image/",
    6,
    "lib/agent_build/",
    "lib/apk/",
    "lib/cli/",
    "lib/documents/",
    "lib/formats/",
    "lib/kmod/",
    "lib/trust/",
  ),
  layer(
    "site/",
    6,
    "lib/cli/",
    "lib/dev/",
    "lib/documents/",
    "lib/identity/",
    "lib/publish/",
    "lib/schema/",
    "lib/trust/",
  ),
  layer(
    "lib/lab/",
    7,
    "lib/agent_build/",
    "lib/apk/",
    "lib/documents/",
    "lib/formats/",
    "lib/identity/",
    "lib/image/",
    "lib/trust/",
  ),
  layer("agent/", 7, "lib/cli/", "lib/documents/", "lib/formats/", "lib/trust/"),
  layer("mod.ts", 7, "site/", "lib/documents/", "lib/identity/", "lib/trust/"),
  layer(
    "tasks/",
    8,
    "site/",
    "lib/agent_build/",
    "lib/cli/",
    "lib/dev/",
    "lib/documents/",
    "lib/identity/",
    "lib/image/",
    "lib/lab/",
    "lib/publish/",
    "lib/trust/",
  ),
];

/** Imports that break the rules until the files in them have moved. */
const STILL: readonly (readonly [file: string, target: string])[] = [
  ["lib/agent_build/make.ts", "lib/image/manifest.ts"],
  ["lib/image/sources.ts", "lib/lab/repository.ts"],
];

/** Places whose files the agent may hold. */
const AGENT_PLACES = [
  "agent/",
  GROUND,
  ADAPTERS,
  "lib/cli/",
  "lib/config/",
  "lib/documents/",
  "lib/formats/",
  "lib/schema/",
  "lib/trust/",
];
/** Parts of names that the agent must not hold wherever they stand: signers, makers of keys, what unlocks keys. */
const AGENT_NEVER = ["_sign.ts", "_keygen.ts", "passphrase.ts", "keyring.ts"];
/** Files on the ground that are for the administrator's machine. */
const DESK_ONLY = ["lib/agent_bundle.ts", "lib/system_packages.ts"];

/** Tests may import whatever there is. */
const FREE = ["tests/"];

/** Files that may say `Deno.`: the seam, entry points, tests. */
export const SEAM: readonly string[] = [
  "lib/host.ts",
  "lib/std/",
  "tasks/",
  "agent/main.ts",
  "tests/",
];

/** The layer that `path` (relative to the project) belongs to; undefined when it is nobody's. */
export function layerOf(path: string): Layer | undefined {
  return LAYERS.filter(({ place }) => contains(place, path))
    .sort((a, b) => b.place.length - a.place.length)[0];
}

function contains(place: string, path: string): boolean {
  if (place === GROUND) return path.startsWith(GROUND) && !path.slice(GROUND.length).includes("/");
  return place.endsWith("/") ? path.startsWith(place) : path === place;
}

/** Why `file` may not import `target` (both relative to the project); undefined when it may. */
export function importProblem(file: string, target: string): string | undefined {
  if (FREE.some((place) => file.startsWith(place))) return undefined;
  if (STILL.some(([from, to]) => from === file && to === target)) return undefined;
  const from = layerOf(file);
  if (!from) return `${file} lies in no folder of the table of layers`;
  const allowed = [from.place, ...from.imports];
  if (!allowed.some((place) => contains(place, target))) {
    return `${file} may not import ${target}: ${from.place} imports ${
      from.imports.join(", ")
    } only`;
  }
  if (from.place === "agent/" && agentProblem(target)) {
    return `${file} may not import ${target}: the agent holds no signer, solver or builder`;
  }
  return undefined;
}

/** Why `path` must not be in the agent, directly or not; undefined when it may. */
export function agentProblem(path: string): string | undefined {
  const problem = `${path} must not be in the agent`;
  if (AGENT_NEVER.some((end) => path.endsWith(end)) || DESK_ONLY.includes(path)) return problem;
  return AGENT_PLACES.some((place) => contains(place, path)) ? undefined : problem;
}
