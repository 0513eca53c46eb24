import { assert, assertEquals, assertRejects } from "@std/assert";
import { run, runOk } from "../../../agent/system/programs.ts";
import { utf8 } from "../../../lib/bytes.ts";
import { UserError } from "../../../lib/errors.ts";
import type { RunOptions } from "../../../lib/host.ts";
import { FakeHost } from "../../support/fake_host.ts";

Deno.test("every program that the agent runs has a time limit and a bound of its output", async () => {
  const host = new FakeHost();
  const given: RunOptions[] = [];
  host.programs.set("true", (_args, options) => {
    given.push(options);
    return "";
  });
  await run(host, ["true"]);
  await run(host, ["true"], { stdin: "x", timeoutMs: 5 });
  for (const { timeoutMs, maxOutputBytes } of given) {
    assert(timeoutMs! <= 60_000 && maxOutputBytes! <= 1024 * 1024);
  }
});

Deno.test("no part of the agent runs or starts a program but through run()", async () => {
  const around: string[] = [];
  for await (const path of sources("agent")) {
    if (path === "agent/system/programs.ts") continue;
    const text = await Deno.readTextFile(path);
    if (/\b(?:host|this)\s*\.(?:run|spawn)\(/.test(text)) around.push(path);
  }
  assertEquals(around, []);
});

async function* sources(folder: string): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    if (isDirectory) yield* sources(`${folder}/${name}`);
    else if (name.endsWith(".ts")) yield `${folder}/${name}`;
  }
}

Deno.test("runOk() says which program the image lacks, and what one that is there complains of", async () => {
  const host = new FakeHost();
  const missing = (name: string) => ({ code: 127, stderr: utf8(`${name}: not found`) });
  host.programs.set("/sbin/cryptsetup", () => missing("/sbin/cryptsetup"));
  host.programs.set("helper", () => missing("modprobe"));
  await assertRejects(
    () => runOk(host, "open data", ["/sbin/cryptsetup", "open"]),
    UserError,
    "Cannot open data: this image lacks cryptsetup",
  );
  await assertRejects(
    () => runOk(host, "load nbd", ["helper"]),
    UserError,
    "Cannot load nbd: modprobe: not found",
  );
});
