/**
 * A client of QEMU's control protocol (QMP): commands, answers, events.
 *
 * @module
 */
import { createConnection, type Socket } from "node:net";
import { UserError } from "../errors.ts";

/** Longest wait for an answer; QEMU answers at once unless the machine is overloaded. */
const ANSWER_TIMEOUT_MS = 20_000;

interface Message {
  return?: unknown;
  error?: { class: string; desc: string };
  event?: string;
  data?: Record<string, unknown>;
}

/** An open connection. */
export class Qmp {
  readonly #socket: Socket;
  readonly #events: Message[] = [];
  #answers: ((message: Message) => void)[] = [];
  #watchers: (() => void)[] = [];
  #rest = "";

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding("utf8");
    socket.on("data", (chunk: string) => this.#read(chunk));
    // A machine that is killed cuts the line; whoever waits gets a timeout that names its command.
    socket.on("error", () => {});
  }

  /** Connects to the socket of a running QEMU. */
  static async connect(path: string): Promise<Qmp> {
    const socket = createConnection({ path });
    await new Promise<void>((resolve, reject) => {
      socket.once("connect", () => resolve());
      socket.once("error", reject);
    });
    const qmp = new Qmp(socket);
    await qmp.execute("qmp_capabilities");
    return qmp;
  }

  /** Runs a command and gives what it returns. */
  async execute(command: string, args: Record<string, unknown> = {}): Promise<unknown> {
    const answer = new Promise<Message>((resolve) => this.#answers.push(resolve));
    this.#socket.write(`${JSON.stringify({ execute: command, arguments: args })}\n`);
    const message = await withTimeout(answer, ANSWER_TIMEOUT_MS, `QEMU's answer to ${command}`);
    if (message.error) {
      throw new UserError(`${command} in the machine`, message.error.desc);
    }
    return message.return;
  }

  /** Waits for an event, past ones included, whose data has the given values. */
  async event(
    name: string,
    data: Record<string, unknown>,
    timeoutMs: number,
  ): Promise<void> {
    const fits = (message: Message) =>
      message.event === name &&
      Object.entries(data).every(([key, value]) => message.data?.[key] === value);
    const seen = new Promise<void>((resolve) => {
      const look = () => {
        if (this.#events.some(fits)) resolve();
      };
      this.#watchers.push(look);
      look();
    });
    await withTimeout(seen, timeoutMs, `QEMU's event ${name}`);
  }

  close(): void {
    this.#socket.destroy();
  }

  #read(chunk: string): void {
    const lines = (this.#rest + chunk).split("\n");
    this.#rest = lines.pop() ?? "";
    for (const line of lines) {
      if (line.trim() === "") continue;
      const message = JSON.parse(line) as Message;
      if (message.event !== undefined) {
        this.#events.push(message);
        for (const watcher of this.#watchers) watcher();
      } else if ("return" in message || message.error) {
        this.#answers.shift()?.(message);
      }
    }
  }
}

async function withTimeout<T>(promise: Promise<T>, ms: number, what: string): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new UserError("go on", `${what} did not come within ${ms / 1000} s`)),
      ms,
    );
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
