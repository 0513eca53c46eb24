/**
 * The search of the package solver: what is required, what is out and why, what is chosen.
 *
 * Nothing is ever taken back. What must follow is deduced first. A candidate is excluded when it breaks a requirement,
 * when one of its dependencies has no candidate left, or when a chosen package conflicts with it or owns one of its
 * names. A required name with one candidate left takes it. What all candidates left for a name depend on is required as
 * well. Only when nothing more follows is one open name decided by preference.
 *
 * @module
 */
import { type Dependency, matches } from "./dependency.ts";
import type { Problem, Reason, Requirement, Requirer } from "./solver_facts.ts";
import type { Candidate, Provider, Universe } from "./solver_universe.ts";
import { compareVersions } from "./version.ts";

/** Most reasons kept for one candidate. */
const MAX_REASONS = 32;

/** State and rules of one search. */
export class Search {
  readonly requirements = new Map<string, Requirement[]>();
  readonly excluded = new Map<Candidate, Reason[]>();
  readonly chosen = new Set<Candidate>();
  readonly problems: Problem[] = [];
  /** Chosen because of its install_if: meets no requirement on an unversioned name. */
  readonly #byCondition = new Set<Candidate>();
  readonly #settled = new Set<string>();
  readonly #groups = new Map<string, Requirement>();
  /** Names in the order in which the walk from the world has left them: dependencies before dependents. */
  readonly #rank = new Map<string, number>();
  readonly #dependents = new Map<string, Candidate[]>();
  readonly #met = new Set<Candidate>();
  readonly #names = new Set<string>();
  readonly #candidates = new Set<Candidate>();
  readonly #conditional = new Set<Candidate>();

  constructor(readonly universe: Universe) {}

  /** Asks for a name, or with a conflict keeps what matches out. */
  require(dependency: Dependency, by: Requirer): void {
    if (dependency.conflict) {
      for (const { candidate, version } of this.universe.providers(dependency.name)) {
        if (candidate !== by && matches(dependency, version, candidate.record.checksum)) {
          this.#exclude(candidate, { kind: "banned", dependency, by });
        }
      }
      return;
    }
    const { name } = dependency;
    this.#add({ name, alternatives: [{ dependencies: [dependency], by }] });
  }

  /** Runs to the end: everything that is required is chosen or stands in `problems`. */
  run(): void {
    this.#finish();
    // Only now it is certain which packages will not be there, which some conditions ask for.
    while (this.#takeConditional(true)) this.#finish();
    for (const name of this.requirements.keys()) {
      if (!this.#settled.has(name)) this.#fail(name, "explicit");
    }
  }

  /** Deduces what follows and decides what is open, until nothing is left of either. */
  #finish(): void {
    do {
      this.#deduce();
    } while (this.#takeConditional(false) || this.#decide());
  }

  /** Providers of a name that are not excluded. */
  left(name: string): Provider[] {
    return this.universe.providers(name).filter(({ candidate }) => !this.excluded.has(candidate));
  }

  /** Whether something chosen is what the positive part of `dependency` names. */
  holds(dependency: Dependency, except?: Candidate): boolean {
    return this.universe.providers(dependency.name).some(({ candidate, version }) =>
      candidate !== except && this.chosen.has(candidate) &&
      matches(dependency, version, candidate.record.checksum)
    );
  }

  #add(requirement: Requirement): void {
    this.#walk(requirement.name);
    const list = this.requirements.get(requirement.name);
    if (list) list.push(requirement);
    else this.requirements.set(requirement.name, [requirement]);
    this.#apply(requirement);
  }

  #apply(requirement: Requirement): void {
    for (const { candidate, version } of this.universe.providers(requirement.name)) {
      const met = requirement.alternatives.some(({ dependencies }) =>
        dependencies.every((one) => matches(one, version, candidate.record.checksum))
      );
      if (!met) this.#exclude(candidate, { kind: "breaks", requirement });
    }
    this.#names.add(requirement.name);
  }

