import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import fc from "fast-check";
import { type Bytes, sha256Hex, text, utf8 } from "../../../lib/bytes.ts";
import { RefusedError, UserError } from "../../../lib/errors.ts";
import { canonicalJson } from "../../../lib/json.ts";
import { MAX_DOCUMENT_BYTES } from "../../../lib/limits.ts";
import { type OpenOptions, openSite, type SiteView } from "../../../lib/trust/client.ts";
import {
  binPath,
  binPrefix,
  publicationId,
  ROOT_PATH,
  rootDigest,
  rootPath,
  TIMESTAMP_PATH,
} from "../../../lib/trust/freshness.ts";
import { publicKeyOf } from "../../../lib/trust/minisign_sign.ts";
import { NO_STATE } from "../../../lib/trust/roots.ts";
import {
  AGE_PATH,
  allRoles,
  EXPIRES,
  fetchFrom,
  flipBit,
  ISSUED,
  MAIN,
  minisig,
  NODE_PATH,
  placeOf,
  signedSite,
  signedTimestamp,
  type Signing,
  type SiteSpec,
  type Stamp,
  testKey,
  timestampOf,
} from "../../support/signed_site.ts";

/** The files of {@linkcode signedSite} as it is by default. */
const PLAIN = signedSite();
const BIN_PATH = binPathsOf(PLAIN)[0]!;
const AGE_FILE = placeOf(PLAIN, AGE_PATH);
const NODE_FILE = placeOf(PLAIN, NODE_PATH);
const NODE_DATA = PLAIN.get(NODE_PATH)!;
const NOW = new Date("2026-11-23T00:00:00Z");
const OTHER = testKey("other");

function open(files: ReadonlyMap<string, Bytes>, more: Partial<OpenOptions> = {}) {
  const fetch = fetchFrom(files);
  return openSite({ pinned: publicKeyOf(MAIN), state: NO_STATE, now: NOW, fetch, ...more });
}

/** Opens and reads everything, as a node does. */
async function openAll(files: ReadonlyMap<string, Bytes>): Promise<SiteView> {
  const view = await open(files);
  await view.get(NODE_PATH, "node");
  await view.getHashed(AGE_PATH);
  return view;
}

async function assertRefused(
  body: () => Promise<unknown>,
  check: string,
  document: string,
): Promise<RefusedError> {
  const error = await assertRejects(body, RefusedError);
  assertEquals([error.check, error.document], [check, document], error.message);
  assertStringIncludes(error.message, document);
  return error;
}

/** A site whose file at `path` is replaced and signed anew with these facts. */
function resigned(
  path: string,
  type: Parameters<typeof minisig>[2],
  data: Bytes,
  more: { key?: typeof MAIN; as?: string; serial?: number; issued?: string } = {},
  files = signedSite(),
) {
  const { key = MAIN, as = path, serial = 42, issued = ISSUED } = more;
  files.set(path, data);
  files.set(`${path}.minisig`, minisig(key, data, type, as, { serial, issued }));
  return files;
}

/** A site whose node document is listed with this signature. */
function withSignature(signature: Bytes, spec: SiteSpec = {}) {
  const document = { type: "node" as const, text: text(NODE_DATA), minisig: signature };
  return signedSite({ ...spec, documents: { [NODE_PATH]: document } });
}

/** A site whose timestamp says something else, signed with the right keys unless told otherwise. */
function restamped(stamp: Partial<Stamp>, signing: Signing = {}, files = signedSite()) {
  const { publication: _, minisig: __, ...old } = timestampOf(files);
  return new Map(files).set(TIMESTAMP_PATH, signedTimestamp({ ...old, ...stamp }, signing));
}

function binPathsOf(files: ReadonlyMap<string, Bytes>): string[] {
  return timestampOf(files).bins.map(({ prefix, sha256 }) => binPath(prefix, sha256));
}

