import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { applier, type Target } from "../../../agent/resources/resource.ts";
import {
  interpreter,
  MAX_OUTPUT_BYTES,
  SCRIPT_TIMEOUT_MS,
} from "../../../agent/resources/script_run.ts";
import { scripts } from "../../../agent/resources/scripts.ts";
import type { RunOptions } from "../../../lib/host.ts";
import { FakeHost } from "../../support/fake_host.ts";
import { apply, askQuestions, SECRET, settle, targetOf } from "./questions.ts";
import { ROOT_FILES } from "./root_files.ts";
import { fakeScripts } from "./scripts_fake.ts";

function host(): FakeHost {
  const host = new FakeHost(ROOT_FILES);
  fakeScripts(host);
  return host;
}

const run = (text: string, when?: "boot" | "change") => ({ scripts: { x: { run: text, when } } });
const { apply: act } = applier("scripts", scripts);

askQuestions("scripts", {
  resource: scripts,
  host,
  cases: [
    {
      title: "run in the order of their names",
      config: { scripts: { b: { run: `echo ${SECRET}` }, a: { run: "echo a", when: "change" } } },
      steps: [
        "run script a (first time in this boot)",
        "run script b (first time in this boot)",
      ],
    },
    {
      title: "for every boot wait for the next one when they have changed",
      before: run("echo 1"),
      config: run("echo 2"),
      steps: [],
    },
    {
      title: "for changes run again when they have changed",
      before: run("echo 1", "change"),
      config: run("echo 2", "change"),
      unseen: true,
      steps: ["run script x (it has changed)"],
    },
  ],
});

Deno.test("scripts run once a boot, again when they failed; what they leave is root's", async () => {
  const node = host();
  await settle(node, act, targetOf(run("echo 1")));
  const second = { bootId: "boot-2" };
  const again = await apply(node, act, targetOf(run("echo 1"), second));
  assertEquals(again.steps, ["run script x (first time in this boot)"]);
  for (let i = 0; i < 2; i++) {
    const failed = await apply(node, act, targetOf(run("exit 3", "change"), second));
    assertEquals(failed.troubles.map(({ message }) => message), [
      "Cannot run script x: it ended with exit code 3, its output is in /run/psyopsos/scripts/x.out",
    ]);
  }
  for (const name of ["x.run", "x.out", "x.json"]) {
    const mode = (await node.stat(`/run/psyopsos/scripts/${name}`))!.mode;
    assertEquals(mode & 0o077, 0, name);
  }
  assertEquals((await node.stat("/run/psyopsos/scripts"))?.mode, 0o700);
});

Deno.test("scripts get no text on a command line, a session, a bounded time and bounded output", async () => {
  const node = host();
  let given: RunOptions = {};
  node.programs.set("/bin/sh", (args, options) => {
    assertEquals(args.slice(4, 6), ["/run/psyopsos/scripts/x.out", `${MAX_OUTPUT_BYTES / 512}`]);
    given = options;
    return "";
  });
  const target = targetOf(run(`#!/bin/true -e\n${SECRET}`));
  await apply(node, act, target);
  const { timeoutMs, session, signal, clearEnv } = given;
  assertEquals([timeoutMs, session, clearEnv], [SCRIPT_TIMEOUT_MS, true, true]);
  assertEquals(signal, target.signal);
  assert(!node.log.join().includes(SECRET));
});

Deno.test("scripts are told of by their exit code, not by what they print", async () => {
  const node = host();
  const { observe } = applier("scripts", scripts);
  await settle(node, act, targetOf(run("echo 1")));
  assertEquals(await observe(node, targetOf(run("echo 1"))), [
    { name: "x", exitCode: 0, outputSha256: "private" },
  ]);
});

/** Applies until the agent is killed in the middle of the first script; gives the steps that it had planned. */
async function killed(node: FakeHost, target: Target): Promise<string[]> {
  const shell = node.programs.get("/bin/sh")!;
  const gone = new Error("the agent was killed");
  node.programs.set("/bin/sh", () => {
    // From now on it keeps nothing.
    node.broken.set("/run/", gone);
    throw gone;
  });
  const { steps, troubles } = await apply(node, act, target);
  node.broken.clear();
  node.programs.set("/bin/sh", shell);
  return [...steps, ...troubles.map(({ message }) => message)];
}

