/**
 * The agent's course as a state machine. One round: get a network address, ask the site for this node's documents,
 * apply them, report the outcome, and sleep until the next round. Pure: a state holds everything that is known in it,
 * an event says what has happened, and {@linkcode step} returns the next state with the effects to perform. The last
 * effect produces the next event. Only {@linkcode step} decides which event may follow in which state; any other event
 * is a defect and throws.
 *
 * Rules that always hold: whatever fails, the node keeps what it has, and repairs it: in every round while something is
 * wrong, else every quarter of an hour. Nothing that failed
 * a check is applied, and nothing is applied again once the key behind it was dropped. A node that has no configuration
 * yet falls back to its last good documents at the first failure. The agent never gives up.
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
export interface Current<Publication> {
  publication: Publication;
  source: NonNullable<Status["source"]>;
}

/** What the agent remembers from one round to the next. */
export interface Memory<Publication> {
  /** Run a single round and end, instead of going on. */
  readonly once: boolean;
  /** Undefined while the node has no configuration yet. */
  readonly current?: Current<Publication>;
  /** The configuration that the console last announced: "<serial> <source>". */
  readonly announced?: string;
  /** Number of consecutive rounds that failed: no address, no usable answer from the site, or an unexpected error. */
  readonly failures: number;
  /** Pause before the next round after such a failure, in milliseconds. */
  readonly retryMs: number;
}

/** Where the course stands. */
export type State<Publication> =
  /** Looking for the identity drive. */
  | { readonly at: "looking"; readonly once: boolean }
  | { readonly at: "addressing"; readonly memory: Memory<Publication> }
  /** `again`: this is the round's second request, because the first answer was refused. */
  | { readonly at: "asking"; readonly memory: Memory<Publication>; readonly again: boolean }
  /** Reading the last good documents, because of `trouble` with the network or the site. */
  | { readonly at: "recalling"; readonly memory: Memory<Publication>; readonly trouble: Trouble }
  /** `trouble`: why these are perhaps not the documents that the site has now. */
  | {
    readonly at: "applying";
    readonly memory: Memory<Publication> & { current: Current<Publication> };
    readonly trouble?: Trouble;
  }
  /** Sleeping until the next round; the node is what its site says. */
  | { readonly at: "settled"; readonly memory: Memory<Publication> }
  /** Sleeping until the next round; something failed, and the node keeps what it has, which may be nothing. */
  | { readonly at: "holding"; readonly memory: Memory<Publication> }
  | { readonly at: "ended"; readonly code: ExitCode };

/** What has happened. */
export type Event<Publication> =
  /** The drive was found and read. */
  | { readonly type: "identified" }
  /** No usable drive was found, and the agent no longer waits for one. */
  | { readonly type: "unidentified" }
  | { readonly type: "addressed" }
  | { readonly type: "received"; readonly publication: Publication }
  /** `isRested`: the node was wholly as wanted a short time ago, and is not looked over again in this round. */
  | { readonly type: "unchanged"; readonly isRested?: boolean }
  /**
   * The node got no address, no answer, or an answer that it refused or can't use. `fallen`: what it was told before is not
   * to be believed any more.
   */
  | { readonly type: "failed"; readonly trouble: Trouble; readonly fallen?: boolean }
  | { readonly type: "recalled"; readonly publication: Publication }
  | { readonly type: "nothingKept" }
  | { readonly type: "applied"; readonly troubles: readonly Trouble[] }
  /** It is time for the next round. `superseded`: another agent of this node has kept something newer in the meantime. */
  | { readonly type: "tick"; readonly superseded?: boolean }
  /** An unexpected error was thrown. */
  | { readonly type: "unexpectedError"; readonly trouble: Trouble }
  | { readonly type: "stopped" };

/** What the agent is to do. */
export type Effect<Publication> =
  | { readonly do: "enter"; readonly phase: Phase }
  /** Keep the documents on the drive. `quietly`: do not report a failure, because it was reported before. */
  | { readonly do: "keep"; readonly publication: Publication; readonly quietly: boolean }
  /** Use these documents from now on. */
  | { readonly do: "take"; readonly current: Current<Publication> }
  /** Report the problem; `retrySeconds` is the pause before the next try. */
  | {
    readonly do: "complain";
    readonly trouble: Trouble;
    readonly retrySeconds?: number;
    /** Whether the node has a configuration despite the problem. */
    readonly configured: boolean;
  }
  /** Report another problem in addition to the one complained about. */
  | { readonly do: "alsoComplain"; readonly trouble: Trouble }
  /** Forget the documents that were in use, and all that follows from them. */
  | { readonly do: "forget" }
  | { readonly do: "clearProblem" }
  | { readonly do: "announce"; readonly current: Current<Publication> }
  | { readonly do: "report" }
  /** Each of the following effects produces an event. */
  | { readonly do: "address" }
  | { readonly do: "ask"; readonly afterMs: number }
  | { readonly do: "recall" }
  | { readonly do: "apply"; readonly current: Current<Publication> }
  | { readonly do: "sleep"; readonly ms: number };

