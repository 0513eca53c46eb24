import { assertEquals, assertThrows } from "@std/assert";
import { checksumHex, openIndex, packageFileName, parseIndex } from "../../../lib/apk/index.ts";
import { concat, utf8 } from "../../../lib/bytes.ts";
import { RefusedError, UserError } from "../../../lib/errors.ts";
import { gzip } from "../../../lib/formats/gzip.ts";
import { writeTar } from "../../../lib/formats/tar.ts";
import {
  file,
  indexText,
  record,
  signatureMember,
  signedIndex,
  testKey,
  trust,
} from "./apk_fixtures.ts";

const CHECKSUM = "Q1LLq2qDNrS/qRnhxQ3hsY/sHbQnc=";
const MINIMAL = `C:${CHECKSUM}\nP:a\nV:1-r0\n`;

Deno.test("parseIndex() reads every field", () => {
  const [one] = parseIndex([
    `C:${CHECKSUM}`,
    "P:openssh-server",
    "V:10.0_p1-r7",
    "A:x86_64",
    "S:11012",
    "I:339968",
    "T:a: description",
    "U:https://example.org/",
    "L:BSD-2-Clause",
    "o:openssh",
    "m:Someone <someone@example.org>",
    "t:1662926906",
    "c:348653a9",
    "k:100",
    "D:musl>=1.2 !dropbear  /bin/sh",
    "p:cmd:sshd=10.0_p1-r7 ssh-server",
    "i:openrc openssh-server=10.0_p1-r7",
    "z:an unknown small letter",
  ].join("\n"));
  assertEquals(one, {
    checksum: CHECKSUM,
    name: "openssh-server",
    version: "10.0_p1-r7",
    arch: "x86_64",
    size: 11012,
    installedSize: 339968,
    description: "a: description",
    url: "https://example.org/",
    license: "BSD-2-Clause",
    origin: "openssh",
    maintainer: "Someone <someone@example.org>",
    buildTime: 1662926906,
    commit: "348653a9",
    providerPriority: 100,
    depends: ["musl>=1.2", "!dropbear", "/bin/sh"],
    provides: ["cmd:sshd=10.0_p1-r7", "ssh-server"],
    installIf: ["openrc", "openssh-server=10.0_p1-r7"],
  });
  assertEquals(packageFileName(one!), "openssh-server-10.0_p1-r7.apk");
  assertEquals(checksumHex(CHECKSUM), "2cbab6a8336b4bfa919e1c50de1b18fec1db4277");
});

Deno.test("parseIndex() takes any number of empty lines between records, and lists on several lines", () => {
  const records = parseIndex(`\n${MINIMAL}D:x\nD:y\n\n\n${MINIMAL.replace("P:a", "P:b")}\n`);
  assertEquals(records.map(({ name, depends }) => [name, depends]), [["a", ["x", "y"]], ["b", []]]);
  assertEquals(parseIndex(""), []);
});

Deno.test("parseIndex() marks packages with unknown capital letters as uninstallable", () => {
  const [one] = parseIndex(`${MINIMAL}X:something new\n`);
  assertEquals(one!.uninstallable, "its index record has the unknown field X:");
});

Deno.test("parseIndex() names the line of what it refuses", () => {
  const table: [string, string][] = [
    ["C;x\n", "line 1 is not of the form letter:value"],
    [`${MINIMAL}P:b\n`, "line 4 repeats P:"],
    [`${MINIMAL}\nP:b\nV:1\n`, "record at line 5 has no C:"],
    [`C:${CHECKSUM}\nV:1\n`, "record at line 1 has no P:"],
    [`C:${CHECKSUM}\nP:a\n`, "record at line 1 has no V:"],
    [MINIMAL.replace(CHECKSUM, "Q2abc"), "malformed value C:Q2abc"],
    [MINIMAL.replace("P:a", "P:../a"), "malformed value P:../a"],
    [MINIMAL.replace("V:1-r0", "V:1/../../x"), "malformed value V:1/../../x"],
    [`${MINIMAL}A:../x86_64\n`, "malformed value A:../x86_64"],
    [`${MINIMAL}S:-1\n`, "malformed value S:-1"],
    [`${MINIMAL}S:9999999999999999\n`, "number out of range in S:"],
    [`${MINIMAL}T:${"x".repeat(1 << 20)}\n`, "line 4 is longer than 1048576 characters"],
  ];
  for (const [index, message] of table) {
    assertThrows(() => parseIndex(index), UserError, message);
  }
});

Deno.test("openIndex() reads what a trusted key signed", () => {
  const records = [record("a-1.0-r0"), record("b-2.0-r1", { depends: ["a"] })];
  for (const type of ["RSA", "RSA256", "RSA512"]) {
    const index = openIndex(signedIndex(records, testKey(), type), trust(testKey()));
    assertEquals(index.records, records);
    assertEquals([index.description, index.keyFile, index.type], [
      "a test repository",
      "test-1.rsa.pub",
      type,
    ]);
  }
});

Deno.test("openIndex() refuses one changed bit anywhere behind the signature", () => {
  const bytes = signedIndex([record("a-1.0-r0")]);
  const member = bytes.length - 20;
  for (const at of [member, member - 60, bytes.length - 1]) {
    const changed = bytes.slice();
    changed[at]! ^= 1;
    const error = assertThrows(() => openIndex(changed, trust(testKey())), RefusedError);
    assertEquals(error.check, "signature");
  }
});

Deno.test("openIndex() refuses bytes appended to a signed index", () => {
  const bytes = concat([signedIndex([record("a-1.0-r0")]), gzip(utf8("P:evil"))]);
  const error = assertThrows(() => openIndex(bytes, trust(testKey())), RefusedError);
  assertEquals(error.check, "signature");
});

Deno.test("openIndex() refuses signed contents that are no index", () => {
  for (
    const content of [
      writeTar([file("README", "x")]),
      utf8("no tar"),
      writeTar([file("APKINDEX", "nonsense")]),
      writeTar([file("APKINDEX", Uint8Array.of(0xff))]),
    ]
  ) {
    const body = gzip(content);
    const bytes = concat([signatureMember(body, testKey()), body]);
    const error = assertThrows(() => openIndex(bytes, trust(testKey())), RefusedError);
    assertEquals(error.check, "malformed");
  }
});

Deno.test("parseIndex() reads back what the index text of the fixtures says", () => {
  const records = [record("a-1", { provides: ["x=1"], installIf: ["b"], providerPriority: 3 })];
  assertEquals(parseIndex(indexText(records)), records);
});

Deno.test("parseIndex() refuses names and versions that no file name has room for", () => {
  const named = (length: number) => `C:${CHECKSUM}\nP:${"p".repeat(length)}\nV:1-r0\n`;
  assertEquals(parseIndex(named(255 - "-1-r0.apk".length)).length, 1);
  assertThrows(() => parseIndex(named(256 - "-1-r0.apk".length)), UserError, "above 255");
});
