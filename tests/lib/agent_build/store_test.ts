import { assertEquals, assertRejects } from "@std/assert";
import type { BuiltAgent } from "../../../lib/agent_build/make.ts";
import { readAgent, writeAgent } from "../../../lib/agent_build/store.ts";
import { utf8 } from "../../../lib/bytes.ts";
import { UserError } from "../../../lib/errors.ts";
import { FakeHost } from "../../support/fake_host.ts";

const AGENT: BuiltAgent = {
  version: "0.1.0",
  commit: "c0ffee+",
  form: "glibc",
  arch: "x86_64",
  why: "because; of this",
  packages: ["so:libgcc_s.so.1"],
  contains: [{ name: "deno", version: "2.9.6", purl: "pkg:github/denoland/deno@v2.9.6" }],
  files: new Map([
    ["usr/lib/psyopsos/agent", { data: utf8("program"), mode: 0o755 }],
    ["usr/share/doc/libc6/copyright", { data: utf8("LGPL"), mode: 0o644 }],
  ]),
};

Deno.test("readAgent() gives what writeAgent() was given", async () => {
  const host = new FakeHost();
  host.put("/out/agent/old", "x");
  await writeAgent(host, "/out/agent", AGENT);
  assertEquals(await readAgent(host, "/out/agent"), AGENT);
  assertEquals(await host.readDir("/out/agent"), ["agent.json", "root"]);
  assertEquals((await host.stat("/out/agent/root/usr/lib/psyopsos/agent"))?.mode, 0o755);
});

Deno.test("readAgent() refuses an agent that is not whole or reaches out of its folder", async () => {
  const cases: [(host: FakeHost) => void | Promise<void>, string][] = [
    [(host) => host.remove("/a/agent.json"), "there is no agent.json"],
    [(host) => host.put("/a/agent.json", "{"), "agent.json: "],
    [(host) => host.remove("/a/root/usr/lib/psyopsos/agent"), "psyopsos/agent is missing"],
    [(host) => host.put("/a/root/usr/lib/psyopsos/agent", "Program"), "is not what agent.json"],
    [
      (host) =>
        host.put("/a/agent.json", host.textOf("/a/agent.json").replace("usr/lib", "../../lib")),
      "agent.json: ",
    ],
    [
      (host) => host.put("/a/agent.json", host.textOf("/a/agent.json").replace("0755", "4755")),
      "agent.json: ",
    ],
  ];
  for (const [damage, message] of cases) {
    const host = new FakeHost();
    await writeAgent(host, "/a", AGENT);
    await damage(host);
    const error = await assertRejects(() => readAgent(host, "/a"), UserError, message);
    assertEquals(error.message.includes("\n"), false);
  }
});
