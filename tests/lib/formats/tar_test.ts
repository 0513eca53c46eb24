import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { concat, text, utf8 } from "../../../lib/bytes.ts";
import { UserError } from "../../../lib/errors.ts";
import {
  firstTarPath,
  readTar,
  TAR_BLOCK,
  type TarEntry,
  writeTar,
} from "../../../lib/formats/tar.ts";
import { patchedTar } from "../../support/patched_tar.ts";

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
    const odd = patchedTar(archive, 156, Uint8Array.of(type.charCodeAt(0)));
    assertThrows(() => readTar(odd), UserError, "unsupported type");
  }
  const sparse = writeTar([file("a", "x", { pax: { "GNU.sparse.major": "1" } })]);
  assertThrows(() => readTar(sparse), UserError, "sparse");
  const magic = patchedTar(archive, 257, utf8("USTAR"));
  assertThrows(() => readTar(magic), UserError, "magic");
});

Deno.test("readTar() refuses malformed numbers, names and pax records", () => {
  const archive = writeTar([file("a", "x")]);
  assertThrows(() => readTar(patchedTar(archive, 124, utf8("0000000000z"))), UserError, "number");
  assertThrows(
    () => readTar(patchedTar(archive, 124, new Uint8Array(12).fill(0x7f, 1).fill(0x80, 0, 1))),
    UserError,
    "out of range",
  );
  assertThrows(() => readTar(patchedTar(archive, 0, Uint8Array.of(0xff))), UserError, "UTF-8");
  assertThrows(() => readTar(patchedTar(archive, 0, Uint8Array.of(0))), UserError, "no name");
  const pax = writeTar([file("a", "x", { pax: { key: "value" } })]);
  for (
    const record of ["99 key=value\n", "x3 key=value\n", "13 key=valueX", "3 \n", "13 keyAvalue\n"]
  ) {
    const broken = new Uint8Array(pax);
    broken.set(utf8(record), TAR_BLOCK);
    assertThrows(() => readTar(broken), UserError, "entry at offset 0 has a pax record");
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
    assertEquals(readTar(patchedTar(writeTar([file("a")]), 0, field))[0]!.path, path);
  }
});

