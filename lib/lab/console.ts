/**
 * A serial console as lines: escape codes taken out, each line with the time it came, and a way to wait for one.
 *
 * @module
 */

/** A line of a console. */
export interface ConsoleLine {
  /** Seconds since the machine was started. */
  at: number;
  text: string;
}

/** Longer lines are cut here; no honest program writes them. */
const MAX_LINE = 4096;
/** Older lines are forgotten; a boot prints under a thousand. */
const MAX_LINES = 50_000;

// deno-lint-ignore no-control-regex -- they are what is taken out
const NOISE = /\x1b\[[0-9;?=]*[A-Za-z]|\x1b[()][A-Z0-9]|\x1bc|[\x00-\x08\x0b-\x1f\x7f-\x9f]/g;

/** Takes escape sequences and control characters out of a console line. */
export function cleanLine(raw: string): string {
  return raw.replaceAll(NOISE, "");
}

/** Collects bytes into lines and wakes those who wait. Pure but for the promises: time comes from the caller. */
export class ConsoleLog {
  readonly lines: ConsoleLine[] = [];
  readonly #decoder = new TextDecoder();
  readonly #waiting = new Set<() => void>();
  /** Lines that were forgotten, so that positions stay valid. */
  #dropped = 0;
  #rest = "";
  #ended = false;

  /** How many lines there have been: a position to wait from. */
  get position(): number {
    return this.#dropped + this.lines.length;
  }

  /** Whether the console will say nothing more. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Adds what came at `at` seconds; gives the lines that it completed. */
  add(chunk: Uint8Array, at: number): ConsoleLine[] {
    const parts = (this.#rest + this.#decoder.decode(chunk, { stream: true })).split("\n");
    this.#rest = (parts.pop() ?? "").slice(-MAX_LINE);
    const fresh = parts.map((raw) => ({ at, text: cleanLine(raw.slice(0, MAX_LINE)).trimEnd() }));
    this.lines.push(...fresh);
    if (this.lines.length > MAX_LINES) {
      this.#dropped += this.lines.length - MAX_LINES;
      this.lines.splice(0, this.lines.length - MAX_LINES);
    }
    this.#wake();
    return fresh;
  }

  /** The machine is off. */
  end(): void {
    this.#ended = true;
    this.#wake();
  }

  /** First line from position `from` on for which `match` gives something, with what it gave. */
  find<T>(
    match: (text: string) => T | undefined,
    from = 0,
  ): (ConsoleLine & { value: T }) | undefined {
    for (let i = Math.max(0, from - this.#dropped); i < this.lines.length; i++) {
      const line = this.lines[i]!;
      const value = match(line.text);
      if (value !== undefined) return { ...line, value };
    }
    return undefined;
  }

  /** Resolves when something was added or the console ended. */
  changed(): Promise<void> {
    return new Promise((resolve) => this.#waiting.add(resolve));
  }

  #wake(): void {
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  }
}
