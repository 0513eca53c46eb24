import { assert, assertEquals } from "@std/assert";
import { text } from "../../../../lib/bytes.ts";
import { fuzz, MAX_FAULTS, type Scene } from "../../../../tasks/dev/fuzz/fuzz.ts";
import { signerOf } from "../../../../lib/trust/keyring.ts";
import { fuzzScenes } from "../../../../tasks/dev/fuzz/scenes.ts";
import { MAIN, NODE_PATH, signedSite, testKey } from "../../../support/signed_site.ts";

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

Deno.test("fuzz() finds a reader that believes too much and one that crashes", async () => {
  const report = await fuzz({ scenes: [SCENE], seed: 1, done: (cases) => cases >= 2000 });
  assertEquals(report.cases, 2000);
  assert(report.found.accepted > 10 && report.found.crashed > 10, JSON.stringify(report.found));
  assertEquals(report.faults.length, MAX_FAULTS);
  const [fault] = report.faults;
  const again = await fuzz({
    scenes: [SCENE],
    seed: 1,
    from: fault!.case,
    single: true,
    done: (cases) => cases >= 1,
  });
  assertEquals(again.faults.map(({ kind, steps }) => [kind, steps]), [[fault!.kind, fault!.steps]]);
});

Deno.test("fuzz() hands a reader no more than it asked for, plus one byte", async () => {
  let most = 0;
  const scene: Scene = {
    ...SCENE,
    read: async (fetch) => {
      most = Math.max(most, (await fetch(NODE_PATH, 10)).length);
      return "";
    },
  };
  const report = await fuzz({ scenes: [scene], seed: 1, done: (cases) => cases >= 1000 });
  assertEquals([most, report.mostBytes], [11, 11]);
});

Deno.test("a node refuses every mutated site or reads what the true one says", async () => {
  const scenes = await fuzzScenes();
  const report = await fuzz({ scenes, seed: 20261122, done: (cases) => cases >= 2000 });
  assertEquals(report.faults, []);
  const refused = [...report.refused.values()].reduce((sum, count) => sum + count, 0);
  // Most changes must matter, or the run proves nothing.
  assert(refused > report.cases / 2, `${refused} of ${report.cases} refused`);
  assert(report.unharmed < report.cases * 0.4, `${report.unharmed} read as the true site`);
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
  for (const check of checks) assert(report.refused.has(check), check);
});
