import { assertEquals } from "@std/assert";
import {
  advance,
  barLine,
  changeLine,
  lastStage,
  newProgress,
  table,
} from "../../../lib/lab/progress.ts";
import { LiveLines } from "../../../lib/lab/terminal.ts";

const LINES: [number, string][] = [
  [1, "BdsDxe: starting Boot0001"],
  [4.2, "[    0.000000] Linux version 6.1.0-56-cloud-amd64"],
  [4.3, "[    0.1] something"],
  [9, "psyopsOS: started version=1"],
  [10, "psyopsOS: identity node=alpha"],
  [11, "psyopsOS: network interface=eth0 address=10.0.2.15/24"],
  [12, '[1.2] x psyopsOS: waiting what=site reason="no answer"'],
  [13, "psyopsOS: verified serial=7"],
  [14, "psyopsOS: applied changes=5"],
  [14.5, "psyopsOS: configured node=alpha serial=7"],
];

Deno.test("advance() follows a boot and changeLine() tells what is new", () => {
  let state = newProgress("alpha");
  const told: string[] = [];
  for (const [at, text] of LINES) {
    const next = advance(state, { at, text });
    const line = changeLine(state, next);
    if (line) told.push(line);
    state = next;
  }
  assertEquals(told, [
    "   1.0 s  alpha  firmware",
    "   4.2 s  alpha  kernel",
    "   9.0 s  alpha  agent  version=1",
    "  11.0 s  alpha  network  interface=eth0 address=10.0.2.15/24",
    "          alpha  waiting what=site reason=no answer",
    "  13.0 s  alpha  verified  serial=7",
    "  14.0 s  alpha  applied  changes=5",
    "  14.5 s  alpha  configured  node=alpha serial=7",
  ]);
  assertEquals(lastStage(state), "configured");
  assertEquals(state.trouble, undefined);
});

Deno.test("advance() keeps a stage's first time", () => {
  const once = advance(newProgress("a"), { at: 1, text: "psyopsOS: verified serial=1" });
  assertEquals(advance(once, { at: 9, text: "psyopsOS: verified serial=2" }).reached.verified, 1);
});

Deno.test("barLine() shows what is reached, what is awaited and trouble, as far as it fits", () => {
  const state = [
    { at: 3.4, text: "BdsDxe" },
    { at: 5, text: "Linux version 6.1" },
    { at: 20, text: "psyopsOS: started version=1" },
  ].reduce(advance, newProgress("a"));
  assertEquals(barLine(state, 3, 500, 21), "a    firmware 3s  kernel 5s  agent 20s  network… 21s");
  assertEquals(barLine(state, 3, 30, 21), "a    agent 20s  network… 21s");
  assertEquals(barLine(state, 3, 10, 21), "a    agent");
  const refused = advance(state, { at: 22, text: "psyopsOS: refused check=hash" });
  assertEquals(
    barLine(refused, 3, 500),
    "a    firmware 3s  kernel 5s  agent 20s  ! refused check=hash",
  );
});

Deno.test("table() aligns columns", () => {
  assertEquals(table([["node", "s"], ["a", "10"]]), ["node  s", "a     10"]);
});

Deno.test("LiveLines redraws in place on a terminal, and only says lines elsewhere", () => {
  const written: string[] = [];
  const live = new LiveLines({ live: true, write: (text) => written.push(text) });
  live.draw(["a", "b"]);
  live.draw(["a", "b"]);
  live.say("note");
  live.draw(["c"]);
  assertEquals(written, ["a\nb\n", "\x1b[2A\x1b[Jnote\na\nb\n", "\x1b[2A\x1b[Jc\n"]);
  const plain: string[] = [];
  const dull = new LiveLines({ live: false, write: (text) => plain.push(text) });
  dull.draw(["a"]);
  dull.say("note");
  assertEquals(plain, ["note\n"]);
});

Deno.test("LiveLines lets no line of a machine or server move the cursor", () => {
  const written: string[] = [];
  const live = new LiveLines({ live: true, write: (text) => written.push(text) });
  live.draw(["a \x1b[2J"]);
  live.say("b \x9b1A");
  assertEquals(written, ["a \\u001b[2J\n", "\x1b[1A\x1b[Jb \\u009b1A\na \\u001b[2J\n"]);
});
