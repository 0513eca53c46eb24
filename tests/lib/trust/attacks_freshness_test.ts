/** Attacks on what is current: expiry, rollback, freeze, endless data, and what a stolen timestamp key can do to time. */
import { assert, assertEquals } from "@std/assert";
import { MAX_DOCUMENT_BYTES } from "../../../lib/limits.ts";
import {
  expiryOf,
  MAX_BIN_BYTES,
  MAX_ROOT_BYTES,
  MAX_TIMESTAMP_BYTES,
  MAX_VALIDITY_DAYS,
  rootPath,
  TIMESTAMP_PATH,
} from "../../../lib/trust/freshness.ts";
import { MAX_SIGNATURE_BYTES } from "../../../lib/trust/minisign.ts";
import {
  allRoles,
  EXPIRES,
  fetchFrom,
  ISSUED,
  MAIN,
  refreshed,
  signedTimestamp,
  testKey,
  timestampOf,
} from "../../support/signed_site.ts";
import { publication, Victim } from "../../support/victim.ts";

const HOUR = 3_600_000;
/** Its timestamp key is stolen; the config key is not. */
const STOLEN = testKey("stolen");
const ROOTS = [{ keys: { ...allRoles(MAIN), timestamp: STOLEN }, by: MAIN }];

Deno.test("expiry: a publication that has expired is refused, by a new node too", async () => {
  const victim = new Victim();
  victim.now = new Date(EXPIRES);
  await victim.refuses(publication(42, "late"), "expired");
  victim.now = new Date(victim.now.getTime() - 1000);
  await victim.believes(publication(42, "late"), "late");
});

Deno.test("rollback: an older publication that has not expired is refused", async () => {
  const victim = new Victim();
  const old = publication(41, "old");
  await victim.believes(old, "old");
  await victim.believes(publication(42, "new"), "new");
  await victim.refuses(old, "serial");
  // Not even as the timestamp of the new one's files.
  const stamp = new Map([...publication(42, "new"), ...old]);
  await victim.refuses(stamp, "serial");
});

Deno.test("rollback: a stolen timestamp key makes an older publication no newer", async () => {
  const victim = new Victim();
  const old = publication(41, "old", { roots: ROOTS });
  await victim.believes(publication(42, "new", { roots: ROOTS }), "new");
  const extended = refreshed(old, { issued: "2026-11-23T00:00:00Z", expires: EXPIRES }, STOLEN);
  await victim.refuses(extended, "serial");
});

Deno.test("rollback: an older timestamp of the same publication brings back nothing but its expiry", async () => {
  const victim = new Victim();
  const first = publication(42, "same");
  const times = { issued: "2026-11-25T00:00:00Z", expires: "2026-11-28T00:00:00Z" };
  victim.now = new Date(times.issued);
  const { view } = await victim.believes(refreshed(first, times), "same");
  const again = await victim.believes(first, "same");
  assertEquals(again.view.timestamp.bins, view.timestamp.bins);
  assertEquals(victim.state, view.state);
  victim.now = new Date(EXPIRES);
  await victim.refuses(first, "expired");
  await victim.believes(refreshed(first, times), "same");
});

Deno.test("freeze: a site that is kept from nodes while another is served ends with its expiry", async () => {
  const victim = new Victim();
  const frozen = publication(42, "frozen");
  for (let hours = 0; hours < 72; hours += 12) {
    victim.now = new Date(Date.parse(ISSUED) + hours * HOUR);
    await victim.believes(frozen, "frozen");
  }
  victim.now = new Date(Date.parse(ISSUED) + 72 * HOUR);
  await victim.refuses(frozen, "expired");
});

Deno.test("rollback: of two publications with one serial only the one that was accepted is, from then on", async () => {
  const [a, b] = [publication(7, "A"), publication(7, "B")];
  const victim = new Victim();
  await victim.believes(a, "A");
  await victim.refuses(b, "serial");
  await victim.believes(a, "A");
  await victim.believes(publication(8, "B"), "B");
  await victim.refuses(a, "serial");
});

