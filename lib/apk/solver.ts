/**
 * Chooses packages for a world, as apk does for an empty root: the same set for the same indexes.
 *
 * Supported: versioned and unversioned dependencies, conflicts, provides, provider_priority, install_if
 * with negated conditions, several repositories (an earlier one wins between equals).
 * Refused: repository tags (`name@tag`). As in apk nothing is taken back, so a request can be refused
 * although a cleverer search would meet it; the refusal lists every candidate with its reasons.
 *
 * @module
 */
import { UserError } from "../errors.ts";
import { parseDependency } from "./dependency.ts";
import type { IndexRecord } from "./index.ts";
import { explain } from "./solver_explain.ts";
import { installOrder } from "./solver_order.ts";
import { Search } from "./solver_search.ts";
import { type RepositoryIndex, Universe } from "./solver_universe.ts";

export type { RepositoryIndex } from "./solver_universe.ts";

/** Options of {@linkcode solve}. */
export interface SolveOptions {
  /** Packages for other architectures (and not "noarch") are put aside; default: all are taken. */
  arch?: string;
}

/** No set of packages meets the request. `explanation` is the whole story, in lines. */
export class UnsolvableError extends UserError {
  constructor(doing: string, state: string, readonly explanation: readonly string[]) {
    super(doing, state, { hint: explanation.join("\n  ") });
    this.name = "UnsolvableError";
  }
}

/**
 * Packages that meet `world` (dependencies as in /etc/apk/world), in the order of installation.
 * @throws {UnsolvableError} with every candidate and its reasons.
 */
export function solve(
  world: readonly string[],
  repositories: readonly RepositoryIndex[],
  options: SolveOptions = {},
): IndexRecord[] {
  const wanted = world.map(parseDependency);
  for (const { name, tag } of wanted) {
    if (tag !== undefined) {
      throw new UserError(`select ${name}@${tag}`, "repository tags are not supported", {
        hint: "list the repository without a tag and ask for the package by name",
      });
    }
  }
  wanted.sort((a, b) => a.name < b.name ? -1 : a.name > b.name ? 1 : 0);
  const universe = new Universe(repositories, options.arch);
  const search = new Search(universe);
  for (const dependency of wanted) search.require(dependency, undefined);
  search.run();
  if (search.problems.length > 0) {
    const explanations = search.problems.map((problem) => explain(search, problem));
    const first = explanations[0]!.summary;
    const more = explanations.length > 1 ? ` (and ${explanations.length - 1} more)` : "";
    throw new UnsolvableError(
      "select packages",
      `${first}${more}`,
      explanations.flatMap(({ summary, details }) => [
        summary,
        ...details.map((line) => `  ${line}`),
      ]),
    );
  }
  return installOrder(wanted, search.chosen, universe).map(({ record }) => record);
}
