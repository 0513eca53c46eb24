/**
 * The agent's whole course: who am I → address → what does the site say → make it so → tell → again.
 *
 * Rules that hold throughout: whatever fails, the node keeps what it has; nothing that failed a check is applied; the first
 * failure on a node that has nothing yet makes it use its last good documents; every problem is one line on the console and
 * in the status; it never gives up.
 *
 * @module
 */
import { EXIT, type ExitCode, RefusedError } from "../../lib/errors.ts";
import type { Host } from "../../lib/host.ts";
import type { Status } from "../../lib/documents/status.ts";
import { Clock } from "../system/clock.ts";
import type { Told } from "../publication/read.ts";
import { agentFacts, readBootId, readSystemFacts } from "../report/facts.ts";
import { findIdentity } from "../identity/find.ts";
import type { Identity } from "../identity/read.ts";
import { CHECK_SECONDS, checkDelay, type Random, retryDelay } from "./interval.ts";
import { Keeper } from "../publication/keeper.ts";
import { ensureNetwork } from "../network/address.ts";
import { STATUS_FILE } from "../system/paths.ts";
import { type Trouble, troubleOf } from "../report/problem.ts";
import { Reporter } from "../report/reporter.ts";
import type { Applied, Apply, Target } from "../resources/resource.ts";
import { EARLY, observe, RESOURCES } from "../resources/mod.ts";
import { Source } from "../publication/source.ts";
import { firstStatus } from "../report/status.ts";

/** Pause before a refused site is asked once more, in milliseconds: it may be in the middle of being published. */
const RECHECK_MS = 2_000;

/** What {@linkcode runAgent} is told. */
export interface RunAgentOptions {
  /** One round instead of going on. */
  once: boolean;
  /** Ends the agent after the step it is at. */
  signal: AbortSignal;
  random: Random;
  /** Prints a line on the console. */
  print: (line: string) => void;
  /** The agent's own process. */
  pid: number;
}

/** Runs the agent until it is stopped; with `once` the exit code says how the round went. */
export async function runAgent(host: Host, options: RunAgentOptions): Promise<ExitCode> {
  const clock = new Clock(host);
  const image = await readSystemFacts(host);
  clock.raise(image.epoch);
  const agent = agentFacts();
  const status = firstStatus(image, agent, clock.now());
  const { print, pid, once, signal } = options;
  const reporter = new Reporter(host, { print, pid, clock, status });
  // The status file is gone after a boot: with one, this is an agent that was restarted on a node that is something.
  const restarted = await host.stat(STATUS_FILE) !== undefined;
  reporter.say("started", { version: agent.version, form: agent.form, image: image.version });
  await reporter.enter("starting");
  const identity = await findIdentity(host, reporter, { once, signal });
  if (!identity) return signal.aborted ? EXIT.ok : EXIT.failed;
  status.node = identity.name;
  await reporter.reach("identity");
  reporter.say("identity", { node: identity.name });
  const keeper = await Keeper.open(host, identity);
  await clock.tell(keeper.trust.issued);
  const bootId = await readBootId(host);
  const course = new Course(host, { options, clock, identity, keeper, reporter, bootId });
  if (!restarted) await course.applyAll(EARLY, { identity, config: {}, shown: {}, bootId });
  return await course.run();
}

interface CourseParts {
  options: RunAgentOptions;
  clock: Clock;
  identity: Identity;
  keeper: Keeper;
  reporter: Reporter;
  bootId: string;
}

/** What the node is now. */
interface Current {
  told: Told;
  source: NonNullable<Status["source"]>;
}

/** The course of a node that knows who it is. */
class Course {
  readonly #source: Source;
  #current?: Current;
  /** What the console was last told that the node is. */
  #announced = "";
  #failures = 0;
  /** Milliseconds until the next round after a failure. */
  #delay = 0;

  constructor(readonly host: Host, readonly parts: CourseParts) {
    this.#source = new Source(host, parts.identity);
  }

  async run(): Promise<ExitCode> {
    const { signal, once, random } = this.parts.options;
    while (true) {
      const result = await this.#round();
      if (signal.aborted) return EXIT.ok;
      if (once) return result;
      const every = this.#current?.told.instructions.config.check?.everySeconds ?? CHECK_SECONDS;
      const delay = this.#failures > 0 ? this.#delay : checkDelay(every, random);
      freeMemory();
      await this.host.sleep(delay, signal);
      if (signal.aborted) return EXIT.ok;
    }
  }

