import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  DEBIAN_MIRRORS,
  GLIBC_DEBS,
  glibcFiles,
  pinnedGlibc,
} from "../../../lib/agent_build/glibc.ts";
import { programFacts } from "../../../lib/agent_build/program.ts";
import { type Bytes, sha256Hex, utf8 } from "../../../lib/bytes.ts";
import { UserError } from "../../../lib/errors.ts";
import { type TarEntry, writeTar } from "../../../lib/formats/tar.ts";
import { elfFile, LOADERS } from "../../support/elf.ts";
import { FakeHost } from "../../support/fake_host.ts";

const FOLDER = "lib/x86_64-linux-gnu";

function entry(path: string, data: Bytes): TarEntry {
  return { path, kind: "file", mode: 0o644, uid: 0, gid: 0, mtime: 0, data };
}

function library(soname: string, needed: string[] = [], text = ""): TarEntry {
  return entry(`${FOLDER}/${soname}`, elfFile({ soname, needed, text }));
}

const LOADER = "ld-linux-x86-64.so.2";
const ENTRIES = [
  library(LOADER),
  library("libc.so.6", [LOADER], "GLIBC_2.2.5 GLIBC_2.36"),
  library("libm.so.6", ["libc.so.6"]),
  library("libgcc_s.so.1", ["libc.so.6"]),
  library("libnsl.so.1"),
  entry("usr/share/doc/libc6/copyright", utf8("LGPL")),
  entry("usr/share/doc/libc6/changelog.gz", utf8("x")),
  entry("usr/lib/x86_64-linux-gnu/gconv/BIG5.so", utf8("x")),
];

function program(needed: string[], text = "GLIBC_2.27") {
  return programFacts(elfFile({ interpreter: LOADERS.glibc, needed, text }))!;
}

Deno.test("glibcFiles() takes the loader, what is needed, what that needs, and the licence", () => {
  const files = glibcFiles(program(["libgcc_s.so.1", "libm.so.6"]), ENTRIES, "x86_64");
  assertEquals([...files].map(([path, { mode }]) => [path, mode]), [
    ["lib64/ld-linux-x86-64.so.2", 0o755],
    ["usr/lib/x86_64-linux-gnu/libgcc_s.so.1", 0o755],
    ["usr/lib/x86_64-linux-gnu/libm.so.6", 0o755],
    ["usr/lib/x86_64-linux-gnu/libc.so.6", 0o755],
    ["usr/share/doc/libc6/copyright", 0o644],
  ]);
  // Nothing of it is where musl's files are.
  for (const path of files.keys()) assertEquals(/^(usr\/)?lib\/[^/]+$/.test(path), false, path);
});

Deno.test("glibcFiles() names what is missing, and a glibc that is too old", () => {
  assertThrows(
    () => glibcFiles(program(["libz.so.1"]), ENTRIES, "x86_64"),
    UserError,
    "no package has libz.so.1",
  );
  assertThrows(
    () => glibcFiles(program(["libc.so.6"], "GLIBC_2.38"), ENTRIES, "x86_64"),
    UserError,
    "it needs glibc 2.38, the package has 2.36",
  );
});

const DEB = utf8("!<arch>\nnot really");
const PIN = { path: "main/g/g/a_1+b1_amd64.deb", size: DEB.length, sha256: sha256Hex(DEB) };
const MIRRORS = ["https://one.example/debian", "https://two.example/archive/20260101T000000Z"];
const URLS = MIRRORS.map((mirror) => `${mirror}/pool/main/g/g/a_1%2Bb1_amd64.deb`);

function debHost(pages: Record<string, Bytes>) {
  const host = new FakeHost();
  host.programs.set("dpkg-deb", () => ({ stdout: writeTar(ENTRIES) }));
  for (const [url, data] of Object.entries(pages)) host.pages.set(url, data);
  return host;
}

function pinned(debs = { x86_64: [PIN] }) {
  return pinnedGlibc({ cacheDir: "/cache/debs", debs, mirrors: MIRRORS });
}

Deno.test("pinnedGlibc() takes only bytes of the pinned hash, from whichever mirror, and keeps them", async () => {
  const wrong = DEB.slice();
  wrong[9]! ^= 1;
  const host = debHost({ [URLS[0]!]: wrong, [URLS[1]!]: DEB });
  const { packages, entries } = await pinned()(host, "x86_64");
  assertEquals(entries.length, ENTRIES.length);
  assertEquals(packages, [{ name: "a", version: "1+b1" }]);
  assertEquals(await host.readFile("/cache/debs/a_1+b1_amd64.deb"), DEB);
  host.pages.clear();
  await pinned()(host, "x86_64");
  // What was kept and is damaged is not used.
  host.put("/cache/debs/a_1+b1_amd64.deb", wrong);
  const error = await assertRejects(() => pinned()(host, "x86_64"), UserError, "no mirror gives");
  assertEquals(error.hint!.split("\n").length, 2, error.hint);
});

Deno.test("pinnedGlibc() refuses a mirror's longer file and an architecture without a pin", async () => {
  const longer = new Uint8Array(DEB.length + 1);
  const host = debHost({ [URLS[0]!]: longer, [URLS[1]!]: longer });
  await assertRejects(() => pinned()(host, "x86_64"), UserError, "no mirror gives it");
  await assertRejects(() => pinned()(host, "aarch64"), UserError, "no package is pinned");
});

Deno.test("pinnedGlibc() says what unpacks a Debian package", async () => {
  const host = debHost({ [URLS[0]!]: DEB });
  host.programs.delete("dpkg-deb");
  await assertRejects(() => pinned()(host, "x86_64"), UserError, "it has no data.tar.xz");
  const name = "data.tar.xz".padEnd(16);
  const header = `${name}${"0".padEnd(12)}${"0".padEnd(6)}${"0".padEnd(6)}${"100644".padEnd(8)}`;
  const deb = utf8(`!<arch>\n${header}${"2".padEnd(10)}\`\nxz`);
  const other = pinned({ x86_64: [{ ...PIN, size: deb.length, sha256: sha256Hex(deb) }] });
  host.pages.set(URLS[0]!, deb);
  await assertRejects(() => other(host, "x86_64"), UserError, "neither dpkg-deb nor xz");
  host.programs.set("xz", (_, { stdin }) => {
    assertEquals(stdin, utf8("xz"));
    return { stdout: writeTar(ENTRIES) };
  });
  assertEquals((await other(host, "x86_64")).entries.length, ENTRIES.length);
});

Deno.test("the pinned packages are of one release and well formed", () => {
  for (const debs of Object.values(GLIBC_DEBS)) {
    for (const { path, size, sha256 } of debs) {
      assertEquals(/^main\/g\/[a-z0-9-]+\/[\w.+-]+~?[\w.+-]*_amd64\.deb$/.test(path), true, path);
      assertEquals(/^[0-9a-f]{64}$/.test(sha256), true);
      assertEquals(size > 10_000 && size < 10_000_000, true);
    }
  }
  for (const mirror of DEBIAN_MIRRORS) assertEquals(URL.canParse(mirror), true);
});
