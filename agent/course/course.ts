/**
 * A node that knows who it is: performs the effects that the state machine asks for, each with the parts of the agent that
 * it needs, and gives the events that come of them.
 *
 * @module
 */
import { desired, type NodeConfig } from "../../lib/config/mod.ts";
import { mountPoints } from "../../lib/config/storage.ts";
import { RefusedError } from "../../lib/errors.ts";
import { MAX_TIME_SERVERS } from "../../lib/config/ntp.ts";
import type { Host } from "../../lib/host.ts";
import type { Identity } from "../identity/read.ts";
import { KeptTrials } from "../trial/kept.ts";
import { TrialRunner } from "../trial/runner.ts";
import { timeServersOfDhcp } from "../network/dhcp.ts";
import { noteAnswered } from "../network/help.ts";
import { askTime } from "../network/time_server.ts";
import type { Keeper } from "../publication/keeper.ts";
import type { Publication } from "../publication/read.ts";
import { type Answer, type Lagging, Source } from "../publication/source.ts";
import { ISSUE_FILE } from "../report/issue.ts";
import { AgentError, troubleOf } from "../report/problem.ts";
import type { Reporter } from "../report/reporter.ts";
import { KEY_OF, observe, RESOURCES } from "../resources/mod.ts";
import type { Applied, Apply, Target } from "../resources/resource.ts";
import type { Clock, Guess } from "../system/clock.ts";
import { guardedHost } from "../system/guarded_host.ts";
import type { Turn } from "../system/turn.ts";
import { bringUp } from "./bring_up.ts";
import type { Current, Effect, Event } from "./machine.ts";

/** What a publication says about this node, as the machine looks at it. */
export interface Documents {
  serial: number;
  everySeconds: number;
  publication: Publication;
}

/** Sets the system's clock. A full RAM must not keep the node from its round: then only https may fail, which is told. */
export async function settingClock(reporter: Reporter, set: () => Promise<unknown>): Promise<void> {
  try {
    await set();
    reporter.clearAside("clock");
  } catch (error) {
    const { message: reason } = troubleOf(error, "clock");
    reporter.aside("clock", "degraded", { check: "clock", reason });
  }
}

/**
 * For how long a node that is wholly as wanted is not looked over again while its site has nothing new, in milliseconds:
 * that takes most of a round's work, and drift is rare.
 */
const REST_MS = 15 * 60_000;

/** What a {@linkcode Course} works with. */
export interface CourseParts {
  turn: Turn;
  signal: AbortSignal;
  clock: Clock;
  identity: Identity;
  keeper: Keeper;
  reporter: Reporter;
  bootId: string;
  /** Those that the image names. */
  timeServers: readonly string[];
}

/** Performs the effects of a node that knows who it is. */
export class Course {
  readonly #source: Source;
  /** Whether a site has answered since this agent began, be it with something that was refused. */
  #isReached = false;
  /** Uptime in milliseconds at which the site gave the last answer that holds. */
  #answeredAt?: number;
  /** Uptime in milliseconds at which all was last found, or made, as the site wants it; undefined while it is not. */
  #wholeAt?: number;
  /** The configuration that counts now. */
  #config: NodeConfig = {};
  readonly #trials: TrialRunner;

