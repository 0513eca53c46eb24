/**
 * The current time, or at least a lower bound of it. A machine without a battery starts in the past, before its image
 * was built. On such a machine, the time of the image and the time of the newest accepted publication are lower bounds.
 * A clock that may be right is left alone: a thief of a config key can date a publication far ahead, and once that key
 * is dropped (lib/trust/client.ts), no trace of that date may remain.
 *
 * @module
 */
import type { Host } from "../../lib/host.ts";
import { run } from "./programs.ts";

/** The system's clock, but never earlier than a time that is known to have passed. */
export class Clock {
  /** The latest time that is known to have passed, in milliseconds since 1970. */
  #past = 0;
  /** Whether the system's clock can't be right; decided when the first publication is told. */
  #isBehind?: boolean;

  constructor(readonly host: Host) {}

  /** Remembers that `instant` (seconds since 1970, or RFC 3339) has passed. One that can't be read is ignored. */
  notePassed(instant: number | string | undefined): void {
    const ms = typeof instant === "string" ? Date.parse(instant) : (instant ?? 0) * 1000;
    if (Number.isFinite(ms)) this.#past = Math.max(this.#past, ms);
  }

  /**
   * Takes the time of issue of a publication that was accepted ("" for none). Where the system's clock can't be right, it
   * is set forward to that time.
   */
  async noteIssued(issued: string): Promise<void> {
    this.#isBehind ??= this.host.now().getTime() < this.#past;
    if (!this.#isBehind) return;
    this.notePassed(issued);
    await this.#setForward();
  }

  now(): Date {
    return new Date(Math.max(this.host.now().getTime(), this.#past));
  }

  /** Certificates of https sites are judged by the system's clock. */
  async #setForward(): Promise<void> {
    if (this.host.now().getTime() >= this.#past) return;
    // Where this fails nothing is lost: our own checks use now().
    await run(this.host, ["date", "-u", "-s", `@${Math.ceil(this.#past / 1000)}`]);
  }
}
