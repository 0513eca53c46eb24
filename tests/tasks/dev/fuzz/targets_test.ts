import { assert, assertEquals } from "@std/assert";
import { isMisdeed, judge } from "../../../../tasks/dev/fuzz/case.ts";
import { Random } from "../../../../tasks/dev/fuzz/random.ts";
import type { Input, Subject } from "../../../../tasks/dev/fuzz/target.ts";
import { TARGETS } from "../../../../tasks/dev/fuzz/targets/mod.ts";
import { FUZZ_TARGETS, TARGET_NAMES } from "../../../../tasks/lines/fuzz.ts";

/** Cases of each target here: enough for the shares below, few enough for the gate. */
const CASES = 150;
const SEED = 3;
/** Of the mutations by grammar at least so many must get past a reader's first checks, and be refused, and be accepted. */
const LEAST_PAST = 0.4, LEAST_REFUSED = 1 / CASES, LEAST_ACCEPTED = 0.03;

const subjects = new Map<string, Subject>();
for (const name of TARGET_NAMES) subjects.set(name, await TARGETS[name]());

function copyOf(input: Input): [string, string][] {
  return [...input].map(([name, bytes]) => [name, bytes.toBase64()]);
}

Deno.test("every target accepts its samples, from which mutations begin", async () => {
  for (const [name, subject] of subjects) {
    assert(subject.samples.length > 0, name);
    for (const [i, sample] of subject.samples.entries()) {
      const outcome = await judge(subject, sample);
      assertEquals(outcome, { kind: "accepted" }, `${name}, sample ${i}`);
    }
  }
});

Deno.test("every target gives the same mutants for the same numbers, and leaves its samples alone", async () => {
  for (const [name, subject] of subjects) {
    const before = subject.samples.map(copyOf);
    const again = await TARGETS[name as keyof typeof TARGETS]();
    for (let i = 0; i < 20; i++) {
      const [one, two] = [subject, again].map((of) => of.mutate(new Random(SEED, i), "any"));
      assertEquals(one!.steps, two!.steps, name);
      assertEquals(copyOf(one!.input), copyOf(two!.input), `${name}, case ${i}`);
    }
    assertEquals(subject.samples.map(copyOf), before, name);
  }
});

Deno.test("mutations by grammar get past the first checks of every reader, to be refused and accepted behind them", async () => {
  const blind: string[] = [];
  for (const [name, subject] of subjects) {
    let past = 0, refused = 0, accepted = 0;
    for (let i = 0; i < CASES; i++) {
      const { input } = subject.mutate(new Random(SEED, i), "grammar");
      const outcome = await judge(subject, input);
      if (isMisdeed(outcome)) continue;
      const isFirst = subject.outermost?.test(outcome.message ?? "") ?? false;
      if (!isFirst) past++;
      if (outcome.kind === "refused") refused++;
      else accepted++;
    }
    const shares = [past, refused, accepted].map((count) => count / CASES);
    const least = [LEAST_PAST, LEAST_REFUSED, LEAST_ACCEPTED];
    if (shares.some((share, i) => share < least[i]!)) blind.push(`${name}: ${shares.join(", ")}`);
  }
  assertEquals(blind, [], "past the first checks, refused, accepted");
});

Deno.test("the shares in the help are those of the targets that there are", () => {
  assertEquals(Object.keys(TARGETS).sort(), Object.keys(FUZZ_TARGETS).sort());
  for (const [name, { share }] of Object.entries(FUZZ_TARGETS)) assert(share >= 1, name);
});