  /** One round. It always ends with a status that says how it went. */
  async #round(): Promise<ExitCode> {
    const { reporter, options } = this.parts;
    try {
      const asked = await this.#ask();
      if (options.signal.aborted) return EXIT.ok;
      const fresh = this.#current === undefined && asked !== undefined
        ? await this.#useLastGood()
        : asked === undefined;
      this.#failures = asked === undefined ? 0 : this.#failures + 1;
      const everySeconds = this.#current?.told.instructions.config.check?.everySeconds;
      this.#delay = retryDelay(this.#failures, everySeconds ?? CHECK_SECONDS, options.random);
      // Said before applying, so that the reason for using older documents comes first.
      if (asked) this.#tell(asked);
      const troubles = fresh ? await this.#apply() : [];
      // Stopped on the way: what was left out must not be called done.
      if (options.signal.aborted) return EXIT.ok;
      await this.#conclude(asked, troubles);
      return asked?.refused ? EXIT.refused : asked || troubles.length > 0 ? EXIT.failed : EXIT.ok;
    } catch (error) {
      // Not foreseen: said like any other problem, and tried again.
      this.#failures++;
      this.#delay = retryDelay(this.#failures, CHECK_SECONDS, options.random);
      this.#tell(troubleOf(error, "agent"));
      await reporter.report();
      return EXIT.failed;
    }
  }

  #tell(trouble: Trouble): void {
    this.parts.reporter.trouble(trouble, this.#delay / 1000, this.#current !== undefined);
  }

  /** Gets an address and asks the site; gives what went wrong. */
  async #ask(): Promise<Trouble | undefined> {
    const { reporter, identity, options } = this.parts;
    if (!this.#current) await reporter.enter("waiting-network");
    try {
      const { hostname } = this.#current?.told.instructions.config ?? {};
      const found = await ensureNetwork(this.host, identity.network, hostname ?? identity.name);
      await reporter.reach("network");
      for (const { interface: name, address, via } of found) {
        reporter.sayOnce("network", { interface: name, address, via });
      }
    } catch (error) {
      return troubleOf(error, "network");
    }
    if (!this.#current) await reporter.enter("fetching");
    try {
      await this.#askSite();
      return undefined;
    } catch (error) {
      return options.signal.aborted ? undefined : troubleOf(error, "unreachable");
    }
  }

  async #askSite(): Promise<void> {
    const { clock, keeper, options, reporter } = this.parts;
    const ask = () => this.#source.ask(keeper.trust, clock.now(), options.signal);
    let answer;
    try {
      answer = await ask();
    } catch (error) {
      if (!(error instanceof RefusedError) || error.check === "expired") throw error;
      await this.host.sleep(RECHECK_MS, options.signal);
      answer = await ask();
    }
    if (answer.kind === "told") return await this.#accept(answer.told);
    if (!this.#current) return;
    this.#current.source = "site";
    if (keeper.guard === "drive") return;
    // The drive may be there again by now: without it the next boot would take an older publication. Failing was said before.
    await keeper.keep(this.#current.told).then(() => reporter.clearAside("state"), () => {});
  }

  async #accept(told: Told): Promise<void> {
    const { clock, keeper, reporter } = this.parts;
    try {
      await keeper.keep(told);
      reporter.clearAside("state");
    } catch (error) {
      const { check, message: reason } = troubleOf(error, "state");
      reporter.aside("state", "degraded", { check, reason });
    }
    await clock.tell(told.view.state.issued);
    await this.#take({ told, source: "site" });
  }

  /** Gives whether there are last good documents and they hold. */
  async #useLastGood(): Promise<boolean> {
    const { clock, keeper, reporter } = this.parts;
    if (!keeper.hasGood) return false;
    try {
      await this.#take({ told: await keeper.lastGood(clock.now()), source: "last-good" });
      reporter.clearAside("last-good");
      return true;
    } catch (error) {
      const trouble = troubleOf(error, "state");
      const { check, document } = trouble;
      const reason = `Cannot use the last good documents: ${trouble.message}`;
      reporter.aside("last-good", "refused", { check, document, reason });
      return false;
    }
  }

  async #take(current: Current): Promise<void> {
    const { reporter } = this.parts;
    this.#current = current;
    const { serial, expires } = current.told.view.timestamp;
    const { source } = current;
    Object.assign(reporter.status, { serial, expires, source });
    reporter.reportUrl = current.told.instructions.config.report?.url;
    await reporter.reach("verified");
    reporter.say("verified", { serial, expires, source });
  }

  /** Makes the node what its documents say; gives what could not be done. */
  async #apply(): Promise<Trouble[]> {
    const { reporter, identity, bootId } = this.parts;
    const { config, public: shown } = this.#current!.told.instructions;
    if (this.#announced === "") await reporter.enter("applying");
    const start = this.host.now().getTime();
    const target = { identity, config, shown, bootId };
    const applied = await this.applyAll(RESOURCES, target);
    if (applied.steps.length > 0) {
      const seconds = ((this.host.now().getTime() - start) / 1000).toFixed(1);
      reporter.status.steps = applied.steps;
      reporter.say("applied", { changes: applied.steps.length, seconds });
    }
    try {
      reporter.status.observed = await observe(this.host, target);
    } catch (error) {
      applied.troubles.push(troubleOf(error, "observe"));
    }
    return applied.troubles;
  }

  /** Applies `resources` in order. */
  async applyAll(resources: readonly Apply[], target: Target): Promise<Applied> {
    const applied: Applied = { steps: [], troubles: [] };
    for (const resource of resources) {
      if (this.parts.options.signal.aborted) break;
      await resource(this.host, target, applied);
    }
    return applied;
  }

  /** Says how the round went, on the console where that is news, and in the status. */
  async #conclude(asked: Trouble | undefined, troubles: readonly Trouble[]): Promise<void> {
    const { reporter, keeper, identity } = this.parts;
    reporter.status.rollbackGuard = keeper.guard;
    const [first] = troubles;
    if (!asked && !first) reporter.clearTrouble();
    if (!asked && first) reporter.trouble(first, undefined, true);
    if (asked && first) {
      reporter.aside("apply", "degraded", { check: first.check, reason: first.message });
    }
    if (this.#current) {
      const { source, told } = this.#current;
      const { serial } = told.view.timestamp;
      reporter.status.source = source;
      const announcement = `${serial} ${source}`;
      if (troubles.length === 0 && this.#announced !== announcement) {
        this.#announced = announcement;
        reporter.say("configured", { node: identity.name, serial, source });
      }
      await reporter.enter(asked || troubles.length > 0 ? "degraded" : "configured");
    }
    await reporter.report();
  }
}

/** Gives what a round has used back to the system before a long sleep; V8 alone waits until it needs room. */
function freeMemory(): void {
  (globalThis as { gc?: () => void }).gc?.();
}
