/** Attacks with keys: of a wrong role, lost, stolen, replaced; and how a fleet gets over a fast-forwarded serial. */
import { assertEquals, assertRejects } from "@std/assert";
import { type Bytes, text } from "../../../lib/bytes.ts";
import { RefusedError } from "../../../lib/errors.ts";
import { canonicalJson } from "../../../lib/json.ts";
import { openSite } from "../../../lib/trust/client.ts";
import { ROLES } from "../../../lib/trust/comment.ts";
import { rootPath, TIMESTAMP_PATH } from "../../../lib/trust/freshness.ts";
import { mapRoles } from "../../../lib/trust/keyring.ts";
import type { TrustState } from "../../../lib/trust/roots.ts";
import {
  allRoles,
  fetchFrom,
  keyLine,
  MAIN,
  minisig,
  refreshed,
  type RootSpec,
  signedTimestamp,
  type Stamp,
  testKey,
  timestampOf,
} from "../../support/signed_site.ts";
import { NOW, publication, Victim } from "../../support/victim.ts";

/** A key of its own for each role. */
const KEYS = { ...mapRoles((role) => testKey(role)), root: MAIN };
const FIRST: RootSpec = { keys: KEYS, by: MAIN };
/** The next root, in which these roles have new keys. */
const next = (keys: Partial<RootSpec["keys"]>): RootSpec[] => [
  FIRST,
  { keys: { ...KEYS, ...keys }, by: MAIN },
];
const NEW = testKey("new");
const HIGHEST = Number.MAX_SAFE_INTEGER;

Deno.test("wrong role: no key signs what is another role's", async () => {
  const honest = publication(42, "true", { roots: [FIRST] });
  await new Victim().believes(honest, "true");
  for (const role of ROLES) {
    const signers = { timestamp: KEYS[role] };
    if (role !== "timestamp") {
      await new Victim().refuses(publication(42, "x", { roots: [FIRST], signers }), "key");
    }
    if (role !== "config") {
      // The publication, with all else right.
      const stamp = timestampOf(honest);
      const forged = signedTimestamp(stamp, { config: KEYS[role], timestamp: KEYS.timestamp });
      await new Victim().refuses(new Map(honest).set(TIMESTAMP_PATH, forged), "key");
      // A document, listed by a true config key.
      const path = "psyopsOS/nodes/n1.json";
      const data = new TextEncoder().encode('{"word":"x"}\n');
      const signature = minisig(KEYS[role], data, "node", path, { serial: 42 });
      const listed = publication(42, "x", {
        roots: [FIRST],
        documents: { [path]: { type: "node", text: '{"word":"x"}\n', minisig: signature } },
      });
      await new Victim().refuses(listed, "key");
    }
    if (role !== "root") {
      const roots = [FIRST, { keys: allRoles(KEYS[role]), by: KEYS[role] }];
      await new Victim().refuses(publication(42, "x", { roots }), "key");
    }
  }
});

Deno.test("wrong role: a key that no root lists signs nothing", async () => {
  const stranger = testKey("stranger");
  const roots = [{ keys: allRoles(stranger), by: stranger }];
  await new Victim().refuses(publication(42, "x", { roots }), "key");
});

Deno.test("fast-forward recovery: dropping the config key lets go of the serial it may have raised", async () => {
  const victim = new Victim();
  await victim.believes(publication(42, "true", { roots: [FIRST] }), "true");
  // The thief has the config key and the timestamp key.
  const thiefs = publication(HIGHEST, "thief's", { roots: [FIRST] });
  await victim.believes(thiefs, "thief's");
  assertEquals(victim.state.serial, HIGHEST);
  await victim.refuses(publication(43, "true", { roots: [FIRST] }), "serial");

  const roots = next({ config: NEW, timestamp: testKey("newtime") });
  await victim.believes(publication(43, "true again", { roots }), "true again");
  assertEquals([victim.state.serial, victim.state.rootVersion], [43, 2]);
  await victim.refuses(thiefs, "root-version");
  await victim.refuses(publication(42, "older", { roots }), "serial");
});