/** A state and what is to be done in it. */
export interface Step<Publication> {
  readonly state: State<Publication>;
  readonly effects: readonly Effect<Publication>[];
}

/** What follows when `event` happens in `state`; `chance` is a random number from 0 (included) to 1 (excluded). */
export function step<Publication extends Documents>(
  state: State<Publication>,
  event: Event<Publication>,
  chance: number,
): Step<Publication> {
  if (state.at === "ended") throw unexpected(state, event);
  if (event.type === "stopped") return ended(EXIT.ok);
  switch (state.at) {
    case "looking":
      if (event.type === "identified") {
        return addressing({ once: state.once, failures: 0, retryMs: 0 });
      }
      if (event.type === "unidentified" || event.type === "unexpectedError") {
        return ended(EXIT.failed);
      }
      break;
    case "addressing":
      if (event.type === "addressed") return asking(state.memory);
      if (event.type === "failed") return failed(state.memory, event.trouble, chance);
      break;
    case "asking":
      if (event.type === "received") return accepted(state.memory, event.publication);
      if (event.type === "unchanged" && state.memory.current) {
        const { memory } = state;
        return event.isRested
          ? rested(memory, state.memory.current, chance)
          : unchanged(memory, state.memory.current);
      }
      if (event.type === "failed") {
        if (event.fallen) return fallen(state.memory, event.trouble, chance);
        return unanswered(state, event.trouble, chance);
      }
      break;
    case "recalling":
      if (event.type === "recalled") return recalled(state, event.publication, chance);
      if (event.type === "nothingKept") return heldOn(state.memory, state.trouble, chance);
      break;
    case "applying":
      if (event.type === "applied") {
        return concluded(state.memory, state.trouble, event.troubles, chance);
      }
      break;
    case "settled":
    case "holding":
      if (event.type === "tick") {
        const { once, failures, retryMs } = state.memory;
        return addressing(event.superseded ? { once, failures, retryMs } : state.memory);
      }
  }
  if (event.type === "unexpectedError" && "memory" in state) {
    return broken(state.memory, event.trouble, chance);
  }
  throw unexpected(state, event);
}

function addressing<Publication>(memory: Memory<Publication>): Step<Publication> {
  const enter = entering(memory, "waiting-network");
  return { state: { at: "addressing", memory }, effects: [...enter, { do: "address" }] };
}

function asking<Publication>(memory: Memory<Publication>): Step<Publication> {
  return {
    state: { at: "asking", memory, again: false },
    effects: [...entering(memory, "fetching"), { do: "ask", afterMs: 0 }],
  };
}

/** Enters `phase`, unless the node has a configuration already: such a node does not go back to an earlier phase. */
function entering<Publication>(
  { current }: Memory<Publication>,
  phase: Phase,
): Effect<Publication>[] {
  return current ? [] : [{ do: "enter", phase }];
}

function accepted<Publication>(
  memory: Memory<Publication>,
  publication: Publication,
): Step<Publication> {
  const current: Current<Publication> = { publication, source: "site" };
  return {
    state: { at: "applying", memory: { ...memory, failures: 0, current } },
    effects: [
      { do: "keep", publication, quietly: false },
      { do: "take", current },
      ...enteringApply(memory),
      { do: "apply", current },
    ],
  };
}

function unchanged<Publication>(
  memory: Memory<Publication>,
  { publication }: Current<Publication>,
): Step<Publication> {
  const current: Current<Publication> = { publication, source: "site" };
  return {
    state: { at: "applying", memory: { ...memory, failures: 0, current } },
    effects: [
      // The drive may be back by now. Unless it gets these documents, the next boot would accept an older publication.
      { do: "keep", publication, quietly: true },
      ...enteringApply(memory),
      { do: "apply", current },
    ],
  };
}

/** The site has nothing new, and the node was looked over a short time ago. */
function rested<Publication extends Documents>(
  memory: Memory<Publication>,
  current: Current<Publication>,
  chance: number,
): Step<Publication> {
  const keep = { do: "keep", publication: current.publication, quietly: true } as const;
  return concluded({ ...memory, failures: 0 }, undefined, [], chance, [keep]);
}