Deno.test("openSite() walks root, timestamp, bin, and gives what was listed and signed", async () => {
  const files = signedSite();
  const log: string[] = [];
  const view = await open(files, { fetch: fetchFrom(files, log) });
  assertEquals(log, [TIMESTAMP_PATH, rootPath(1), `${rootPath(1)}.minisig`]);
  assertEquals(text(await view.get(NODE_PATH, "node")), '{"name":"n1"}\n');
  assertEquals(await view.getHashed(AGE_PATH), files.get(AGE_FILE));
  assertEquals(log.slice(3), [BIN_PATH, NODE_FILE, AGE_FILE]);
  const { facts } = await view.getSigned(NODE_PATH, "node");
  assertEquals([facts.path, facts.serial, facts.issued], [NODE_PATH, 42, ISSUED]);
  assertEquals(view.timestamp.serial, 42);
  assertEquals(view.expired, false);
  assertEquals(view.state, {
    rootVersion: 1,
    rootDigest: rootDigest(view.root),
    serial: 42,
    issued: ISSUED,
    publication: publicationId(timestampOf(files)),
  });
});

Deno.test("openSite() can be repeated from the files it kept", async () => {
  const view = await openAll(signedSite());
  const again = await open(view.files, {
    state: view.state,
    now: new Date("2027-06-01T00:00:00Z"),
    allowExpired: true,
  });
  assertEquals(again.expired, true);
  assertEquals(text(await again.get(NODE_PATH, "node")), '{"name":"n1"}\n');
  assertEquals(await again.getHashed(AGE_PATH), view.files.get(AGE_FILE));
  assertEquals(again.state, view.state);
});

Deno.test("openSite() refuses every flipped bit", async () => {
  const files = signedSite();
  // Copies are for people; line 1 of a signature beside a file is an untrusted comment.
  const used = [...files.keys()].filter((path) =>
    !path.startsWith(ROOT_PATH) && !path.startsWith(NODE_PATH)
  );
  let tried = 0;
  for (const path of used) {
    const data = files.get(path)!;
    const start = path.endsWith(".minisig") ? data.indexOf(10) : 0;
    // The last line end of a signature may be missing or be a DOS one: it carries nothing.
    const end = path.endsWith(".minisig") ? data.length - 1 : data.length;
    for (let at = start; at < end; at += 5) {
      const bad = new Map(files).set(path, flipBit(data, at, at % 8));
      const error = await assertRejects(() => openAll(bad), RefusedError);
      assert(error.check !== "", path);
      tried++;
    }
  }
  assert(tried > 300, `${tried} flips were tried`);
});

Deno.test("openSite() names the check that a damaged file fails", async () => {
  const files = signedSite();
  const flipped = (path: string) => new Map(files).set(path, flipBit(files.get(path)!, 9));
  await assertRefused(() => open(flipped(rootPath(1))), "signature", rootPath(1));
  await assertRefused(() => open(flipped(TIMESTAMP_PATH)), "schema", TIMESTAMP_PATH);
  // A digit of a hash in the list of bins: still a timestamp, but not the one that was signed.
  const stamp = text(files.get(TIMESTAMP_PATH)!);
  const digit = stamp.indexOf('"sha256": "') + 20;
  const other = stamp.slice(0, digit) + (stamp[digit] === "0" ? "1" : "0") + stamp.slice(digit + 1);
  const listing = new Map(files).set(TIMESTAMP_PATH, utf8(other));
  await assertRefused(() => open(listing), "signature", TIMESTAMP_PATH);
  await assertRefused(() => openAll(flipped(BIN_PATH)), "hash", BIN_PATH);
  await assertRefused(() => openAll(flipped(NODE_FILE)), "hash", NODE_PATH);
  await assertRefused(() => openAll(flipped(AGE_FILE)), "hash", AGE_PATH);
  const notText = new Map(files).set(`${rootPath(1)}.minisig`, new Uint8Array([0xff, 0xfe]));
  await assertRefused(() => openAll(notText), "malformed", rootPath(1));
});

