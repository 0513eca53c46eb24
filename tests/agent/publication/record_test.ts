import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  dropState,
  goodFetch,
  loadState,
  sameGood,
  saveState,
  stateForGood,
  type Stored,
} from "../../../agent/publication/record.ts";
import { type Bytes, utf8 } from "../../../lib/bytes.ts";
import { UserError } from "../../../lib/errors.ts";
import { publicationId } from "../../../lib/trust/freshness.ts";
import { NO_STATE } from "../../../lib/trust/roots.ts";
import { signedSite, timestampOf } from "../../support/signed_site.ts";
import { FakeHost } from "../../support/fake_host.ts";

const DIR = "/drive/state";
const trust = (serial: number) => ({
  rootVersion: 1,
  rootDigest: "a".repeat(64),
  serial,
  issued: "2026-11-22T20:00:00Z",
});
const files = (text: string) =>
  new Map<string, Bytes>([
    ["psyopsOS/timestamp.json", utf8(text)],
    ["psyopsOS/postboot/alpha.age", utf8("x")],
  ]);

async function saved(host: FakeHost, serials: number[]): Promise<Stored> {
  let stored = await loadState(host, DIR);
  for (const serial of serials) {
    stored = await saveState(host, DIR, stored, trust(serial), files(`t${serial}`));
  }
  return stored;
}

Deno.test("loadState() of a new drive is the state of a new node", async () => {
  const stored = await loadState(new FakeHost(), DIR);
  assertEquals([stored.trust, stored.sequence, stored.good], [NO_STATE, 0, undefined]);
});

Deno.test("saveState() and loadState() agree, records take turns, one set is kept", async () => {
  const host = new FakeHost();
  for (const serials of [[7], [8], [9]]) {
    const stored = await saved(host, serials);
    assertEquals(await loadState(host, DIR), stored);
    assertEquals(stored.trust, trust(serials[0]!));
  }
  assertEquals(await host.readDir(DIR), ["good-9", "record-a.json", "record-b.json"]);
  assertEquals((await host.stat(`${DIR}/record-a.json`))?.mode, 0o600);
  const fetch = goodFetch(host, `${DIR}/good-9`);
  assertEquals(await fetch("psyopsOS/timestamp.json", 10), utf8("t9"));
  await assertRejects(() => fetch("psyopsOS/timestamp.json", 1), UserError);
  await assertRejects(() => fetch("psyopsOS/root.json", 10), UserError);
});

/** A record as agent 0.1.0 wrote it. */
const RECORD = `{
  "good": "good-101",
  "issued": "2026-11-22T20:00:00Z",
  "rootDigest": "${"a".repeat(64)}",
  "rootVersion": 1,
  "sequence": 1,
  "serial": 101,
  "sha256": "990e24c10df954485b39a1b3d363d8ec79afd241f358fb6d521b46d21a1f0de6"
}
`;

Deno.test("a record has the fields and the digest of agent 0.1.0, byte for byte", async () => {
  const host = new FakeHost();
  await saved(host, [101]);
  assertEquals(host.textOf(`${DIR}/record-a.json`), RECORD);
});

Deno.test("loadState() passes over what a later agent added to a record", async () => {
  const host = new FakeHost({ [`${DIR}/record-b.json`]: RECORD.replace("{", '{ "added": 1,') });
  const stored = await loadState(host, DIR);
  assertEquals([stored.trust, stored.good], [trust(101), "good-101"]);
  host.put(`${DIR}/record-b.json`, RECORD.replace('"serial": 101', '"serial": 102'));
  assertEquals((await loadState(host, DIR)).trust, NO_STATE, "the digest still counts");
});

Deno.test("saveState() never writes over the set in use", async () => {
  const host = new FakeHost();
  const first = await saved(host, [7]);
  host.log.length = 0;
  const second = await saveState(host, DIR, first, trust(7), files("extended"));
  const touched = host.log.filter((line) => line.includes(`${DIR}/good-7/`));
  assertEquals(touched, []);
  assertEquals(second.good, "good-7.2");
  assertEquals(stateForGood(second).serial, 7);
  assert(await sameGood(host, `${DIR}/good-7.2`, files("extended")));
  assert(!await sameGood(host, `${DIR}/good-7.2`, files("Extended")));
});

Deno.test("loadState() takes the older record when the newer is torn or changed", async () => {
  const host = new FakeHost();
  const stored = await saved(host, [7, 8]);
  const newest = stored.next === "record-a.json" ? "record-b.json" : "record-a.json";
  const text = host.textOf(`${DIR}/${newest}`);
  for (const bad of [text.slice(0, 40), text.replace('"serial": 8', '"serial": 1'), "", "null"]) {
    host.put(`${DIR}/${newest}`, bad);
    assertEquals((await loadState(host, DIR)).trust.serial, 7);
  }
});

Deno.test("loadState() names what is left of a state of which no record is whole", async () => {
  const host = new FakeHost();
  await saved(host, [7]);
  host.put(`${DIR}/record-a.json`, "torn");
  const stored = await loadState(host, DIR);
  assertEquals([stored.trust, stored.remains], [NO_STATE, ["good-7", "record-a.json"]]);
  const later = await saveState(host, DIR, stored, trust(9), files("t9"));
  assertEquals((await loadState(host, DIR)).remains, undefined);
  assertEquals(later.remains, undefined);
  const file = new FakeHost({ [DIR]: "x" });
  assertEquals((await loadState(file, DIR)).remains, ["a file in place of the folder"]);
  const only = new FakeHost({ [`${DIR}/good-7/psyopsOS/timestamp.json`]: "x" });
  assertEquals((await loadState(only, DIR)).remains, ["good-7"], "nor is this a new drive");
});

Deno.test("dropState() leaves no document, and what binds from then on", async () => {
  const host = new FakeHost();
  const before = await saved(host, [7, 8]);
  const left = { ...NO_STATE, rootVersion: 2, rootDigest: "b".repeat(64) };
  const after = await dropState(host, DIR, before, left);
  assertEquals(await loadState(host, DIR), { ...after, good: undefined });
  assertEquals([after.trust, after.good], [left, undefined]);
  assertEquals(await host.readDir(DIR), ["record-a.json", "record-b.json"]);
});

Deno.test("loadState() knows which publication was kept with the serial, by the timestamp kept with it", async () => {
  const host = new FakeHost();
  const site = signedSite({ serial: 7 });
  const view = { "psyopsOS/timestamp.json": site.get("psyopsOS/timestamp.json")! };
  const stored = await saveState(
    host,
    DIR,
    await loadState(host, DIR),
    trust(7),
    new Map(Object.entries(view)),
  );
  assertEquals(stored.trust.publication, undefined);
  assertEquals((await loadState(host, DIR)).trust.publication, publicationId(timestampOf(site)));
});

Deno.test("saveState() writes documents before the record that names them", async () => {
  const host = new FakeHost();
  await saved(host, [7]);
  const writes = host.log.filter((line) => /^(write|sync) /.test(line));
  const record = writes.findIndex((line) => line.startsWith("write") && line.includes("record-"));
  const lastFile = writes.findLastIndex((line) =>
    line.startsWith("write") && line.includes("good-")
  );
  const lastSync = writes.findLastIndex((line) =>
    line.startsWith("sync") && line.includes("good-")
  );
  assert(lastFile < lastSync && lastSync < record, writes.join("\n"));
});
