/**
 * Rounds of two agents on one node (the service and an administrator's `apply`) never overlap: each takes its turn.
 *
 * @module
 */
import type { FileLock, Host } from "../../lib/host.ts";
import { describeHolder, lockFile } from "../../lib/lock.ts";
import { LOCK_FILE, RUN_DIR } from "./paths.ts";

/** How long an agent that ends after one round waits for one of the service, in milliseconds. */
export const TURN_WAIT_MS = 60_000;

/** What a turn is taken with. */
export interface TurnOptions {
  /** What this agent does, as the command line says it. */
  verb: string;
  /** Whether this agent ends after one round; it does not wait for ever then. */
  once: boolean;
  signal: AbortSignal;
  /** Told, in words, which agent is waited for. */
  onWait: (reason: string) => void;
}

/** The right to look at the node and to change it. One agent at a time has it. */
export class Turn {
  #lock?: FileLock;

  constructor(readonly host: Host, readonly options: TurnOptions) {}

  /**
   * Waits until no other agent has it: without end for the service, else for a minute.
   *
   * @returns False when this agent was stopped before.
   * @throws {UserError} that says who has it.
   */
  async take(): Promise<boolean> {
    const { verb, once, signal, onWait } = this.options;
    const command = `psyopsos-agent ${verb}`;
    await this.host.mkdir(RUN_DIR, { mode: 0o700 });
    const { lock, holder } = await this.host.lock(LOCK_FILE, { command });
    this.#lock = lock;
    if (lock) return true;
    onWait(describeHolder(holder));
    const waitMs = once ? TURN_WAIT_MS : Infinity;
    const doing = "look at this node and change it";
    try {
      this.#lock = await lockFile(this.host, LOCK_FILE, { command, waitMs, signal, doing });
    } catch (error) {
      if (!signal.aborted) throw error;
    }
    return this.#lock !== undefined;
  }

  /** Lets others have it; does nothing where this agent has not got it. */
  release(): void {
    this.#lock?.release();
    this.#lock = undefined;
  }
}
