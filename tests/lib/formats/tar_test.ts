import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { concat, utf8 } from "../../../lib/bytes.ts";
import { UserError } from "../../../lib/errors.ts";
import { readTar, TAR_BLOCK, type TarEntry, writeTar } from "../../../lib/formats/tar.ts";

const file = (path: string, data = "", more: Partial<TarEntry> = {}): TarEntry => ({
  path,
  kind: "file",
  mode: 0o644,
  uid: 0,
  gid: 0,
  mtime: 0,
  data: utf8(data),
  ...more,
});

/** `archive` with the header at `offset` changed and its checksum set right again. */
function patched(archive: Uint8Array, at: number, bytes: Uint8Array, offset = 0) {
  const out = new Uint8Array(archive);
  out.set(bytes, offset + at);
  out.fill(0x20, offset + 148, offset + 156);
  const sum = out.subarray(offset, offset + TAR_BLOCK).reduce((a, b) => a + b, 0);
  out.set(utf8(sum.toString(8).padStart(6, "0") + "\0"), offset + 148);
  return out;
}

Deno.test("writeTar() and readTar() keep every field", () => {
  const entries: TarEntry[] = [
    { path: ".", kind: "directory", mode: 0o755, uid: 0, gid: 0, mtime: 1 },
    { path: "bin", kind: "directory", mode: 0o1777, uid: 0, gid: 0, mtime: 1, uname: "root" },
    file("bin/su", "elf", { mode: 0o4755, uname: "root", gname: "wheel", gid: 10 }),
    file("bin/empty"),
    { ...file("bin/link"), kind: "symlink", data: undefined, linkTarget: "../etc/./x" },
    { ...file("bin/hard"), kind: "hardlink", data: undefined, linkTarget: "bin/su" },
    { ...file("dev/null"), kind: "char", data: undefined, devMajor: 1, devMinor: 3 },
    { ...file("dev/sda"), kind: "block", data: undefined, devMajor: 8, devMinor: 0 },
    { ...file("run/fifo"), kind: "fifo", data: undefined },
    file("big/ids", "x", { uid: 0o10000000, gid: 2 ** 40, mtime: 2 ** 40 }),
    file("old", "x", { mtime: -5 }),
    file("x/".repeat(150) + "long", "x"),
    file("y".repeat(101), "x"),
    file("ünï/" + "ö".repeat(200), "x"),
    { ...file("l"), kind: "symlink", data: undefined, linkTarget: "z".repeat(101) },
    file("names", "x", { uname: "u".repeat(40), gname: "g".repeat(32) }),
    file("sum", "x", { pax: { "APK-TOOLS.checksum.SHA1": "da39a3ee", comment: "a=b\nc" } }),
    file("cap", "x", { pax: { "SCHILY.xattr.security.capability": "\x01\0\0\x02\xff\0" } }),
  ];
  const expected = entries.map((entry) => {
    const { data, ...rest } = entry;
    return data ? { ...rest, data } : rest;
  });
  assertEquals(readTar(writeTar(entries)), expected as TarEntry[]);
  assertEquals(readTar(writeTar(entries, { end: false })), expected as TarEntry[]);
});

Deno.test("writeTar() pads content at block edges", () => {
  for (const size of [0, 1, 511, 512, 513, 1024]) {
    const archive = writeTar([file("a", "x".repeat(size)), file("b")]);
    assertEquals(archive.length % TAR_BLOCK, 0);
    assertEquals(readTar(archive)[0]!.data!.length, size);
  }
  for (const length of [99, 100, 101, 255, 256, 257, 300]) {
    for (const path of ["p".repeat(length), "d/".repeat(length / 2) + "f"]) {
      assertEquals(readTar(writeTar([file(path)]))[0]!.path, path);
    }
  }
});

Deno.test("readTar() gives back what writeTar() was given", () => {
  const name = fc.string({ minLength: 1, maxLength: 60, unit: "grapheme" })
    .filter((s) => s.isWellFormed() && !/[\0/]/.test(s) && s !== "." && s !== "..");
  const path = fc.array(name, { minLength: 1, maxLength: 6 }).map((names) => names.join("/"));
  const entry = fc.record({
    path,
    kind: fc.constant("file" as const),
    mode: fc.integer({ min: 0, max: 0o7777 }),
    uid: fc.maxSafeNat(),
    gid: fc.maxSafeNat(),
    mtime: fc.integer({ min: -(2 ** 40), max: 2 ** 40 }),
    data: fc.uint8Array({ maxLength: 1100 }).map((data) => new Uint8Array(data)),
  });
  fc.assert(fc.property(fc.array(entry, { maxLength: 5 }), (entries) => {
    assertEquals(readTar(writeTar(entries)), entries);
  }));
});

