import { assertEquals } from "@std/assert";
import { DenoHost } from "../../lib/deno_host.ts";
import { EXIT } from "../../lib/errors.ts";
import { main } from "../../tasks/generate.ts";

/** The project, but for one file that is as it was before its sources changed. */
class Stale extends DenoHost {
  readonly written: string[] = [];

  constructor(readonly path: string, readonly old: (text: string) => string) {
    super();
  }

  override async readTextFile(path: string): Promise<string> {
    const text = await super.readTextFile(path);
    return path === this.path ? this.old(text) : text;
  }

  override async writeFile(path: string, data: Uint8Array | string): Promise<void> {
    if (path.startsWith("build/") || path.includes("/build/")) await super.writeFile(path, data);
    else this.written.push(path);
  }
}

async function generate(host: DenoHost, ...words: string[]) {
  const lines: string[] = [];
  const add = (line: string) => void lines.push(line);
  return { code: await main(words, host, { out: add, err: add }), lines };
}

Deno.test("every generated file is what its sources give", async () => {
  assertEquals(await generate(new DenoHost(), "--check"), { code: EXIT.ok, lines: [] });
});

for (
  const [path, old] of [
    ["site/page/script.js", () => "old"],
    ["docs/configuration.md", (text: string) => text.replace("hostname", "hostnam")],
    ["docs/commands.md", (text: string) => `${text} `],
    ["README.md", (text: string) => text.replace("| 0 | done |", "| 0 | well |")],
    ["nodes/.schema/node.json", () => "{}"],
    ["overlay/root/usr/bin/psyopsos-agent", (text: string) => text.replace("findfs", "findfz")],
  ] as const
) {
  Deno.test(`generate sees that ${path} is stale, and makes nothing else anew`, async () => {
    const checked = new Stale(path, old);
    assertEquals(await generate(checked, "--check"), {
      code: EXIT.failed,
      lines: [`stale: ${path}`],
    });
    assertEquals(checked.written, []);
    const made = new Stale(path, old);
    assertEquals(await generate(made), { code: EXIT.ok, lines: [`made anew: ${path}`] });
    assertEquals(made.written, [path]);
  });
}

Deno.test("generate names the marks that a text lacks", async () => {
  const host = new Stale("README.md", (text) => text.replace("<!-- end of keys -->", ""));
  const { code, lines } = await generate(host, "--check");
  assertEquals([code, lines[0]?.startsWith("Cannot make the table of keys: the text lacks")], [
    EXIT.failed,
    true,
  ]);
});
