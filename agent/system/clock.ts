/**
 * What time it is, for two purposes that must not be mixed.
 *
 * Trust is judged by {@linkcode Clock.trusted}: the machine's own clock, but never before the time of its image, and
 * both go on by the time that has passed since the boot. Nothing that comes over the network changes it, because whoever
 * can date a publication or answer in a time server's name would then decide what counts as fresh. What the newest
 * accepted publication says of the time binds besides, for as long as the key that signed it is listed
 * (lib/trust/client.ts).
 *
 * Certificates of https sites are judged by the system's clock. On a machine without a battery it is years behind, so
 * there, and only there, the agent sets it: to what a time server says, else to the time of the newest accepted
 * publication, else to that of the image: a guess, of which there are others where no certificate holds by it, since the first
 * two may be lies. It writes down what it did, so that no agent of this boot takes its own work for a clock.
 *
 * @module
 */
import * as v from "valibot";
import type { Host } from "../../lib/host.ts";
import { canonicalJson } from "../../lib/json.ts";
import { CLOCK, type KnownTime, later } from "../../lib/known_time.ts";
import { CLOCK_FILE, RUN_DIR } from "./paths.ts";
import { run } from "./programs.ts";

/** How far beyond its image's time a clock is set at most, in milliseconds: ten years. */
export const MAX_AHEAD_MS = 10 * 365.25 * 86_400_000;
/** By how much the system's clock may differ from what was set and still be that, in milliseconds. */
const TOLERANCE_MS = 60_000;
/** Where the time comes from on a machine whose own clock can't be right. */
const IMAGE_TIME = "the time of its image";

/** What a clock that can't be right is set by: a time server's answer, the newest accepted publication, the image. */
export const GUESSES = ["server", "publication", "image"] as const;
/** One of {@linkcode GUESSES}, of which the first is the best. */
export type Guess = typeof GUESSES[number];

/** What a clock was set to, and the milliseconds since the boot. */
const mark = { to: v.number(), uptime: v.number() };
const settingSchema = v.object({ ...mark, was: v.number(), before: v.optional(v.object(mark)) });
/**
 * How the system's clock was set last, what it would have shown by itself, and how it was set before: the last setting may not
 * have come to pass.
 */
type Setting = v.InferOutput<typeof settingSchema>;

export class Clock {
  /** The setting that the system's clock goes by, unless somebody else has set it since. */
  #setting?: Setting;
  /** The time of the newest accepted publication, and the uptime at which it was learned. */
  #vouched?: { ms: number; uptime: number };
  /** What a time server said, and the uptime at which it did. */
  #hint?: { ms: number; uptime: number };
  /** By what the system's clock is set where that is not the best guess. */
  #chosen?: Guess;

  private constructor(
    readonly host: Host,
    /** When the image was defined, in milliseconds since 1970. */
    readonly imageMs: number,
  ) {}

  /** @param epoch The image's time in seconds since 1970, 0 for unknown. */
  static async start(host: Host, epoch: number): Promise<Clock> {
    const clock = new Clock(host, epoch * 1000);
    clock.#setting = await readSetting(host);
    return clock;
  }