for (const when of ["boot", "change"] as const) {
  Deno.test(`scripts for every ${when} run once more when their end is lost, and not a third time`, async () => {
    const node = host();
    const target = targetOf(run("echo 1", when));
    assertStringIncludes((await killed(node, target))[0]!, "first time in this boot");
    assertStringIncludes((await killed(node, target))[0]!, "its end is not known");
    for (let i = 0; i < 3; i++) {
      assertEquals(await killed(node, target), [
        "Cannot run script x: it ran when the agent was killed, 2 times in a row; it is run again at the next boot, " +
        "or when its text is new",
      ]);
    }
    assertEquals(await applier("scripts", scripts).observe(node, target), []);
    const boot = targetOf(run("echo 1", when), { bootId: "boot-2" });
    assertEquals(await settle(node, act, boot), ["run script x (first time in this boot)"]);
    assertEquals(
      await settle(node, act, targetOf(run("echo 2", when))),
      ["run script x (first time in this boot)"],
    );
  });
}

Deno.test("scripts whose end was lost run when their text is new, and count anew once their end is known", async () => {
  const node = host();
  const target = targetOf(run("echo 1", "change"));
  for (let i = 0; i < 2; i++) await killed(node, target);
  const changed = targetOf(run("echo 2", "boot"));
  assertEquals(await settle(node, act, changed), ["run script x (its end is not known)"]);
  await killed(node, targetOf(run("exit 3", "change")));
  await apply(node, act, targetOf(run("exit 3", "change")));
  const again = await killed(node, targetOf(run("exit 3", "change")));
  assertStringIncludes(again[0]!, "it failed before");
  assertStringIncludes(
    (await killed(node, targetOf(run("exit 3", "change"))))[0]!,
    "its end is not known",
  );
});

Deno.test("scripts that still run though their agent was killed are ended before anything is run", async () => {
  const node = host();
  const line = (pid: number, started: number) =>
    `${pid} (a ) b) S 1 ${pid} ${pid} 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 ${started} 1 1\n`;
  const target = targetOf({});
  await killed(node, targetOf(run("echo 1")));
  const ended: string[] = [];
  node.programs.set("/bin/sh", (args) => {
    ended.push(args.at(-1)!);
    return "";
  });
  node.put("/run/psyopsos/scripts/x.process", line(41, 1000));
  node.programs.set("cat", ([path]) => {
    assertEquals(path, "/proc/41/stat");
    return line(41, 1001);
  });
  assertEquals(
    (await apply(node, act, target)).steps,
    [],
    "the number is another process's by now",
  );
  node.programs.set("cat", () => line(41, 1000));
  assertEquals((await apply(node, act, target)).steps, [
    "end script x, which an agent that was killed had begun",
  ]);
  assertEquals(ended, ["41"]);
});

Deno.test("scripts that can't be started have failed, and are tried at every check", async () => {
  const node = host();
  const target = targetOf(run("echo 1"));
  const shell = node.programs.get("/bin/sh")!;
  node.programs.set("/bin/sh", () => {
    throw new Error("no memory");
  });
  for (let i = 0; i < 3; i++) assertEquals((await apply(node, act, target)).troubles.length, 1);
  node.programs.set("/bin/sh", shell);
  assertEquals(await settle(node, act, target), ["run script x (it failed before)"]);
});

Deno.test("scripts are not begun once the agent is to stop, and say why one was ended", async () => {
  const node = host();
  const stop = new AbortController();
  const target = targetOf({ scripts: { a: { run: "a" }, b: { run: "b" } } }, {
    signal: stop.signal,
  });
  node.programs.set("/bin/sh", () => {
    stop.abort();
    return { code: 143, ended: "signal" };
  });
  const { steps, troubles } = await apply(node, act, target);
  assertEquals(steps, []);
  assertEquals(troubles.map(({ message }) => message), [
    "Cannot run script a: it was ended because the agent stops, its output is in /run/psyopsos/scripts/a.out",
  ]);
});

Deno.test("interpreter() reads the first line as the kernel does", () => {
  assertEquals(interpreter("echo"), ["/bin/sh"]);
  assertEquals(interpreter("#!/usr/bin/env -S a b\n"), ["/usr/bin/env", "-S a b"]);
  assertEquals(interpreter("#! /bin/ash\n"), ["/bin/ash"]);
  assertEquals(interpreter("#!sh\n"), ["/bin/sh"]);
});