Deno.test("fast-forward recovery: dropping the config key lets go of the time it may have claimed", async () => {
  const victim = new Victim();
  const far = { issued: "2999-01-01T00:00:00Z", expires: "2999-01-04T00:00:00Z" };
  await victim.believes(publication(42, "thief's", { roots: [FIRST], ...far }), "thief's");
  assertEquals(victim.state.issued, far.issued);
  await victim.refuses(publication(43, "true", { roots: [FIRST] }), "expired");
  const roots = next({ config: NEW });
  await victim.believes(publication(43, "true", { roots }), "true");
  assertEquals(victim.state.issued, "2026-11-22T20:00:00Z");
});

Deno.test("fast-forward recovery: what a dropped config key vouched for falls as soon as the root chain is seen", async () => {
  const victim = new Victim();
  await victim.believes(publication(42, "thief's", { roots: [FIRST] }), "thief's");
  // The honest site has expired, or somebody changes it on the way: its root chain holds all the same.
  const roots = next({ config: NEW });
  const honest = publication(43, "true", { roots });
  const broken = new Map(honest).set(
    TIMESTAMP_PATH,
    signedTimestamp(timestampOf(honest), { config: NEW, timestamp: KEYS.release }),
  );
  for (
    const [site, now, check] of [[honest, "2027-01-01T00:00:00Z", "expired"], [
      broken,
      NOW,
      "key",
    ]] as const
  ) {
    let left: TrustState | undefined;
    const opening = () =>
      openSite({
        pinned: victim.pinned,
        state: victim.state,
        now: new Date(now),
        fetch: fetchFrom(site),
        onKeyDropped: (state) => left = state,
      });
    assertEquals((await assertRejects(opening, RefusedError)).check, check);
    assertEquals([left?.rootVersion, left?.serial, left?.issued], [2, 0, ""]);
    const after = new Victim();
    after.state = left!;
    await after.refuses(publication(42, "thief's", { roots: [FIRST] }), "root-version");
    await after.believes(honest, "true");
  }
});

Deno.test("fast-forward recovery: nothing but a dropped config key lets go of the serial", async () => {
  for (const keys of [{ timestamp: NEW }, { release: NEW }, { root: NEW }, {}]) {
    const roots = next(keys);
    const victim = new Victim();
    await victim.believes(publication(100, "seen", { roots: [FIRST] }), "seen");
    await victim.refuses(publication(99, "older", { roots }), "serial");
    await victim.believes(publication(100, "seen", { roots }), "seen");
  }
});

Deno.test("fast-forward recovery: a config key that is only added lets go of nothing", async () => {
  const victim = new Victim();
  await victim.believes(publication(100, "seen", { roots: [FIRST] }), "seen");
  const roots = next({});
  const site = publication(99, "older", { roots });
  const lines = mapRoles((role) => [keyLine(KEYS[role])]);
  const both = { ...lines, config: [...lines.config, keyLine(NEW)] };
  const data = canonicalJson({ version: 2, issued: "2026-11-22T20:00:00Z", roles: both });
  site.set(rootPath(2), data);
  site.set(`${rootPath(2)}.minisig`, minisig(MAIN, data, "root", rootPath(2)));
  await victim.refuses(site, "serial");
});

Deno.test("lost timestamp key: the root key names another, and nodes follow without losing the serial", async () => {
  const victim = new Victim();
  const before = publication(42, "before", { roots: [FIRST] });
  await victim.believes(before, "before");
  const roots = next({ timestamp: NEW });
  await victim.believes(publication(43, "after", { roots }), "after");
  assertEquals(victim.state.rootVersion, 2);
  // Whoever finds the lost key is too late.
  const times = { issued: "2026-11-23T00:00:00Z", expires: "2026-11-26T00:00:00Z" };
  await victim.refuses(refreshed(before, times, KEYS.timestamp), "root-version");
  const after = publication(43, "after", { roots });
  await victim.refuses(refreshed(after, times, KEYS.timestamp), "key");
});

