import { assertEquals } from "@std/assert";
import { main } from "../../tasks/completion.ts";

Deno.test("completion gives zsh its words as they are, with a zero byte behind each", async () => {
  const lines: string[] = [];
  const code = await main(["zsh", "task", "keys", "ro"], {
    out: (line) => lines.push(line),
    err: (line) => lines.push(line),
  });
  assertEquals([code, lines.length], [0, 1]);
  assertEquals(lines[0]!.split("\0")[0], "rotate");
});