Deno.test("freeze: turning back a node's clock makes nothing current that was before its newest publication", async () => {
  const victim = new Victim();
  const frozen = publication(42, "frozen");
  const later = { issued: "2026-12-01T00:00:00Z", expires: "2026-12-04T00:00:00Z" };
  victim.now = new Date(later.issued);
  await victim.believes(publication(43, "later", later), "later");
  victim.now = new Date(0);
  // A higher serial, so that only time can tell.
  await victim.refuses(publication(44, "frozen"), "expired");
  await victim.refuses(frozen, "serial");
  await victim.believes(publication(43, "later", later), "later");
});

Deno.test("freeze: a stolen timestamp key keeps a publication current for a year at most", async () => {
  const victim = new Victim();
  const site = publication(42, "kept", { roots: ROOTS });
  const last = expiryOf(ISSUED, MAX_VALIDITY_DAYS * 24);
  const issued = "2027-11-20T00:00:00Z";
  victim.now = new Date(issued);
  await victim.believes(refreshed(site, { issued, expires: last }, STOLEN), "kept");
  const over = expiryOf(last, 1);
  await victim.refuses(refreshed(site, { issued, expires: over }, STOLEN), "expired");
});

Deno.test("fast-forward: a stolen timestamp key moves no clock", async () => {
  const victim = new Victim();
  const site = publication(42, "now", { roots: ROOTS });
  // As far ahead as it is believed at all.
  const ahead = { issued: "2027-11-22T00:00:00Z", expires: "2027-11-23T00:00:00Z" };
  await victim.believes(refreshed(site, ahead, STOLEN), "now");
  assertEquals(victim.state.issued, ISSUED);
  // Would be long expired if the node had taken the thief's word for the time.
  await victim.believes(publication(43, "next", { roots: ROOTS }), "next");
});

Deno.test("fast-forward: a stolen timestamp key raises no serial", async () => {
  const victim = new Victim();
  const site = publication(42, "now", { roots: ROOTS });
  await victim.believes(site, "now");
  const stamp = timestampOf(site);
  const raised = signedTimestamp({ ...stamp, serial: Number.MAX_SAFE_INTEGER }, {
    timestamp: STOLEN,
    publication: stamp.publication.minisig,
  });
  await victim.refuses(new Map(site).set(TIMESTAMP_PATH, raised), "signature");
  await victim.believes(publication(43, "next", { roots: ROOTS }), "next");
});

Deno.test("endless data: no file is read beyond the size that is known for it", async () => {
  const site = publication(42, "whole");
  const limits = new Map<string, number>();
  const honest = fetchFrom(site);
  await new Victim().read((path, maxBytes) => {
    limits.set(path, maxBytes);
    return honest(path, maxBytes);
  });
  assertEquals(limits.size, 6, [...limits.keys()].join());
  for (const [endless, limit] of limits) {
    const kind = endless.endsWith(".minisig")
      ? MAX_SIGNATURE_BYTES
      : endless === TIMESTAMP_PATH
      ? MAX_TIMESTAMP_BYTES
      : endless === rootPath(1)
      ? MAX_ROOT_BYTES
      : site.get(endless)!.length;
    assertEquals(limit, kind, endless);
    assert(limit <= Math.max(MAX_BIN_BYTES, MAX_DOCUMENT_BYTES), endless);
    const error = await new Victim().refuses((path, maxBytes) => {
      // As the agent's network code: one byte above the limit, then it stops reading.
      return path === endless
        ? Promise.resolve(new Uint8Array(maxBytes + 1).fill(0x20))
        : honest(path, maxBytes);
    }, "size");
    assert(error.message.includes(`longer than ${limit} bytes`), error.message);
  }
});

Deno.test("endless data: a chain of root versions ends where the timestamp says", async () => {
  const site = publication(42, "chain");
  const asked: string[] = [];
  const honest = fetchFrom(site);
  // A server that has a root document for every number.
  await new Victim().read((path, maxBytes) => {
    asked.push(path);
    const at = path.replace(/root\/\d+/, "root/1");
    return honest(at, maxBytes);
  });
  assertEquals(asked.filter((path) => path.includes("/root/")), [
    rootPath(1),
    `${rootPath(1)}.minisig`,
  ]);
});
