import { assertEquals } from "@std/assert";
import { projectSources } from "../../../support/sources.ts";

/** Words of formats that one machine writes and another reads, and the one file that may say them. */
const HOMES: Readonly<Record<string, string>> = {
  "psyops-secret": "lib/documents/drive.ts",
  nodename: "lib/documents/drive.ts",
  "age.key": "lib/documents/drive.ts",
  "network.json": "lib/documents/drive.ts",
  "record-": "agent/publication/record.ts",
  "psyopsOS/root.json": "lib/trust/freshness.ts",
  "psyopsOS/timestamp.json": "lib/trust/freshness.ts",
  "psyopsOS/os-update.json": "lib/trust/freshness.ts",
  "psyopsOS/nodes/": "lib/documents/site.ts",
  "psyopsOS/os": "lib/documents/os_update.ts",
  "psyopsOS:": "lib/documents/console_line.ts",
  "etc/psyopsos/image.json": "lib/documents/image_facts.ts",
  "manifest.json": "lib/documents/manifest.ts",
  "slot.json": "lib/documents/slot.ts",
  "loader/entries": "lib/documents/boot_entry.ts",
};

/** The sources' string literals that hold `word` as a whole: "psyopsOS/os" is not in "psyopsOS/os-update.json". */
function says(source: string, word: string): boolean {
  const code = source.replaceAll(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, "");
  const escaped = word.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&");
  const end = /[\w]$/.test(word) ? "(?![\\w-])" : "";
  return new RegExp(`["'\`/}]${escaped}${end}`).test(code);
}

Deno.test("every format of two sides stands in one file", async () => {
  const elsewhere: string[] = [];
  const missing: string[] = [];
  const sources = await projectSources();
  for (const [word, home] of Object.entries(HOMES)) {
    if (!says(sources.get(home) ?? "", word)) missing.push(`${home}: ${word}`);
    for (const [file, source] of sources) {
      // Help texts are for people, and samples to be read must not come from what is tried on them.
      const apart = file === home ||
        /^(?:tests|tasks\/lines|tasks\/dev\/fuzz\/targets)\//.test(file);
      if (!apart && says(source, word)) elsewhere.push(`${file}: ${word}`);
    }
  }
  assertEquals([missing, elsewhere], [[], []]);
});
