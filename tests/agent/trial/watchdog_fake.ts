/**
 * The watchdog of trials in memory, which answers `/usr/lib/psyopsos/trial-watchdog` and lives on when the agent is gone. It
 * looks at its trial whenever the host sleeps, as the real one does each second.
 */
import { assert, assertEquals } from "@std/assert";
import type { FakeHost } from "../../support/fake_host.ts";

export const WATCHDOG = "/usr/lib/psyopsos/trial-watchdog";

export class WatchdogFake {
  /** Directories that are watched. */
  readonly watched = new Set<string>();
  /** Scripts that were run, in order. */
  readonly reverted: string[] = [];
  /** It ends as soon as it was started. */
  isDead = false;
  /** What a script says that fails; undefined: all do what they should. */
  failure?: string;

  /** @param revert Does what a script says. */
  constructor(readonly host: FakeHost, readonly revert: (script: string) => void = () => {}) {
    host.programs.set(WATCHDOG, (args, options) => {
      assertEquals(args.length, 1);
      assert(options.session, "it would end with the agent");
      if (this.isDead) return "";
      host.put(`${args[0]}/watchdog`, "4712\n");
      this.watched.add(args[0]!);
      return "";
    });
    const sleep = host.sleep.bind(host);
    host.sleep = async (ms, signal) => {
      await sleep(ms, signal);
      await this.look();
    };
  }

  /** Lets all the time pass that a trial has, with no agent about. */
  async pass(seconds: number): Promise<void> {
    this.host.elapsed += seconds * 1000;
    await this.look();
  }

  /** Does what is due. */
  async look(): Promise<void> {
    const { host } = this;
    for (const directory of this.watched) {
      const names = await host.readDir(directory);
      if (names.includes("open")) {
        const deadline = Number(host.textOf(`${directory}/deadline`)) * 1000;
        if (!names.includes("revert-now") && host.uptime() < deadline) continue;
        await host.rename(`${directory}/open`, `${directory}/reverting`);
      } else if (!names.includes("reverting")) {
        this.watched.delete(directory);
        continue;
      }
      const script = host.textOf(`${directory}/revert`);
      this.reverted.push(script);
      if (this.failure === undefined) this.revert(script);
      await host.writeFile(`${directory}/reverting`, this.failure ?? "");
      await host.rename(`${directory}/reverting`, `${directory}/reverted`);
      this.watched.delete(directory);
    }
  }
}
