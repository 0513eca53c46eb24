/** Everything a package might try in order to write outside of its root. */
import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { checkEntryPaths } from "../../../lib/apk/entry_paths.ts";
import { openPackage } from "../../../lib/apk/package.ts";
import { utf8 } from "../../../lib/bytes.ts";
import { RefusedError } from "../../../lib/errors.ts";
import { gzip } from "../../../lib/formats/gzip.ts";
import { type TarEntry, writeTar } from "../../../lib/formats/tar.ts";
import { patchedTar } from "../../support/patched_tar.ts";
import { countSteps } from "../../support/steps.ts";
import { entry, file, makePackage } from "./apk_fixtures.ts";

function refusal(...entries: TarEntry[]): string {
  const error = assertThrows(() => checkEntryPaths(entries, "x.apk"), RefusedError);
  assertEquals([error.check, error.document], ["path", "x.apk"]);
  return error.message;
}

Deno.test("checkEntryPaths() accepts an ordinary package", () => {
  checkEntryPaths([
    entry(".", "directory"),
    entry("etc", "directory"),
    entry("etc", "directory"),
    file("etc/...", "dots alone are a name"),
    file("etc/..a", "so is this"),
    entry("var", "directory"),
    entry("var/run", "symlink", "../../../run"),
    entry("bin", "directory"),
    entry("bin/sh", "symlink", "/bin/busybox"),
    // Folders above a folder are made by apk itself.
    entry("usr/bin", "directory"),
    file("usr/bin/a", "x"),
    file("at the top", "x"),
    file("etc/ünï\u0085\u2028 b", "what apk takes for no control character"),
    entry("usr/bin/b", "hardlink", "usr/bin/a"),
  ], "x.apk");
});

Deno.test("checkEntryPaths() refuses paths that leave the root", () => {
  for (
    const path of [
      "..",
      "../etc/passwd",
      "a/../../b",
      "a/..",
      "/etc/passwd",
      "a//b",
      "a/./b",
      "",
      "a\0b",
    ]
  ) {
    assertStringIncludes(
      refusal(file(path, "x")),
      `${JSON.stringify(path)} is not a plain path below`,
    );
  }
  assertStringIncludes(refusal(file(".", "x")), "is not a plain path below");
});

Deno.test("checkEntryPaths() refuses to write through the package's own links and files", () => {
  const opt = entry("opt", "directory");
  const below = refusal(opt, entry("opt/x", "symlink", "/"), file("opt/x/etc/shadow", "x"));
  assertStringIncludes(below, '"opt/x/etc/shadow" lies below the symlink opt/x');
  refusal(entry("a", "symlink", "/etc"), entry("a/b", "directory"));
  refusal(file("a", "x"), file("a/b", "x"));
  refusal(file("a", "x"), entry("b", "hardlink", "a"), file("b/c", "x"));
});

Deno.test("checkEntryPaths() refuses names that would add lines to apk's database", () => {
  const etc = entry("etc", "directory");
  for (const odd of ["\n", "\r", "\t", "\x01", "\x1f", "\x7f", "\x1b"]) {
    const name = `etc/a${odd}R:passwd`;
    for (const bad of [file(name, "x"), entry(name, "directory"), entry(name, "symlink", "x")]) {
      assertStringIncludes(refusal(etc, bad), `has a control character in ${JSON.stringify(name)}`);
    }
    const owned = { ...file("etc/a", "x"), uname: `u${odd}` };
    assertStringIncludes(refusal(etc, owned), "has a control character");
    refusal(etc, { ...file("etc/a", "x"), gname: `g${odd}` });
  }
});

Deno.test("checkEntryPaths() refuses files whose folder has no entry before them", () => {
  const message =
    'Cannot unpack x.apk: "usr/bin/a" has no entry for its folder usr/bin before it: ' +
    "apk would not install it";
  assertEquals(refusal(file("usr/bin/a", "x")), message);
  assertEquals(refusal(entry("usr", "directory"), file("usr/bin/a", "x")), message);
  assertEquals(refusal(file("usr/bin/a", "x"), entry("usr/bin", "directory")), message);
  refusal(entry("usr/bin/a", "symlink", "b"));
  // That apk makes usr for the sake of usr/bin gives it no entry.
  refusal(entry("usr/bin", "directory"), file("usr/a", "x"));
});

Deno.test("checkEntryPaths() takes long packages of deep folders in its stride", () => {
  const deep = "d/".repeat(1000);
  const entries = Array.from({ length: 2000 }, (_, i) => file(`${deep}f${i}`, "x"));
  const folder = entry(deep.slice(0, -1), "directory");
  // Not one by folder of each path: that would be two millions.
  countSteps(10_000, () => checkEntryPaths([folder, ...entries], "x.apk"));
});

Deno.test("checkEntryPaths() refuses a path that comes twice", () => {
  refusal(entry("a", "symlink", "/etc/passwd"), file("a", "x"));
  refusal(file("a", "x"), file("a", "y"));
  refusal(entry("a", "directory"), entry("a", "symlink", "/"));
});

Deno.test("checkEntryPaths() refuses hard links to anything but an own file before them", () => {
  for (const target of ["etc/shadow", "../etc/shadow", "/etc/shadow", "d", "b"]) {
    refusal(entry("d", "directory"), entry("b", "hardlink", target));
  }
  refusal(entry("s", "symlink", "/etc/shadow"), entry("b", "hardlink", "s"));
});

Deno.test("checkEntryPaths() refuses devices, and names without end", () => {
  for (const kind of ["char", "block", "fifo"] as const) {
    assertStringIncludes(refusal(entry("dev/x", kind)), `is a ${kind}, which no package may bring`);
  }
  refusal(file("a/".repeat(2100) + "b", "x"));
  refusal(entry("a", "symlink", "x".repeat(5000)));
});

Deno.test("openPackage() refuses traversal in a package that is otherwise in order", () => {
  for (const path of ["../evil", "a/../../evil", "/evil", "./evil"]) {
    // The writer would refuse most of these.
    const data = gzip(patchedTar(writeTar([file("-".repeat(20), "x")]), 0, utf8(`${path}\0`)));
    const { bytes, record } = makePackage({ data });
    const error = assertThrows(() => openPackage(bytes, record), RefusedError);
    assertEquals(error.check, "path");
  }
  const { bytes, record } = makePackage({
    entries: [entry("tmp/x", "symlink", "/root"), file("tmp/x/.profile", "x")],
  });
  assertEquals(assertThrows(() => openPackage(bytes, record), RefusedError).check, "path");
});
