import { assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { encodeHex } from "@std/encoding/hex";
import { deriveIds } from "../../../agent/identity/derived.ts";
import { generateSeed, parseSeed } from "../../../lib/documents/seed.ts";

const idsOf = (seed: string) =>
  deriveIds({ seed: parseSeed(seed), ageKeys: ["AGE-SECRET-KEY-1X"] });

Deno.test("deriveIds() gives for a seed what it gave ever since", () => {
  const { machineId, hostId, iscsiName, duid, k3sPassword } = idsOf("00".repeat(32));
  // Judged by OpenSSL: openssl kdf -keylen 16 -kdfopt digest:SHA256 -kdfopt hexkey:00… -kdfopt info:"psyopsOS machine-id 1" HKDF
  assertEquals([machineId, encodeHex(hostId), iscsiName, encodeHex(duid), k3sPassword], [
    "84087dd308e714a7abad610073aa5a92",
    "b0aaf004",
    "iqn.2016-04.com.open-iscsi:688ac364d47e",
    "00041a4cc25b2a65f88992c1af24a3d40a49",
    "0012d25af757e1ea000f1092f63b7c4d",
  ]);
});

Deno.test("deriveIds() gives nodes, and purposes, ids that have nothing in common", () => {
  const texts = [idsOf(generateSeed()), idsOf(generateSeed())].flatMap((ids) => [
    ids.machineId,
    encodeHex(ids.duid.subarray(2)),
    ids.k3sPassword,
    encodeHex(ids.hostId),
    ids.iscsiName.split(":")[1]!,
  ]);
  const begins = texts.map((text) => text.slice(0, 8));
  assertEquals(new Set(begins).size, texts.length);
  assertMatch(texts[0]!, /^[0-9a-f]{32}$/);
});

Deno.test("a drive without a seed has ids of its own, from its age key", () => {
  const of = (key: string) => deriveIds({ ageKeys: [key] }).machineId;
  assertEquals(of("AGE-SECRET-KEY-1A"), of("AGE-SECRET-KEY-1A"));
  assertNotEquals(of("AGE-SECRET-KEY-1A"), of("AGE-SECRET-KEY-1B"));
});
