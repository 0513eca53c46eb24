import { assertEquals, assertMatch, assertNotEquals, assertThrows } from "@std/assert";
import { text, utf8 } from "../../../lib/bytes.ts";
import { RefusedError } from "../../../lib/errors.ts";
import { canonicalJson } from "../../../lib/json.ts";
import {
  binPrefix,
  expiryOf,
  keysOf,
  MAX_BIN_BYTES,
  MAX_KEYS_PER_ROLE,
  MAX_LISTED_BYTES,
  MAX_ROOT_BYTES,
  MAX_TIMESTAMP_BYTES,
  parseBin,
  parseRoot,
  parseTimestamp,
  publicationStatement,
  type Root,
  rootDigest,
  storedPath,
  timestampStatement,
} from "../../../lib/trust/freshness.ts";
import { mapRoles } from "../../../lib/trust/keyring.ts";
import { MAX_SIGNATURE_BYTES } from "../../../lib/trust/minisign.ts";
import { keyLine, testKey } from "../../support/signed_site.ts";

const HASH = "ab".repeat(32);
const LINES = ["aaa", "bbb", "ccc"].map((name) => keyLine(testKey(name)));
const ROOT: Root = {
  version: 1,
  issued: "2026-11-22T20:00:00Z",
  roles: mapRoles(() => [LINES[0]!]),
};
const BIN_ENTRY = { prefix: "", sha256: HASH, size: 10 };
const TIMESTAMP = {
  serial: 1,
  issued: "2026-11-22T20:00:00Z",
  expires: "2026-11-25T20:00:00Z",
  root: 1,
  bins: [BIN_ENTRY],
  publication: { minisig: "over serial and bins" },
  minisig: "over all but this",
};
const BIN = { documents: { "psyopsOS/global.json": { sha256: HASH, size: 3 } } };

function refusal(parse: (bytes: Uint8Array) => unknown, value: unknown): string {
  const error = assertThrows(() => parse(canonicalJson(value)), RefusedError);
  assertEquals(error.check, "schema");
  return error.message;
}

Deno.test("parsers give what canonicalJson() wrote", () => {
  assertEquals(parseRoot(canonicalJson(ROOT)), ROOT);
  assertEquals(parseTimestamp(canonicalJson(TIMESTAMP)), TIMESTAMP);
  assertEquals(parseBin(canonicalJson(BIN)), BIN);
  assertEquals(keysOf(ROOT, "config").length, 1);
});

Deno.test("parseRoot() refuses roots outside its schema and names the place", () => {
  const roles = (more: object) => ({ ...ROOT, roles: { ...ROOT.roles, ...more } });
  for (const version of [0, -1, 1.5, 257, "1", null]) refusal(parseRoot, { ...ROOT, version });
  refusal(parseRoot, roles({ root: [] }));
  refusal(parseRoot, roles({ timestamp: undefined }));
  refusal(parseRoot, roles({ more: [] }));
  refusal(parseRoot, roles({ root: Array(MAX_KEYS_PER_ROLE + 1).fill(LINES[0]) }));
  refusal(parseRoot, { ...ROOT, issued: "2026-11-22" });
  const message = refusal(parseRoot, roles({ config: [LINES[0], "RW"] }));
  assertEquals(
    message,
    "Cannot read psyopsOS/root.json: roles.config.1: must be a minisign key line",
  );
  refusal(parseRoot, roles({ config: [`${LINES[0]}\n`] }));
});

Deno.test("parseTimestamp() refuses timestamps outside its schema", () => {
  const bins = (...entries: object[]) => ({ ...TIMESTAMP, bins: entries });
  const entry = (prefix: string) => ({ ...BIN_ENTRY, prefix });
  for (
    const wrong of [
      { ...TIMESTAMP, serial: Number.MAX_SAFE_INTEGER + 1 },
      { ...TIMESTAMP, issued: TIMESTAMP.expires },
      { ...TIMESTAMP, expires: "2027-11-24T20:00:00Z" },
      bins(),
      bins(BIN_ENTRY, entry("a")),
      bins(entry("a"), entry("a")),
      bins(entry("a"), entry("bb")),
      bins(entry("A")),
      bins(entry("abcd")),
      { ...TIMESTAMP, root: 0 },
      { ...TIMESTAMP, root: 257 },
      { ...TIMESTAMP, publication: {} },
      { ...TIMESTAMP, minisig: "x".repeat(MAX_SIGNATURE_BYTES + 1) },
      { ...TIMESTAMP, minisig: undefined },
      bins({ ...BIN_ENTRY, size: 0 }),
      bins({ ...BIN_ENTRY, size: MAX_BIN_BYTES + 1 }),
      bins({ ...BIN_ENTRY, sha256: "x" }),
      bins({ ...BIN_ENTRY, more: 1 }),
    ]
  ) refusal(parseTimestamp, wrong);
  assertEquals(parseTimestamp(canonicalJson(bins(entry("a"), entry("f")))).bins.length, 2);
});