/** There was no usable answer. If it was refused, the site may be in the middle of being published: ask once more. */
function unanswered<Publication extends Documents>(
  state: State<Publication> & { at: "asking" },
  trouble: Trouble,
  chance: number,
): Step<Publication> {
  const mayPass = trouble.refused && trouble.check !== "expired";
  if (!mayPass || state.again) return failed(state.memory, trouble, chance);
  return { state: { ...state, again: true }, effects: [{ do: "ask", afterMs: RECHECK_MS }] };
}

function recalled<Publication extends Documents>(
  { memory, trouble }: State<Publication> & { at: "recalling" },
  publication: Publication,
  chance: number,
): Step<Publication> {
  const current: Current<Publication> = { publication, source: "last-good" };
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

function enteringApply<Publication>({ announced }: Memory<Publication>): Effect<Publication>[] {
  return announced === undefined ? [{ do: "enter", phase: "applying" }] : [];
}

/** The site could not be asked. */
function failed<Publication extends Documents>(
  { failures, ...rest }: Memory<Publication>,
  trouble: Trouble,
  chance: number,
): Step<Publication> {
  const memory = { ...rest, failures: failures + 1 };
  if (memory.current) return heldOn(memory, trouble, chance);
  return { state: { at: "recalling", memory, trouble }, effects: [{ do: "recall" }] };
}

/** The node holds on to what it has: that is applied in every round, whatever becomes of the site. */
function heldOn<Publication extends Documents>(
  memory: Memory<Publication>,
  trouble: Trouble,
  chance: number,
): Step<Publication> {
  const known = withDelay(memory, chance);
  const { current } = known;
  if (!current) return concluded(known, trouble, [], chance, [complaint(known, trouble)]);
  return {
    state: { at: "applying", memory: { ...known, current }, trouble },
    effects: [complaint(known, trouble), { do: "apply", current }],
  };
}

/** A key was dropped that vouched for what the node has: it does not apply that again, and looks for what is true. */
function fallen<Publication extends Documents>(
  { once, failures }: Memory<Publication>,
  trouble: Trouble,
  chance: number,
): Step<Publication> {
  const memory = withDelay<Publication>({ once, failures: failures + 1, retryMs: 0 }, chance);
  return concluded(memory, trouble, [], chance, [
    { do: "forget" },
    ...entering(memory, "fetching"),
    complaint(memory, trouble),
  ]);
}

/** Ends a round; says how it went. */
function concluded<Publication extends Documents>(
  memory: Memory<Publication>,
  trouble: Trouble | undefined,
  troubles: readonly Trouble[],
  chance: number,
  before: readonly Effect<Publication>[] = [],
): Step<Publication> {
  const { current, once } = memory;
  const [first] = troubles;
  const effects: Effect<Publication>[] = [...before];
  if (trouble && first) effects.push({ do: "alsoComplain", trouble: first });
  else if (first) effects.push({ do: "complain", trouble: first, configured: true });
  else if (!trouble) effects.push({ do: "clearProblem" });
  let announced = memory.announced;
  if (current) {
    const announcement = `${current.publication.serial} ${current.source}`;
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
function broken<Publication extends Documents>(
  { failures, ...rest }: Memory<Publication>,
  trouble: Trouble,
  chance: number,
): Step<Publication> {
  const memory = withDelay({ ...rest, failures: failures + 1 }, chance);
  const effects: Effect<Publication>[] = [complaint(memory, trouble), { do: "report" }];
  if (memory.once) return { state: { at: "ended", code: EXIT.failed }, effects };
  return {
    state: { at: "holding", memory },
    effects: [...effects, { do: "sleep", ms: memory.retryMs }],
  };
}

/** Sets the pause before the next try in advance, so that the complaint announces the real pause. */
function withDelay<Publication extends Documents>(
  memory: Memory<Publication>,
  chance: number,
): Memory<Publication> {
  return { ...memory, retryMs: retryDelay(memory.failures, everyOf(memory), chance) };
}

function complaint<Publication>(
  memory: Memory<Publication>,
  trouble: Trouble,
): Effect<Publication> {
  const { retryMs, current } = memory;
  const retrySeconds = retryMs / 1000;
  return { do: "complain", trouble, retrySeconds, configured: current !== undefined };
}

function everyOf<Publication extends Documents>({ current }: Memory<Publication>): number {
  return current?.publication.everySeconds ?? CHECK_SECONDS;
}

function ended<Publication>(code: ExitCode): Step<Publication> {
  return { state: { at: "ended", code }, effects: [] };
}

function unexpected<Publication>(
  { at }: State<Publication>,
  { type }: Event<Publication>,
): TypeError {
  return new TypeError(`Event "${type}" is not expected in state "${at}"`);
}