Deno.test("openSite() reads one spelling of a timestamp", async () => {
  const files = signedSite();
  const stamp = timestampOf(files);
  const line = stamp.minisig.split("\n");
  const spelled: [string, Bytes][] = [
    ["schema", utf8(JSON.stringify(stamp))],
    ["schema", utf8(text(files.get(TIMESTAMP_PATH)!) + "\n")],
    ...[
      stamp.minisig.slice(0, -1),
      stamp.minisig.replaceAll("\n", "\r\n"),
      ["untrusted comment: hello", ...line.slice(1)].join("\n"),
    ].map((minisig): [string, Bytes] => ["malformed", canonicalJson({ ...stamp, minisig })]),
  ];
  for (const [check, bytes] of spelled) {
    const other = new Map(files).set(TIMESTAMP_PATH, bytes);
    await assertRefused(() => open(other), check, TIMESTAMP_PATH);
  }
});

Deno.test("openSite() refuses a site of another key", async () => {
  const files = signedSite({ roots: [{ keys: allRoles(OTHER), by: OTHER }] });
  await assertRefused(() => open(files), "key", rootPath(1));
});

Deno.test("openSite() refuses a document signed by another role's key", async () => {
  const keys = { root: MAIN, config: testKey("config"), release: MAIN, timestamp: testKey("time") };
  const roots = [{ keys, by: MAIN }];
  assertEquals((await openAll(signedSite({ roots }))).timestamp.serial, 42);
  const asTimestamp = signedSite({ roots, signers: { timestamp: keys.config } });
  await assertRefused(() => open(asTimestamp), "key", TIMESTAMP_PATH);
  const asConfig = signedSite({ roots, signers: { config: keys.timestamp } });
  await assertRefused(() => open(asConfig), "key", TIMESTAMP_PATH);
  const byTimestamp = minisig(keys.timestamp, NODE_DATA, "node", NODE_PATH, { serial: 42 });
  await assertRefused(() => openAll(withSignature(byTimestamp, { roots })), "key", NODE_PATH);
});

Deno.test("openSite() refuses a legacy signature", async () => {
  const lines = text(PLAIN.get(`${NODE_PATH}.minisig`)!).split("\n");
  // "ED" becomes "Ed".
  lines[1] = lines[1]!.replace(/^RU/, "RW");
  const files = withSignature(utf8(lines.join("\n")));
  await assertRefused(() => openAll(files), "algorithm", NODE_PATH);
});

Deno.test("get() refuses a signature for another type or path", async () => {
  const asGlobal = withSignature(minisig(MAIN, NODE_DATA, "global", NODE_PATH));
  await assertRefused(() => openAll(asGlobal), "type", NODE_PATH);
  const asOther = withSignature(minisig(MAIN, NODE_DATA, "node", "psyopsOS/nodes/n2.json"));
  await assertRefused(() => openAll(asOther), "path", NODE_PATH);
  const view = await open(signedSite());
  await assertRefused(() => view.get(NODE_PATH, "tag"), "type", NODE_PATH);
});

Deno.test("openSite() refuses a root or a timestamp signed as something else", async () => {
  const path = rootPath(1);
  const data = signedSite().get(path)!;
  await assertRefused(() => open(resigned(path, "release", data)), "type", path);
  const other = resigned(path, "root", data, { as: ROOT_PATH });
  await assertRefused(() => open(other), "path", path);
  const cases: [string, Signing][] = [
    ["type", { stamped: { type: "release" } }],
    ["type", { published: { type: "global" } }],
    ["path", { stamped: { path: "psyopsOS/other.json" } }],
    ["path", { published: { path: "psyopsOS/other.json" } }],
  ];
  for (const [check, signing] of cases) {
    await assertRefused(() => open(restamped({}, signing)), check, TIMESTAMP_PATH);
  }
});

