/**
 * Why no set of packages meets a request: for every name that could not be settled, who asks for it and
 * what became of every candidate.
 *
 * @module
 */
import { nearest } from "../nearest.ts";
import { type Dependency, formatDependency, matches } from "./dependency.ts";
import type { Alternative, Problem, Reason, Requirement, Requirer } from "./solver_facts.ts";
import type { Search } from "./solver_search.ts";
import type { Candidate, Provider } from "./solver_universe.ts";

/** How deep a chain of "needs … needs …" is followed. */
const MAX_DEPTH = 4;

/** What can be said about one name. */
export interface Explanation {
  /** One line: the name, what is wrong, who asks. */
  summary: string;
  /** One line per candidate, with all its reasons; longer chains are indented below. */
  details: string[];
}

/** Explains one problem. */
export function explain(search: Search, problem: Problem): Explanation {
  const { name, kind } = problem;
  const providers = search.universe.providers(name);
  const requirers = (search.requirements.get(name) ?? []).map(requirementText).join(", ");
  const required = requirers === "" ? "" : `, required by ${requirers}`;
  if (providers.length === 0) {
    const near = nearest(name, [...search.universe.names()].filter((n) => n[0] === name[0]));
    const hint = near === undefined ? "" : ` (did you mean ${near}?)`;
    return { summary: `${name}: no such package${hint}${required}`, details: [] };
  }
  const details = providers.flatMap((provider) => candidateLines(search, provider, name, 0));
  const state = kind === "explicit"
    ? "nothing provides it unasked, name the package that you want"
    : "no candidate is left";
  return { summary: `${name}: ${state}${required}`, details };
}

/** Lines on one candidate for a name; `wanted` when it is looked at for one dependency only. */
function candidateLines(
  search: Search,
  { candidate, version }: Provider,
  name: string,
  depth: number,
  wanted?: Dependency,
): string[] {
  const indent = "  ".repeat(depth);
  const role = candidate.record.name === name ? candidate.id : `${candidate.id} (provides ${name})`;
  const reasons = search.excluded.get(candidate) ?? [];
  const texts = new Set<string>();
  if (wanted && !matches(wanted, version, candidate.record.checksum)) {
    texts.add(`is not ${formatDependency(wanted)}`);
  }
  if (search.chosen.has(candidate)) {
    const by = [...search.requirements.get(candidate.record.name) ?? []].map(requirementText);
    texts.add(by.length > 0 ? `is chosen for ${by.join(", ")}` : "is chosen by its install_if");
  }
  const rivals = reasons.filter(({ kind }) => kind === "rival").length;
  for (const reason of reasons) {
    // That another version was chosen says little beside why this one could not be.
    const minor = reason.kind === "rival" && reason.by.record.name === candidate.record.name;
    if (!minor || rivals === reasons.length) texts.add(reasonText(search, candidate, reason));
  }
  const state = texts.size === 0 ? "must be asked for by name" : [...texts].join("; ");
  const lines = [`${indent}${role}: ${state}`];
  if (depth + 1 >= MAX_DEPTH) return lines;
  for (const reason of reasons) {
    if (reason.kind !== "needs" || reason.dependency.conflict) continue;
    const { dependency } = reason;
    for (const provider of search.universe.providers(dependency.name)) {
      lines.push(...candidateLines(search, provider, dependency.name, depth + 1, dependency));
    }
  }
  return lines;
}

function reasonText(search: Search, candidate: Candidate, reason: Reason): string {
  switch (reason.kind) {
    case "broken":
      return reason.why;
    case "breaks":
      return `breaks ${requirementText(reason.requirement)}`;
    case "banned":
      return `${requirerText(reason.by)} does not allow it (${
        formatDependency(reason.dependency)
      })`;
    case "rival":
      return reason.name === candidate.record.name && reason.by.record.name === reason.name
        ? `${reason.by.id} is chosen`
        : `conflicts with ${reason.by.id}, which has the name ${reason.name}`;
    case "needs":
      return needText(search, reason.dependency);
  }
}

function needText(search: Search, dependency: Dependency): string {
  const text = formatDependency(dependency);
  if (dependency.conflict) return `conflicts with what is chosen (${text})`;
  const state = search.universe.providers(dependency.name).length === 0
    ? ", no such package"
    : ", which no candidate left provides";
  return `needs ${text}${state}`;
}

function requirementText({ alternatives }: Requirement): string {
  return alternatives.map(alternativeText).join(" or ");
}

function alternativeText({ dependencies, by }: Alternative): string {
  return `${requirerText(by)} (${dependencies.map(formatDependency).join(" ")})`;
}

function requirerText(by: Requirer): string {
  return by === undefined ? "the request" : by.id;
}
