/**
 * The agent's course as a state machine. One round: get a network address, ask the site for this node's documents,
 * apply them, report the outcome, and sleep until the next round. Pure: a state holds everything that is known in it,
 * an event says what has happened, and {@linkcode step} returns the next state with the effects to perform. The last
 * effect produces the next event. Only {@linkcode step} decides which event may follow in which state; any other event
 * is a defect and throws.
 *
 * Rules that always hold: whatever fails, the node keeps what it has. Nothing that failed a check is applied. A node
 * that has no configuration yet falls back to its last good documents at the first failure. The agent never gives up.
 *
 * @module
 */
import type { Phase, Status } from "../../lib/documents/status.ts";
import { EXIT, type ExitCode } from "../../lib/errors.ts";
import type { Trouble } from "../report/problem.ts";
import { CHECK_SECONDS } from "../../lib/config/course.ts";
import { checkDelay, retryDelay } from "./interval.ts";

/** Pause before a refused site is asked once more, in milliseconds: it may be in the middle of being published. */
export const RECHECK_MS = 2_000;

/** The parts of verified documents that the state machine uses. */
export interface Documents {
  serial: number;
  /** Seconds between two checks of the site. */
  everySeconds: number;
}

/** The documents in force on the node, and where they came from. */
export interface Current<Told> {
  told: Told;
  source: NonNullable<Status["source"]>;
}

/** What the agent remembers from one round to the next. */
export interface Memory<Told> {
  /** Run a single round and end, instead of going on. */
  readonly once: boolean;
  /** Undefined while the node has no configuration yet. */
  readonly current?: Current<Told>;
  /** The configuration that the console last announced: "<serial> <source>". */
  readonly announced?: string;
  /** Number of consecutive rounds that failed: no address, no usable answer from the site, or an unexpected error. */
  readonly failures: number;
  /** Pause before the next round after such a failure, in milliseconds. */
  readonly retryMs: number;
}

/** Where the course stands. */
export type State<Told> =
  /** Looking for the identity drive. */
  | { readonly at: "looking"; readonly once: boolean }
  | { readonly at: "addressing"; readonly memory: Memory<Told> }
  /** `again`: this is the round's second request, because the first answer was refused. */
  | { readonly at: "asking"; readonly memory: Memory<Told>; readonly again: boolean }
  /** Reading the last good documents, because of `trouble` with the network or the site. */
  | { readonly at: "recalling"; readonly memory: Memory<Told>; readonly trouble: Trouble }
  /** `trouble`: why these are not the documents that the site has now. */
  | {
    readonly at: "applying";
    readonly memory: Memory<Told> & { current: Current<Told> };
    readonly trouble?: Trouble;
  }
  /** Sleeping until the next round; the node is what its site says. */
  | { readonly at: "settled"; readonly memory: Memory<Told> }
  /** Sleeping until the next round; something failed, and the node keeps what it has, which may be nothing. */
  | { readonly at: "holding"; readonly memory: Memory<Told> }
  | { readonly at: "ended"; readonly code: ExitCode };

/** What has happened. */
export type Event<Told> =
  /** The drive was found and read. */
  | { readonly is: "identified" }
  /** No usable drive was found, and the agent no longer waits for one. */
  | { readonly is: "unidentified" }
  | { readonly is: "addressed" }
  | { readonly is: "told"; readonly told: Told }
  | { readonly is: "unchanged" }
  /** The node got no address, no answer, or an answer that it refused or can't use. */
  | { readonly is: "failed"; readonly trouble: Trouble }
  | { readonly is: "recalled"; readonly told: Told }
  | { readonly is: "forgotten" }
  | { readonly is: "applied"; readonly troubles: readonly Trouble[] }
  | { readonly is: "tick" }
  /** An unexpected error was thrown. */
  | { readonly is: "broken"; readonly trouble: Trouble }
  | { readonly is: "stopped" };

