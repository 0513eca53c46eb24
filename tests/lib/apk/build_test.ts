import { generateKeyPairSync } from "node:crypto";
import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  type ApkSource,
  buildIndex,
  buildPackage,
  buildPackageAndRecord,
  indexRecord,
} from "../../../lib/apk/build.ts";
import { openIndex } from "../../../lib/apk/index.ts";
import { openPackage } from "../../../lib/apk/package.ts";
import { verifyPackageSignature } from "../../../lib/apk/signature.ts";
import { text, utf8 } from "../../../lib/bytes.ts";
import { RefusedError, UserError } from "../../../lib/errors.ts";
import { gzipMembers } from "../../../lib/formats/gzip.ts";
import { readTar, type TarEntry } from "../../../lib/formats/tar.ts";

const KEY_NAME = "test-0123abcd.rsa.pub";
const pair = generateKeyPairSync("rsa", { modulusLength: 2048 });
const key = {
  name: KEY_NAME,
  privateKey: String(pair.privateKey.export({ type: "pkcs8", format: "pem" })),
};
const keys = new Map([[
  KEY_NAME,
  String(pair.publicKey.export({ type: "spki", format: "pem" })),
]]);

function entry(path: string, rest: Partial<TarEntry> = {}): TarEntry {
  return { path, kind: "file", mode: 0o644, uid: 0, gid: 0, mtime: 7, data: utf8(path), ...rest };
}

function source(change: Partial<ApkSource> = {}): ApkSource {
  return {
    info: {
      name: "hello",
      version: "1.2-r3",
      description: "says hello",
      url: "https://example.org/",
      license: "MIT",
      arch: "x86_64",
      builddate: 1_700_000_000,
      depends: ["so:libc.so.6", "busybox>=1"],
      provides: ["cmd:hello=1.2-r3"],
      providerPriority: 10,
      triggers: ["/bin", "/usr/bin"],
      installIf: ["openrc", "world"],
    },
    scripts: { "pre-install": "#!/bin/sh\nexit 0\n", "post-install": "#!/bin/sh\n" },
    entries: [
      entry("usr/bin/hello", { mode: 0o755 }),
      entry("usr/bin/hallo", { kind: "symlink", linkTarget: "hello", data: undefined }),
      entry("etc/shadow", { mode: 0o640, gname: "shadow" }),
    ],
    key,
    ...change,
  };
}

Deno.test("buildPackage() makes what the reader verifies and reads", () => {
  const { bytes, record } = buildPackageAndRecord(source());
  const index = openIndex(buildIndex([record], key), keys);
  const [facts] = index.records;
  assertEquals(index.keyFile, KEY_NAME);
  assertEquals(facts?.depends, ["so:libc.so.6", "busybox>=1"]);
  assertEquals(facts?.provides, ["cmd:hello=1.2-r3"]);
  assertEquals(facts?.installIf, ["openrc", "world"]);
  assertEquals(facts?.providerPriority, 10);
  assertEquals(verifyPackageSignature(bytes, keys).type, "RSA256");
  const opened = openPackage(bytes, facts!);
  assertEquals(opened.info.description, "says hello");
  assertEquals(opened.info.triggers, ["/bin", "/usr/bin"]);
  assertEquals([...opened.scripts.keys()].sort(), ["post-install", "pre-install"]);
  assertEquals(
    opened.entries.map(({ path, kind, mode, gname }) => [path, kind, mode, gname]),
    [
      ["etc", "directory", 0o755, "root"],
      ["etc/shadow", "file", 0o640, "shadow"],
      ["usr", "directory", 0o755, "root"],
      ["usr/bin", "directory", 0o755, "root"],
      ["usr/bin/hallo", "symlink", 0o644, "root"],
      ["usr/bin/hello", "file", 0o755, "root"],
    ],
  );
});

Deno.test("buildPackage() lays out three members, of which only the last tar has an end", () => {
  const members = gzipMembers(buildPackage(source()));
  assertEquals(members.length, 3);
  const [signature, control, data] = members.map((member) => member.data);
  assertEquals(signature!.length, 1024);
  const zeros = (bytes: Uint8Array) => bytes.subarray(-1024).every((byte) => byte === 0);
  assertEquals([zeros(control!), zeros(data!)], [false, true]);
  assertEquals(readTar(signature!)[0]?.path, `.SIGN.RSA256.${KEY_NAME}`);
  assertEquals(readTar(control!).map(({ path, mode }) => [path, mode]), [
    [".PKGINFO", 0o644],
    [".post-install", 0o755],
    [".pre-install", 0o755],
  ]);
});

