/**
 * A trial that goes on, as it lies in `/run/psyopsos/trial-<subject>/`: what the agent and the watchdog
 * (overlay/root/usr/lib/psyopsos/trial-watchdog) know of each other, and what an agent finds that comes after one that was
 * killed.
 *
 * ```text
 * deadline   uptime in whole seconds
 * revert     the script
 * trial.json what the agent needs to go on: digest, text
 * applied    the setting was applied to its end
 * revert-now the agent asks for the previous state before the deadline
 * watchdog   number of the watchdog's process
 *
 * open → confirmed            renamed by the agent: it is kept
 * open → reverting → reverted renamed by the watchdog: the previous state is back; what the file holds went wrong with that
 * ```
 *
 * Renaming `open` decides between the two, whoever comes first. Without a file of these four nothing has been applied yet.
 *
 * @module
 */
import * as v from "valibot";
import { TRIAL_SUBJECTS, type TrialSubject } from "../../lib/documents/trial_record.ts";
import { UserError } from "../../lib/errors.ts";
import type { Host } from "../../lib/host.ts";
import { canonicalJson } from "../../lib/json.ts";
import { printable } from "../../lib/visible.ts";
import { RUN_DIR, TRIAL_WATCHDOG } from "../system/paths.ts";
import { runOk } from "../system/programs.ts";
import type { Trial } from "./trial.ts";

const STATES = ["open", "confirmed", "reverting", "reverted"] as const;
/** Where a trial stands. */
export type TrialState = typeof STATES[number];

const wantedSchema = v.object({ digest: v.string(), text: v.string() });

/** How often and how long apart it is looked whether a watchdog has begun, in milliseconds. */
const WATCHING_TRIES = 50;
const WATCHING_PAUSE_MS = 100;

/** Longest complaint of a revert that is told, in characters. */
const MAX_COMPLAINT = 200;

/** One trial that goes on, or has ended and was not dealt with. */
export class OpenTrial {
  private constructor(
    readonly host: Host,
    readonly subject: TrialSubject,
    /** What is tried. */
    readonly wanted: v.InferOutput<typeof wantedSchema>,
    /** Uptime in milliseconds. */
    readonly deadlineMs: number,
  ) {}

  /** Where it lies. */
  static directory(subject: TrialSubject): string {
    return `${RUN_DIR}/trial-${subject}`;
  }

  /** Lays everything ready and starts the watchdog; from then on the setting may be applied. */
  static async start(host: Host, trial: Trial, seconds: number): Promise<OpenTrial> {
    const { subject, digest, text, revert } = trial;
    const directory = OpenTrial.directory(subject);
    const deadline = Math.floor(host.uptime() / 1000) + seconds;
    await host.mkdir(RUN_DIR, { mode: 0o700 });
    await host.remove(directory);
    await host.mkdir(directory, { mode: 0o700 });
    const write = (name: string, data: string | Uint8Array, mode = 0o600) =>
      host.writeFile(`${directory}/${name}`, data, { mode, sync: false });
    await write("deadline", `${deadline}\n`);
    await write("revert", revert, 0o700);
    await write("trial.json", canonicalJson({ digest, text }));
    await write("open", "");
    const open = new OpenTrial(host, subject, { digest, text }, deadline * 1000);
    try {
      await open.watch();
    } catch (error) {
      // Without a watchdog nothing is tried.
      await open.clear();
      throw error;
    }
    return open;
  }

  /** All trials that an earlier attempt has left; what was never begun is cleared away. */
  static async found(host: Host): Promise<OpenTrial[]> {
    const trials: OpenTrial[] = [];
    for (const subject of TRIAL_SUBJECTS) {
      const directory = OpenTrial.directory(subject);
      const names = await host.readDir(directory);
      if (names.length === 0) continue;
      if (!STATES.some((state) => names.includes(state))) {
        await host.remove(directory);
        continue;
      }
      const wanted = v.parse(
        wantedSchema,
        JSON.parse(await host.readTextFile(`${directory}/trial.json`)),
      );
      const deadline = Number(await host.readTextFile(`${directory}/deadline`));
      trials.push(new OpenTrial(host, subject, wanted, deadline * 1000));
    }
    return trials;
  }

  /**
   * Starts a watchdog, unless one watches already: one that was killed is replaced.
   *
   * @throws {UserError}
   */
  async watch(): Promise<void> {
    const doing = "watch a trial";
    const command = [TRIAL_WATCHDOG, OpenTrial.directory(this.subject)];
    await runOk(this.host, doing, command, { session: true, output: "null" });
    // It goes on by itself: that it was started does not mean that it watches.
    for (let left = WATCHING_TRIES; await this.host.stat(this.#path("watchdog")) === undefined;) {
      if (left-- === 0) throw new UserError(doing, "the watchdog does not begin");
      await this.host.sleep(WATCHING_PAUSE_MS);
    }
  }

  async state(): Promise<TrialState> {
    const names = await this.host.readDir(OpenTrial.directory(this.subject));
    // The one that follows has replaced the other by renaming; the list may have been read meanwhile.
    return STATES.findLast((state) => names.includes(state)) ?? "reverting";
  }

  /** Notes that the setting was applied to its end. */
  async noteApplied(): Promise<void> {
    await this.#mark("applied");
  }

  async isApplied(): Promise<boolean> {
    return await this.host.stat(this.#path("applied")) !== undefined;
  }

  /** Asks the watchdog for the previous state. */
  async askRevert(): Promise<void> {
    await this.#mark("revert-now");
  }

  /** Keeps the setting; gives false where the watchdog has begun to bring the previous one back. */
  async confirm(): Promise<boolean> {
    try {
      await this.host.rename(this.#path("open"), this.#path("confirmed"));
      return true;
    } catch (error) {
      if (await this.state() === "open") throw error;
      return false;
    }
  }

  /** What went wrong with bringing the previous state back; undefined where it is back. */
  async revertComplaint(): Promise<string | undefined> {
    const told = (await this.host.readTextFile(this.#path("reverted"))).trim();
    return told === "" ? undefined : printable(told, MAX_COMPLAINT);
  }

  /** It is dealt with. */
  async clear(): Promise<void> {
    await this.host.remove(OpenTrial.directory(this.subject));
  }

  async #mark(name: string): Promise<void> {
    await this.host.writeFile(this.#path(name), "", { mode: 0o600, sync: false });
  }

  #path(name: string): string {
    return `${OpenTrial.directory(this.subject)}/${name}`;
  }
}