Deno.test("readTar() takes a v7 header and a directory marked by its slash", () => {
  const v7 = patchedTar(writeTar([file("dir")]), 257, new Uint8Array(255));
  const entry = readTar(patchedTar(v7, 0, utf8("dir/")))[0]!;
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

Deno.test("firstTarPath() tells what comes first, from the beginning of an archive", () => {
  const plain = writeTar([file("a/b", "x".repeat(600)), file("c")]);
  assertEquals(firstTarPath(plain), "a/b");
  for (let size = 0; size < plain.length; size += 7) {
    assertEquals(firstTarPath(plain.slice(0, size)), size < TAR_BLOCK ? undefined : "a/b");
  }
  const long = `${"n".repeat(170)}/b`;
  const extended = writeTar([file(long, "x", { pax: { key: "value".repeat(200) } })]);
  assertEquals(firstTarPath(extended), long);
  const real = 4 * TAR_BLOCK;
  for (let size = 0; size < extended.length; size += 7) {
    const there = size >= real + TAR_BLOCK;
    assertEquals(firstTarPath(extended.slice(0, size)), there ? long : undefined);
  }
  assertEquals(firstTarPath(utf8("no tar".repeat(200))), undefined);
  assertEquals(firstTarPath(writeTar([])), undefined);
  assertEquals(firstTarPath(patchedTar(plain, 0, utf8("./PaxHeaders/x\0"))), "./PaxHeaders/x");
});

Deno.test("readTar() takes numbers that fill their field, as apk writes indexes", () => {
  const plain = writeTar([file("APKINDEX", "xyz")]);
  // No NUL behind size and time, and the magic of GNU's dialect.
  const sized = patchedTar(plain, 124, utf8("000000000003014524770400"));
  const [entry] = readTar(patchedTar(sized, 257, utf8("ustar  \0")));
  assertEquals([text(entry!.data!), entry!.mtime], ["xyz", 1_700_000_000]);
});

Deno.test("readTar() refuses negative numbers, which would lead it back", () => {
  const negative = (value: number, length: number) => {
    const field = new Uint8Array(length);
    new DataView(field.buffer).setBigInt64(length - 8, BigInt(value));
    return field.fill(0xff, 0, length - 8);
  };
  const pax = writeTar([file("a", "x", { pax: { key: "value" } })]);
  for (const type of ["x", "g", "L", "K", "0", "5"]) {
    const typed = patchedTar(pax, 156, utf8(type));
    for (const size of [-1, -511, -512, -513, -1024, -(2 ** 40)]) {
      assertThrows(
        () => readTar(patchedTar(typed, 124, negative(size, 12))),
        UserError,
        "entry at offset 0 has a negative number",
      );
    }
  }
  const plain = writeTar([file("a", "x")]);
  for (const at of [100, 108, 116]) {
    assertThrows(() => readTar(patchedTar(plain, at, negative(-2, 8))), UserError, "negative");
  }
  const device = writeTar([{
    ...file("a"),
    kind: "char",
    data: undefined,
    devMajor: 1,
    devMinor: 2,
  }]);
  for (const at of [329, 337]) {
    assertThrows(() => readTar(patchedTar(device, at, negative(-2, 8))), UserError, "negative");
  }
  // A time may be: GNU tar so stores files from before 1970, and no reader goes anywhere by it.
  assertEquals(readTar(patchedTar(plain, 136, negative(-5, 12)))[0]!.mtime, -5);
});

Deno.test("readTar() bounds paths, targets and pax records", () => {
  const long = (length: number) => file("x", "", { pax: { comment: "p".repeat(length) } });
  const bound = writeTar([file("p/".repeat(2047) + "pp")]);
  assertEquals(readTar(bound)[0]!.path.length, 4096);
  assertThrows(() => readTar(writeTar([file("p/".repeat(2048) + "p")])), UserError, "path above");
  const link = { ...file("l"), kind: "symlink" as const, data: undefined };
  assertThrows(
    () => readTar(writeTar([{ ...link, linkTarget: "t".repeat(4097) }])),
    UserError,
    "target above",
  );
  assertThrows(() => readTar(writeTar([long(1 << 20)])), UserError, "above 1048576 bytes");
  const pax = Object.fromEntries(Array.from({ length: 257 }, (_, i) => [`key${i}`, "value"]));
  assertThrows(() => readTar(writeTar([file("x", "", { pax })])), UserError, "256 pax records");
});

Deno.test("readTar() does not take the square of a name's length over slashes", () => {
  const slashes = `a${"/".repeat(1_000_000)}b`;
  const archive = writeTar([file("x", "", { pax: { comment: slashes.slice(0, 1_000_000) } })]);
  // The record becomes one of the name.
  const named = new Uint8Array(archive);
  named.set(utf8("path="), named.indexOf(0x63, TAR_BLOCK));
  const start = performance.now();
  assertThrows(() => readTar(named), UserError);
  assert(performance.now() - start < 10_000);
});

Deno.test("readTar() keeps ./ and / in front of paths when asked to", () => {
  const archive = writeTar([file("--a")]);
  const paths = (path: string, storedPaths: boolean) =>
    readTar(patchedTar(archive, 0, utf8(`${path}\0`)), { storedPaths })[0]!.path;
  for (
    const [stored, kept, plain] of [
      ["./a", "./a", "a"],
      ["/a", "/a", "a"],
      ["./", ".", "."],
      ["/", "/", "."],
      ["a//", "a", "a"],
    ] as const
  ) {
    assertEquals([paths(stored, true), paths(stored, false)], [kept, plain]);
  }
});