Deno.test("get() refuses a comment with another hash, and a comment of another program", async () => {
  const { sign } = await import("../../../lib/trust/minisign_sign.ts");
  const comment = `psyopsOS type=node path=${NODE_PATH} sha256=${sha256Hex(utf8("else"))}`;
  const another = utf8(sign(NODE_DATA, MAIN, { trustedComment: comment }));
  await assertRefused(() => openAll(withSignature(another)), "hash", NODE_PATH);
  const foreign = utf8(sign(NODE_DATA, MAIN, { trustedComment: "timestamp:1\tfile:n1" }));
  await assertRefused(() => openAll(withSignature(foreign)), "malformed", NODE_PATH);
});

Deno.test("get() refuses what the bins do not list", async () => {
  const path = "psyopsOS/nodes/n2.json";
  const files = resigned(path, "node", utf8("{}\n"));
  const view = await open(files);
  assertEquals([await view.lists(NODE_PATH), await view.lists(path)], [true, false]);
  await assertRefused(() => view.get(path, "node"), "path", path);
  await assertRefused(() => view.getHashed(path), "path", path);
  for (const name of ["constructor", "toString", "__proto__", "../x", ""]) {
    assertEquals(await view.lists(name), false, name);
  }
});

Deno.test("get() refuses a file that is longer or shorter than listed", async () => {
  for (const path of [NODE_PATH, AGE_PATH]) {
    const place = placeOf(PLAIN, path);
    const data = PLAIN.get(place)!;
    const longer = new Map(PLAIN).set(place, new Uint8Array([...data, 10]));
    await assertRefused(() => openAll(longer), "size", path);
    const shorter = new Map(PLAIN).set(place, data.slice(0, -1));
    await assertRefused(() => openAll(shorter), "size", path);
  }
});

Deno.test("get() asks for no more than what is listed, and for nothing above its bound", async () => {
  const big = "psyopsOS/nodes/big.json";
  const files = signedSite({
    documents: {
      [big]: { type: "node", text: " ".repeat(MAX_DOCUMENT_BYTES + 1) },
      [NODE_PATH]: { type: "node", text: "{}\n" },
    },
  });
  const limits = new Map<string, number>();
  const fetch = fetchFrom(files);
  const view = await open(files, {
    fetch: (path, maxBytes) => {
      limits.set(path, maxBytes);
      return fetch(path, maxBytes);
    },
  });
  await view.get(NODE_PATH, "node");
  const place = placeOf(files, NODE_PATH);
  assertEquals(limits.get(place), files.get(place)!.length);
  const [bin] = binPathsOf(files);
  assertEquals(limits.get(bin!), files.get(bin!)!.length);
  await assertRefused(() => view.get(big, "node"), "size", big);
  assertEquals(limits.has(placeOf(files, big)), false);
});

Deno.test("openSite() refuses endless files", async () => {
  const endless: OpenOptions["fetch"] = (_path, maxBytes) =>
    Promise.resolve(new Uint8Array(maxBytes + 1));
  await assertRefused(() => open(new Map(), { fetch: endless }), "size", TIMESTAMP_PATH);
});

Deno.test("openSite() refuses an expired timestamp, from the very second on", async () => {
  const files = signedSite();
  const before = new Date(Date.parse(EXPIRES) - 1);
  assertEquals((await open(files, { now: before })).expired, false);
  await assertRefused(() => open(files, { now: new Date(EXPIRES) }), "expired", TIMESTAMP_PATH);
  const kept = await open(files, { now: new Date(EXPIRES), allowExpired: true });
  assertEquals([kept.expired, kept.state.serial], [true, 42]);
});

Deno.test("openSite() takes what was issued before as the lower bound of now", async () => {
  const now = new Date(0);
  assertEquals((await open(signedSite(), { now })).expired, false);
  const state = { ...NO_STATE, issued: "2026-12-24T00:00:00Z" };
  await assertRefused(() => open(signedSite(), { now, state }), "expired", TIMESTAMP_PATH);
  const kept = await open(signedSite(), { now, state, allowExpired: true });
  assertEquals(kept.state.issued, state.issued);
});

