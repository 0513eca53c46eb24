/**
 * How a node is brought into line with its configuration. Each part of the system is a {@linkcode Resource}: it reads
 * the actual state, plans the steps from there to the wanted state, and applies them one by one. Planning is pure;
 * planning again after applying gives no steps.
 *
 * @module
 */
import {
  type AppliedName,
  type Desired,
  desired,
  isLeftToFiles,
  type NodeConfig,
  type ObservedOf,
} from "../../lib/config/mod.ts";
import { reasonOf, UserError } from "../../lib/errors.ts";
import type { Host } from "../../lib/host.ts";
import type { Identity } from "../identity/read.ts";
import type { Trials } from "../trial/trial.ts";
import { AgentError, isFull, type Trouble, troubleOf } from "../report/problem.ts";
import { type Rehearsal, Unrehearsed } from "./rehearsal.ts";

/** One change. `text` is what people see: it names things, never a secret or the content of a file. */
export interface Step {
  readonly text: string;
  /** What a file is to hold, where everybody can know it. */
  readonly file?: { readonly path: string; readonly data: Uint8Array };
}

/** What resources are told: who the node is and what it is to be. */
export interface Target {
  identity: Identity;
  /** The node's tags, where its files ask for them. */
  tags: readonly string[];
  config: NodeConfig;
  /** The part of `config` that everyone can read on the site. */
  shown: NodeConfig;
  /** Whether a site has answered in this boot, be it with something that was refused: the node is not cut off. */
  isReached: boolean;
  /** Identifies this boot, so that "on every boot" is kept through restarts of the agent. */
  bootId: string;
  /** Tries settings that could cut the node off. */
  trials: Trials;
  /** Fires when the agent is to stop: no further step is begun, and what takes long is ended. */
  signal: AbortSignal;
  /** Set where nothing is to be changed: what resources then read by; steps are made on its other side. */
  rehearsal?: Rehearsal;
}

/** One concern of the node. */
export interface Resource<Wanted, Actual, Change extends Step> {
  /** What is, as far as planning needs it. */
  read(host: Host, wanted: Wanted, target: Target): Promise<Actual>;
  /** Pure: the changes that lead from `actual` to `wanted`, in order. */
  plan(wanted: Wanted, actual: Actual): Change[];
  /** Makes one change. @throws {UserError} saying what could not be done. */
  apply(step: Change, host: Host, target: Target): Promise<void>;
}

/** A resource that applies the configuration's key of this name. */
export interface KeyResource<Name extends AppliedName, Actual, Change extends Step>
  extends Resource<Desired<Name>, Actual, Change> {
  /**
   * The node's actual state, as its status document reports it. Of anything that the public part of the configuration
   * (`shown`) does not contain, the report may say only whether it is as wanted.
   */
  observe(
    host: Host,
    wanted: Desired<Name>,
    shown: Desired<Name>,
    target: Target,
  ): Promise<ObservedOf<Name>>;
}

/** What applying has done. */
export interface Applied {
  /** Texts of the steps that were made. */
  steps: string[];
  /** The steps that are made, or would be, as they are come to; for who wants to see more of them. */
  onStep?: (step: Step) => void;
  /** What could not be done; the other steps were made all the same. */
  troubles: Trouble[];
}

/** Reads, plans and applies a resource whose types are erased. A failed step does not stop the steps after it. */
export type Apply = (host: Host, target: Target, applied: Applied) => Promise<void>;

/** What applies and reports the key of this name. */
export interface Applier<Name extends AppliedName> {
  apply: Apply;
  observe(host: Host, target: Target): Promise<ObservedOf<Name>>;
}

/** Binds a resource to the key whose value it applies. */
export function applier<Name extends AppliedName, Actual, Change extends Step>(
  name: Name,
  resource: KeyResource<Name, Actual, Change>,
): Applier<Name> {
  const wanted = (config: NodeConfig, { identity }: Target) => desired(name, config, identity);
  return {
    apply: bind(
      (target) => isLeftToFiles(name, target.config) ? undefined : wanted(target.config, target),
      resource,
    ),
    observe: (host, target) =>
      resource.observe(host, wanted(target.config, target), wanted(target.shown, target), target),
  };
}

/** Binds a resource to the function that gives its wanted state. Where that is undefined, the resource does nothing. */
export function bind<Wanted, Actual, Change extends Step>(
  desire: (target: Target) => Wanted | undefined,
  resource: Resource<Wanted, Actual, Change>,
): Apply {
  return async (host, target, applied) => {
    const wanted = desire(target);
    if (wanted === undefined) return;
    let steps: Change[];
    try {
      const looked = target.rehearsal?.looking ?? host;
      steps = resource.plan(wanted, await resource.read(looked, wanted, target));
    } catch (error) {
      applied.troubles.push(troubleOf(error, "apply"));
      return;
    }
    for (const step of steps) {
      if (target.signal.aborted) return;
      applied.onStep?.(step);
      try {
        await resource.apply(step, host, target);
        applied.steps.push(step.text);
      } catch (error) {
        if (error instanceof Unrehearsed) applied.steps.push(step.text);
        else applied.troubles.push(stepTrouble(error, step));
      }
    }
  };
}

/** The problem that a failed step causes. If the error is not a UserError, the message is made from the step's text. */
function stepTrouble(error: unknown, { text }: Step): Trouble {
  if (error instanceof UserError && !isFull(error)) return troubleOf(error, "apply");
  const state = isFull(error) ? "no space left in RAM" : reasonOf(error);
  return troubleOf(new AgentError(isFull(error) ? "full" : "apply", text, state), "apply");
}
