import { assertEquals } from "@std/assert";
import { utf8 } from "../../../lib/bytes.ts";
import { cleanLine, ConsoleLog } from "../../../lib/lab/console.ts";

Deno.test("cleanLine() takes out what firmware draws with", () => {
  assertEquals(
    cleanLine("Booting from ROM..\x1bc\x1b[?7l\x1b[2J\x1b[0;37mINIT\x07\r"),
    "Booting from ROM..INIT",
  );
  assertEquals(cleanLine("a\x9b2J\x85b"), "a2Jb");
});

Deno.test("ConsoleLog puts lines together whatever the chunks", () => {
  const all = utf8("eins\r\nzwei ä\n\nrest");
  for (let size = 1; size <= all.length; size++) {
    const log = new ConsoleLog();
    for (let at = 0; at < all.length; at += size) log.add(all.subarray(at, at + size), at);
    assertEquals(log.lines.map(({ text }) => text), ["eins", "zwei ä", ""]);
  }
});

Deno.test("ConsoleLog.find() starts at a position", () => {
  const log = new ConsoleLog();
  const hit = (given: string) => given.startsWith("x") ? given : undefined;
  log.add(utf8("x1\ny\n"), 1);
  const from = log.position;
  assertEquals(log.find(hit)?.value, "x1");
  assertEquals(log.find(hit, from), undefined);
  log.add(utf8("x2\n"), 2);
  assertEquals(log.find(hit, from), { at: 2, text: "x2", value: "x2" });
});

Deno.test("ConsoleLog wakes those who wait, also at its end", async () => {
  const log = new ConsoleLog();
  const first = log.changed();
  log.add(utf8("a\n"), 0);
  await first;
  const second = log.changed();
  log.end();
  await second;
  assertEquals(log.ended, true);
});