Deno.test("openSite() counts the time since it learned of a time, and says by what it judges", async () => {
  const now = new Date("2026-11-22T20:00:00Z");
  const { state } = await open(signedSite(), { now });
  const until = Date.parse(EXPIRES) - Date.parse(ISSUED);
  const early = { now, state, sinceIssuedMs: until - 1 };
  assertEquals((await open(signedSite(), early)).expired, false);
  const error = await assertRefused(
    () => open(signedSite(), { now, state, sinceIssuedMs: until }),
    "expired",
    TIMESTAMP_PATH,
  );
  assertStringIncludes(
    error.message,
    `it expired at ${EXPIRES}, and it is ${EXPIRES} by the publication of serial 42, which was accepted before`,
  );
  const late = { now: new Date("2027-01-01T00:00:00Z"), nowFrom: "the time of its image" };
  const { message } = await assertRefused(
    () => open(signedSite(), { ...late, state, sinceIssuedMs: until }),
    "expired",
    TIMESTAMP_PATH,
  );
  assertStringIncludes(message, "it is 2027-01-01T00:00:00Z by the time of its image");
});

Deno.test("openSite() refuses when the state or the clock is damaged", async () => {
  const damaged = (state: object) => ({ state: { ...NO_STATE, ...state } });
  await assertRefused(() => open(signedSite(), damaged({ serial: NaN })), "serial", TIMESTAMP_PATH);
  const root = damaged({ rootVersion: NaN });
  await assertRefused(() => open(signedSite(), root), "root-version", TIMESTAMP_PATH);
  const now = { now: new Date(NaN) };
  await assertRefused(() => open(signedSite(), now), "expired", TIMESTAMP_PATH);
  // A time that is none says nothing; it must not switch the check off either.
  const issued = damaged({ issued: "zzz" });
  assertEquals((await open(signedSite(), issued)).state.issued, ISSUED);
  const late = { ...issued, now: new Date(EXPIRES) };
  await assertRefused(() => open(signedSite(), late), "expired", TIMESTAMP_PATH);
});

Deno.test("openSite() gives the true documents or refuses, whatever is cut, inserted or swapped", async () => {
  const files = signedSite();
  const paths = [...files.keys()];
  const wanted = await openAll(files);
  await fc.assert(
    fc.asyncProperty(
      fc.nat(paths.length - 1),
      fc.nat(),
      fc.nat(40),
      fc.uint8Array({ maxLength: 40 }),
      fc.option(fc.nat(paths.length - 1)),
      async (which, at, cut, put, other) => {
        const path = paths[which]!;
        const old = files.get(path)!;
        const start = at % (old.length + 1);
        const bytes = other === null
          ? new Uint8Array([...old.subarray(0, start), ...put, ...old.subarray(start + cut)])
          : files.get(paths[other]!)!;
        let view: SiteView;
        try {
          view = await openAll(new Map(files).set(path, bytes));
        } catch (error) {
          assert(error instanceof RefusedError, String(error));
          return;
        }
        for (const path of [NODE_PATH, AGE_FILE]) {
          assertEquals(view.files.get(path), wanted.files.get(path));
        }
        assertEquals(view.state, wanted.state);
      },
    ),
    { numRuns: 300, seed: 20261122 },
  );
});

Deno.test("openSite() refuses an older serial and takes the same one again", async () => {
  const at = (serial: number) => ({ state: { ...NO_STATE, serial } });
  assertEquals((await open(signedSite(), at(42))).state.serial, 42);
  assertEquals((await open(signedSite(), at(41))).state.serial, 42);
  await assertRefused(() => open(signedSite(), at(43)), "serial", TIMESTAMP_PATH);
  const kept = { ...at(43), allowExpired: true };
  await assertRefused(() => open(signedSite(), kept), "serial", TIMESTAMP_PATH);
});

