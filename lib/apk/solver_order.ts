/**
 * The order in which apk installs what was chosen: from the world, sorted by name, depth first; a package
 * comes after what it depends on, and after another version of what it conflicts with (a cycle is cut
 * where it closes); what its coming completes by install_if comes right after it. The order decides which package's directory modes win.
 *
 * @module
 */
import { type Dependency, matches } from "./dependency.ts";
import type { Candidate, Universe } from "./solver_universe.ts";

/** `chosen` in order of installation. */
export function installOrder(
  world: readonly Dependency[],
  chosen: ReadonlySet<Candidate>,
  universe: Universe,
): Candidate[] {
  const order: Candidate[] = [];
  const begun = new Set<Candidate>();
  const names = new Set<string>();

  const turn = new Map([...chosen].map((candidate, i) => [candidate, i] as const));
  /** What was chosen first under the name of `dependency`, if it has to hold, as it says. */
  const provider = (dependency: Dependency) =>
    universe.providers(dependency.name).filter(({ candidate, version }) =>
      turn.has(candidate) &&
      (dependency.conflict || matches(dependency, version, candidate.record.checksum))
    ).map(({ candidate }) => candidate).sort((a, b) => turn.get(a)! - turn.get(b)!)[0];
  const placeProvider = (dependency: Dependency) => {
    const candidate = provider(dependency);
    if (candidate) place(candidate);
  };

  const place = (candidate: Candidate) => {
    if (begun.has(candidate)) return;
    begun.add(candidate);
    for (const { name } of candidate.names) names.add(name);
    candidate.depends.forEach(placeProvider);
    order.push(candidate);
    for (const { name } of candidate.names) {
      for (const other of universe.installIf(name)) {
        if (!chosen.has(other)) continue;
        const complete = other.installIf.every((one) =>
          one.conflict || (names.has(one.name) && provider(one) !== undefined)
        );
        if (complete) place(other);
      }
    }
  };

  const sorted = [...world].sort((a, b) => a.name < b.name ? -1 : a.name > b.name ? 1 : 0);
  sorted.forEach(placeProvider);
  for (const candidate of chosen) place(candidate);
  return order;
}
