import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import type { IndexRecord } from "../../../lib/apk/index.ts";
import { openPackage } from "../../../lib/apk/package.ts";
import { splitSignatures } from "../../../lib/apk/signature.ts";
import { type Bytes, concat, sha256Hex, text, utf8 } from "../../../lib/bytes.ts";
import { RefusedError } from "../../../lib/errors.ts";
import { gzip } from "../../../lib/formats/gzip.ts";
import { writeTar } from "../../../lib/formats/tar.ts";
import { entry, file, makePackage, type PackageWish, testKey } from "./apk_fixtures.ts";

/** SHA-1 of "hi". */
const SHA1_HI = "c22b5f9178342609428d6f51b2c5af4c0bde6a42";

function refusal(bytes: Bytes, record: IndexRecord, sha256?: string): RefusedError {
  return assertThrows(
    () => openPackage(bytes, record, sha256 === undefined ? {} : { sha256 }),
    RefusedError,
  );
}

function refusalOf(wish: PackageWish): RefusedError {
  const { bytes, record } = makePackage(wish);
  return refusal(bytes, record);
}

Deno.test("openPackage() gives info, scripts and entries, signed or not", () => {
  for (const key of [undefined, testKey()]) {
    const { bytes, record } = makePackage({
      ...key ? { key } : {},
      entries: [
        entry("etc", "directory"),
        { ...file("etc/motd", "hi"), pax: { "APK-TOOLS.checksum.SHA1": SHA1_HI } },
        entry("etc/issue", "symlink", "/etc/motd"),
        entry("etc/hard", "hardlink", "etc/motd"),
        file(".dummy", "never installed"),
      ],
      control: [file(".post-install", "#!/bin/sh\n", 0o755), file(".pre-install", "x", 0o755)],
      lines: ["depend = musl", "depend = /bin/sh", "triggers = /bin /usr/*", "replaces = a b"],
    });
    const opened = openPackage(bytes, record);
    assertEquals(opened.info.depends, ["musl", "/bin/sh"]);
    assertEquals(opened.info.triggers, ["/bin", "/usr/*"]);
    assertEquals(opened.info.replaces, ["a", "b"]);
    assertEquals([...opened.scripts.keys()], ["pre-install", "post-install"]);
    assertEquals(text(opened.scripts.get("post-install")!), "#!/bin/sh\n");
    assertEquals(opened.entries.map(({ path }) => path), [
      "etc",
      "etc/motd",
      "etc/issue",
      "etc/hard",
    ]);
    assertEquals(opened.sha256, sha256Hex(bytes));
    assertEquals(openPackage(bytes, record, { sha256: opened.sha256 }).sha256, opened.sha256);
  }
});

Deno.test("openPackage() compares the size first", () => {
  const { bytes, record } = makePackage();
  assertEquals(refusal(concat([bytes, Uint8Array.of(0)]), record).check, "size");
  assertEquals(refusal(bytes.subarray(1), record).check, "size");
});

Deno.test("openPackage() compares the SHA-256 of a lock before it reads anything", () => {
  const { bytes, record } = makePackage();
  const error = refusal(bytes, record, "0".repeat(64));
  assertEquals(error.check, "hash");
  assertStringIncludes(error.message, "not the one in the lock");
});

Deno.test("openPackage() refuses every changed byte", () => {
  const { bytes, record } = makePackage({ entries: [file("etc/motd", "hi")], key: testKey() });
  const seen = new Set<string>();
  const { bodyOffset } = splitSignatures(bytes, "hello");
  for (let at = bodyOffset; at < bytes.length; at++) {
    const changed = bytes.slice();
    changed[at]! ^= 1;
    seen.add(refusal(changed, record).check);
  }
  // Damage in the control part may break its compression before its hash is known.
  assertEquals([...seen].sort(), ["hash", "malformed"]);
});

Deno.test("openPackage() refuses the control part of another package", () => {
  const { bytes } = makePackage({ lines: ["depend = evil"] });
  const { record } = makePackage();
  const error = refusal(bytes, { ...record, size: bytes.length });
  assertEquals(error.check, "hash");
  assertStringIncludes(error.message, "control part");
});