Deno.test("openSite() refuses a timestamp whose signatures are for another serial or time", async () => {
  const cases: Signing[] = [
    { stamped: { serial: 43 } },
    { stamped: { serial: undefined } },
    { stamped: { issued: "2026-11-22T20:00:01Z" } },
    { published: { serial: 43 } },
    { published: { issued: undefined } },
  ];
  for (const signing of cases) {
    await assertRefused(() => open(restamped({}, signing)), "serial", TIMESTAMP_PATH);
  }
});

Deno.test("openSite() refuses mixed publications", async () => {
  const old = signedSite({ serial: 41, hashed: { [AGE_PATH]: "old" } });
  const mixed = new Map(PLAIN).set(BIN_PATH, old.get(binPathsOf(old)[0]!)!);
  const error = await assertRejects(() => openAll(mixed), RefusedError);
  assert(["size", "hash"].includes(error.check), error.check);

  // Even with the timestamp key old bins can't be listed under a new serial, nor a serial be made up.
  const ours = timestampOf(PLAIN).publication.minisig;
  const theirs = timestampOf(old).publication.minisig;
  const { bins } = timestampOf(old);
  for (const publication of [ours, theirs]) {
    const error = await assertRejects(
      () => open(restamped({ bins }, { publication }, new Map([...old, ...PLAIN]))),
      RefusedError,
    );
    assert(["hash", "signature", "serial"].includes(error.check), error.check);
  }
  const ahead = restamped({ serial: 1_000_000 }, { publication: ours });
  await assertRefused(() => open(ahead), "signature", TIMESTAMP_PATH);
});

Deno.test("get() refuses a document that is newer than the publication", async () => {
  const at = (serial: number) =>
    signedSite({ documents: { [NODE_PATH]: { type: "node", text: "{}\n", serial } } });
  await openAll(at(7));
  await assertRefused(() => openAll(at(43)), "serial", NODE_PATH);
});

Deno.test("openSite() refuses signed documents that are not of the schema", async () => {
  const stamp = timestampOf(signedSite());
  for (
    const wrong of [
      { ...stamp, more: 1 },
      { ...stamp, root: 0 },
      { ...stamp, root: 257 },
      { ...stamp, publication: {} },
      { ...stamp, minisig: undefined },
      [],
    ]
  ) {
    const files = signedSite().set(TIMESTAMP_PATH, canonicalJson(wrong));
    await assertRefused(() => open(files), "schema", TIMESTAMP_PATH);
  }
  for (
    const wrong of [
      { serial: 1.5 },
      { expires: ISSUED },
      { expires: "2028-01-01T00:00:00Z" },
      { bins: [] },
      { bins: [...stamp.bins, ...stamp.bins] },
    ]
  ) {
    const files = restamped(wrong, { stamped: { serial: 42 }, published: { serial: 42 } });
    await assertRefused(() => open(files), "schema", TIMESTAMP_PATH);
  }
});

Deno.test("openSite() finds documents among many bins and fetches only those it needs", async () => {
  const documents = Object.fromEntries(
    Array.from(
      { length: 40 },
      (_, i) => [`psyopsOS/nodes/n${i}.json`, { type: "node", text: `{"n":${i}}\n` }] as const,
    ),
  );
  const files = signedSite({ documents, hashed: {}, digits: 1 });
  const log: string[] = [];
  const view = await open(files, { fetch: fetchFrom(files, log) });
  const path = "psyopsOS/nodes/n17.json";
  assertEquals(text(await view.get(path, "node")), '{"n":17}\n');
  const bins = () => log.filter((path) => path.startsWith("psyopsOS/bins/"));
  const prefix = binPrefix(path, 1);
  const entry = view.timestamp.bins.find((bin) => bin.prefix === prefix)!;
  assertEquals(bins(), [binPath(prefix, entry.sha256)]);
  for (const path of Object.keys(documents)) await view.get(path, "node");
  assertEquals(bins().length, view.timestamp.bins.length);

  const few = await open(signedSite({ digits: 3 }));
  // What is about one node is in one bin.
  assertEquals(few.timestamp.bins.length, 1);
  assertEquals(await few.lists("psyopsOS/nodes/none.json"), false);
});

