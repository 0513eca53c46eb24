/**
 * What time it is at least. A machine without a battery starts in the past, before its image was built: there this and the
 * newest accepted publication are lower bounds. A clock that may be right is left alone: the thief of a config key can date a
 * publication far ahead, and once that key is dropped (lib/trust/client.ts) nothing of it must stay.
 *
 * @module
 */
import type { Host } from "../../lib/host.ts";
import { run } from "./programs.ts";

/** The host's clock, never before what is known to be past. */
export class Clock {
  #floor = 0;
  /** Whether the host's clock was before all bounds when the first publication was told. */
  #wrong?: boolean;

  constructor(readonly host: Host) {}

  /** Now is not before `instant` (seconds since 1970, or RFC 3339); what can't be read is ignored. */
  raise(instant: number | string | undefined): void {
    const ms = typeof instant === "string" ? Date.parse(instant) : (instant ?? 0) * 1000;
    if (Number.isFinite(ms)) this.#floor = Math.max(this.#floor, ms);
  }

  /** A publication was accepted that was issued at `instant`; "" for none. Corrects a clock that can't be right. */
  async tell(instant: string): Promise<void> {
    this.#wrong ??= this.host.now().getTime() < this.#floor;
    if (!this.#wrong) return;
    this.raise(instant);
    await this.#correct();
  }

  now(): Date {
    return new Date(Math.max(this.host.now().getTime(), this.#floor));
  }

  /** Sets the system's clock forward to the bound when it is behind it: certificates of https sites need that. */
  async #correct(): Promise<void> {
    if (this.host.now().getTime() >= this.#floor) return;
    // Failing is no matter: our own checks use now().
    await run(this.host, ["date", "-u", "-s", `@${Math.ceil(this.#floor / 1000)}`]);
  }
}
