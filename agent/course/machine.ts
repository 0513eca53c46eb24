/**
 * The agent's course as a state machine: who am I → address → what does the site say → make it so → tell → again. Pure: a
 * state carries what is known in it, an event says what has happened, and what is to be done comes out as effects, of which the
 * last one brings the next event. What may follow what is in {@linkcode step} alone; anything else is a defect and throws.
 *
 * Rules that hold throughout: whatever fails, the node keeps what it has; nothing that failed a check is applied; the first
 * failure on a node that has nothing yet makes it use its last good documents; it never gives up.
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

/** What the machine looks at in verified documents. */
export interface Documents {
  serial: number;
  /** Pause between two looks at the site. */
  everySeconds: number;
}

/** What the node is now. */
export interface Current<Told> {
  told: Told;
  source: NonNullable<Status["source"]>;
}

/** What is remembered from round to round. */
export interface Memory<Told> {
  /** One round instead of going on. */
  readonly once: boolean;
  /** Undefined for a node that is nothing yet. */
  readonly current?: Current<Told>;
  /** What the console was last told that the node is: "<serial> <source>". */
  readonly announced?: string;
  /** Rounds in a row in which the site could not be asked. */
  readonly failures: number;
  /** Pause until the next round after such a one, in milliseconds. */
  readonly retryMs: number;
}

/** Where the course stands. */
export type State<Told> =
  /** For the identity drive. */
  | { readonly at: "looking"; readonly once: boolean }
  | { readonly at: "addressing"; readonly memory: Memory<Told> }
  /** `again`: what came first was refused. */
  | { readonly at: "asking"; readonly memory: Memory<Told>; readonly again: boolean }
  /** For the last good documents, since the site could not be asked. */
  | { readonly at: "recalling"; readonly memory: Memory<Told>; readonly trouble: Trouble }
  /** `trouble`: why the documents are not those of the site as it now is. */
  | {
    readonly at: "applying";
    readonly memory: Memory<Told> & { current: Current<Told> };
    readonly trouble?: Trouble;
  }
  /** Until the next round: the node is what its site says. */
  | { readonly at: "settled"; readonly memory: Memory<Told> }
  /** Until the next round: the node holds on to what it has, which may be nothing. */
  | { readonly at: "holding"; readonly memory: Memory<Told> }
  | { readonly at: "ended"; readonly code: ExitCode };

/** What has happened. */
export type Event<Told> =
  /** The drive was found and read. */
  | { readonly is: "identified" }
  /** There was none, and it is not waited for any longer. */
  | { readonly is: "unidentified" }
  | { readonly is: "addressed" }
  | { readonly is: "told"; readonly told: Told }
  | { readonly is: "unchanged" }
  /** There was no address, no answer, or an answer that is not believed. */
  | { readonly is: "failed"; readonly trouble: Trouble }
  | { readonly is: "recalled"; readonly told: Told }
  | { readonly is: "forgotten" }
  | { readonly is: "applied"; readonly troubles: readonly Trouble[] }
  | { readonly is: "tick" }
  /** Nobody foresaw it. */
  | { readonly is: "broken"; readonly trouble: Trouble }
  | { readonly is: "stopped" };

/** What is to be done. */
export type Effect<Told> =
  | { readonly do: "enter"; readonly phase: Phase }
  /** Keep documents on the drive; `quietly` where failing was said before. */
  | { readonly do: "keep"; readonly told: Told; readonly quietly: boolean }
  /** These documents count from now on. */
  | { readonly do: "take"; readonly current: Current<Told> }
  /** Say what is wrong; `retrySeconds` is when it is tried again. */
  | {
    readonly do: "complain";
    readonly trouble: Trouble;
    readonly retrySeconds?: number;
    /** Whether the node is something all the same. */
    readonly configured: boolean;
  }
  /** Say what is wrong beside that. */
  | { readonly do: "mention"; readonly trouble: Trouble }
  | { readonly do: "relent" }
  | { readonly do: "announce"; readonly current: Current<Told> }
  | { readonly do: "report" }
  /** From here on each brings an event. */
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

/** A node that is something already does not fall back to an earlier phase. */
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
      // The drive may be there again by now: without it the next boot would take an older publication.
      { do: "keep", told, quietly: true },
      ...enteringApply(memory),
      { do: "apply", current },
    ],
  };
}

/** A site that is refused may be in the middle of being published: it is asked once more. */
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
  // Said before applying, so that the reason for using older documents comes first.
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

/** Whatever it was: said like any other problem, and tried again. */
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

/** Decides when it is tried again, so that what is said of it is what happens. */
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
