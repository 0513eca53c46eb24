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

const layer = (rank: number, place: string, ...imports: string[]): Layer => ({
  place,
  rank,
  imports: rank === 1 ? imports : [...imports, GROUND],
});

/** All places of the project that hold TypeScript, from the ground up. */
export const LAYERS: readonly Layer[] = [
  layer(1, GROUND),
  // What stands between bare `@std/` names and the packages behind them.
  layer(1, "lib/std/"),

  layer(2, "lib/formats/"),
  layer(2, "lib/schema/"),

  layer(3, "lib/cli/"),
  layer(3, "lib/config/", "lib/schema/"),
  layer(3, "lib/kmod/", "lib/formats/"),
  layer(3, "lib/publish/"),
  layer(3, "lib/trust/", "lib/schema/"),

  layer(4, "lib/apk/", "lib/formats/"),
  layer(4, "lib/documents/", "lib/config/", "lib/schema/", "lib/trust/"),

  layer(
    5,
    "lib/agent_build/",
    ...["lib/apk/", "lib/config/", "lib/documents/", "lib/formats/", "lib/schema/"],
  ),
  layer(5, "lib/identity/", "lib/documents/"),

  layer(5.1, "agent/system/"),
  layer(5.2, "agent/report/", "agent/system/", "lib/documents/"),
  layer(
    5.3,
    "agent/network/",
    ...["agent/report/", "agent/system/", "lib/config/", "lib/documents/", "lib/schema/"],
  ),
  layer(
    5.4,
    "agent/identity/",
    ...["agent/network/", "agent/report/", "agent/system/", "lib/documents/"],
  ),
  layer(5.4, "agent/storage/", "agent/system/", "lib/config/", "lib/documents/"),
  layer(
    5.45,
    "agent/trial/",
    ...["agent/identity/", "agent/report/", "agent/system/", "lib/documents/", "lib/schema/"],
  ),
  layer(
    5.5,
    "agent/publication/",
    ...["agent/identity/", "agent/report/", "agent/system/", "lib/documents/", "lib/trust/"],
  ),
  layer(
    5.5,
    "agent/resources/",
    ...[
      "agent/identity/",
      "agent/network/",
      "agent/report/",
      "agent/storage/",
      "agent/system/",
      "agent/trial/",
    ],
    ...["lib/config/", "lib/documents/", "lib/formats/"],
  ),
  layer(
    5.6,
    "agent/course/",
    ...["agent/identity/", "agent/network/", "agent/publication/", "agent/report/"],
    ...["agent/resources/", "agent/system/", "agent/trial/", "lib/config/", "lib/documents/"],
  ),
  layer(
    5.7,
    "agent/",
    ...["agent/course/", "agent/report/", "agent/system/", "lib/cli/", "lib/documents/"],
  ),

  layer(6, "lib/lab_packages/", "lib/agent_build/", "lib/apk/", "lib/formats/", "lib/schema/"),

  layer(
    6.1,
    "lib/image/definition.ts",
    ...["lib/agent_build/", "lib/documents/", "lib/schema/"],
  ),
  layer(
    6.2,
    "lib/image/root/",
    ...["lib/apk/", "lib/formats/", "lib/image/definition.ts", "lib/kmod/"],
  ),
  layer(
    6.3,
    "lib/image/release/",
    ...["lib/apk/", "lib/documents/", "lib/formats/", "lib/image/root/"],
    ...["lib/schema/", "lib/trust/"],
  ),
  layer(
    6.4,
    "lib/image/packages/",
    ...["lib/apk/", "lib/documents/", "lib/image/definition.ts"],
    "lib/schema/",
  ),
  layer(
    6.5,
    "lib/image/",
    ...["lib/agent_build/", "lib/apk/", "lib/documents/"],
    ...["lib/image/definition.ts", "lib/schema/"],
    ...["lib/image/packages/", "lib/image/release/", "lib/image/root/"],
  ),
  layer(
    6.6,
    "lib/image/mkimage/",
    ...["lib/agent_build/", "lib/apk/", "lib/documents/", "lib/formats/"],
    ...["lib/image/", "lib/schema/"],
    ...["lib/image/definition.ts", "lib/image/packages/", "lib/image/release/", "lib/image/root/"],
  ),

  layer(
    6.1,
    "site/fleet/",
    ...["lib/config/", "lib/documents/", "lib/schema/", "lib/trust/"],
  ),
  layer(6.1, "site/page/", "lib/documents/", "lib/trust/"),
  layer(
    6.2,
    "site/build/",
    ...["lib/config/", "lib/documents/", "lib/publish/", "lib/schema/", "lib/trust/"],
    ...["site/fleet/", "site/page/"],
  ),
  layer(
    6.2,
    "site/secrets/",
    ...["lib/config/", "lib/documents/", "lib/schema/", "lib/trust/", "site/fleet/"],
  ),
  layer(
    6.3,
    "site/nodes/",
    ...["lib/documents/", "lib/identity/", "lib/trust/", "site/fleet/"],
    "site/secrets/",
  ),
  layer(
    6.3,
    "site/upload/",
    ...["lib/documents/", "lib/publish/", "lib/trust/", "site/build/"],
  ),

  layer(
    7,
    "lib/lab/",
    ...["lib/agent_build/", "lib/config/", "lib/documents/", "lib/identity/", "lib/image/"],
    ...["lib/image/definition.ts", "lib/image/packages/", "lib/lab_packages/", "lib/schema/"],
    "lib/trust/",
  ),
  layer(
    7,
    "mod.ts",
    ...["lib/config/", "lib/documents/", "lib/trust/"],
    ...["site/build/", "site/fleet/", "site/nodes/"],
  ),

  layer(
    8.1,
    "tasks/lines/",
    ...["lib/agent_build/", "lib/cli/", "lib/documents/", "lib/image/mkimage/"],
    ...["lib/image/packages/", "lib/lab/"],
    ...["lib/publish/", "lib/schema/", "lib/trust/", "site/build/", "site/upload/"],
  ),
  layer(
    8.2,
    "tasks/dev/gate/",
    ...["lib/agent_build/", "lib/cli/", "lib/config/", "site/fleet/", "site/page/", "tasks/lines/"],
  ),
  // It tries the readers of all, the agent's among them.
  layer(
    8.2,
    "tasks/dev/fuzz/",
    ...["agent/network/", "lib/apk/", "lib/documents/", "lib/formats/", "lib/identity/"],
    ...["lib/image/definition.ts", "lib/image/mkimage/", "lib/image/root/", "lib/kmod/"],
    ...["lib/lab/", "lib/lab_packages/", "lib/publish/", "lib/schema/", "lib/trust/"],
    ...["site/build/", "site/fleet/", "tasks/lines/"],
  ),
  layer(
    8.3,
    "tasks/dev/bench/",
    ...["lib/documents/", "lib/publish/", "lib/trust/", "site/upload/", "tasks/dev/fuzz/"],
  ),
  layer(
    8.4,
    "tasks/",
    ...["lib/agent_build/", "lib/cli/", "lib/documents/", "lib/identity/", "lib/image/"],
    ...["lib/image/mkimage/", "lib/image/packages/"],
    ...["lib/image/release/", "lib/lab/", "lib/lab_packages/", "lib/publish/", "lib/trust/"],
    ...["site/build/", "site/fleet/", "site/nodes/", "site/secrets/"],
    ...["site/upload/", "tasks/dev/bench/", "tasks/dev/fuzz/", "tasks/dev/gate/"],
    "tasks/lines/",
  ),
];

