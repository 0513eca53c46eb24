/**
 * What a search of the package solver notes down: who asks for what, and why a candidate is out.
 *
 * @module
 */
import type { Dependency } from "./dependency.ts";
import type { Candidate } from "./solver_universe.ts";

/** Who asks; undefined is the world. */
export type Requirer = Candidate | undefined;

/** One way to meet a requirement: all of these on one name. */
export interface Alternative {
  dependencies: readonly Dependency[];
  by: Requirer;
}

/** A name is needed; one of the alternatives must hold for whatever provides it. */
export interface Requirement {
  name: string;
  alternatives: readonly Alternative[];
}

/** Why a candidate is out. */
export type Reason =
  | { kind: "broken"; why: string }
  | { kind: "breaks"; requirement: Requirement }
  | { kind: "banned"; dependency: Dependency; by: Requirer }
  | { kind: "rival"; name: string; by: Candidate }
  | { kind: "needs"; dependency: Dependency };

/** A name that could not be settled. */
export interface Problem {
  name: string;
  /** "none": nothing provides it or nothing is left; "explicit": what is left must be asked for by name. */
  kind: "none" | "explicit";
}
