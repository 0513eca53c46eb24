import { assert, assertEquals } from "@std/assert";
import { text } from "../../../../../lib/bytes.ts";
import { signerOf } from "../../../../../lib/trust/keyring.ts";
import { caseInput, isMisdeed, judge } from "../../../../../tasks/dev/fuzz/case.ts";
import type { Scene } from "../../../../../tasks/dev/fuzz/site_scenes.ts";
import type { Subject } from "../../../../../tasks/dev/fuzz/target.ts";
import { fetchFrom, siteSubject, subject } from "../../../../../tasks/dev/fuzz/targets/sites.ts";
import { MAIN, NODE_PATH, signedSite, testKey } from "../../../../support/signed_site.ts";

const SCENE: Scene = {
  pool: {
    current: signedSite(),
    others: [
      signedSite({ serial: 41, documents: { [NODE_PATH]: { type: "node", text: '{"n":1}' } } }),
    ],
    timestamp: signerOf(MAIN),
    strangers: [signerOf(testKey("other"))],
  },
  // Believes what it is given: what a fuzz run is there to find.
  read: async (fetch) => JSON.stringify(JSON.parse(text(await fetch(NODE_PATH, 1000)))),
};

/** How often each kind of outcome, and each failed check, came. */
async function tally(of: Subject, seed: number, cases: number): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  const count = (word: string) => counts.set(word, (counts.get(word) ?? 0) + 1);
  for (let number = 0; number < cases; number++) {
    const { input, steps } = caseInput(of, seed, number);
    const outcome = await judge(of, input);
    count(outcome.kind);
    if ("check" in outcome && outcome.check) count(outcome.check);
    if (isMisdeed(outcome)) assert(steps.length > 1, outcome.detail);
  }
  return counts;
}

Deno.test("a reader that believes too much, or crashes, is found", async () => {
  const counts = await tally(await siteSubject([SCENE]), 1, 2000);
  assert(counts.get("wrong")! > 10 && counts.get("threw")! > 10, JSON.stringify([...counts]));
});

Deno.test("a reader gets no more than it asked for, plus one byte", async () => {
  const fetch = fetchFrom(new Map([["a", new Uint8Array(100)]]));
  assertEquals((await fetch("a", 10)).length, 11);
  assertEquals((await fetch("a", 100)).length, 100);
});

Deno.test("a node refuses every mutated site or reads what the true one says", async () => {
  const cases = 2000;
  const counts = await tally(await subject(), 20261122, cases);
  for (const kind of ["threw", "wrong", "wordy"]) assertEquals(counts.get(kind) ?? 0, 0, kind);
  // Most changes must matter, or the run proves nothing.
  assert(counts.get("refused")! > cases / 2, `${counts.get("refused")} refused`);
  assert(counts.get("accepted")! < cases * 0.4, `${counts.get("accepted")} read as the true site`);
  const checks = [
    "expired",
    "hash",
    "key",
    "root-version",
    "schema",
    "serial",
    "signature",
    "size",
  ];
  for (const check of checks) assert(counts.has(check), check);
});
