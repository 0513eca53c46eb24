/** The tables in tests/README.md are only worth something while the tests it names exist. */
import { assert, assertEquals } from "@std/assert";

const HERE = new URL(".", import.meta.url);
const README = await Deno.readTextFile(new URL("README.md", HERE));

/** Rows of tables that have tests: the step, and the tests by file. */
function rows(): { step: string; tests: [string, string][] }[] {
  const found = [];
  for (const line of README.split("\n")) {
    const cells = line.split("|").map((cell) => cell.trim());
    if (
      cells.length !== 5 || /^(-+|TUF step|Attack|Trap|Folder|Fixture|Program)$/.test(cells[1]!)
    ) {
      continue;
    }
    const tests: [string, string][] = [];
    let file = "";
    for (const [, path, name] of cells[3]!.matchAll(/\]\(([^)]+)\)|`([^`]+)`/g)) {
      if (path) file = path;
      if (name) tests.push([file, name]);
    }
    if (/^`[a-z]+\/`/.test(cells[1]!) && tests.length === 0) continue;
    found.push({ step: cells[1]!, tests });
  }
  return found;
}

Deno.test("every test that tests/README.md names exists", async () => {
  let count = 0;
  for (const { step, tests } of rows()) {
    for (const [file, name] of tests) {
      const source = await Deno.readTextFile(new URL(file, HERE));
      // As the formatter writes it, for a file's own kind of test too, or as one of a test's options.
      const called = new RegExp(`([.\\w][tT]est\\(|\\bname:)\\s*"${RegExp.escape(name)}"`);
      const found = called.test(source);
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
    assert(/Does not apply|With the timestamp|\| the same \|$/.test(line), step);
  }
  // The sections of the specification's client workflow, from the first to the last.
  for (const section of ["5.1", "5.2", "5.3", "5.4", "5.5", "5.6", "5.7"]) {
    assert(all.some(({ step }) => step.startsWith(section)), section);
  }
  assertEquals(new Set(all.map(({ step }) => step)).size, all.length);
});

Deno.test("every file of tests/vectors stands in tests/README.md", async () => {
  const named = [...README.matchAll(/^\| `([^`]+)` \|/gm)].map(([, path]) => path!);
  const scripts = [...README.matchAll(/\]\(vectors\/([^)]+)\)/g)].map(([, path]) => path!);
  const matches = (path: string, pattern: string) =>
    pattern.endsWith("/")
      ? path.startsWith(pattern)
      : new RegExp(`^${pattern.split("*").map(RegExp.escape).join("[^/]*")}$`).test(path);
  const used = new Set<string>();
  const walk = async (folder: string): Promise<void> => {
    for await (const { name, isDirectory } of Deno.readDir(new URL(`vectors/${folder}`, HERE))) {
      const path = folder + name;
      if (isDirectory) {
        await walk(`${path}/`);
        continue;
      }
      const pattern = [...named, ...scripts].find((one) => matches(path, one));
      assert(pattern, `tests/README.md says nothing of vectors/${path}`);
      used.add(pattern);
    }
  };
  await walk("");
  for (const one of named.filter((pattern) => /^(foreign|agent-)/.test(pattern))) {
    assert(used.has(one), `there is no vectors/${one}`);
  }
});
