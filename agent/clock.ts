/**
 * What time it is at least. A machine without a battery starts in the past: the time when the image was built and the
 * newest accepted publication are lower bounds.
 *
 * @module
 */
import type { Host } from "../lib/host.ts";
import { run } from "./programs.ts";

/** The host's clock, never before what is known to be past. */
export class Clock {
  #floor = 0;

  constructor(readonly host: Host) {}

  /** Now is not before `instant` (seconds since 1970, or RFC 3339); what can't be read is ignored. */
  raise(instant: number | string | undefined): void {
    const ms = typeof instant === "string" ? Date.parse(instant) : (instant ?? 0) * 1000;
    if (Number.isFinite(ms)) this.#floor = Math.max(this.#floor, ms);
  }

  now(): Date {
    return new Date(Math.max(this.host.now().getTime(), this.#floor));
  }

  /** Sets the system's clock forward to the bound when it is behind it: certificates of https sites need that. */
  async correct(): Promise<void> {
    if (this.host.now().getTime() >= this.#floor) return;
    // Failing is no matter: our own checks use now().
    await run(this.host, ["date", "-u", "-s", `@${Math.ceil(this.#floor / 1000)}`]);
  }
}
