/** Scripts of the configuration as real processes: what they start, what they print, and agents that are killed meanwhile. */
import { assert, assertEquals, assertLess, assertStringIncludes } from "@std/assert";
import { type Applied, applier } from "../../../agent/resources/resource.ts";
import { CAPTURE, MAX_OUTPUT_BYTES } from "../../../agent/resources/script_run.ts";
import { scripts } from "../../../agent/resources/scripts.ts";
import { targetOf } from "../../agent/resources/questions.ts";
import { oldDeno } from "../../support/old_deno.ts";
import { RootedHost } from "../../support/rooted_host.ts";
import { SHELLS } from "../../support/static_busybox.ts";
import { needTool } from "../../support/tools.ts";

const ROOT = new URL("../../../", import.meta.url).pathname;
const { apply: act } = applier("scripts", scripts);

async function withDir(body: (dir: string) => Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir();
  try {
    await body(dir);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

/** Applies one script; gives steps and troubles as lines. */
async function apply(
  host: RootedHost,
  run: string,
  signal = new AbortController().signal,
): Promise<string[]> {
  const config = { scripts: { x: { run } } };
  const target = targetOf(config, { signal });
  const applied: Applied = { steps: [], troubles: [] };
  await act(host, target, applied);
  return [...applied.steps, ...applied.troubles.map(({ message }) => message)];
}

/** Waits until a file of `dir` has so many lines. */
async function untilLines(path: string, count: number): Promise<void> {
  for (let i = 0; i < 500; i++) {
    const text = await Deno.readTextFile(path).catch(() => "");
    if (text.split("\n").length > count) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`${path} has not got ${count} lines`);
}

function isRunning(pid: string): boolean {
  try {
    // A process that has ended and that nobody has asked for yet still has a folder, but no command line.
    return Deno.readTextFileSync(`/proc/${pid.trim()}/cmdline`) !== "";
  } catch {
    return false;
  }
}

Deno.test("a script that is ended takes with it what it has started", () =>
  withDir(async (dir) => {
    const stop = new AbortController();
    const run = `trap '' TERM
(trap '' TERM; sleep 600; :) & echo $! >>${dir}/pids
(sleep 600; :) & echo $! >>${dir}/pids
echo begun; echo $$ >>${dir}/pids; wait`;
    const applied = apply(new RootedHost(dir), run, stop.signal);
    await untilLines(`${dir}/pids`, 3);
    const start = performance.now();
    stop.abort();
    assertStringIncludes((await applied)[0]!, "it was ended because the agent stops");
    assertLess(performance.now() - start, 6000);
    const pids = (await Deno.readTextFile(`${dir}/pids`)).trim().split("\n");
    assertEquals(pids.map(isRunning), [false, false, false]);
    assertEquals(await Deno.readTextFile(`${dir}/scripts/x.out`), "begun\n");
    const left = [...Deno.readDirSync(`${dir}/scripts`)].map(({ name }) => name).sort();
    assertEquals(left, ["x.json", "x.out", "x.process", "x.run"]);
  }));

Deno.test("a script that prints without end fills neither memory nor the folder of its output", () =>
  withDir(async (dir) => {
    const run = `echo first; head -c 200000000 /dev/zero; echo last >&2; exit 3`;
    const [said] = await apply(new RootedHost(dir), run);
    assertStringIncludes(said!, "it ended with exit code 3");
    const output = await Deno.readFile(`${dir}/scripts/x.out`);
    assertEquals(output.length, MAX_OUTPUT_BYTES);
    assertEquals(new TextDecoder().decode(output.subarray(0, 6)), "first\n");
    assertEquals((await Deno.stat(`${dir}/scripts/x.out`)).mode! & 0o777, 0o600);
  }));

Deno.test("a daemon that a script leaves behind goes on, may print, and is not waited for", () =>
  withDir(async (dir) => {
    const run = `echo now; { sleep 2; echo late; echo "$?" >${dir}/late; } & exit 0`;
    const start = performance.now();
    const lines = await apply(new RootedHost(dir), run);
    assertEquals(lines, ["run script x (first time in this boot)"]);
    assertLess(performance.now() - start, 1900);
    await untilLines(`${dir}/late`, 1);
    assertEquals(await Deno.readTextFile(`${dir}/late`), "0\n");
    assertEquals(await Deno.readTextFile(`${dir}/scripts/x.out`), "now\nlate\n");
  }));

for (const deno of ["this Deno", "an older Deno"]) {
  Deno.test(`an agent on ${deno} that is killed in a script again and again runs it twice`, () =>
    withDir(async (dir) => {
      const program = deno === "this Deno" ? Deno.execPath() : (await oldDeno()).deno;
      const agent = `import { RootedHost } from "${ROOT}tests/support/rooted_host.ts";
        import { applier } from "${ROOT}agent/resources/resource.ts";
        import { scripts } from "${ROOT}agent/resources/scripts.ts";
        const config = { scripts: { x: { run: Deno.args[1], when: "change" } } };
        const { signal } = new AbortController();
        const target = { identity: { name: "a" }, config, shown: config, bootId: "b", signal };
        const applied = { steps: [], troubles: [] };
        await applier("scripts", scripts).apply(new RootedHost(Deno.args[0]), target, applied);
        console.log(JSON.stringify(applied));
        Deno.exit(0);`;
      await Deno.writeTextFile(`${dir}/agent.ts`, agent);
      const run = `echo $$ >>${dir}/runs\n(sleep 600; :) & echo $! >>${dir}/runs\nwait`;
      const rights = ["--allow-read", "--allow-write", "--allow-run=/bin/sh,cat"];
      const config = ["--config", `${ROOT}deno.json`, "--no-lock", "--no-prompt", "--no-check"];
      const begin = () =>
        new Deno.Command(program, {
          args: ["run", "-q", ...config, ...rights, `${dir}/agent.ts`, dir, run],
          stdin: "null",
          stdout: "piped",
        }).spawn();
      for (let i = 1; i <= 2; i++) {
        const child = begin();
        await untilLines(`${dir}/runs`, 2 * i);
        child.kill("SIGKILL");
        await child.output();
      }
      const before = (await Deno.readTextFile(`${dir}/runs`)).trim().split("\n");
      assertEquals(before.map(isRunning), [false, false, true, true]);
      for (let i = 0; i < 2; i++) {
        const { stdout } = await begin().output();
        const { steps, troubles } = JSON.parse(new TextDecoder().decode(stdout));
        assertEquals(steps.length, i === 0 ? 1 : 0);
        assertStringIncludes(troubles[0].message, "it ran when the agent was killed, 2 times");
      }
      const after = (await Deno.readTextFile(`${dir}/runs`)).trim().split("\n");
      assertEquals(after, before);
      assertEquals(after.map(isRunning), [false, false, false, false]);
    }));
}

for (const { name, tools, command } of SHELLS) {
  Deno.test({
    name: `what takes a script's output is sound under ${name}`,
    ...needTool(...tools, "shellcheck"),
    fn: () =>
      withDir(async (dir) => {
        await Deno.writeTextFile(`${dir}/capture.sh`, CAPTURE);
        const check = await new Deno.Command("shellcheck", {
          args: ["-s", "sh", `${dir}/capture.sh`],
        }).output();
        assertEquals(new TextDecoder().decode(check.stdout), "");
        const [shell = "", ...args] = await command();
        const given = [`${dir}/pipe`, `${dir}/out`, "4", `${dir}/process`];
        const inner = "echo $$; seq 100000; exit 7";
        const { code } = await new Deno.Command(shell, {
          args: [...args, "-c", CAPTURE, "sh", ...given, "/bin/sh", "-c", inner],
        }).output();
        assertEquals(code, 7);
        while (await Deno.stat(`${dir}/pipe`).catch(() => undefined)) {
          await new Promise((resolve) => setTimeout(resolve, 10));
        }
        const out = await Deno.readTextFile(`${dir}/out`);
        const facts = await Deno.readTextFile(`${dir}/process`);
        assert(facts.startsWith(`${out.split("\n")[0]} (`), "the noted process is the script's");
        assertEquals(out.length, 4 * 512);
      }),
  });
}
