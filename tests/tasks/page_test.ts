import { assertEquals, assertStringIncludes } from "@std/assert";
import { DenoHost } from "../../lib/deno_host.ts";
import { EXIT } from "../../lib/errors.ts";
import { PAGE_SCRIPT } from "../../site/page/make_script.ts";
import { main } from "../../tasks/page.ts";

async function page(host: DenoHost, ...words: string[]) {
  const lines: string[] = [];
  const add = (line: string) => void lines.push(line);
  const root = new URL("../..", import.meta.url).pathname.replace(/\/$/, "");
  return { code: await main(words, host, { out: add, err: add }, root), said: lines.join("\n") };
}

Deno.test("the page's script is what its sources give: else run deno task page", async () => {
  const { code, said } = await page(new DenoHost(), "--check");
  assertEquals([code, said.endsWith("unchanged")], [EXIT.ok, true], said);
});

Deno.test("page --check sees an old script, and changes nothing", async () => {
  const written: string[] = [];
  class Old extends DenoHost {
    override async readTextFile(path: string): Promise<string> {
      return path.endsWith(PAGE_SCRIPT) ? "old" : await super.readTextFile(path);
    }
    override async writeFile(path: string, data: Uint8Array | string): Promise<void> {
      if (path.endsWith(PAGE_SCRIPT)) written.push(path);
      else await super.writeFile(path, data);
    }
  }
  const checked = await page(new Old(), "--check");
  assertEquals([checked.code, written.length], [EXIT.failed, 0]);
  assertStringIncludes(checked.said, "deno task page makes it anew");
  const made = await page(new Old());
  assertEquals([made.code, written.length], [EXIT.ok, 1]);
});