Deno.test("stolen timestamp key: it can keep the current publication current and nothing else", async () => {
  const old = publication(41, "old", { roots: [FIRST] });
  const current = publication(42, "current", { roots: [FIRST] });
  const everything = new Map([...old, ...current]);
  const stamps = { old: timestampOf(old), current: timestampOf(current) };
  const attacks: [string, Stamp, string][] = [
    ["serial", stamps.old, stamps.old.publication.minisig],
    ["signature", { ...stamps.old, serial: 42 }, stamps.old.publication.minisig],
    ["signature", { ...stamps.old, serial: 42 }, stamps.current.publication.minisig],
    ["signature", { ...stamps.current, serial: 43 }, stamps.current.publication.minisig],
    ["signature", { ...stamps.current, bins: stamps.old.bins }, stamps.current.publication.minisig],
  ];
  for (const [check, stamp, publication] of attacks) {
    const victim = new Victim();
    await victim.believes(current, "current");
    const forged = signedTimestamp(stamp, { timestamp: KEYS.timestamp, publication });
    await victim.refuses(new Map(everything).set(TIMESTAMP_PATH, forged), check);
    const own = signedTimestamp(stamp, { timestamp: KEYS.timestamp, config: KEYS.timestamp });
    await victim.refuses(new Map(everything).set(TIMESTAMP_PATH, own), "key");
    await victim.believes(current, "current");
  }
});

Deno.test("rotated config key: what the old key signed is refused, whoever calls it current", async () => {
  const victim = new Victim();
  const before = publication(42, "before", { roots: [FIRST] });
  await victim.believes(before, "before");
  const roots = next({ config: NEW });
  await victim.believes(publication(43, "after", { roots }), "after");
  // The old key's publication under the new root, stamped by the true timestamp key.
  const signers = { config: KEYS.config };
  await victim.refuses(publication(44, "thief's", { roots, signers }), "key");
  // The old key's document in a publication of the new one.
  const path = "psyopsOS/nodes/n1.json";
  const document = '{"word":"x"}\n';
  const signature = minisig(KEYS.config, new TextEncoder().encode(document), "node", path);
  const mixed = publication(44, "x", {
    roots,
    documents: { [path]: { type: "node", text: document, minisig: signature } },
  });
  await victim.refuses(mixed, "key");
  await victim.refuses(before, "root-version");
});

Deno.test("rotated root key: the old one starts no other chain for nodes that have seen the new one", async () => {
  const victim = new Victim();
  const second = { keys: { ...KEYS, root: NEW }, by: MAIN };
  const roots = [FIRST, second, { keys: allRoles(testKey("thirdkey")), by: NEW }];
  await victim.believes(publication(42, "second", { roots: roots.slice(0, 2) }), "second");
  const thief = allRoles(testKey("thief"));
  // MAIN, stolen, signs another version 2, or a version 3.
  const forged = [[FIRST, { keys: thief, by: MAIN }], [FIRST, second, { keys: thief, by: MAIN }]];
  const checks = ["root-version", "key"];
  for (const [i, chain] of forged.entries()) {
    await victim.refuses(publication(99, "thief's", { roots: chain }), checks[i]!);
  }
  await victim.believes(publication(43, "third", { roots }), "third");
});

Deno.test("rotated keys: a publisher that stops anywhere in a rotation leaves nodes a whole site", async () => {
  const before = publication(42, "before", { roots: [FIRST] });
  const roots = next({ config: NEW, timestamp: testKey("newtime") });
  const after = publication(43, "after", { roots });
  // In the order of publication: what nodes read has names of its own, the timestamp comes last.
  const uploads = [...after].filter(([path]) => path !== TIMESTAMP_PATH);
  const site = new Map<string, Bytes>(before);
  const victim = new Victim();
  await victim.believes(site, "before");
  for (const [path, data] of uploads) {
    site.set(path, data);
    await victim.believes(site, "before");
    await new Victim().believes(site, "before");
  }
  site.set(TIMESTAMP_PATH, after.get(TIMESTAMP_PATH)!);
  await victim.believes(site, "after");
  await new Victim().believes(site, "after");
  assertEquals(text(site.get(rootPath(1))!), text(before.get(rootPath(1))!));
});
