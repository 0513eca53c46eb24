/**
 * Draws lines that change in place at the bottom of a terminal, with ordinary lines scrolling above them. Where the
 * output is no terminal only the ordinary lines are written.
 *
 * @module
 */
import { visible } from "../visible.ts";

/** Options of {@linkcode LiveLines}. */
export interface LiveOptions {
  write: (text: string) => void;
  /** Whether the output can move its cursor. */
  live: boolean;
}

/** The block of changing lines. Nothing in a line moves the cursor: it may quote a machine or a server. */
export class LiveLines {
  readonly #options: LiveOptions;
  #drawn: readonly string[] = [];

  constructor(options: LiveOptions) {
    this.#options = options;
  }

  /** Replaces the block. Each line must fit the terminal's width. */
  draw(given: readonly string[]): void {
    if (!this.#options.live) return;
    const lines = given.map(visible);
    if (lines.length === this.#drawn.length && lines.every((line, i) => line === this.#drawn[i])) {
      return;
    }
    this.#options.write(this.#erase() + lines.map((line) => `${line}\n`).join(""));
    this.#drawn = lines;
  }

  /** Writes a line above the block. */
  say(line: string): void {
    this.#options.write(
      this.#erase() + `${visible(line)}\n` + this.#drawn.map((drawn) => `${drawn}\n`).join(""),
    );
  }

  /** Leaves the block as it stands and starts anew below it. */
  finish(): void {
    this.#drawn = [];
  }

  #erase(): string {
    return this.#drawn.length === 0 ? "" : `\x1b[${this.#drawn.length}A\x1b[J`;
  }
}