Deno.test("readTar() refuses an archive cut anywhere inside an entry", () => {
  const archive = writeTar([file("a", "x".repeat(600))], { end: false });
  for (let size = 1; size < archive.length; size++) {
    assertThrows(() => readTar(archive.slice(0, size)), UserError, "truncated");
  }
});

Deno.test("readTar() refuses any changed header byte", () => {
  const archive = writeTar([file("name", "x")]);
  for (let at = 0; at < TAR_BLOCK; at++) {
    const copy = new Uint8Array(archive);
    copy[at]! ^= 0x01;
    // The checksum's terminator carries no meaning.
    if (at === 154 || at === 155) continue;
    assertThrows(() => readTar(copy), UserError, "Cannot read tar");
  }
});

Deno.test("readTar() refuses data behind the end, oversize, sparse and unknown entries", () => {
  const archive = writeTar([file("a", "x"), file("b", "yy")]);
  const behind = concat([archive, writeTar([file("hidden")])]);
  assertThrows(() => readTar(behind), UserError, "behind the end");
  assertThrows(() => readTar(archive, { maxEntries: 1 }), UserError, "more than 1 entries");
  assertThrows(() => readTar(archive, { maxBytes: 2 }), UserError, "more bytes");
  assertEquals(readTar(archive, { maxEntries: 2, maxBytes: 3 }).length, 2);
  for (const type of ["S", "M", "D", "V", "9", "\xff"]) {
    const odd = patched(archive, 156, Uint8Array.of(type.charCodeAt(0)));
    assertThrows(() => readTar(odd), UserError, "unsupported type");
  }
  const sparse = writeTar([file("a", "x", { pax: { "GNU.sparse.major": "1" } })]);
  assertThrows(() => readTar(sparse), UserError, "sparse");
  const magic = patched(archive, 257, utf8("USTAR"));
  assertThrows(() => readTar(magic), UserError, "magic");
});

Deno.test("readTar() refuses malformed numbers, names and pax records", () => {
  const archive = writeTar([file("a", "x")]);
  assertThrows(() => readTar(patched(archive, 124, utf8("0000000000z"))), UserError, "number");
  assertThrows(
    () => readTar(patched(archive, 124, new Uint8Array(12).fill(0x7f, 1).fill(0x80, 0, 1))),
    UserError,
    "out of range",
  );
  assertThrows(() => readTar(patched(archive, 0, Uint8Array.of(0xff))), UserError, "UTF-8");
  assertThrows(() => readTar(patched(archive, 0, Uint8Array.of(0))), UserError, "no name");
  const pax = writeTar([file("a", "x", { pax: { key: "value" } })]);
  for (
    const record of ["99 key=value\n", "x3 key=value\n", "13 key=valueX", "3 \n", "13 keyAvalue\n"]
  ) {
    const broken = new Uint8Array(pax);
    broken.set(utf8(record), TAR_BLOCK);
    assertThrows(() => readTar(broken), UserError, "pax header at offset 0");
  }
  assertThrows(
    () => readTar(pax.slice(0, 2 * TAR_BLOCK)),
    UserError,
    "extended header without an entry",
  );
});

Deno.test("readTar() keeps .. in paths and strips only leading ./ and /", () => {
  for (
    const [stored, path] of [
      ["../up", "../up"],
      ["./a/b", "a/b"],
      ["//etc/x", "etc/x"],
      ["/./a", "a"],
      ["..", ".."],
      [".hidden", ".hidden"],
      ["./", "."],
      ["dir/", "dir"],
    ] as const
  ) {
    const field = new Uint8Array(100);
    field.set(utf8(stored));
    assertEquals(readTar(patched(writeTar([file("a")]), 0, field))[0]!.path, path);
  }
});

Deno.test("readTar() takes a v7 header and a directory marked by its slash", () => {
  const v7 = patched(writeTar([file("dir")]), 257, new Uint8Array(255));
  const entry = readTar(patched(v7, 0, utf8("dir/")))[0]!;
  assertEquals(entry.kind, "directory");
  assertEquals(entry.data, undefined);
});

Deno.test("writeTar() refuses what no archive can hold", () => {
  const bad: Partial<TarEntry>[] = [
    { path: "" },
    { path: "/abs" },
    { path: "./rel" },
    { path: "dir/" },
    { path: "nul\0" },
    { mode: 0o10000 },
    { uid: -1 },
    { gid: 0.5 },
    { kind: "symlink", data: undefined },
    { kind: "directory" },
    { kind: "char", data: undefined },
    { pax: { path: "other" } },
    { pax: { "a=b": "" } },
  ];
  for (const more of bad) {
    assertThrows(() => writeTar([file("a", "x", more)]), UserError, "Cannot write tar");
  }
});