Deno.test("openPackage() compares the data hash before it unpacks the data", () => {
  // Not even gzip: had it been unpacked first, the check would be "malformed".
  const error = refusalOf({ data: utf8("evil data"), dataHash: "0".repeat(64) });
  assertEquals(error.check, "hash");
});

Deno.test("openPackage() refuses data without a hash", () => {
  const error = refusalOf({ entries: [file("etc/motd", "hi")], dataHash: "" });
  assertEquals(error.check, "hash");
  assertStringIncludes(error.message, "has no datahash");
});

Deno.test("openPackage() takes a package without a data part", () => {
  const { bytes, record } = makePackage({ data: new Uint8Array(), dataHash: "" });
  assertEquals(openPackage(bytes, record).entries, []);
});

Deno.test("openPackage() refuses a second data part, though the hash covers it", () => {
  const data = concat([gzip(writeTar([])), gzip(writeTar([file("evil", "x")]))]);
  assertStringIncludes(refusalOf({ data }).message, "more than one data part");
});

Deno.test("openPackage() refuses a file that does not have its recorded SHA-1", () => {
  const pax = { "APK-TOOLS.checksum.SHA1": SHA1_HI };
  assertEquals(refusalOf({ entries: [{ ...file("etc/motd", "ho"), pax }] }).check, "hash");
  const link = { ...entry("etc/motd", "symlink", "ho"), pax };
  assertEquals(refusalOf({ entries: [link] }).check, "hash");
});

Deno.test("openPackage() refuses files without a recorded SHA-1, which apk would not install", () => {
  const etc = entry("etc", "directory");
  assertEquals(
    refusalOf({ bare: true, entries: [etc, file("etc/motd", "hi")] }).message,
    "Cannot trust hello-1.0-r0.apk: the file etc/motd has no recorded SHA-1: apk would not install it",
  );
  for (const sum of [SHA1_HI.slice(1), `${SHA1_HI}0`, "x".repeat(40)]) {
    const motd = { ...file("etc/motd", "hi"), pax: { "APK-TOOLS.checksum.SHA1": sum } };
    assertEquals(refusalOf({ entries: [etc, motd] }).check, "hash");
  }
  // apk takes links without.
  const link = entry("etc/issue", "symlink", "motd");
  const { bytes, record } = makePackage({ bare: true, entries: [etc, link] });
  assertEquals(openPackage(bytes, record).entries.length, 2);
});

Deno.test("openPackage() refuses content of a package that is to install nothing", () => {
  const wishes: PackageWish[] = [
    { entries: [file("motd", "hi")] },
    { entries: [entry("etc", "directory")] },
    { control: [file(".post-install", "#!/bin/sh\n", 0o755)] },
  ];
  for (const wish of wishes) {
    const { bytes, record } = makePackage(wish);
    openPackage(bytes, record);
    const error = refusal(bytes, { ...record, installedSize: 0 });
    assertEquals(error.check, "malformed");
    assertStringIncludes(error.message, "its size is 0 (I: of the index)");
  }
  const { bytes, record } = makePackage({ entries: [file(".dummy", "never installed")] });
  assertEquals(openPackage(bytes, { ...record, installedSize: 0 }).entries, []);
});

Deno.test("openPackage() refuses a line break in a file's name", () => {
  const error = refusalOf({ entries: [file("etc/a\nP:evil", "x")] });
  assertEquals(error.check, "path");
  assertStringIncludes(error.message, "has a control character");
});

Deno.test("openPackage() refuses a package that calls itself otherwise", () => {
  const { bytes, record } = makePackage({ name: "evil" });
  const error = refusal(bytes, { ...record, name: "hello" });
  assertEquals(error.check, "malformed");
  assertStringIncludes(error.message, "Cannot trust hello-1.0-r0.apk: it calls itself evil-1.0-r0");
});

Deno.test("openPackage() refuses malformed parts and names the package", () => {
  const broken: PackageWish[] = [
    { data: gzip(utf8("no tar")) },
    { lines: ["nonsense"] },
    { lines: ["size = many"] },
    { lines: ["pkgver = 2"] },
    { dataHash: "abc" },
  ];
  for (const wish of broken) {
    const error = refusalOf(wish);
    assertEquals(error.check, "malformed");
    assertStringIncludes(error.message, "Cannot read hello-1.0-r0.apk: ");
  }
});
