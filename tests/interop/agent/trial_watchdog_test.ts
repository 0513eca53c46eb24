/** The watchdog of trials under the shells of nodes: what it does when nobody is there any more who could do it. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { DenoHost } from "../../../lib/deno_host.ts";
import { SHELLS } from "../../support/static_busybox.ts";
import { needTool } from "../../support/tools.ts";

const WATCHDOG = new URL(
  "../../../overlay/root/usr/lib/psyopsos/trial-watchdog",
  import.meta.url,
).pathname;
const host = new DenoHost();
const now = () => Math.floor(Deno.osUptime());

/** A trial as an agent has laid it ready. */
class Trial {
  constructor(readonly dir: string, readonly shell: readonly string[]) {}

  async write(name: string, data: string): Promise<void> {
    await Deno.writeTextFile(`${this.dir}/${name}`, data);
  }

  async names(): Promise<string[]> {
    return (await host.readDir(this.dir)).filter((name) => !/^(watchdog|revert\.log)$/.test(name));
  }

  /** Starts a watchdog, as the agent does; whatever happens, it is back at once. */
  async start(): Promise<void> {
    const before = Date.now();
    const command = [...this.shell, WATCHDOG, this.dir];
    const { code } = await host.run(command, { session: true, output: "null" });
    assertEquals(code, 0);
    assert(Date.now() - before < 2_000, "who starts it would wait for it");
  }

  /** Waits until a file is there; gives its text. */
  async until(name: string, seconds = 15): Promise<string> {
    for (let left = seconds * 20; left > 0; left--) {
      try {
        return await Deno.readTextFile(`${this.dir}/${name}`);
      } catch {
        await host.sleep(50);
      }
    }
    throw new Error(`${name} never came; there are ${await this.names()}`);
  }

  /** Ids of the processes that watch it. */
  async watching(): Promise<number[]> {
    const { stdout } = await host.run(["pgrep", "-f", `trial-watchdog ${this.dir}`]);
    return new TextDecoder().decode(stdout).split("\n").filter(Boolean).map(Number);
  }

  async untilGone(): Promise<void> {
    for (let left = 100; left > 0; left--) {
      if ((await this.watching()).length === 0) return;
      await host.sleep(50);
    }
    throw new Error("it watches for ever");
  }
}

for (const { name, tools, command } of SHELLS) {
  const test = (title: string, body: (trial: Trial) => Promise<void>) =>
    Deno.test({
      name: `trial-watchdog ${title}, under ${name}`,
      ...needTool(...tools, "setsid", "pgrep"),
      fn: async () => {
        const dir = await Deno.realPath(await Deno.makeTempDir());
        const trial = new Trial(dir, await command());
        try {
          await trial.write("deadline", `${now() + 300}\n`);
          await trial.write("revert", `echo back >>${dir}/ran\n`);
          await trial.write("open", "");
          await body(trial);
        } finally {
          await Deno.remove(dir, { recursive: true });
        }
      },
    });

  test("does nothing to what is confirmed, and ends", async (trial) => {
    await trial.start();
    await Deno.rename(`${trial.dir}/open`, `${trial.dir}/confirmed`);
    await trial.untilGone();
    assertEquals(await trial.names(), ["confirmed", "deadline", "revert"]);
  });

  test("brings back what was before at the deadline", async (trial) => {
    await trial.write("deadline", `${now() + 2}\n`);
    await trial.start();
    await host.sleep(500);
    assertEquals(await trial.names(), ["deadline", "open", "revert"]);
    assertEquals(await trial.until("reverted"), "");
    assertEquals(await trial.until("ran"), "back\n");
    assertEquals(await trial.names(), ["deadline", "ran", "revert", "reverted"]);
    await trial.untilGone();
  });

  test("brings it back at once where the agent asks, and waits for nothing that this starts", async (trial) => {
    await trial.write("revert", `sleep 30 & echo back >>${trial.dir}/ran\n`);
    await trial.start();
    await trial.write("revert-now", "");
    assertEquals(await trial.until("reverted"), "");
    assertEquals(await trial.until("ran"), "back\n");
  });

  test("tries again what fails, then tells the last thing that it said", async (trial) => {
    const { dir } = trial;
    await trial.write("revert", `echo try >>${dir}/ran; echo no such table >&2; exit 1\n`);
    await trial.write("revert-now", "");
    await trial.start();
    assertMatch(await trial.until("reverted"), /^the script that .* failed: no such table$/);
    assertEquals(await trial.until("ran"), "try\ntry\ntry\n");
  });

  test("takes the place of one that was killed, in the middle of bringing back as well", async (trial) => {
    const { dir } = trial;
    await trial.write("revert", `echo try >>${dir}/ran; [ -e ${dir}/free ] || sleep 60\n`);
    await trial.start();
    await trial.until("watchdog");
    // A second one has nothing to do while the first watches.
    await trial.start();
    await host.sleep(200);
    const watching = await trial.watching();
    assertEquals(`${watching}`, (await trial.until("watchdog")).trim());
    await trial.write("revert-now", "");
    await trial.until("ran");
    await trial.write("free", "");
    Deno.kill(watching[0]!, "SIGKILL");
    await trial.start();
    assertEquals(await trial.until("reverted"), "");
    assertEquals(await trial.until("ran"), "try\ntry\n");
    await trial.untilGone();
  });
}