Deno.test("lists() refuses a bin that lists what belongs into another", async () => {
  const files = signedSite({ digits: 1 });
  const [bin] = timestampOf(files).bins;
  const stray = canonicalJson({
    documents: Object.fromEntries(
      ["psyopsOS/a", "psyopsOS/b", "psyopsOS/c"]
        .map((path) => [path, { sha256: sha256Hex(utf8(path)), size: 1 }]),
    ),
  });
  const entry = { prefix: bin!.prefix, sha256: sha256Hex(stray), size: stray.length };
  const path = binPath(entry.prefix, entry.sha256);
  const view = await open(restamped({ bins: [entry] }, {}, new Map(files).set(path, stray)));
  await assertRefused(() => view.lists(NODE_PATH), "schema", path);
});

Deno.test("openSite() passes on that the site can't be reached", async () => {
  for (const path of [TIMESTAMP_PATH, rootPath(1), `${rootPath(1)}.minisig`, BIN_PATH, AGE_FILE]) {
    const files = signedSite();
    files.delete(path);
    const error = await assertRejects(() => openAll(files), UserError);
    assertEquals(error.message, `Cannot fetch ${path}: 404`);
    assert(!(error instanceof RefusedError));
  }
});

Deno.test("lists() asks again after a bin could not be fetched", async () => {
  const files = signedSite({ digits: 3 });
  const view = await open(files);
  const [path] = binPathsOf(files);
  const bytes = files.get(path!)!;
  files.delete(path!);
  await assertRejects(() => view.lists(NODE_PATH), UserError, "404");
  files.set(path!, bytes);
  assertEquals(await view.lists(NODE_PATH), true);
});

Deno.test("verifyInner() accepts a signature for this very type, path and content only", async () => {
  const view = await open(signedSite());
  const payload = utf8('{"type":"postboot"}\n');
  const make = (type: "postboot" | "node", path: string, serial = 42, key = MAIN) =>
    text(minisig(key, payload, type, path, { serial, issued: ISSUED }));
  const facts = view.verifyInner(payload, make("postboot", AGE_PATH), "postboot", AGE_PATH);
  assertEquals(facts.serial, 42);
  const refused = (check: string, signature: string, data: Uint8Array = payload) => {
    const body = () => view.verifyInner(data, signature, "postboot", AGE_PATH);
    assertEquals(assertThrows(body, RefusedError).check, check);
  };
  refused("type", make("node", AGE_PATH));
  refused("path", make("postboot", "psyopsOS/postboot/n2.age"));
  refused("serial", make("postboot", AGE_PATH, 43));
  refused("key", make("postboot", AGE_PATH, 42, OTHER));
  refused("signature", make("postboot", AGE_PATH), flipBit(payload, 3));
  refused("malformed", "nothing");
});

// --- keys that roll ---

const A = MAIN;
const B = testKey("bbb");
const C = testKey("ccc");
const CHAIN = [
  { keys: allRoles(A), by: A },
  { keys: allRoles(B), by: A },
  { keys: allRoles(C), by: B },
];

Deno.test("openSite() follows keys that rolled twice", async () => {
  for (const length of [1, 2, 3]) {
    const files = signedSite({ roots: CHAIN.slice(0, length) });
    const view = await openAll(files);
    assertEquals(view.state.rootVersion, length);
    // What it kept is enough to open it again.
    assertEquals((await open(view.files, { state: view.state })).state, view.state);
    if (length < 3) continue;
    const first = files.get(rootPath(1))!;
    files.set(rootPath(1), flipBit(first, 30));
    await assertRefused(() => open(files), "signature", rootPath(1));
  }
});

Deno.test("openSite() walks versions in between even when the old key could vouch for the newest", async () => {
  const keep = { ...allRoles(B), root: A };
  const roots = [
    { keys: allRoles(A), by: A },
    { keys: keep, by: A },
    { keys: { ...keep, timestamp: C }, by: A },
  ];
  const log: string[] = [];
  const files = signedSite({ roots });
  const view = await open(files, { fetch: fetchFrom(files, log) });
  assertEquals(view.root.version, 3);
  for (const path of [rootPath(1), rootPath(2)]) assert(log.includes(path), path);
  files.delete(rootPath(2));
  await assertRejects(() => open(files), UserError, "404");
});