/** What the agent is to do. */
export type Effect<Told> =
  | { readonly do: "enter"; readonly phase: Phase }
  /** Keep the documents on the drive. `quietly`: do not report a failure, because it was reported before. */
  | { readonly do: "keep"; readonly told: Told; readonly quietly: boolean }
  /** Use these documents from now on. */
  | { readonly do: "take"; readonly current: Current<Told> }
  /** Report the problem; `retrySeconds` is the pause before the next try. */
  | {
    readonly do: "complain";
    readonly trouble: Trouble;
    readonly retrySeconds?: number;
    /** Whether the node has a configuration despite the problem. */
    readonly configured: boolean;
  }
  /** Report another problem in addition to the one complained about. */
  | { readonly do: "mention"; readonly trouble: Trouble }
  | { readonly do: "relent" }
  | { readonly do: "announce"; readonly current: Current<Told> }
  | { readonly do: "report" }
  /** Each of the following effects produces an event. */
  | { readonly do: "address" }
  | { readonly do: "ask"; readonly afterMs: number }
  | { readonly do: "recall" }
  | { readonly do: "apply"; readonly current: Current<Told> }
  | { readonly do: "sleep"; readonly ms: number };

/** A state and what is to be done in it. */
export interface Step<Told> {
  readonly state: State<Told>;
  readonly effects: readonly Effect<Told>[];
}

/** What follows when `event` happens in `state`; `chance` is a random number from 0 (included) to 1 (excluded). */
export function step<Told extends Documents>(
  state: State<Told>,
  event: Event<Told>,
  chance: number,
): Step<Told> {
  if (state.at === "ended") throw unexpected(state, event);
  if (event.is === "stopped") return ended(EXIT.ok);
  switch (state.at) {
    case "looking":
      if (event.is === "identified") {
        return addressing({ once: state.once, failures: 0, retryMs: 0 });
      }
      if (event.is === "unidentified" || event.is === "broken") return ended(EXIT.failed);
      break;
    case "addressing":
      if (event.is === "addressed") return asking(state.memory);
      if (event.is === "failed") return failed(state.memory, event.trouble, chance);
      break;
    case "asking":
      if (event.is === "told") return accepted(state.memory, event.told);
      if (event.is === "unchanged" && state.memory.current) {
        return unchanged(state.memory, state.memory.current);
      }
      if (event.is === "failed") return unanswered(state, event.trouble, chance);
      break;
    case "recalling":
      if (event.is === "recalled") return recalled(state, event.told, chance);
      if (event.is === "forgotten") return heldOn(state.memory, state.trouble, chance);
      break;
    case "applying":
      if (event.is === "applied") {
        return concluded(state.memory, state.trouble, event.troubles, chance);
      }
      break;
    case "settled":
    case "holding":
      if (event.is === "tick") return addressing(state.memory);
  }
  if (event.is === "broken" && "memory" in state) {
    return broken(state.memory, event.trouble, chance);
  }
  throw unexpected(state, event);
}

function addressing<Told>(memory: Memory<Told>): Step<Told> {
  const enter = entering(memory, "waiting-network");
  return { state: { at: "addressing", memory }, effects: [...enter, { do: "address" }] };
}

function asking<Told>(memory: Memory<Told>): Step<Told> {
  return {
    state: { at: "asking", memory, again: false },
    effects: [...entering(memory, "fetching"), { do: "ask", afterMs: 0 }],
  };
}

/** Enters `phase`, unless the node has a configuration already: such a node does not go back to an earlier phase. */
function entering<Told>({ current }: Memory<Told>, phase: Phase): Effect<Told>[] {
  return current ? [] : [{ do: "enter", phase }];
}

function accepted<Told>(memory: Memory<Told>, told: Told): Step<Told> {
  const current: Current<Told> = { told, source: "site" };
  return {
    state: { at: "applying", memory: { ...memory, failures: 0, current } },
    effects: [
      { do: "keep", told, quietly: false },
      { do: "take", current },
      ...enteringApply(memory),
      { do: "apply", current },
    ],
  };
}

function unchanged<Told>(memory: Memory<Told>, { told }: Current<Told>): Step<Told> {
  const current: Current<Told> = { told, source: "site" };
  return {
    state: { at: "applying", memory: { ...memory, failures: 0, current } },
    effects: [
      // The drive may be back by now. Unless it gets these documents, the next boot would accept an older publication.
      { do: "keep", told, quietly: true },
      ...enteringApply(memory),
      { do: "apply", current },
    ],
  };
}

/** There was no usable answer. If it was refused, the site may be in the middle of being published: ask once more. */
function unanswered<Told extends Documents>(
  state: State<Told> & { at: "asking" },
  trouble: Trouble,
  chance: number,
): Step<Told> {
  const mayPass = trouble.refused && trouble.check !== "expired";
  if (!mayPass || state.again) return failed(state.memory, trouble, chance);
  return { state: { ...state, again: true }, effects: [{ do: "ask", afterMs: RECHECK_MS }] };
}

