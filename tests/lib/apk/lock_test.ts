import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  formatLock,
  type Lock,
  lockedRecords,
  lockFits,
  lockPackage,
  parseLock,
} from "../../../lib/apk/lock.ts";
import { UserError } from "../../../lib/errors.ts";
import { record } from "./apk_fixtures.ts";

const SHA = "ab".repeat(32);
const a = record("a-1.0-r0"), b = record("b-2.0-r0");
const lock: Lock = {
  arch: "x86_64",
  world: ["a", "b>1"],
  packages: [lockPackage(b, "main", SHA), lockPackage(a, "main", SHA)],
};

Deno.test("formatLock() writes one package a line, and parseLock() reads it back", () => {
  const text = formatLock(lock);
  assertEquals(text.split("\n").length, 10);
  assertEquals(parseLock(text), lock);
  assertEquals(formatLock(parseLock(text)), text);
  const none = { ...lock, packages: [] };
  assertEquals(parseLock(formatLock(none)), none);
});

Deno.test("lockFits() compares the request, whatever its order", () => {
  assertEquals(lockFits(lock, ["b>1", "a"], "x86_64"), true);
  assertEquals(lockFits(lock, ["a", "b"], "x86_64"), false);
  assertEquals(lockFits(lock, ["a", "b>1", "c"], "x86_64"), false);
  assertEquals(lockFits(lock, ["a", "b>1"], "aarch64"), false);
});

Deno.test("lockedRecords() finds the very files in the order of the lock", () => {
  const repositories = [
    { name: "main", records: [record("a-1.1-r0"), a] },
    { name: "community", records: [b] },
  ];
  assertEquals(lockedRecords(lock, repositories), [b, a]);
});

Deno.test("lockedRecords() names every package that is gone, and what there is now", () => {
  const rebuilt = { ...a, size: a.size + 1 };
  const gone = { ...lock, packages: [...lock.packages, lockPackage(record("c-1"), "main", SHA)] };
  const error = assertThrows(
    () => lockedRecords(gone, [{ name: "main", records: [rebuilt, record("b-2.1-r0")] }]),
    UserError,
  );
  assertEquals(
    error.message,
    "Cannot follow the lock: the repositories no longer have 3 of its 3 packages: " +
      "b-2.0-r0.apk (now 2.1-r0), a-1.0-r0.apk (another file now), c-1.apk (gone)",
  );
});

Deno.test("parseLock() names the file and the place", () => {
  const text = formatLock(lock);
  const table: [string, string][] = [
    ["{", "Cannot read x.lock: "],
    [text.replace('"lock": 1', '"lock": 2'), "Cannot read x.lock: lock: "],
    [text.replace(SHA, "00"), "Cannot read x.lock: packages.0.sha256: "],
    [text.replace('"size"', '"site"'), "Cannot read x.lock: packages.0.si"],
    [text.replace('"Q1', '"Q2'), "Cannot read x.lock: packages.0.checksum: "],
    [text.replace('"name":"a"', '"name":"b"'), "Cannot read x.lock: b stands in it twice"],
  ];
  for (const [content, message] of table) {
    assertThrows(() => parseLock(content, "x.lock"), UserError, message);
  }
});

Deno.test("parseLock() says what is wrong in a line, however long the value", () => {
  const [first] = lock.packages;
  const long = { lock: 1, ...lock, packages: [{ ...first, checksum: "x".repeat(50_000) }] };
  const { message } = assertThrows(() => parseLock(JSON.stringify(long)), UserError, "checksum");
  assert(message.length < 400, `${message.length} characters`);
});