Deno.test("buildPackage() records the SHA-1 of files and of link targets", () => {
  const [, , data] = gzipMembers(buildPackage(source()));
  const sums = readTar(data!.data).map(({ path, pax }) => [path, pax?.["APK-TOOLS.checksum.SHA1"]]);
  assertEquals(
    Object.fromEntries(sums)["usr/bin/hallo"],
    "aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d",
  );
  assertEquals(Object.fromEntries(sums)["usr"], undefined);
});

Deno.test("buildPackage() gives the same bytes whatever the order of its input", () => {
  const { entries, ...rest } = source();
  const reversed = { ...rest, entries: [...entries].reverse() };
  assertEquals(buildPackage(reversed), buildPackage(source()));
});

Deno.test("buildPackage() states a size of 1 when only directories or scripts are there", () => {
  const bare = (change: Partial<ApkSource>) =>
    /^I:(.*)$/m.exec(indexRecord(buildPackage(source(change))))?.[1];
  assertEquals(bare({ entries: [], scripts: undefined }), "0");
  assertEquals(bare({ entries: [] }), "1");
  const directory = entry("srv", { kind: "directory", data: undefined });
  assertEquals(bare({ entries: [directory], scripts: undefined }), "1");
});

Deno.test("buildPackage() refuses what apk could not install", () => {
  const cases: [TarEntry[], string][] = [
    [[entry("../etc/passwd")], "is no path below the root"],
    [[entry(".PKGINFO")], "would be read as metadata"],
    [[entry("a"), entry("a")], "is there twice"],
    [[entry("a"), entry("a/b")], "lies below a file"],
    [[entry("dev/null", { kind: "char", data: undefined })], "is a char node"],
    [
      [entry("b"), entry("a", { kind: "hardlink", linkTarget: "b", data: undefined })],
      "is a hard link to a file that does not come before it",
    ],
  ];
  for (const [entries, why] of cases) {
    assertThrows(() => buildPackage(source({ entries })), UserError, why);
  }
  const info = { ...source().info, description: "two\nlines" };
  assertThrows(() => buildPackage(source({ info })), UserError, "pkgdesc has more than one line");
  assertThrows(
    () => buildPackage(source({ key: { ...key, name: "a/b.pub" } })),
    UserError,
    "is no key file name",
  );
});

Deno.test("buildPackage() is refused by the reader after any change of the file", () => {
  const { bytes, record } = buildPackageAndRecord(source());
  const [facts] = openIndex(buildIndex([record], key), keys).records;
  const [, control, data] = gzipMembers(bytes);
  for (const member of [control!, data!]) {
    const changed = bytes.slice();
    const at = member.offset + member.length - 1;
    changed[at] = changed[at]! ^ 1;
    assertThrows(() => openPackage(changed, facts!), RefusedError);
  }
});

Deno.test("indexRecord() of a file is the record made with it, letters in apk's order", () => {
  const { bytes, record } = buildPackageAndRecord(source());
  assertEquals(indexRecord(bytes), record);
  const letters = record.trimEnd().split("\n").map((line) => line[0]).join("");
  assertEquals(letters, "CPVASITULotkDpi");
  assert(record.includes(`\nS:${bytes.length}\n`));
  assertThrows(() => indexRecord(buildIndex([], key)), UserError, "no .PKGINFO");
});

Deno.test("buildIndex() sorts by name and does not mind the order of its input", () => {
  const named = (name: string) => buildPackage(source({ info: { ...source().info, name } }));
  const [a, b] = [named("a"), named("b")];
  const index = buildIndex([b, a], key, { description: "test" });
  assertEquals(index, buildIndex([a, indexRecord(b)], key, { description: "test" }));
  const opened = openIndex(index, keys);
  assertEquals(opened.records.map(({ name }) => name), ["a", "b"]);
  assertEquals(opened.description, "test");
  assertThrows(() => openIndex(index, new Map()), RefusedError);
  assertEquals(text(readTar(gzipMembers(index)[1]!.data)[0]!.data!), "test");
});