  constructor(readonly host: Host, readonly parts: CourseParts) {
    this.#source = new Source(host, parts.identity);
    this.#trials = new TrialRunner(host, {
      kept: new KeptTrials(host, parts.identity.name),
      signal: parts.signal,
      answeredAt: () => this.#answeredAt,
      ask: (signal) => this.#probe(signal),
    });
  }

  /** Performs one effect; gives what came of those that bring an event. */
  async perform(effect: Effect<Documents>): Promise<Event<Documents> | undefined> {
    const { reporter, keeper, identity } = this.parts;
    switch (effect.do) {
      case "enter":
        return void await reporter.enter(effect.phase);
      case "keep":
        return void await this.#keep(effect.publication.publication, effect.quietly);
      case "take":
        return void await this.#take(effect.current);
      case "complain":
        return void reporter.trouble(effect.trouble, effect.retrySeconds, effect.configured);
      case "alsoComplain": {
        const { check, message: reason } = effect.trouble;
        return void reporter.aside("apply", "degraded", { check, reason });
      }
      case "forget":
        return void this.#forget();
      case "clearProblem":
        return void reporter.clearTrouble();
      case "announce": {
        const { publication: { serial }, source } = effect.current;
        return void reporter.say("configured", { node: identity.name, serial, source });
      }
      case "report":
        reporter.status.rollbackGuard = keeper.guard;
        return void await reporter.report();
      case "address":
        return await this.#address();
      case "ask":
        return await this.#ask(effect.afterMs);
      case "recall":
        return await this.#recall();
      case "apply":
        return await this.#apply(effect.current);
      case "sleep":
        freeMemory();
        this.parts.turn.release();
        await this.host.sleep(effect.ms, this.parts.signal);
        await this.parts.turn.take();
        return { type: "tick", superseded: await this.#superseded() };
    }
  }

  /** Whether another agent had its turn and kept something newer; what this one has is then not applied again. */
  async #superseded(): Promise<boolean> {
    const { clock, keeper } = this.parts;
    // It may have set the clock, whatever it kept.
    await clock.refresh();
    if (!await keeper.refresh()) return false;
    this.#source.forget();
    await settingClock(this.parts.reporter, () => clock.forgetIssued());
    await settingClock(this.parts.reporter, () => clock.noteIssued(keeper.trust.issued));
    return true;
  }

  /** Nothing that the documents in use have said holds any more, where reports go least of all. */
  #forget(): void {
    const { reporter } = this.parts;
    this.#config = {};
    reporter.reportUrl = undefined;
    reporter.status.steps = [];
    delete reporter.status.keys;
    for (const fact of ["serial", "expires", "source"] as const) delete reporter.status[fact];
  }

  async #address(): Promise<Event<Documents>> {
    const { reporter, identity } = this.parts;
    try {
      const [config, trials] = [this.#config, this.#trials];
      const found = await bringUp(this.host, { identity, config, trials, reporter });
      await reporter.reach("network");
      reporter.addresses = found.map(({ interface: name, address }) => `${name} ${address}`);
      for (const { interface: name, address, via } of found) {
        reporter.sayOnce("network", { interface: name, address, via });
      }
      await this.#findTime();
      return { type: "addressed" };
    } catch (error) {
      return { type: "failed", trouble: troubleOf(error, "network") };
    }
  }

  /** Asks a time server where certificates can't be judged otherwise. */
  async #findTime(): Promise<void> {
    const { clock, identity } = this.parts;
    const isHttps = identity.sites.some((site) => site.startsWith("https:"));
    if (isHttps && clock.needsServer) await this.#askServers();
  }

  /** Asks the time servers; gives whether that set the clock. Http sites need none, so a failure ends nothing. */
  async #askServers(): Promise<boolean> {
    const { clock, reporter, identity, timeServers } = this.parts;
    const { servers: own, useDhcp } = desired("ntp", this.#config, identity);
    const offered = useDhcp ? await timeServersOfDhcp(this.host) : [];
    const servers = [
      ...new Set([...own ?? identity.timeServers ?? timeServers, ...offered]),
    ].slice(0, MAX_TIME_SERVERS);
    if (!clock.isBehind || servers.length === 0) return false;
    try {
      const ms = await askTime(this.host, servers, clock);
      await settingClock(reporter, () => clock.believe(ms));
      reporter.clearAside("time");
      return true;
    } catch (error) {
      reporter.aside("time", "waiting", { what: "time", reason: troubleOf(error, "time").message });
      return false;
    }
  }

  async #ask(afterMs: number): Promise<Event<Documents>> {
    const { clock, signal } = this.parts;
    try {
      if (afterMs > 0) await this.host.sleep(afterMs, signal);
      const answer = await this.#answer();
      this.#isReached = true;
      await this.#noteAnswered();
      this.#tellLagging(answer.lagging);
      if (answer.kind === "unchanged") return { type: "unchanged", isRested: this.#isRested };
      if (this.#source.dropped) await settingClock(this.parts.reporter, () => clock.forgetIssued());
      return { type: "received", publication: documentsOf(answer.publication) };
    } catch (error) {
      // Which URL lags behind shows by one that does not.
      delete this.parts.reporter.status.lagging;
      this.#isReached ||= error instanceof RefusedError;
      const trouble = troubleOf(error, "unreachable");
      return { type: "failed", trouble, fallen: await this.#letGo() };
    }
  }

  /** What the site answers; where no certificate held by any time that is known, a time server is asked, and the site again. */
  async #answer(): Promise<Answer> {
    try {
      return await this.#askSite(this.#source);
    } catch (error) {
      // An http site may send its readers to https, and what a server said before may have been wrong.
      if (!this.#source.nothingHeld || !await this.#askServers()) throw error;
      return await this.#askSite(this.#source);
    }
  }

  /** Whether the node was found wholly as its site wants it so short a time ago that it need not be looked over again. */
  get #isRested(): boolean {
    return this.#wholeAt !== undefined && this.host.uptime() - this.#wholeAt < REST_MS;
  }

  /** Whether the site can be reached by new connections, and gives what is signed and not older than what is known. */
  async #probe(signal: AbortSignal): Promise<boolean> {
    try {
      await this.#askSite(new Source(this.host, this.parts.identity, { probes: true }), signal);
    } catch (error) {
      // That it has nothing for this node, or for this agent, is said by documents that hold.
      const isSaid = error instanceof AgentError && ["node", "agent"].includes(error.check);
      if (!isSaid) return false;
    }
    await this.#noteAnswered();
    return true;
  }

  async #noteAnswered(): Promise<void> {
    this.#answeredAt = this.host.uptime();
    await noteAnswered(this.host);
  }

  async #askSite(source: Source, signal = this.parts.signal): Promise<Answer> {
    const { clock, keeper, reporter } = this.parts;
    const use = (guess: Guess | undefined) => settingClock(reporter, () => clock.guess(guess));
    const time = {
      now: clock.trusted(),
      sinceIssuedMs: clock.sinceIssuedMs,
      guessed: { guesses: clock.guesses, use },
    };
    return await source.ask(keeper.trust, time, signal);
  }

  /** Lets go of what a dropped key vouched for; gives whether there was something to let go of. */
  async #letGo(): Promise<boolean> {
    const { clock, keeper } = this.parts;
    const { dropped } = this.#source;
    if (dropped) await settingClock(this.parts.reporter, () => clock.forgetIssued());
    await this.#writing(() => keeper.drop(dropped));
    return dropped !== undefined;
  }

  /** Tells which URLs do not give what another one gives. */
  #tellLagging(lagging: readonly Lagging[]): void {
    const { reporter } = this.parts;
    for (const { url } of reporter.status.lagging ?? []) {
      if (!lagging.some((one) => one.url === url)) reporter.clearAside(`site ${url}`);
    }
    for (const { url, reason } of lagging) {
      reporter.aside(`site ${url}`, "degraded", { check: "mirror", url, reason });
    }
    if (lagging.length > 0) reporter.status.lagging = [...lagging];
    else delete reporter.status.lagging;
  }

  async #recall(): Promise<Event<Documents>> {
    const { keeper, reporter } = this.parts;
    if (!keeper.hasGood) return { type: "nothingKept" };
    try {
      const publication = documentsOf(await keeper.lastGood());
      reporter.clearAside("last-good");
      return { type: "recalled", publication };
    } catch (error) {
      const { check, document, message } = troubleOf(error, "state");
      const reason = `Cannot use the last good documents: ${message}`;
      const event = error instanceof RefusedError ? "refused" : "degraded";
      reporter.aside("last-good", event, { check, document, reason });
      return { type: "nothingKept" };
    }
  }

  async #keep(publication: Publication, quietly: boolean): Promise<void> {
    const { clock, keeper } = this.parts;
    if (quietly && keeper.guard === "drive") return;
    await this.#writing(() => keeper.keep(publication), quietly);
    await settingClock(this.parts.reporter, () => clock.noteIssued(publication.view.state.issued));
  }

  /** Writes to the drive; what fails there is told. */
  async #writing(write: () => Promise<void>, quietly = false): Promise<void> {
    const { reporter } = this.parts;
    try {
      await write();
      reporter.clearAside("state");
    } catch (error) {
      const { check, message: reason } = troubleOf(error, "state");
      if (!quietly) reporter.aside("state", "degraded", { check, reason });
    }
  }

  async #take({ publication: { publication }, source }: Current<Documents>): Promise<void> {
    const { reporter, identity } = this.parts;
    const { serial, expires } = publication.view.timestamp;
    this.#config = publication.instructions.config;
    Object.assign(reporter.status, { serial, expires, source });
    reporter.reportUrl = desired("report", this.#config, identity).url;
    // A site of psyopsOS up to 0.1.0 may list it.
    reporter.hasIssue = this.#config.files?.[ISSUE_FILE] === undefined;
    await reporter.reach("verified");
    reporter.say("verified", { serial, expires, source });
  }

  async #apply(
    { publication: { publication }, source }: Current<Documents>,
  ): Promise<Event<Documents>> {
    const { reporter } = this.parts;
    const { config, public: shown, tags } = publication.instructions;
    reporter.status.source = source;
    const start = this.host.now().getTime();
    const unkept = await this.#trials.settle();
    const { steps, troubles, target, keys } = await this.apply(RESOURCES, { config, shown, tags });
    troubles.push(...unkept);
    reporter.status.keys = keys;
    if (steps.length > 0) {
      const seconds = ((this.host.now().getTime() - start) / 1000).toFixed(1);
      reporter.status.steps = steps;
      reporter.say("applied", { changes: steps.length, seconds });
    }
    try {
      reporter.status.observed = await observe(
        guardedHost(this.host, mountPoints(config.storage)),
        target,
      );
    } catch (error) {
      troubles.push(troubleOf(error, "observe"));
    }
    const isWhole = troubles.length === 0 && source === "site";
    this.#wholeAt = isWhole ? this.host.uptime() : undefined;
    return { type: "applied", troubles };
  }

  /** Applies `resources` while nothing but the drive is known; tells what failed. */
  async applyEarly(resources: readonly Apply[]): Promise<void> {
    const { troubles } = await this.apply(resources, { config: {}, shown: {} });
    for (const { check, message: reason } of troubles) {
      this.parts.reporter.aside(`early ${reason}`, "degraded", { check, reason });
    }
  }

  /** Applies `resources` in order. */
  async apply(
    resources: readonly Apply[],
    told: Pick<Target, "config" | "shown"> & { tags?: readonly string[] },
  ): Promise<Applied & { target: Target; keys: Record<string, string[]> }> {
    const { identity, bootId, signal } = this.parts;
    const isReached = this.#isReached;
    const trials = this.#trials;
    const target: Target = { identity, tags: [], isReached, bootId, signal, trials, ...told };
    const applied: Applied = { steps: [], troubles: [] };
    const host = guardedHost(this.host, mountPoints(told.config.storage));
    const keys: Record<string, string[]> = {};
    for (const resource of resources) {
      if (signal.aborted) break;
      const before = applied.troubles.length;
      await resource(host, target, applied);
      const key = KEY_OF.get(resource);
      if (key) keys[key] = applied.troubles.slice(before).map(({ message }) => message);
    }
    return { ...applied, target, keys };
  }
}

function documentsOf(publication: Publication): Documents {
  const { config } = publication.instructions;
  const { everySeconds } = desired("check", config, { name: publication.instructions.node });
  return { serial: publication.view.timestamp.serial, everySeconds, publication };
}

/** Gives the memory of a round back to the system before a long sleep; V8 by itself waits until it needs room. */
function freeMemory(): void {
  (globalThis as { gc?: () => void }).gc?.();
}
