/**
 * A running lab machine: its console, its control socket, its end. Waiting always has a time limit, and what is
 * reported when it is over holds the console's last lines.
 *
 * @module
 */
import { CONSOLE_MARK, type ConsoleEvent, parseConsoleLine } from "../documents/console_line.ts";
import { UserError } from "../errors.ts";
import type { Child, Host } from "../host.ts";
import { type ConsoleLine, ConsoleLog } from "./console.ts";
import { driveDevice, type MachineSpec, qemuCommand, UPLINK } from "./qemu.ts";
import { Qmp } from "./qmp.ts";

/** Options of {@linkcode Machine.start}. */
export interface StartOptions {
  /** Existing folder for the console log. */
  workDir: string;
  /** Told every line of the console as it comes. */
  onLine?: (line: ConsoleLine) => void;
}

/** Options of the waiting methods. */
export interface WaitOptions {
  timeoutMs: number;
  /** Only lines from this position on count; default all. */
  from?: number;
}

/** A line that was waited for, with what was found in it. */
export type Found<T> = ConsoleLine & { value: T };

/** Lines of the console shown when something did not come. */
const SHOWN_LINES = 25;
/** QEMU opens its control socket before the guest's first instruction. */
const SOCKET_TIMEOUT_MS = 20_000;

/** A machine from its start to its end; `await using` stops it whatever happens. */
export class Machine {
  readonly console = new ConsoleLog();
  readonly spec: MachineSpec;
  /** Where QEMU writes the console. */
  readonly consoleLog: string;
  readonly #host: Host;
  readonly #child: Child;
  readonly #started: number;
  readonly #socketDir: string;
  readonly #pumps: Promise<unknown>;
  #complaints = "";
  #qmp?: Qmp;

  private constructor(
    host: Host,
    spec: MachineSpec,
    child: Child,
    paths: { socketDir: string; consoleLog: string },
    onLine: StartOptions["onLine"],
  ) {
    this.#host = host;
    this.spec = spec;
    this.#child = child;
    this.#socketDir = paths.socketDir;
    this.consoleLog = paths.consoleLog;
    this.#started = host.now().getTime();
    this.#pumps = Promise.all([this.#pumpConsole(onLine), this.#pumpErrors()]);
  }

  /** Starts QEMU. The machine boots while this returns. */
  static async start(host: Host, spec: MachineSpec, options: StartOptions): Promise<Machine> {
    // A Unix socket's path holds at most 107 bytes, so it can't be in a work folder of any depth.
    const socketDir = `${host.env("TMPDIR") ?? "/tmp"}/psyops-lab-${
      crypto.randomUUID().slice(0, 8)
    }`;
    await host.mkdir(socketDir, { mode: 0o700 });
    const consoleLog = `${options.workDir}/console.log`;
    await host.remove(consoleLog);
    const command = qemuCommand(spec, { qmp: `${socketDir}/qmp`, consoleLog });
    const child = host.spawn(command);
    const machine = new Machine(host, spec, child, { socketDir, consoleLog }, options.onLine);
    if (spec.network !== "dead") return machine;
    try {
      await machine.uplink(false);
      return machine;
    } catch (error) {
      await machine.stop();
      throw error;
    }
  }