/** Places whose files the agent may hold. */
const AGENT_PLACES = [
  "agent/",
  GROUND,
  "lib/std/",
  "lib/cli/",
  "lib/config/",
  "lib/documents/",
  "lib/formats/",
  "lib/schema/",
  "lib/trust/",
];
/** Parts of names that the agent must not hold wherever they stand: signers, makers of keys, what unlocks keys. */
const AGENT_NEVER = ["_sign.ts", "_keygen.ts", "passphrase.ts", "keyring.ts"];
/** Files of such places that are for the administrator's machine. */
const DESK_ONLY = ["options", "program", "reference", "apt", "system_needs", "system_packages"]
  .map((name) => `lib/cli/${name}.ts`);

/** Says the version, to whoever wants to know it. */
const MANIFEST = "deno.json";

/** Tests may import whatever there is. */
const FREE = ["tests/"];

/** Files that may say `Deno.`: the seam, entry points, tests. */
export const SEAM: readonly string[] = [
  "lib/deno_",
  "lib/std/",
  "tasks/",
  "agent/main.ts",
  "tests/",
];

/** Modules of Node that reach nothing of the system. */
const PURE_MODULES = ["node:buffer", "node:crypto", "node:path", "node:zlib"];
/** Others, and who may take them. */
const SYSTEM_MODULES: Readonly<Record<string, readonly string[]>> = {
  "node:http": ["lib/lab/"],
  "node:net": ["lib/lab/"],
  "node:process": ["lib/cli/program.ts"],
};

/** Why `file` may not take a module by its name; undefined when it may. */
export function moduleProblem(file: string, name: string): string | undefined {
  if (!name.startsWith("node:") || PURE_MODULES.includes(name)) return undefined;
  const takers = [...SEAM, ...SYSTEM_MODULES[name] ?? []];
  if (takers.some((place) => file.startsWith(place))) return undefined;
  return `${file} may not take ${name}, which reaches the system: take a Host instead`;
}

