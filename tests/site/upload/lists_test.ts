import { assert, assertEquals, assertRejects } from "@std/assert";
import { type Bytes, utf8 } from "../../../lib/bytes.ts";
import { UserError } from "../../../lib/errors.ts";
import { parseTimestamp, publicationId, TIMESTAMP_PATH } from "../../../lib/trust/freshness.ts";
import { difference, type Publication, storedFiles } from "../../../site/upload/lists.ts";
import { placeOf, refreshed, signedSite, type SiteSpec } from "../../support/signed_site.ts";

const PATHS = Array.from({ length: 40 }, (_, i) => `psyopsOS/nodes/n${i}.json`);

function site(texts: Record<string, string> = {}, more: SiteSpec = {}) {
  const documents = Object.fromEntries(
    PATHS.map((path) => [path, { type: "node" as const, text: texts[path] ?? "{}\n", serial: 42 }]),
  );
  return signedSite({ documents, hashed: {}, digits: 1, ...more });
}

/** A publication and what is read of it. */
function publication(files: ReadonlyMap<string, Bytes>): Publication & { asked: string[] } {
  const asked: string[] = [];
  return {
    asked,
    timestamp: parseTimestamp(files.get(TIMESTAMP_PATH)!),
    read: (path) => {
      asked.push(path);
      return Promise.resolve(files.get(path));
    },
  };
}

Deno.test("difference() reads the bins that differ and no others", async () => {
  const next = site({ [PATHS[3]!]: '{"a": 1}\n' }, { serial: 43 });
  const [ours, theirs] = [publication(next), publication(site())];
  const found = await difference(ours, theirs);
  assertEquals(found?.documents, [PATHS[3]]);
  assertEquals(found?.stored, [ours.asked[0]!, placeOf(next, PATHS[3]!)]);
  assertEquals([ours.asked.length, theirs.asked.length], [1, 1]);
});

Deno.test("difference() finds nothing where nothing but the timestamp changed", async () => {
  const times = { issued: "2026-11-23T20:00:00Z", expires: "2026-11-26T20:00:00Z" };
  const [ours, theirs] = [publication(refreshed(site(), times)), publication(site())];
  assertEquals(await difference(ours, theirs), { stored: [], documents: [] });
  assertEquals(publicationId(ours.timestamp), publicationId(theirs.timestamp));
  const other = publication(site({}, { serial: 43 }));
  assert(publicationId(ours.timestamp) !== publicationId(other.timestamp));
});

Deno.test("difference() finds all that is new when bins are divided in another way", async () => {
  const next = site({ [PATHS[3]!]: '{"a": 1}\n' }, { digits: 2 });
  const found = await difference(publication(next), publication(site()));
  assertEquals(found?.documents, [PATHS[3]]);
  assertEquals(found!.stored.length, parseTimestamp(next.get(TIMESTAMP_PATH)!).bins.length + 1);
});

Deno.test("difference() does not rely on bins of theirs that are missing or damaged", async () => {
  const theirs = site();
  const bin = [...theirs.keys()].find((path) => path.includes("/bins/"))!;
  const next = site(Object.fromEntries(PATHS.map((path) => [path, '{"a": 1}\n'])));
  for (const damaged of [undefined, utf8("{}")]) {
    const files = new Map(theirs);
    if (damaged) files.set(bin, damaged);
    else files.delete(bin);
    assertEquals(await difference(publication(next), publication(files)), undefined);
    await assertRejects(
      () => difference(publication(files), publication(next)),
      UserError,
      `${bin} is damaged`,
    );
    await assertRejects(() => storedFiles(publication(files)), UserError, `${bin} is damaged`);
  }
});

Deno.test("storedFiles() names every file that has its hash in its name", async () => {
  const files = site();
  const expected = [...files.keys()].filter((path) => /\/(bins|signed)\//.test(path));
  assertEquals((await storedFiles(publication(files))).sort(), expected.sort());
});
