import { assertEquals, assertThrows } from "@std/assert";
import { text, utf8 } from "../../../lib/bytes.ts";
import { formatManifest, parseManifest } from "../../../lib/documents/manifest.ts";
import { UnreadableError } from "../../../lib/schema/read.ts";
import { imageManifest } from "../../support/image_manifest.ts";

const MANIFEST = imageManifest({ "psyopsos-1.0-x86_64.slot.tar": "slot" }, {
  agent: { version: "0.1.0", commit: "abc", form: "bundle" },
  packages: [{
    name: "busybox",
    version: "1.37.0-r12",
    role: "installed",
    arch: "x86_64",
    license: "GPL-2.0-only",
    description: "Size optimized toolbox",
    url: "https://busybox.net/",
    repository: "https://mirror.example/main",
    checksum: "Q1AAAAAAAAAAAAAAAAAAAAAAAAAAA=",
    size: 12,
  }],
});

Deno.test("parseManifest() reads what formatManifest() writes", () => {
  const manifest = parseManifest(MANIFEST);
  assertEquals(JSON.parse(text(formatManifest(manifest))), JSON.parse(text(MANIFEST)));
  assertEquals(manifest.packages.map(({ name, role }) => [name, role]), [["busybox", "installed"]]);
});

Deno.test("parseManifest() leaves out what it does not know, and names what is wrong", () => {
  const document = JSON.parse(text(MANIFEST));
  const changed = (change: object) => utf8(JSON.stringify({ ...document, ...change }));
  assertEquals(parseManifest(changed({ later: 1 })), parseManifest(MANIFEST));
  const cases: [object, string][] = [
    [{ manifest: 2 }, "manifest: must be 1"],
    [{ arch: "vax" }, "arch: must be x86_64 or aarch64"],
    [{ files: [{ path: "x", size: 1.5, sha256: "0" }] }, "files.0.size: must be a whole number"],
    [{ kernel: undefined }, "kernel: is missing"],
  ];
  for (const [change, state] of cases) {
    assertThrows(() => parseManifest(changed(change)), UnreadableError, state);
  }
});