  /** The time to judge freshness by. */
  trusted(): KnownTime {
    return later({ ms: this.#ownMs(), from: CLOCK }, { ms: this.#imageTime(), from: IMAGE_TIME });
  }

  /** The best that is known, to be shown to people. */
  now(): Date {
    const vouched = this.#vouched ? this.#since(this.#vouched) : 0;
    return new Date(Math.max(this.host.now().getTime(), this.trusted().ms, vouched));
  }

  /** Milliseconds since the time of the newest accepted publication was learned. */
  get sinceIssuedMs(): number {
    return this.#vouched ? this.host.uptime() - this.#vouched.uptime : 0;
  }

  /** Whether the machine's own clock can't be right: it is before the time of its image. */
  get isBehind(): boolean {
    return this.#ownMs() < this.#imageTime();
  }

  /** Takes what another agent of this boot has set since. */
  async refresh(): Promise<void> {
    this.#setting = await readSetting(this.host);
  }

  /** Takes the time of issue of the newest accepted publication ("" for none). */
  async noteIssued(issued: string): Promise<void> {
    const ms = Date.parse(issued);
    // Not so for NaN, where none was accepted yet.
    if (ms > (this.#vouched?.ms ?? 0)) this.#vouched = { ms, uptime: this.host.uptime() };
    await this.#setSystem();
  }

  /** Forgets that time: the key that vouched for it has been dropped. */
  async forgetIssued(): Promise<void> {
    this.#vouched = undefined;
    this.#chosen = undefined;
    await this.#setSystem();
  }

  /** Whether only a time server can tell what time it is. */
  get needsServer(): boolean {
    return this.isBehind && this.#hint === undefined;
  }

  /** Whether the system's clock may be set to `ms`: not before the image, nor {@linkcode MAX_AHEAD_MS} after it. */
  isUsable(ms: number): boolean {
    return ms >= this.imageMs && ms <= this.imageMs + MAX_AHEAD_MS;
  }

  /** Takes the answer of a time server, for certificates alone; one that is not usable changes nothing. */
  async believe(ms: number): Promise<void> {
    if (!this.isUsable(ms)) return;
    this.#hint = { ms, uptime: this.host.uptime() };
    this.#chosen = undefined;
    await this.#setSystem();
  }

  /** By what a clock that can't be right may be set: by what it is first, then the others, best first. None for a clock. */
  get guesses(): Guess[] {
    if (!this.isBehind) return [];
    const times = this.#times();
    const [current] = this.#current(times);
    return [current, ...[...times.keys()].filter((one) => one !== current)];
  }

  /** Sets a clock that can't be right by a guess, for as long as it is not the best; without one by the best. */
  async guess(by: Guess | undefined): Promise<void> {
    const [best] = [...this.#times().keys()];
    this.#chosen = by === best ? undefined : by;
    await this.#setSystem();
  }

  /** What the machine's clock shows, or would show if no agent had set it. */
  #ownMs(): number {
    const shown = this.host.now().getTime();
    if (!this.#setting) return shown;
    return this.#shownMark()
      ? this.#setting.was + this.host.uptime() - this.#setting.uptime
      : shown;
  }

  /** The setting that the system's clock goes by; undefined where it goes by none of ours. */
  #shownMark(): { to: number; uptime: number } | undefined {
    if (!this.#setting) return undefined;
    const { to, uptime, before } = this.#setting;
    const shown = this.host.now().getTime();
    return [{ to, uptime }, ...before ? [before] : []].find((one) =>
      Math.abs(shown - (one.to + this.host.uptime() - one.uptime)) <= TOLERANCE_MS
    );
  }

  #imageTime(): number {
    return this.imageMs + this.host.uptime();
  }

  #since({ ms, uptime }: { ms: number; uptime: number }): number {
    return ms + this.host.uptime() - uptime;
  }

  /** What a clock that can't be right may be set to, the best first. */
  #times(): Map<Guess, number> {
    const times = new Map<Guess, number>();
    const told = [["server", this.#hint], ["publication", this.#vouched]] as const;
    for (const [guess, time] of told) {
      if (!time || !this.isUsable(time.ms)) continue;
      times.set(guess, Math.max(this.#since(time), this.#imageTime()));
    }
    return times.set("image", this.#imageTime());
  }

  /** The guess that the clock goes by, and its time. */
  #current(times: ReadonlyMap<Guess, number>): [Guess, number] {
    const chosen = this.#chosen && times.get(this.#chosen);
    return chosen === undefined ? [...times][0]! : [this.#chosen!, chosen];
  }

  /** Sets a clock that can't be right to the best that is known; back as well, when that is less than it was. */
  async #setSystem(): Promise<void> {
    if (!this.isBehind) return;
    const [, time] = this.#current(this.#times());
    const to = Math.ceil(time / 1000) * 1000;
    if (Math.abs(this.host.now().getTime() - to) <= TOLERANCE_MS) return;
    const before = this.#shownMark();
    const setting = { to, was: this.#ownMs(), uptime: this.host.uptime(), ...before && { before } };
    // Written first: a setting that never came to pass is recognized, one that nobody knows of is not.
    await this.host.mkdir(RUN_DIR, { mode: 0o700 });
    await this.host.writeFile(CLOCK_FILE, canonicalJson(setting), { mode: 0o600 });
    this.#setting = setting;
    // Where this fails nothing is lost but https: trust is judged by trusted().
    await run(this.host, ["date", "-u", "-s", `@${to / 1000}`]);
  }
}

/** What an earlier agent of this boot has set. The file is root's own, in RAM, and is never half written. */
async function readSetting(host: Host): Promise<Setting | undefined> {
  if (!await host.stat(CLOCK_FILE)) return undefined;
  return v.parse(settingSchema, JSON.parse(await host.readTextFile(CLOCK_FILE)));
}
