/**
 * The order in which apk installs the chosen packages: depth first from the world, which is sorted by name. A package
 * comes after its dependencies, and after a chosen package of a name that it conflicts with. A cycle is cut where it
 * closes. If placing a package completes the install_if of another one, that one comes right after it. The order
 * decides which package's directory modes win.
 *
 * @module
 */
import { type Dependency, matches } from "./dependency.ts";
import type { Candidate, Universe } from "./solver_universe.ts";

/** A package on its way: its dependencies come first, then itself, then what it completes. */
interface Frame {
  candidate: Candidate;
  depends: Iterator<Dependency>;
  placed: boolean;
  completed: Iterator<Candidate>;
}

/** `chosen` (in the order of choice) in order of installation. */
export function installOrder(
  world: readonly Dependency[],
  chosen: ReadonlySet<Candidate>,
  universe: Universe,
): Candidate[] {
  const turn = new Map([...chosen].map((candidate, i) => [candidate, i] as const));
  const order: Candidate[] = [];
  const begun = new Set<Candidate>();
  const names = new Set<string>();
  const stack: Frame[] = [];

  /** What was chosen first for a dependency; for a conflict, under its name at all. */
  const provider = (dependency: Dependency) =>
    universe.providers(dependency.name).filter(({ candidate, version }) =>
      turn.has(candidate) &&
      (dependency.conflict || matches(dependency, version, candidate.record.checksum))
    ).map(({ candidate }) => candidate).sort((a, b) => turn.get(a)! - turn.get(b)!)[0];
  const isComplete = ({ installIf }: Candidate) =>
    installIf.every((one) => one.conflict || (names.has(one.name) && provider(one) !== undefined));
  const begin = (candidate: Candidate | undefined) => {
    if (!candidate || begun.has(candidate)) return;
    begun.add(candidate);
    for (const { name } of candidate.names) names.add(name);
    const completed = candidate.names.flatMap(({ name }) => universe.installIf(name));
    stack.push({
      candidate,
      depends: candidate.depends.values(),
      placed: false,
      completed: completed.filter((one) => turn.has(one)).values(),
    });
  };
  const finish = (candidate: Candidate | undefined) => {
    begin(candidate);
    for (let top = stack.at(-1); top; top = stack.at(-1)) {
      const dependency = top.depends.next();
      if (!dependency.done) {
        begin(provider(dependency.value));
        continue;
      }
      if (!top.placed) {
        order.push(top.candidate);
        top.placed = true;
      }
      const other = top.completed.next();
      if (other.done) stack.pop();
      else if (isComplete(other.value)) begin(other.value);
    }
  };

  const sorted = [...world].sort((a, b) => a.name < b.name ? -1 : a.name > b.name ? 1 : 0);
  for (const dependency of sorted) finish(provider(dependency));
  for (const candidate of chosen) finish(candidate);
  return order;
}
