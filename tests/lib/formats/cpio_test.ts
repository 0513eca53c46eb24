import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { concat, utf8 } from "../../../lib/bytes.ts";
import { UserError } from "../../../lib/errors.ts";
import { type CpioEntry, readCpio, writeCpio } from "../../../lib/formats/cpio.ts";

const file = (path: string, data = ""): CpioEntry => ({
  path,
  kind: "file",
  mode: 0o644,
  data: utf8(data),
});

Deno.test("writeCpio() and readCpio() keep every kind", () => {
  const entries: CpioEntry[] = [
    { path: "dev", kind: "directory", mode: 0o755 },
    { path: "dev/console", kind: "char", mode: 0o600, devMajor: 5, devMinor: 1 },
    { path: "dev/sda", kind: "block", mode: 0o660, devMajor: 8, devMinor: 0 },
    { path: "pipe", kind: "fifo", mode: 0o600 },
    { path: "init", kind: "symlink", mode: 0o777, linkTarget: "bin/ünit" },
    { ...file("su", "x"), mode: 0o4755 },
    file("empty"),
  ];
  assertEquals(readCpio(writeCpio(entries)), entries);
  assertEquals(readCpio(writeCpio([])), []);
});

Deno.test("readCpio() gives back what writeCpio() was given, whatever the padding", () => {
  const entry = fc.record({
    path: fc.stringMatching(/^[a-zA-Z0-9._-]{3,40}$/).filter((path) => path !== "TRAILER!!!"),
    kind: fc.constant("file" as const),
    mode: fc.integer({ min: 0, max: 0o7777 }),
    data: fc.uint8Array({ maxLength: 20 }).map((data) => new Uint8Array(data)),
  });
  fc.assert(fc.property(fc.array(entry, { maxLength: 6 }), (entries) => {
    const archive = writeCpio(entries);
    assertEquals(archive.length % 512, 0);
    assertEquals(readCpio(archive), entries);
  }));
});

Deno.test("readCpio() refuses an archive cut before its end mark", () => {
  const archive = writeCpio([file("a", "content"), file("b", "x")]);
  const trailer = String.fromCharCode(...archive).indexOf("TRAILER!!!") + 11;
  for (let size = 0; size < trailer; size++) {
    assertThrows(() => readCpio(archive.slice(0, size)), UserError, "truncated");
  }
});

Deno.test("readCpio() refuses malformed headers", () => {
  const archive = writeCpio([file("a", "content")]);
  const changed = (at: number, value: string) => {
    const copy = new Uint8Array(archive);
    copy.set(utf8(value), at);
    return copy;
  };
  assertThrows(() => readCpio(changed(5, "2")), UserError, "checksummed");
  assertThrows(() => readCpio(changed(20, "x")), UserError, "malformed number");
  assertThrows(() => readCpio(changed(14, "0000f1a4")), UserError, "unknown type");
  assertThrows(() => readCpio(changed(38, "00000002")), UserError, "hard link");
  assertThrows(() => readCpio(changed(54, "ffffffff")), UserError, "truncated");
  assertThrows(() => readCpio(changed(94, "ffffffff")), UserError, "bad length");
  assertThrows(() => readCpio(changed(94, "00000000")), UserError, "bad length");
  assertThrows(() => readCpio(changed(110, "\0")), UserError, "NUL");
  assertThrows(() => readCpio(concat([archive, utf8("x")])), UserError, "behind the end");
  assertThrows(() => readCpio(archive, { maxEntries: 0 }), UserError, "more than 0");
});

Deno.test("writeCpio() refuses what the kernel would drop or misread", () => {
  const bad: CpioEntry[] = [
    file("no/parent"),
    file("/abs"),
    file("./rel"),
    file(""),
    file("TRAILER!!!"),
    file("x".repeat(4096)),
    { path: "dir/", kind: "directory", mode: 0o755 },
    { ...file("a"), mode: 0o100644 },
    { ...file("a", "content"), kind: "directory" },
    { path: "l", kind: "symlink", mode: 0o777 },
    { path: "c", kind: "char", mode: 0o600, devMajor: 1 },
  ];
  for (const entry of bad) {
    assertThrows(() => writeCpio([entry]), UserError, "Cannot write cpio");
  }
});

Deno.test("readCpio() refuses a link's target that is longer than any path", () => {
  const link = (length: number) =>
    writeCpio([{ path: "l", kind: "symlink", mode: 0o777, linkTarget: "t".repeat(length) }]);
  assertEquals(readCpio(link(4095))[0]!.linkTarget!.length, 4095);
  const longer = new Uint8Array(link(4095));
  longer.set(utf8("00001000"), 54);
  assertThrows(() => readCpio(longer), UserError, "a target that is too long");
});