Deno.test("openSite() refuses a root version that a replaced key signed", async () => {
  // A was replaced by B in version 2 and yet signs version 3.
  const roots = [...CHAIN.slice(0, 2), { keys: allRoles(A), by: A }];
  const error = await assertRejects(() => open(signedSite({ roots })), RefusedError);
  assertEquals(error.check, "key");
});

Deno.test("openSite() refuses another chain from a replaced key, once the true one was seen", async () => {
  const { state } = await open(signedSite({ roots: CHAIN }));
  const thief = testKey("thief");
  const forged = [
    { keys: allRoles(A), by: A },
    { keys: allRoles(thief), by: A },
    { keys: allRoles(thief), by: thief },
    { keys: allRoles(thief), by: thief },
  ];
  for (const length of [3, 4]) {
    const files = signedSite({ roots: forged.slice(0, length), serial: 99 });
    await assertRefused(() => open(files, { state }), "root-version", rootPath(3));
  }
});

Deno.test("openSite() takes a root that was issued anew with the same keys", async () => {
  const { state } = await open(signedSite());
  const anew = signedSite({ serial: 43, issued: "2026-11-22T21:00:00Z" });
  assertEquals((await open(anew, { state })).state.rootDigest, state.rootDigest);
});

Deno.test("openSite() refuses a root older than the accepted one", async () => {
  const { state } = await open(signedSite({ roots: CHAIN.slice(0, 2) }));
  await assertRefused(() => open(signedSite(), { state }), "root-version", TIMESTAMP_PATH);
});

Deno.test("openSite() refuses a root chain with a gap or with wrong numbers", async () => {
  const gap = signedSite({ roots: CHAIN });
  gap.delete(rootPath(2));
  await assertRejects(() => open(gap), UserError, "404");
  const [first, second, third] = CHAIN as [typeof CHAIN[0], typeof CHAIN[0], typeof CHAIN[0]];
  const jump = signedSite({ roots: [first, { ...second, version: 3 }, { ...third, version: 4 }] });
  await assertRefused(() => open(jump), "path", rootPath(2));
  // Signed for the right path, but saying another version.
  const data = jump.get(rootPath(2))!;
  resigned(rootPath(2), "root", data, {}, jump);
  await assertRefused(() => open(jump), "root-version", rootPath(2));
});

Deno.test("openSite() takes the keys of the very root version that the timestamp names", async () => {
  // The next root is there already, the site still the old one: a publisher was stopped in between.
  const between = signedSite({ roots: CHAIN.slice(0, 1) });
  for (const [path, data] of signedSite({ roots: CHAIN })) {
    if (path.startsWith("psyopsOS/root")) between.set(path, data);
  }
  assertEquals((await openAll(between)).root.version, 1);
  // Old keys count for old versions only.
  const files = signedSite({ roots: CHAIN.slice(0, 2), signers: { timestamp: A, config: A } });
  await assertRefused(() => open(files), "key", TIMESTAMP_PATH);
});

Deno.test("openSite() bounds the root chain", async () => {
  const step = (version: number) => {
    const lines = signedSite({ roots: [{ keys: allRoles(A), by: A, version }] });
    return [lines.get(ROOT_PATH)!, lines.get(`${ROOT_PATH}.minisig`)!] as const;
  };
  const files = signedSite({ root: 256 });
  for (let version = 1; version <= 256; version++) {
    const [data, signature] = step(version);
    files.set(rootPath(version), data).set(`${rootPath(version)}.minisig`, signature);
  }
  assertEquals((await open(files)).root.version, 256);
  const far = signedSite({ root: 257 });
  await assertRefused(() => open(far), "schema", TIMESTAMP_PATH);
});