Deno.test("parseBin() refuses unsafe paths, wrong sizes and strays", () => {
  const facts = { sha256: HASH, size: 3 };
  for (const path of ["../x", "/x", "a//b", "", ".x", "a b"]) {
    refusal(parseBin, { documents: { [path]: facts } });
  }
  refusal(parseBin, { documents: { x: { ...facts, size: 0 } } });
  refusal(parseBin, { documents: { x: { ...facts, size: MAX_LISTED_BYTES + 1 } } });
  refusal(parseBin, { documents: { x: { ...facts, more: 1 } } });
  refusal(parseBin, { documents: {}, more: 1 });
  const prefix = binPrefix("psyopsOS/global.json", 2);
  assertEquals(parseBin(canonicalJson(BIN), "bin", prefix), BIN);
  const other = prefix === "00" ? "01" : "00";
  refusal((bytes) => parseBin(bytes, "bin", other), BIN);
});

Deno.test("parsers refuse what is no JSON in UTF-8 or too long", () => {
  for (const parse of [parseRoot, parseTimestamp, parseBin]) {
    for (const bytes of [utf8(""), utf8("{"), utf8("\ufeff{}"), new Uint8Array([0xff])]) {
      assertEquals(assertThrows(() => parse(bytes), RefusedError).check, "schema");
    }
  }
  const long = (size: number) => new Uint8Array(size + 1).fill(32);
  assertThrows(() => parseRoot(long(MAX_ROOT_BYTES)), RefusedError, "longer");
  assertThrows(() => parseTimestamp(long(MAX_TIMESTAMP_BYTES)), RefusedError, "longer");
  assertThrows(() => parseBin(long(MAX_BIN_BYTES)), RefusedError, "longer");
});

Deno.test("rootDigest() tells other keys and versions apart, not order or time of issue", () => {
  const digest = rootDigest(ROOT);
  assertEquals(rootDigest({ ...ROOT, issued: "2027-01-01T00:00:00Z" }), digest);
  assertNotEquals(rootDigest({ ...ROOT, version: 2 }), digest);
  const two = (lines: string[]) => ({ ...ROOT, roles: { ...ROOT.roles, release: lines } });
  assertNotEquals(rootDigest(two([LINES[1]!])), digest);
  assertEquals(
    rootDigest(two([LINES[1]!, LINES[2]!])),
    rootDigest(two([LINES[2]!, LINES[1]!])),
  );
  const swapped = { ...ROOT.roles, config: [LINES[1]!], release: [LINES[2]!] };
  const back = { ...ROOT.roles, config: [LINES[2]!], release: [LINES[1]!] };
  assertNotEquals(
    rootDigest({ ...ROOT, roles: swapped }),
    rootDigest({ ...ROOT, roles: back }),
  );
});

Deno.test("parseTimestamp() reads the canonical spelling only", () => {
  const bytes = text(canonicalJson(TIMESTAMP));
  for (const other of [JSON.stringify(TIMESTAMP), bytes.trimEnd(), bytes.replace("1,", "1.0,")]) {
    const error = assertThrows(() => parseTimestamp(utf8(other)), RefusedError);
    assertEquals(error.check, "schema");
  }
});

Deno.test("the two statements of a timestamp leave out what is not theirs to say", () => {
  assertEquals(
    publicationStatement({ ...TIMESTAMP, issued: "later" } as typeof TIMESTAMP),
    canonicalJson({ serial: 1, bins: [BIN_ENTRY] }),
  );
  const { minisig: _, ...rest } = TIMESTAMP;
  assertEquals(timestampStatement(TIMESTAMP), canonicalJson(rest));
});

Deno.test("storedPath() puts a hash into the names of what nodes read", () => {
  assertEquals(
    storedPath("psyopsOS/postboot/a.b.age", HASH),
    `psyopsOS/postboot/a.b.${HASH.slice(0, 16)}.age`,
  );
  assertEquals(
    storedPath("psyopsOS/os-update.json", HASH),
    `psyopsOS/signed/os-update.${HASH.slice(0, 16)}.json`,
  );
  assertEquals(
    storedPath("psyopsOS/nodes/a.json", HASH),
    `psyopsOS/signed/nodes/a.${HASH.slice(0, 16)}.json`,
  );
});

Deno.test("binPrefix() keeps together what is about one node", () => {
  for (const name of ["a", "b", "node-17"]) {
    const prefix = binPrefix(`psyopsOS/nodes/${name}.json`, 3);
    assertEquals(binPrefix(`psyopsOS/postboot/${name}.age`, 3), prefix);
    assertEquals(binPrefix(`psyopsOS/postboot/${name}.age`, 1), prefix.slice(0, 1));
    assertNotEquals(binPrefix(`psyopsOS/tags/${name}.json`, 3), prefix);
  }
});

Deno.test("expiryOf() adds hours", () => {
  assertEquals(expiryOf("2026-11-22T20:00:00Z", 72), "2026-11-25T20:00:00Z");
});

Deno.test("parseTimestamp() quotes little of what is not believed, and nothing that steers a terminal", () => {
  for (const serial of ["\u001b[2J\u009b2J\u202e", "x".repeat(500_000), " ".repeat(500_000)]) {
    const error = assertThrows(
      () => parseTimestamp(utf8(JSON.stringify({ serial }))),
      RefusedError,
    );
    assertMatch(error.message, /^Cannot read psyopsOS\/timestamp\.json: [^\p{Cc}\p{Cf}]{1,400}$/u);
  }
});
