import { assert, assertEquals } from "@std/assert";
import { type Bytes, utf8 } from "../../../../lib/bytes.ts";
import { mutate, type Pool } from "../../../../tasks/dev/fuzz/site_mutations.ts";
import { Random } from "../../../../tasks/dev/fuzz/random.ts";
import { signerOf } from "../../../../lib/trust/keyring.ts";
import { MAIN, signedSite, testKey } from "../../../support/signed_site.ts";

const POOL: Pool = {
  current: signedSite(),
  others: [signedSite({ serial: 41, hashed: { "psyopsOS/postboot/n1.age": "old" } })],
  timestamp: signerOf(MAIN),
  strangers: [signerOf(testKey("other"))],
};

Deno.test("mutate() changes sites in every way it knows, and the same way for the same number", () => {
  const kinds = new Map<string, number>();
  let changed = 0;
  for (let i = 0; i < 2000; i++) {
    const { files, steps } = mutate(POOL, new Random(1, i));
    if (i < 50) assertEquals(mutate(POOL, new Random(1, i)), { files, steps });
    for (const step of steps) {
      const kind = step.split(" ").slice(0, 2).join(" ");
      kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
    }
    if (
      files.size !== POOL.current.size || [...files].some(([k, v]) => POOL.current.get(k) !== v)
    ) {
      changed++;
    }
  }
  const wanted = [
    "flip a",
    "cut",
    "extend",
    "make a",
    "swap",
    "sign",
    "remove",
    "replay publication",
  ];
  for (const kind of [...wanted, "put", "say", "change", "publish 0"]) {
    assert([...kinds.keys()].some((known) => known.startsWith(kind)), kind);
  }
  assert(changed > 1900, `${changed} of 2000 differ`);
});

Deno.test("mutate() never writes into the sites it was given", () => {
  const copy = (files: ReadonlyMap<string, Bytes>) =>
    [...files].map(([path, data]) => [path, data.slice()] as const);
  const before = [copy(POOL.current), copy(POOL.others[0]!)];
  for (let i = 0; i < 1000; i++) mutate(POOL, new Random(2, i));
  assertEquals([[...POOL.current], [...POOL.others[0]!]], before);
});

Deno.test("mutate() copes with sites of which little is left", () => {
  const pool = { ...POOL, current: new Map([["psyopsOS/timestamp.json", utf8("")]]) };
  for (let i = 0; i < 500; i++) mutate(pool, new Random(3, i));
});