  /** Seconds since the start. */
  get seconds(): number {
    return (this.#host.now().getTime() - this.#started) / 1000;
  }

  /**
   * Waits for a console line that holds `pattern`.
   *
   * @throws {UserError} when it does not come in time or the machine ends.
   */
  async line(pattern: string | RegExp, options: WaitOptions): Promise<Found<string>> {
    const match = (given: string) =>
      typeof pattern === "string"
        ? given.includes(pattern) ? pattern : undefined
        : given.match(pattern)?.[0];
    return await this.#wait(match, String(pattern), options);
  }

  /** Waits for a message of the agent whose facts have the given values. */
  async event(
    event: ConsoleEvent,
    facts: Record<string, string | RegExp>,
    options: WaitOptions,
  ): Promise<Found<Record<string, string>>> {
    const match = (given: string) => {
      const message = parseConsoleLine(given);
      if (message?.event !== event) return undefined;
      const fits = Object.entries(facts).every(([key, want]) => {
        const have = message.facts[key];
        return have !== undefined && (typeof want === "string" ? have === want : want.test(have));
      });
      return fits ? message.facts : undefined;
    };
    const wanted = Object.entries(facts).map(([key, value]) => ` ${key}=${value}`).join("");
    return await this.#wait(match, `${CONSOLE_MARK} ${event}${wanted}`, options);
  }

  /** The control connection, opened at its first use. */
  async qmp(): Promise<Qmp> {
    const path = `${this.#socketDir}/qmp`;
    const deadline = this.seconds + SOCKET_TIMEOUT_MS / 1000;
    while (!await this.#host.stat(path)) {
      if (this.seconds > deadline || this.console.ended) {
        throw this.#failure("control the machine", "no socket");
      }
      await this.#host.sleep(50);
    }
    return this.#qmp ??= await Qmp.connect(path);
  }

  /** Pulls a drive out, as a hand would. Resolves when the guest has let it go. */
  async unplug(drive: string, timeoutMs: number): Promise<void> {
    const qmp = await this.qmp();
    await qmp.execute("device_del", { id: drive });
    await qmp.event("DEVICE_DELETED", { device: drive }, timeoutMs);
  }

  /** Puts a drive in that its specification calls unplugged. */
  async plug(drive: string): Promise<void> {
    const spec = this.spec.drives.find(({ id }) => id === drive);
    if (!spec) throw new UserError(`plug in ${drive}`, `${this.spec.name} has no such drive`);
    await (await this.qmp()).execute("device_add", driveDevice(spec));
  }

  /** Brings a dead network to life, or takes it down again. */
  async uplink(up: boolean): Promise<void> {
    await (await this.qmp()).execute("set_link", { name: UPLINK, up });
  }

  /** Waits until the machine is off by itself. */
  async off(timeoutMs: number): Promise<void> {
    await this.#wait((): undefined => undefined, "the machine's end", { timeoutMs }, true);
  }

  /** Cuts the power and tidies up. Doing it twice is fine. */
  async stop(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#child.done;
    this.#qmp?.close();
    await this.#pumps;
    try {
      await this.#child.stdin.close();
    } catch {
      // The pipe is gone with its reader.
    }
    await this.#host.remove(this.#socketDir);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #wait<T>(
    match: (line: string) => T | undefined,
    wanted: string,
    { timeoutMs, from }: WaitOptions,
    untilEnd = false,
  ): Promise<Found<T>> {
    const over = new AbortController();
    const timer = this.#host.sleep(timeoutMs, over.signal).then(() => "late" as const);
    try {
      while (true) {
        const changed = this.console.changed();
        const found = this.console.find(match, from);
        if (found) return found;
        if (this.console.ended) {
          // What QEMU itself said may come a moment later than the console's end.
          await this.#pumps;
          if (untilEnd) return { at: this.seconds, text: "", value: undefined as T };
          throw this.#failure(`find ${wanted} on the console`, "the machine ended");
        }
        if (await Promise.race([changed, timer]) === "late") {
          const limit = `nothing within ${timeoutMs / 1000} s`;
          throw this.#failure(`find ${wanted} on the console`, limit);
        }
      }
    } finally {
      over.abort();
    }
  }

  #failure(doing: string, state: string): UserError {
    const last = this.console.lines.slice(-SHOWN_LINES).map(({ at, text }) =>
      `  ${at.toFixed(1).padStart(6)} ${text}`
    );
    const said = this.#complaints.trim();
    return new UserError(`${doing} (${this.spec.name})`, state, {
      hint: [
        ...(said ? [`QEMU: ${said}`] : []),
        `last lines of ${this.consoleLog}:`,
        ...last,
      ].join("\n"),
    });
  }

  async #pumpConsole(onLine: StartOptions["onLine"]): Promise<void> {
    for await (const chunk of this.#child.stdout) {
      for (const line of this.console.add(chunk, this.seconds)) onLine?.(line);
    }
    this.console.end();
  }

  async #pumpErrors(): Promise<void> {
    const decoder = new TextDecoder();
    for await (const chunk of this.#child.stderr) {
      this.#complaints = (this.#complaints + decoder.decode(chunk, { stream: true })).slice(-2000);
    }
  }
}
