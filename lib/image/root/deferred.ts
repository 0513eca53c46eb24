/**
 * What the service psyopsos-scripts finds on a node: scripts of packages that were not understood at
 * build time, in order, and the paths whose owners such scripts make. Names are plain numbers, because
 * a checksum in a name holds `/` and `=`, which shells and env(1) take for something else.
 *
 * @module
 */
import type { Bytes } from "../../bytes.ts";
import { UserError } from "../../errors.ts";
import { lineFile } from "../../formats/lines.ts";
import type { DeferredScript } from "./scripts.ts";

/** A path whose owner is known only after the pre-install scripts have run. */
export interface OwnedPath {
  path: string;
  owner: string;
  group: string;
  /** Set again after the owner: changing it clears setuid. */
  mode: number;
}

const FOLDER = "usr/lib/psyopsos/scripts";
const PHASES = ["pre-install", "post-install", "trigger"] as const;

/** Files below `usr/lib/psyopsos/scripts`: `order`, `owners` and the scripts. @throws {UserError} */
export function deferredFiles(
  deferred: readonly DeferredScript[],
  owned: readonly OwnedPath[],
): Map<string, { data: Bytes; mode: number }> {
  const files = new Map<string, { data: Bytes; mode: number }>();
  const order: string[] = [];
  // All pre-install scripts, then all post-install ones, then the triggers, as apk on a new root.
  for (const phase of PHASES) {
    for (const item of deferred) {
      if (item.phase !== phase) continue;
      const name = String(order.length + 1).padStart(3, "0");
      for (const word of item.args) {
        if (/[\s*?[\\]/.test(word)) {
          throw new UserError(
            `defer the ${phase} script of ${item.package}`,
            `argument ${JSON.stringify(word)}`,
          );
        }
      }
      order.push([name, phase, item.package, ...item.args].join(" "));
      files.set(`${FOLDER}/${name}`, { data: item.script, mode: 0o755 });
    }
  }
  const owners = owned.map(({ path, owner, group, mode }) => {
    // The shell takes off blanks at a line's end, and splits it at the first ones.
    if (/[\s:]/.test(owner + group) || /\s$/.test(path)) {
      throw new UserError(
        `leave the owner of ${JSON.stringify(path)} to the node`,
        `${JSON.stringify(`${owner}:${group}`)} and the path do not fit a line`,
      );
    }
    return `${owner}:${group} ${mode.toString(8)} /${path}`;
  });
  for (const [name, lines] of Object.entries({ order, owners })) {
    files.set(`${FOLDER}/${name}`, { data: lineFile(`${FOLDER}/${name}`, lines), mode: 0o644 });
  }
  return files;
}