  #exclude(candidate: Candidate, reason: Reason): void {
    const reasons = this.excluded.get(candidate);
    if (reasons) {
      if (reasons.length < MAX_REASONS) reasons.push(reason);
      return;
    }
    this.excluded.set(candidate, [reason]);
    if (this.chosen.has(candidate)) this.#fail(candidate.record.name, "none");
    this.#touch(candidate);
  }

  /** Whatever is offered or asked for under the candidate's names must be looked at again. */
  #touch(candidate: Candidate): void {
    for (const { name } of candidate.names) {
      this.#names.add(name);
      for (const dependent of this.#dependents.get(name) ?? []) this.#candidates.add(dependent);
    }
  }

  #choose(candidate: Candidate): void {
    this.chosen.add(candidate);
    for (const { name, version } of candidate.names) {
      for (const rival of this.universe.providers(name)) {
        if (rival.candidate === candidate) continue;
        if (version === undefined && rival.version === undefined) continue;
        this.#exclude(rival.candidate, { kind: "rival", name, by: candidate });
      }
      for (const other of this.universe.installIf(name)) this.#conditional.add(other);
    }
    for (const dependency of candidate.depends) this.require(dependency, candidate);
    this.#touch(candidate);
  }

  #fail(name: string, kind: Problem["kind"]): void {
    this.#settled.add(name);
    if (!this.problems.some((problem) => problem.name === name)) this.problems.push({ name, kind });
  }

  /** Meets every candidate that `name` could lead to. */
  #walk(name: string): void {
    const stack: { name: string; left: string[] }[] = [];
    const enter = (next: string) => {
      if (this.#rank.has(next)) return;
      this.#rank.set(next, 0);
      const providers = this.universe.providers(next);
      stack.push({ name: next, left: providers.flatMap(({ candidate }) => this.#meet(candidate)) });
    };
    enter(name);
    while (stack.length > 0) {
      const top = stack.at(-1)!;
      const next = top.left.shift();
      if (next !== undefined) enter(next);
      else {
        this.#rank.set(top.name, ++this.#left);
        stack.pop();
      }
    }
  }

  #left = 0;

  /** Registers a candidate. @returns names of its dependencies. */
  #meet(candidate: Candidate): string[] {
    if (this.#met.has(candidate)) return [];
    this.#met.add(candidate);
    const { depends } = candidate;
    if (candidate.broken !== undefined) {
      this.#exclude(candidate, { kind: "broken", why: candidate.broken });
    }
    for (const { name } of depends) {
      const list = this.#dependents.get(name);
      if (list) list.push(candidate);
      else this.#dependents.set(name, [candidate]);
    }
    this.#candidates.add(candidate);
    return depends.filter(({ conflict }) => !conflict).map((dependency) => dependency.name);
  }

  #deduce(): void {
    while (this.#candidates.size + this.#names.size > 0) {
      for (const candidate of this.#candidates) {
        this.#candidates.delete(candidate);
        this.#judge(candidate);
      }
      for (const name of this.#names) {
        this.#names.delete(name);
        this.#settle(name);
        if (this.#candidates.size > 0) break;
      }
    }
  }

  /** Puts a candidate out when one of its own dependencies can't be met any more. */
  #judge(candidate: Candidate): void {
    if (this.excluded.has(candidate) || this.chosen.has(candidate)) return;
    const unmet = candidate.depends.find((dependency) =>
      dependency.conflict
        ? this.holds(dependency, candidate)
        : !this.left(dependency.name).some((provider) =>
          matches(dependency, provider.version, provider.candidate.record.checksum)
        )
    );
    if (unmet) this.#exclude(candidate, { kind: "needs", dependency: unmet });
  }

  #settle(name: string): void {
    if (!this.requirements.has(name) || this.#settled.has(name)) return;
    const left = this.left(name);
    if (left.length === 0) return this.#fail(name, "none");
    const taken = left.some(({ candidate, version }) =>
      this.chosen.has(candidate) && (version !== undefined || !this.#byCondition.has(candidate))
    );
    if (taken) this.#settled.add(name);
    else if (left.length === 1 && this.#takeable(left[0]!)) this.#choose(left[0]!.candidate);
    else this.#requireCommon(name, left);
  }

  /** What every candidate left depends on is required now, in the loosest form. */
  #requireCommon(name: string, left: readonly Provider[]): void {
    const wanted = (candidate: Candidate, on: string) =>
      candidate.depends.filter((one) => !one.conflict && one.name === on);
    for (const on of new Set(left[0]!.candidate.depends.map((one) => one.name))) {
      const alternatives = left.map(({ candidate }) => ({
        dependencies: wanted(candidate, on),
        by: candidate,
      }));
      if (alternatives.some(({ dependencies }) => dependencies.length === 0)) continue;
      const key = `${name} ${on}`;
      const known = this.#groups.get(key);
      if (!known) {
        const requirement = { name: on, alternatives };
        this.#groups.set(key, requirement);
        this.#add(requirement);
      } else if (known.alternatives.length !== alternatives.length) {
        known.alternatives = alternatives;
        this.#apply(known);
      }
    }
  }

  /** An unversioned provide is a choice that no one makes for the user, unless it has a priority. */
  #takeable({ candidate, version }: Provider): boolean {
    return version !== undefined || candidate.record.providerPriority > 0 ||
      this.requirements.has(candidate.record.name);
  }

  /** Decides one open name: real packages first, those that nothing open depends on before others. */
  #decide(): boolean {
    let best: { name: string; real: boolean; rank: number; options: Provider[] } | undefined;
    for (const name of this.requirements.keys()) {
      if (this.#settled.has(name)) continue;
      const options = this.left(name).filter((provider) => this.#takeable(provider));
      if (options.length === 0) continue;
      const real = this.universe.providers(name).some(({ candidate }) =>
        candidate.record.name === name
      );
      const rank = this.#rank.get(name)!;
      if (!best || (real === best.real ? rank > best.rank : real)) {
        best = { name, real, rank, options };
      }
    }
    if (!best) return false;
    this.#choose(best.options.reduce((a, b) => isBetter(b, a) ? b : a).candidate);
    return true;
  }

  /**
   * Takes packages whose install_if holds. Those with a negated condition wait for `final`, when all
   * else is decided. @returns whether something was taken.
   */
  #takeConditional(final: boolean): boolean {
    const ready: Candidate[] = [];
    for (const candidate of this.#conditional) {
      if (this.chosen.has(candidate) || this.excluded.has(candidate)) continue;
      if (!final && candidate.installIf.some(({ conflict }) => conflict)) continue;
      if (candidate.installIf.every((one) => one.conflict !== this.holds(one))) {
        ready.push(candidate);
      }
    }
    ready.sort((a, b) =>
      a.record.name === b.record.name
        ? compareVersions(b.record.version, a.record.version) || a.repository - b.repository
        : a.order - b.order
    );
    for (const candidate of ready) {
      // Its dependencies may be met here for the first time, and may put it out.
      this.#walk(candidate.record.name);
      this.#deduce();
      if (this.chosen.has(candidate) || this.excluded.has(candidate)) continue;
      this.#byCondition.add(candidate);
      this.#choose(candidate);
      return true;
    }
    return false;
  }
}

/** Whether `a` is the better provider of one name: provided version, then priority, then repository. */
function isBetter(a: Provider, b: Provider): boolean {
  const one = a.candidate.record, other = b.candidate.record;
  if (a.version !== undefined && b.version !== undefined) {
    const order = compareVersions(a.version, b.version);
    if (order !== 0) return order > 0;
  }
  if (one.name === other.name) {
    const order = compareVersions(one.version, other.version);
    if (order !== 0) return order > 0;
  }
  if (one.providerPriority !== other.providerPriority) {
    return one.providerPriority > other.providerPriority;
  }
  return a.candidate.order < b.candidate.order;
}
