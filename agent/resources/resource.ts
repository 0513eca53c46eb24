/**
 * How the node is made to be what its configuration says: each concern is a {@linkcode Resource} that reads what is, plans
 * the difference and applies it step by step. Planning is pure; planning again after applying gives no steps.
 *
 * @module
 */
import type { NodeConfig } from "../../lib/documents/site.ts";
import { reasonOf, UserError } from "../../lib/errors.ts";
import type { Host } from "../../lib/host.ts";
import type { Identity } from "../identity/read.ts";
import { AgentError, isFull, type Trouble, troubleOf } from "../report/problem.ts";

/** One change. `text` is what people see: it names things, never a secret or the content of a file. */
export interface Step {
  readonly text: string;
}

/** What resources are told: who the node is and what it shall be. */
export interface Target {
  identity: Identity;
  config: NodeConfig;
  /** Identifies this boot, so that "on every boot" is kept through restarts of the agent. */
  bootId: string;
}

/** One concern of the node. */
export interface Resource<Desired, Actual, Change extends Step> {
  readonly name: string;
  /** The part of the target that is this resource's; undefined when it has no say. */
  desire(target: Target): Desired | undefined;
  /** What is, as far as planning needs it. */
  read(host: Host, desired: Desired): Promise<Actual>;
  /** Pure: the changes that lead from `actual` to `desired`, in order. */
  plan(desired: Desired, actual: Actual): Change[];
  /** Makes one change. @throws {UserError} saying what could not be done. */
  apply(step: Change, host: Host): Promise<void>;
}

/** What applying has done. */
export interface Applied {
  /** Texts of the steps that were made. */
  steps: string[];
  /** What could not be done; the other steps were made all the same. */
  troubles: Trouble[];
}

/** A resource whose types no longer matter to the caller. */
export type Bound = (host: Host, target: Target, applied: Applied) => Promise<void>;

/** Reads, plans and applies `resource`. A step that fails does not keep the others from being made. */
export function bind<Desired, Actual, Change extends Step>(
  resource: Resource<Desired, Actual, Change>,
): Bound {
  return async (host, target, applied) => {
    const desired = resource.desire(target);
    if (desired === undefined) return;
    let steps: Change[];
    try {
      steps = resource.plan(desired, await resource.read(host, desired));
    } catch (error) {
      applied.troubles.push(troubleOf(error, "apply"));
      return;
    }
    for (const step of steps) {
      try {
        await resource.apply(step, host);
        applied.steps.push(step.text);
      } catch (error) {
        applied.troubles.push(stepTrouble(error, step));
      }
    }
  };
}

/** What went wrong in a step, in words of the step where the error brings none of its own. */
function stepTrouble(error: unknown, { text }: Step): Trouble {
  if (error instanceof UserError && !isFull(error)) return troubleOf(error, "apply");
  const state = isFull(error) ? "no space left in RAM" : reasonOf(error);
  return troubleOf(new AgentError(isFull(error) ? "full" : "apply", text, state), "apply");
}