function recalled<Told extends Documents>(
  { memory, trouble }: State<Told> & { at: "recalling" },
  told: Told,
  chance: number,
): Step<Told> {
  const current: Current<Told> = { told, source: "last-good" };
  const known = withDelay({ ...memory, current }, chance);
  // The complaint comes before applying, so that the console first gives the reason for using older documents.
  return {
    state: { at: "applying", memory: { ...known, current }, trouble },
    effects: [
      { do: "take", current },
      complaint(known, trouble),
      ...enteringApply(memory),
      { do: "apply", current },
    ],
  };
}

function enteringApply<Told>({ announced }: Memory<Told>): Effect<Told>[] {
  return announced === undefined ? [{ do: "enter", phase: "applying" }] : [];
}

/** The site could not be asked. */
function failed<Told extends Documents>(
  { failures, ...rest }: Memory<Told>,
  trouble: Trouble,
  chance: number,
): Step<Told> {
  const memory = { ...rest, failures: failures + 1 };
  if (memory.current) return heldOn(memory, trouble, chance);
  return { state: { at: "recalling", memory, trouble }, effects: [{ do: "recall" }] };
}

/** The node holds on to what it has. */
function heldOn<Told extends Documents>(
  memory: Memory<Told>,
  trouble: Trouble,
  chance: number,
): Step<Told> {
  const known = withDelay(memory, chance);
  return concluded(known, trouble, [], chance, [complaint(known, trouble)]);
}

/** Ends a round; says how it went. */
function concluded<Told extends Documents>(
  memory: Memory<Told>,
  trouble: Trouble | undefined,
  troubles: readonly Trouble[],
  chance: number,
  before: readonly Effect<Told>[] = [],
): Step<Told> {
  const { current, once } = memory;
  const [first] = troubles;
  const effects: Effect<Told>[] = [...before];
  if (trouble && first) effects.push({ do: "mention", trouble: first });
  else if (first) effects.push({ do: "complain", trouble: first, configured: true });
  else if (!trouble) effects.push({ do: "relent" });
  let announced = memory.announced;
  if (current) {
    const announcement = `${current.told.serial} ${current.source}`;
    if (!first && announced !== announcement) {
      announced = announcement;
      effects.push({ do: "announce", current });
    }
    effects.push({ do: "enter", phase: trouble || first ? "degraded" : "configured" });
  }
  effects.push({ do: "report" });
  if (once) {
    const code = trouble?.refused ? EXIT.refused : trouble || first ? EXIT.failed : EXIT.ok;
    return { state: { at: "ended", code }, effects };
  }
  const ms = trouble ? memory.retryMs : checkDelay(everyOf(memory), chance);
  return {
    state: { at: trouble || first ? "holding" : "settled", memory: { ...memory, announced } },
    effects: [...effects, { do: "sleep", ms }],
  };
}

/** After an unexpected error: reports it like any other problem, and tries again later. */
function broken<Told extends Documents>(
  { failures, ...rest }: Memory<Told>,
  trouble: Trouble,
  chance: number,
): Step<Told> {
  const memory = withDelay({ ...rest, failures: failures + 1 }, chance);
  const effects: Effect<Told>[] = [complaint(memory, trouble), { do: "report" }];
  if (memory.once) return { state: { at: "ended", code: EXIT.failed }, effects };
  return {
    state: { at: "holding", memory },
    effects: [...effects, { do: "sleep", ms: memory.retryMs }],
  };
}

/** Sets the pause before the next try in advance, so that the complaint announces the real pause. */
function withDelay<Told extends Documents>(memory: Memory<Told>, chance: number): Memory<Told> {
  return { ...memory, retryMs: retryDelay(memory.failures, everyOf(memory), chance) };
}

function complaint<Told>(memory: Memory<Told>, trouble: Trouble): Effect<Told> {
  const { retryMs, current } = memory;
  const retrySeconds = retryMs / 1000;
  return { do: "complain", trouble, retrySeconds, configured: current !== undefined };
}

function everyOf<Told extends Documents>({ current }: Memory<Told>): number {
  return current?.told.everySeconds ?? CHECK_SECONDS;
}

function ended<Told>(code: ExitCode): Step<Told> {
  return { state: { at: "ended", code }, effects: [] };
}

function unexpected<Told>({ at }: State<Told>, { is }: Event<Told>): TypeError {
  return new TypeError(`The course can't be told "${is}" while it is ${at}`);
}
