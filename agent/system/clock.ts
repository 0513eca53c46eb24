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
 * publication. It writes down what it did, so that no agent of this boot takes its own work for a clock.
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

const settingSchema = v.object({ to: v.number(), was: v.number(), uptime: v.number() });
/** When the system's clock was set: to what, what it showed, and the milliseconds since the boot. */
type Setting = v.InferOutput<typeof settingSchema>;

export class Clock {
  /** The setting that the system's clock goes by, unless somebody else has set it since. */
  #setting?: Setting;
  /** The time of the newest accepted publication, and the uptime at which it was learned. */
  #vouched?: { ms: number; uptime: number };
  /** What a time server said, and the uptime at which it did. */
  #hint?: { ms: number; uptime: number };

  private constructor(
    readonly host: Host,
    /** When the image was defined, in milliseconds since 1970. */
    readonly imageMs: number,
    /** Milliseconds since the boot when {@linkcode Host.monotonic} was 0. */
    readonly uptimeBase: number,
  ) {}

  /** @param uptime Seconds since the kernel started. @param epoch The image's time in seconds since 1970, 0 for unknown. */
  static async start(host: Host, uptime: number, epoch: number): Promise<Clock> {
    const clock = new Clock(host, epoch * 1000, uptime * 1000 - host.monotonic());
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
    return this.#vouched ? this.#uptime() - this.#vouched.uptime : 0;
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
    if (!Number.isFinite(ms)) return;
    if (!this.#vouched || ms > this.#vouched.ms) this.#vouched = { ms, uptime: this.#uptime() };
    await this.#setSystem();
  }

  /** Forgets that time: the key that vouched for it has been dropped. */
  async forgetIssued(): Promise<void> {
    this.#vouched = undefined;
    await this.#setSystem();
  }

  /** Whether only a time server can tell what time it is. */
  get needsServer(): boolean {
    return this.isBehind && this.#hint === undefined;
  }

  /** Takes the answer of a time server, for certificates alone. Gives whether it can be used. */
  async believe(ms: number): Promise<boolean> {
    if (!this.#isUsable(ms)) return false;
    this.#hint = { ms, uptime: this.#uptime() };
    await this.#setSystem();
    return true;
  }

  /** What the machine's clock shows, or would show if no agent had set it. */
  #ownMs(): number {
    const shown = this.host.now().getTime();
    if (!this.#setting) return shown;
    const elapsed = this.#uptime() - this.#setting.uptime;
    const isOurs = Math.abs(shown - (this.#setting.to + elapsed)) <= TOLERANCE_MS;
    return isOurs ? this.#setting.was + elapsed : shown;
  }

  #imageTime(): number {
    return this.imageMs + this.#uptime();
  }

  #uptime(): number {
    return this.uptimeBase + this.host.monotonic();
  }

  #since({ ms, uptime }: { ms: number; uptime: number }): number {
    return ms + this.#uptime() - uptime;
  }

  #isUsable(ms: number): boolean {
    return ms >= this.imageMs && ms <= this.imageMs + MAX_AHEAD_MS;
  }

  /** Sets a clock that can't be right to the best that is known; back as well, when that is less than it was. */
  async #setSystem(): Promise<void> {
    if (!this.isBehind) return;
    const [best] = [this.#hint, this.#vouched]
      .flatMap((time) => time && this.#isUsable(time.ms) ? [this.#since(time)] : []);
    const to = Math.ceil(Math.max(best ?? 0, this.#imageTime()) / 1000) * 1000;
    if (Math.abs(this.host.now().getTime() - to) <= TOLERANCE_MS) return;
    const setting = { to, was: this.#ownMs(), uptime: this.#uptime() };
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
