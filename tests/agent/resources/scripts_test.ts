import { assert, assertEquals } from "@std/assert";
import { applier } from "../../../agent/resources/resource.ts";
import { interpreter, SCRIPT_TIMEOUT_MS, scripts } from "../../../agent/resources/scripts.ts";
import { sha256Hex, utf8 } from "../../../lib/bytes.ts";
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

Deno.test("scripts get no text on a command line and a bounded time", async () => {
  const node = host();
  let timeout: number | undefined;
  node.programs.set("/bin/sh", (args, options) => {
    node.put(args[2]!, "out");
    timeout = options.timeoutMs;
    assertEquals(options.clearEnv, true);
    return "";
  });
  await apply(node, act, targetOf(run(`#!/bin/true -e\n${SECRET}`)));
  assertEquals(timeout, SCRIPT_TIMEOUT_MS);
  assert(!node.log.join().includes(SECRET));
  const record = JSON.parse(node.textOf("/run/psyopsos/scripts/x.json"));
  assertEquals(record.outputSha256, sha256Hex(utf8("out")));
});

Deno.test("interpreter() reads the first line as the kernel does", () => {
  assertEquals(interpreter("echo"), ["/bin/sh"]);
  assertEquals(interpreter("#!/usr/bin/env -S a b\n"), ["/usr/bin/env", "-S a b"]);
  assertEquals(interpreter("#! /bin/ash\n"), ["/bin/ash"]);
  assertEquals(interpreter("#!sh\n"), ["/bin/sh"]);
});
