import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { DenoHost } from "../../lib/deno_host.ts";
import { EXIT } from "../../lib/errors.ts";
import { caseInput } from "../../tasks/dev/fuzz/case.ts";
import type { Report } from "../../tasks/dev/fuzz/report.ts";
import { main, READERS, type Readers } from "../../tasks/fuzz.ts";
import { BAD, BAD_READERS } from "../support/fuzz/readers.ts";

/** Shorter than a user waits, and longer than a busy machine takes for a case. */
const SILENCE_MS = 3000;
const SEED = 11;

/** The task, with all readers or those that have known faults. */
async function task(args: readonly string[], readers: Readers = READERS) {
  const out = await Deno.makeTempDir();
  try {
    const lines: string[] = [];
    const notes: string[] = [];
    const console = {
      out: (line: string) => void lines.push(line),
      err: (line: string) => void notes.push(line),
    };
    const code = await main([...args, "--out", out], new DenoHost(), console, readers);
    const kept: string[] = [];
    for await (const { name } of Deno.readDir(out)) kept.push(name);
    return { code, output: lines.join("\n"), notes: notes.join("\n"), kept: kept.sort() };
  } finally {
    await Deno.remove(out, { recursive: true });
  }
}

/** Runs readers with known faults. */
async function bad(names: readonly string[], cases: number, silenceMs = SILENCE_MS) {
  const { code, output, kept } = await task(
    ["--cases", `${cases}`, "--seed", `${SEED}`, "--json"],
    {
      program: new URL("../support/fuzz/readers.ts", import.meta.url).pathname,
      shares: Object.fromEntries(names.map((name) => [name, 1])),
      bounds: { silenceMs, maxBytes: 512 * 2 ** 20 },
    },
  );
  return { code, kept, report: JSON.parse(output) as Report };
}

/** The cases in which a reader with a known fault misbehaves, up to `end`. */
async function badCases(name: string, end: number): Promise<number[]> {
  const subject = await BAD_READERS[name]!();
  return Array.from({ length: end }, (_, number) => number)
    .filter((number) => caseInput(subject, SEED, number).steps[0] === BAD);
}

Deno.test("fuzz runs every reader of the project in children, and prints what became of the cases", async () => {
  const { code, output, kept } = await task(["--cases", "1000", "--seed", "5"]);
  assertEquals([code, kept], [EXIT.ok, []], output);
  for (const name of Object.keys(READERS.shares)) {
    assertMatch(output, new RegExp(`^${name} +\\d+ +[\\d,]+ +\\d+ +\\d+ +0 +\\d+ ms$`, "m"));
  }
  assertMatch(output, /^1,000 cases in [\d.]+ s, [\d,]+ a second, seed 5: 0 different faults$/m);
});

Deno.test("fuzz finds the tar reader that a negative size leads back to itself, as a hang", async () => {
  const { code, report, kept } = await bad(["old-tar"], 4000);
  assertEquals(code, EXIT.failed);
  const [fault] = report.faults.filter(({ kind }) => kind === "hang");
  assert(fault, JSON.stringify(report));
  assertMatch(fault.detail, /^no sign of life for \d+ s$/);
  assert(fault.steps.some((step) => /octal at 124 to -/.test(step)), fault.steps.join());
  assert(kept.includes(`old-tar-${SEED}-${fault.case}`), kept.join());
});

Deno.test("fuzz stops a reader that spins, and goes on behind its case", async () => {
  const cases = 60;
  const [first, second] = await badCases("spins", cases);
  const { report } = await bad(["spins"], cases);
  const found = report.faults.map((fault) => [fault.kind, fault.case]);
  assertEquals(found.slice(0, 2), [["hang", first], ["hang", second]]);
  const { cases: run, skipped } = report.targets.spins!;
  assertEquals([run + skipped, run > second!], [cases, true]);
});

Deno.test("fuzz tells of a reader that grows, one that ends its process, and one that waits for nothing", async () => {
  const names = ["grows", "dies", "waits"];
  const { code, report, kept } = await bad(names, 3 * 60);
  assertEquals(code, EXIT.failed);
  const expected: Record<string, [kind: string, detail: RegExp]> = {
    grows: ["memory", /^5\d\d MiB of memory$/],
    dies: ["died", /^it ended with code 3: $/],
    waits: ["died", /^it ended with code 1: .*never resolved/s],
  };
  for (const [name, [kind, detail]] of Object.entries(expected)) {
    const [first] = await badCases(name, 60);
    const fault = report.faults.find(({ target }) => target === name);
    assertEquals([fault?.kind, fault?.case, fault?.steps], [kind, first, [BAD]], name);
    assertMatch(fault!.detail, detail);
    assert(kept.includes(`${name}-${SEED}-${first}`));
  }
});

Deno.test("fuzz tells of a target that can't be loaded, and runs the others", async () => {
  const { report } = await bad(["unloadable", "throws"], 2 * 40);
  const [fault] = report.faults.filter(({ target }) => target === "unloadable");
  assertEquals([fault?.kind, fault?.steps, fault?.input], ["died", [], undefined]);
  assertStringIncludes(fault!.detail, "it can't be loaded");
  assertEquals(report.targets.throws!.cases, 40);
});

Deno.test("fuzz counts what throws or prints by its kind, and tells it once with its first case", async () => {
  const { report } = await bad(["throws", "prints"], 2 * 200);
  for (
    const [name, kind, words] of [
      ["throws", "threw", "TypeError: Cannot read properties of undefined"],
      ["prints", "printed", "a secret"],
    ] as const
  ) {
    const cases = await badCases(name, 200);
    const faults = report.faults.filter(({ target }) => target === name);
    assertEquals(faults.map(({ kind, count, ...fault }) => [kind, count, fault.case]), [
      [kind, cases.length, cases[0]!],
    ]);
    assertStringIncludes(faults[0]!.detail, words);
    assertEquals(report.targets[name]!.cases, 200);
  }
});

Deno.test("fuzz says how to repeat a case, and repeats it", async () => {
  const readers: Readers = {
    ...READERS,
    shares: { tar: 1 },
    program: new URL("../support/fuzz/as_tar.ts", import.meta.url).pathname,
  };
  const first = await task(["--cases", "100", "--seed", `${SEED}`], readers);
  const again = /deno task fuzz (--target tar --seed \d+ --case \d+)\n/.exec(first.output)?.[1];
  assert(again, first.output);
  const second = await task(again.split(" "), readers);
  assertEquals([first.code, second.code], [EXIT.failed, EXIT.failed]);
  assertEquals(second.kept, first.kept);
  assertMatch(second.output, /\n {2}the bad one\n {2}TypeError: /);
});

Deno.test("fuzz shows what becomes of one case that is no fault", async () => {
  const { code, output } = await task(["--target", "ar", "--seed", "1", "--case", "3"]);
  assertEquals([code, /^(accepted|nothing)$/.test(output)], [EXIT.ok, true], output);
});

Deno.test("fuzz ends in time", async () => {
  const start = performance.now();
  const { output, notes } = await task(["--target", "words", "--seconds", "1", "--json"]);
  const report = JSON.parse(output) as Report;
  assert(report.cases > 0 && report.seconds >= 1, notes);
  assert(performance.now() - start < 60_000);
});

Deno.test("fuzz says what it takes", async () => {
  const wrong = [
    ["now"],
    ["--seconds", "x"],
    ["--sed", "1"],
    ["--target", "none"],
    ["--case", "1"],
    ["--case", "1", "--target", "tar", "--target", "ar"],
  ];
  for (const args of wrong) assertEquals((await task(args)).code, EXIT.usage, args.join(" "));
});
