import { assert, assertEquals } from "@std/assert";
import {
  CLOSED,
  PROGRAM_FOLDERS,
  PROGRAMS,
  RIGHTS,
  V8_FLAGS,
} from "../../../lib/agent_build/rights.ts";

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

Deno.test("programs are allowed by their absolute paths, in the folders that the wrapper looks through", async () => {
  for (const path of PROGRAMS) assertEquals(path[0], "/", path);
  for (const folder of PROGRAM_FOLDERS) assert(PROGRAMS.includes(`${folder}/ip`), folder);
  const wrapper = await Deno.readTextFile("overlay/root/usr/bin/psyopsos-agent");
  assertEquals(/^PATH=(.*)$/m.exec(wrapper)![1], PROGRAM_FOLDERS.join(":"));
});
