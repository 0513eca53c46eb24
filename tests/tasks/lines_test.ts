import { assertEquals } from "@std/assert";
import { helpText } from "../../lib/cli/program.ts";
import { PROGRAMS } from "../../tasks/lines/mod.ts";

const { tasks } = JSON.parse(await Deno.readTextFile("deno.json")) as {
  tasks: Record<string, { description: string; command: string }>;
};

Deno.test("every task has a command line, and deno.json describes it in the same words", async () => {
  assertEquals(Object.keys(tasks).sort(), Object.keys(PROGRAMS).sort());
  for (const [name, { description, command }] of Object.entries(tasks)) {
    const { program } = await PROGRAMS[name]!();
    assertEquals([program.name, program.summary], [`deno task ${name}`, `${description}.`]);
    assertEquals(command.endsWith(` tasks/${name}.ts`), true, command);
  }
});

Deno.test("every task tells in its help what it does in the network", async () => {
  const silent: string[] = [];
  for (const [name, load] of Object.entries(PROGRAMS)) {
    if (!/Network: /.test(helpText((await load()).program))) silent.push(name);
  }
  assertEquals(silent, []);
});
