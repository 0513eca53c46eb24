/** The table of attacks in tests/README.md is only worth something while the tests it names exist. */
import { assert, assertEquals } from "@std/assert";

const HERE = new URL(".", import.meta.url);
const README = await Deno.readTextFile(new URL("README.md", HERE));

/** Rows of tables that have tests: the step, and the tests by file. */
function rows(): { step: string; tests: [string, string][] }[] {
  const found = [];
  for (const line of README.split("\n")) {
    const cells = line.split("|").map((cell) => cell.trim());
    if (cells.length !== 5 || /^(-+|TUF step|Attack|Folder)$/.test(cells[1]!)) continue;
    const tests: [string, string][] = [];
    let file = "";
    for (const [, path, name] of cells[3]!.matchAll(/\]\(([^)]+)\)|`([^`]+)`/g)) {
      if (path) file = path;
      if (name) tests.push([file, name]);
    }
    if (cells[1]!.match(/^`/)) continue;
    found.push({ step: cells[1]!, tests });
  }
  return found;
}

Deno.test("every test that tests/README.md names exists", async () => {
  let count = 0;
  for (const { step, tests } of rows()) {
    for (const [file, name] of tests) {
      const source = await Deno.readTextFile(new URL(file, HERE));
      // As the formatter writes it, or as one of a test's options.
      const found = source.includes(`Deno.test("${name}"`) || source.includes(`name: "${name}"`);
      assert(found, `${step}: ${file} has no test "${name}"`);
      count++;
    }
  }
  assert(count > 50, `${count} tests are named`);
});

Deno.test("every row of tests/README.md names a test or says why it has none", () => {
  const all = rows();
  const without = all.filter(({ tests }) => tests.length === 0);
  for (const { step } of without) {
    const line = README.split("\n").find((text) => text.startsWith(`| ${step} |`)) ?? "";
    assert(/Does not apply|With the timestamp/.test(line), step);
  }
  // The sections of the specification's client workflow, from the first to the last.
  for (const section of ["5.1", "5.2", "5.3", "5.4", "5.5", "5.6", "5.7"]) {
    assert(all.some(({ step }) => step.startsWith(section)), section);
  }
  assertEquals(new Set(all.map(({ step }) => step)).size, all.length);
});
