import { assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import type { Manifest, ManifestPackage } from "../../../../lib/documents/manifest.ts";
import { makeSbom, packageUrl, vendorOf } from "../../../../lib/image/release/sbom.ts";

const busybox: ManifestPackage = {
  name: "busybox",
  version: "1.37.0-r30",
  role: "installed",
  arch: "x86_64",
  origin: "busybox",
  license: "GPL-2.0-only",
  description: "Size optimized toolbox",
  url: "https://busybox.net/",
  repository: "https://dl-cdn.alpinelinux.org/alpine/v3.24/main",
  checksum: "Q1AAAAAAAAAAAAAAAAAAAAAAAAAAA=",
  sha256: "a".repeat(64),
  size: 10,
};
const manifest: Manifest = {
  manifest: 1,
  name: "psyopsOS",
  version: "1.2.3",
  arch: "x86_64",
  engine: "embedded",
  epoch: 1_700_000_000,
  kernel: "6.18.54-0-virt",
  cmdline: "panic=10",
  agent: { version: "0.1.0", commit: "abc", form: "bundle" },
  packages: [
    busybox,
    { ...busybox, name: "gcc++", license: "GPL-2.0-or-later WITH (odd", url: "none" },
    { ...busybox, role: "kernel", name: "linux-virt", license: "(A OR MIT) AND B-1.0+" },
  ],
  deferredScripts: [],
  files: [],
};

Deno.test("packageUrl() names the distribution's release, and escapes", () => {
  assertEquals(
    packageUrl(busybox, "alpine"),
    "pkg:apk/alpine/busybox@1.37.0-r30?arch=x86_64&distro=alpine-3.24",
  );
  const odd = { ...busybox, name: "libstdc++", version: "1:2~3", repository: "a local folder" };
  assertEquals(packageUrl(odd, "alpine"), "pkg:apk/alpine/libstdc%2B%2B@1%3A2~3?arch=x86_64");
});

Deno.test("makeSbom() never passes somebody else's packages off as Alpine's", () => {
  assertEquals(vendorOf(["alpine-devel@lists.alpinelinux.org-6165ee59.rsa.pub"]), "alpine");
  assertEquals(vendorOf(["lab-1.rsa.pub"]), "local");
  assertEquals(vendorOf([]), "local");
  assertEquals(packageUrl(busybox, "local"), "pkg:apk/local/busybox@1.37.0-r30?arch=x86_64");
});

Deno.test("makeSbom() lists packages and the agent, each once, with licences and hashes", () => {
  const twice = {
    ...manifest,
    packages: [...manifest.packages, { ...busybox, role: "loader" as const }],
  };
  const sbom = makeSbom(twice, "alpine");
  assertEquals([sbom.bomFormat, sbom.specVersion, sbom.version], ["CycloneDX", "1.6", 1]);
  assertMatch(
    sbom.serialNumber,
    /^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
  );
  assertEquals(sbom.metadata.timestamp, "2023-11-14T22:13:20Z");
  assertEquals(sbom.components.map(({ name, type }) => [name, type]), [
    ["busybox", "library"],
    ["gcc++", "library"],
    ["linux-virt", "operating-system"],
    ["psyopsos-agent", "application"],
  ]);
  const licences = sbom.components.map((one) => "licenses" in one ? one.licenses : undefined);
  assertEquals(licences, [
    [{ expression: "GPL-2.0-only" }],
    [{ license: { name: "GPL-2.0-or-later WITH (odd" } }],
    [{ expression: "(A OR MIT) AND B-1.0+" }],
    undefined,
  ]);
  const refs = sbom.components.map((one) => one["bom-ref"]);
  assertEquals(new Set(refs).size, refs.length);
  assertEquals(sbom.dependencies[0], {
    ref: "psyopsOS@1.2.3?arch=x86_64",
    dependsOn: refs,
  });
});

Deno.test("makeSbom() depends on the image alone", () => {
  // Fixed, since only a clock or a random number would make it another one on another day.
  const sbom = makeSbom(manifest, "alpine");
  assertEquals(sbom.serialNumber, "urn:uuid:c4719288-0ff3-8eb1-abd3-0a116963a908");
  assertEquals(sbom.metadata.timestamp, "2023-11-14T22:13:20Z");
  assertNotEquals(makeSbom({ ...manifest, kernel: "7" }, "alpine").serialNumber, sbom.serialNumber);
});

Deno.test("makeSbom() lists what a compiled agent brings with it", () => {
  const purl = "pkg:deb/debian/libc6@2.36-9%2Bdeb12u14?arch=amd64";
  const contains = [{ name: "libc6", version: "2.36-9+deb12u14", purl }];
  const agent = { version: "0.1.0", commit: "abc", form: "glibc", contains };
  const { components } = makeSbom({ ...manifest, agent }, "alpine");
  const found = components.find(({ name }) => name === "libc6");
  assertEquals([found?.version, found && "purl" in found && found.purl], [
    "2.36-9+deb12u14",
    purl,
  ]);
});
