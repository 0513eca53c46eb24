/**
 * Tells how the node is doing: lines on the console, the status file, reports. Telling never fails: when it can't be done,
 * that is told where it still can.
 *
 * @module
 */
import {
  type ConsoleEvent,
  type ConsoleFacts,
  formatConsoleLine,
} from "../../lib/documents/console_line.ts";
import type { Milestone, Phase, Status } from "../../lib/documents/status.ts";
import type { Host } from "../../lib/host.ts";
import type { Clock } from "../system/clock.ts";
import { readMemory, uptime } from "./facts.ts";
import { writeIssue } from "./issue.ts";
import { type Trouble, troubleOf } from "./problem.ts";
import { Repeats } from "./repeats.ts";
import { problemOf, sendStatus, writeStatus } from "./status.ts";

/** What a reporter needs beside the host. */
export interface ReporterOptions {
  /** Prints a line on the console. */
  print: (line: string) => void;
  clock: Clock;
  /** The agent's own process. */
  pid: number;
  status: Status;
}

const TIMES = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/g;

export class Reporter {
  readonly #repeats = new Repeats();
  readonly #once = new Set<string>();
  readonly status: Status;
  /** Where reports go; known from the configuration. */
  reportUrl?: string;
  /** Addresses of the node, for its console. */
  addresses: readonly string[] = [];
  /** The SSH server's public key line, for the console. */
  hostKey?: string;
  /** Whether the console's text is the agent's to write. */
  hasIssue = true;

  constructor(readonly host: Host, readonly options: ReporterOptions) {
    this.status = options.status;
  }

  /** Prints an event. */
  say(event: ConsoleEvent, facts: ConsoleFacts = {}): void {
    this.options.print(formatConsoleLine(event, facts));
  }

  /** Notes when a milestone was first passed. */
  async reach(milestone: Milestone): Promise<void> {
    this.status.reached[milestone] ??= await uptime(this.host);
  }

  /** Prints an event once in the life of the agent. */
  sayOnce(event: ConsoleEvent, facts: ConsoleFacts): void {
    const line = formatConsoleLine(event, facts);
    if (this.#once.has(line)) return;
    this.#once.add(line);
    this.options.print(line);
  }

  /** Enters a phase and writes the status. */
  async enter(phase: Phase): Promise<void> {
    this.status.phase = phase;
    await this.reach(phase);
    await this.write();
  }

  /**
   * Puts the problem into the status and prints it, unless the same was printed lately.
   *
   * @param retrySeconds When it is tried again.
   */
  trouble(trouble: Trouble, retrySeconds: number | undefined, configured: boolean): void {
    const now = this.options.clock.now();
    this.status.problem = problemOf(trouble, this.status.problem, now);
    // A time that a message tells goes on, and makes it no other message.
    const said = `${trouble.check} ${trouble.message.replaceAll(TIMES, "")}`;
    if (!this.#repeats.shouldSay("problem", said, now)) return;
    const { check, document, message: reason } = trouble;
    const retry = retrySeconds === undefined ? undefined : `${Math.ceil(retrySeconds)}s`;
    if (trouble.refused) this.say("refused", { check, document, reason, retry });
    else if (configured) this.say("degraded", { check, reason, retry });
    else this.say("waiting", { what: check, reason, retry });
  }

  /** The problem is over. */
  clearTrouble(): void {
    delete this.status.problem;
    this.#repeats.forget("problem");
  }

  /** Prints something that does not change what the node is; the same only now and then. */
  aside(topic: string, event: ConsoleEvent, facts: ConsoleFacts): void {
    const now = this.options.clock.now();
    if (this.#repeats.shouldSay(topic, JSON.stringify(facts), now)) this.say(event, facts);
  }

  /** What {@linkcode aside} said about a topic is over. */
  clearAside(topic: string): void {
    this.#repeats.forget(topic);
  }

  /** Writes the status file. */
  async write(): Promise<void> {
    this.status.updated = this.options.clock.now().toISOString();
    try {
      await writeStatus(this.host, this.status);
      const { addresses, hostKey } = this;
      if (this.hasIssue) await writeIssue(this.host, this.status, { addresses, hostKey });
      this.clearAside("status");
    } catch (error) {
      const { message: reason } = troubleOf(error, "status");
      this.aside("status", "degraded", { check: "status", reason });
    }
  }

  /** Writes the status file and sends the report, if there is somewhere to send it. */
  async report(): Promise<void> {
    this.status.memory = await readMemory(this.host, this.options.pid);
    await this.write();
    if (this.reportUrl === undefined) return;
    const failure = await sendStatus(this.host, this.reportUrl, this.status);
    if (failure === undefined) return this.clearAside("report");
    this.aside("report", "waiting", {
      what: "report",
      reason: `Cannot send the status: ${failure}`,
    });
  }
}
