/**
 * Runs the agent: begins, then passes effects from the state machine to the course (course.ts) and the events that they
 * produce back. Only machine.ts decides what comes next.
 *
 * @module
 */
import { formatConsoleLine } from "../../lib/documents/console_line.ts";
import { EXIT, type ExitCode } from "../../lib/errors.ts";
import type { Host } from "../../lib/host.ts";
import { findIdentity } from "../identity/find.ts";
import { Keeper } from "../publication/keeper.ts";
import { agentFacts, readBootId, readSystemFacts } from "../report/facts.ts";
import { troubleOf } from "../report/problem.ts";
import { Reporter } from "../report/reporter.ts";
import { firstStatus } from "../report/status.ts";
import { BEFORE_NETWORK, EARLY } from "../resources/mod.ts";
import { forgetRuns } from "../resources/script_record.ts";
import { Clock } from "../system/clock.ts";
import { STATUS_FILE } from "../system/paths.ts";
import { Turn } from "../system/turn.ts";
import { Course, type Documents, settingClock } from "./course.ts";
import { type Effect, type Event, type State, type Step, step } from "./machine.ts";

/** Options of {@linkcode runAgent}. */
export interface RunAgentOptions {
  /** What the command line calls it; default "daemon", with `once` "apply". */
  verb?: string;
  /** Forget first how scripts have gone in this boot. */
  anew?: boolean;
  /** Run a single round and end, instead of going on. */
  once: boolean;
  /** Ends the agent once its current step is finished. */
  signal: AbortSignal;
  /** Source of random numbers from 0 (included) to 1 (excluded). */
  random: () => number;
  /** Prints a line on the console. */
  print: (line: string) => void;
  /** The agent's own process. */
  pid: number;
}

/** Runs the agent until it is stopped; with `once` the exit code says how the round went. */
export async function runAgent(host: Host, options: RunAgentOptions): Promise<ExitCode> {
  const { once, signal, print, verb = once ? "apply" : "daemon" } = options;
  const onWait = (reason: string) =>
    print(formatConsoleLine("waiting", { what: "another agent", reason }));
  const turn = new Turn(host, { verb, once, signal, onWait });
  if (!await turn.take()) return EXIT.ok;
  try {
    if (options.anew) await forgetRuns(host);
    return await takeCourse(host, turn, options);
  } finally {
    turn.release();
  }
}

/** The agent's whole life, in a turn that it leaves to others while it sleeps. */
async function takeCourse(host: Host, turn: Turn, options: RunAgentOptions): Promise<ExitCode> {
  const { once, signal, random } = options;
  const course = await begin(host, turn, options);
  let state: State<Documents> = { at: "looking", once };
  let event: Event<Documents> = { type: course ? "identified" : "unidentified" };
  while (true) {
    const happened: Event<Documents> = signal.aborted ? { type: "stopped" } : event;
    const next: Step<Documents> = step(state, happened, random());
    state = next.state;
    if (course) event = await performAll(course, next.effects) ?? event;
    if (state.at === "ended") return state.code;
  }
}

/** Performs effects in order; gives the event that the last one brings. */
async function performAll(
  course: Course,
  effects: readonly Effect<Documents>[],
): Promise<Event<Documents> | undefined> {
  let event: Event<Documents> | undefined;
  try {
    for (const effect of effects) event = await course.perform(effect);
    return event;
  } catch (error) {
    // Not foreseen: said like any other problem, and tried again.
    return { type: "unexpectedError", trouble: troubleOf(error, "agent") };
  }
}

/** Finds out who this node is; undefined where no drive says it. */
async function begin(
  host: Host,
  turn: Turn,
  options: RunAgentOptions,
): Promise<Course | undefined> {
  const { print, pid, once, signal } = options;
  const system = await readSystemFacts(host);
  const clock = await Clock.start(host, system.epoch);
  const agent = agentFacts();
  const status = firstStatus(system, agent, clock.now());
  const reporter = new Reporter(host, { print, pid, clock, status });
  // The status file does not survive a boot. If it exists, an agent ran before and may have configured the node.
  const restarted = await host.stat(STATUS_FILE) !== undefined;
  reporter.say("started", { version: agent.version, form: agent.form, image: system.version });
  await reporter.enter("starting");
  const identity = await findIdentity(host, reporter, { once, signal });
  if (!identity) return undefined;
  status.node = identity.name;
  reporter.hostKey = identity.sshHostPublicKey;
  await reporter.reach("identity");
  reporter.say("identity", { node: identity.name });
  const keeper = await Keeper.open(host, identity);
  await settingClock(reporter, () => clock.noteIssued(keeper.trust.issued));
  if (keeper.loss !== undefined) {
    status.guardLost = keeper.loss;
    reporter.say("degraded", { check: "state", reason: keeper.loss });
  }
  const bootId = await readBootId(host);
  const { timeServers } = system;
  const course = new Course(host, {
    turn,
    signal,
    clock,
    identity,
    keeper,
    reporter,
    bootId,
    timeServers,
  });
  await course.applyEarly([...restarted ? [] : EARLY, ...BEFORE_NETWORK]);
  return course;
}