/** The layer that `path` (relative to the project) belongs to; undefined when it is nobody's. */
export function layerOf(path: string): Layer | undefined {
  const [nearest] = LAYERS.filter(({ place }) => path === place || path.startsWith(place))
    .sort((a, b) => b.place.length - a.place.length);
  if (!nearest?.place.endsWith("/")) return nearest;
  // Folders below that are in nobody's hands: each is to be listed.
  return path.slice(nearest.place.length).includes("/") && hasRooms(nearest) ? undefined : nearest;
}

/** Whether folders below a place are places of their own. */
function hasRooms({ place }: Layer): boolean {
  return LAYERS.some((other) => other.place !== place && other.place.startsWith(place));
}

/** Why `file` may not import `target` (both relative to the project); undefined when it may. */
export function importProblem(file: string, target: string): string | undefined {
  if (FREE.some((place) => file.startsWith(place)) || target === MANIFEST) return undefined;
  const from = layerOf(file);
  if (!from) return `${file} lies in no folder of the table of layers`;
  const to = layerOf(target)?.place ?? "nothing";
  if (to !== from.place && !from.imports.includes(to)) {
    return `${file} may not import ${target}: ${from.place} imports ${
      from.imports.join(", ")
    } only`;
  }
  if (from.place.startsWith("agent/") && agentProblem(target)) {
    return `${file} may not import ${target}: the agent holds no signer, solver or builder`;
  }
  return undefined;
}

/** Why `path` must not be in the agent, directly or not; undefined when it may. */
export function agentProblem(path: string): string | undefined {
  const { place = "" } = layerOf(path) ?? {};
  const allowed = AGENT_PLACES.includes(place) || place.startsWith("agent/");
  const never = AGENT_NEVER.some((end) => path.endsWith(end)) || DESK_ONLY.includes(path);
  return allowed && !never ? undefined : `${path} must not be in the agent`;
}

/** The table of layers for people: a row for each folder of the top, and of `lib/`. */
export function layerTable(): string {
  const rows = [...PURPOSES].map(([room, purpose]) => {
    const inside = LAYERS.filter(({ place }) => roomOf(place) === room);
    const floors = [...new Set(inside.map(({ rank }) => Math.floor(rank)))].sort();
    const imports = new Set(inside.flatMap((one) => one.imports).map(roomOf));
    imports.delete(room);
    imports.delete(GROUND);
    const told = [...imports].sort().map((one) => `\`${one}\``).join(" ");
    return `| ${floors.join("-")} | \`${room}\` | ${purpose} | ${told || "nothing"} |`;
  });
  return [
    "| Floor | Folder | Holds | May import, beside `lib/` itself |",
    "|---|---|---|---|",
    ...rows,
    "",
  ].join("\n");
}

/** The row of the table that a place belongs to. */
function roomOf(place: string): string {
  if (place === GROUND || place === "mod.ts") return place;
  const [top, below] = place.split("/");
  return top === "lib" ? `lib/${below}/` : `${top}/`;
}

/** What each row of the table holds, from the top down. */
const PURPOSES: ReadonlyMap<string, string> = new Map([
  [
    "tasks/",
    "one file per `deno task`, its command line in `lines/`; `dev/` is for ok, test, fuzz, bench alone",
  ],
  ["mod.ts", "the public face"],
  ["lib/lab/", "virtual machines: firmware, disk, drive, console, verdict"],
  [
    "site/",
    "from the fleet's YAML to a published site: `fleet/`, `secrets/`, `nodes/`, `page/`, `build/`, `upload/`",
  ],
  ["lib/image/", "two image engines: `packages/`, `root/`, `release/`, `mkimage/`"],
  ["lib/lab_packages/", "the lab repository: apk packages made of Debian's"],
  [
    "agent/",
    "what runs on a node: `course/`, `publication/`, `resources/`, `identity/`, `network/`, `report/`, `storage/`, `system/`, `trial/`",
  ],
  ["lib/agent_build/", "bundles and compiles the agent"],
  ["lib/identity/", "makes identity drives"],
  ["lib/documents/", "what one machine writes and another reads, one file a format"],
  ["lib/apk/", "apk packages, index, solver, lock"],
  ["lib/config/", "what a node can be told, one file a key"],
  ["lib/trust/", "minisign, age, roots, freshness; what signs is in files of its own"],
  ["lib/kmod/", "kernel modules and their index"],
  ["lib/publish/", "S3 and directories"],
  ["lib/cli/", "the command line"],
  ["lib/formats/", "formats of others: tar, cpio, FAT, GPT, ISO 9660, ELF, passwd"],
  ["lib/schema/", "kinds of fields, their words, bounded reading"],
  ["lib/std/", "adapters between `@std/` names and the packages behind them"],
  ["lib/", "bytes, errors, JSON, limits, the host"],
]);
