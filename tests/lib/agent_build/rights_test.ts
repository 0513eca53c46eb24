import { assertEquals } from "@std/assert";
import { CLOSED, RIGHTS, V8_FLAGS } from "../../../lib/agent_build/rights.ts";

Deno.test("the wrapper gives the bundle exactly the rights and settings of a compiled agent", async () => {
  const wrapper = await Deno.readTextFile("overlay/root/usr/bin/psyopsos-agent");
  const command = /\nexec deno run ([\s\S]*)$/.exec(wrapper)![1]!;
  const words = command.replaceAll("\\\n", " ").replaceAll('"', "")
    .replaceAll("$lib", "/usr/lib/psyopsos").trim().split(/\s+/);
  const expected = [
    ...CLOSED,
    ...RIGHTS,
    `--v8-flags=${V8_FLAGS.join(",")}`,
    "/usr/lib/psyopsos/agent.js",
    "$@",
  ];
  assertEquals(words.sort(), expected.sort());
});

Deno.test("the agent has no right to its environment, to foreign code, or to facts of the system but its uptime", () => {
  for (const right of RIGHTS) {
    assertEquals(/^--allow-(read|write|net|run=.+|sys=osUptime)$/.test(right), true, right);
  }
});
