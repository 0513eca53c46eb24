/**
 * A small signed repository and overlay, enough for the image engine to build from, and a program that
 * builds from it: `deno run image_fixture.ts FOLDER OUT CACHE [odd]`. With "odd" the world is another one:
 * the clock is years ahead and folders are listed backwards.
 */
import { generateKeyPairSync } from "node:crypto";
import { type ApkSource, buildIndex, buildPackageAndRecord } from "../../lib/apk/build.ts";
import { openRepository } from "../../lib/apk/repository.ts";
import { utf8 } from "../../lib/bytes.ts";
import { DenoHost } from "../../lib/deno_host.ts";
import { parseDefinition } from "../../lib/image/definition.ts";
import { buildImage, type BuiltImage } from "../../lib/image/embedded.ts";
import { basePackages, dirEntry, fileEntry } from "./image_packages.ts";
import { makeModule } from "./kernel_module.ts";

const KEY = "fixture.rsa.pub";
export const EPOCH = 1_700_000_000;

const DEFINITION = `
name: fixture
repositories: [{url: "https://mirror.example/main", keys: [{name: ${KEY}, sha256: "${
  "0".repeat(64)
}"}]}]
packages: [alpine-baselayout, busybox, chrony]
boot: {busybox: busybox-static, loader: systemd-boot}
kernel: {flavour: virt, modules: all}
cmdline: console=ttyS0 panic=10
services: {sysinit: [], boot: [], default: [chronyd], shutdown: []}
accounts: {users: {chrony: 100}, groups: {chrony: 101}}
permissions: {etc/secret: {mode: "0600"}}
privileged: []
disk: {sizeMiB: 64}
squashfs: {level: 3}
lab: {omit: {packages: [], services: []}, squashfs: {level: 3}}
`;

/** Writes repository and overlay below `folder`. */
export async function writeFixture(folder: string): Promise<void> {
  const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const key = {
    name: KEY,
    privateKey: String(privateKey.export({ type: "pkcs8", format: "pem" })),
  };
  const module = (name: string) => makeModule({ info: [`name=${name}`, "depends="] });
  const modules = "lib/modules/6.1-test/kernel";
  const sources: [string, ApkSource["entries"], ApkSource["scripts"]?][] = [
    ...basePackages().map(({ record, opened }): [string, ApkSource["entries"]] => [
      record.name,
      opened.entries,
    ]),
    ["chrony", [
      { ...dirEntry("var/lib/chrony", 0o750), uname: "chrony", gname: "chrony" },
      fileEntry("etc/init.d/chronyd", "#!/sbin/openrc-run\n", 0o755),
      fileEntry("usr/share/zone/a", "zone"),
      {
        ...fileEntry("usr/share/zone/b"),
        kind: "hardlink",
        data: undefined,
        linkTarget: "usr/share/zone/a",
      },
    ], { "pre-install": "addgroup -S chrony\nadduser -S -D -H -G chrony chrony\n" }],
    ["linux-virt", [
      fileEntry("boot/vmlinuz-virt", "kernel"),
      ...["loop", "squashfs", "overlay"].map((name) =>
        fileEntry(`${modules}/${name}.ko`, module(name))
      ),
    ]],
    ["busybox-static", [fileEntry("bin/busybox.static", "static", 0o755)]],
    ["systemd-boot", [fileEntry("usr/lib/systemd/boot/efi/systemd-bootx64.efi", "efi")]],
  ];
  const repository = `${folder}/repository/x86_64`;
  await Deno.mkdir(repository, { recursive: true });
  const records = [];
  for (const [name, entries, scripts] of sources) {
    const info = {
      name,
      version: "1-r0",
      description: name,
      url: "https://x.example",
      license: "MIT",
      arch: "x86_64",
      builddate: 1000,
      depends: name === "linux-virt" ? ["initramfs-generator"] : [],
    };
    const { bytes, record } = buildPackageAndRecord({ info, entries, scripts, key });
    await Deno.writeFile(`${repository}/${name}-1-r0.apk`, bytes);
    records.push(record);
  }
  await Deno.writeFile(`${repository}/APKINDEX.tar.gz`, buildIndex(records, key));
  await Deno.writeTextFile(
    `${folder}/${KEY}`,
    String(publicKey.export({ type: "spki", format: "pem" })),
  );
}

/** Writes the overlay; what differs between checkouts (order, umask) is up to the caller. */
export async function writeFixtureOverlay(folder: string, backwards = false): Promise<void> {
  const files: [string, string, number][] = [
    ["root/etc/a", "a", 0o644],
    ["root/etc/secret", "s", 0o644],
    ["root/usr/bin/tool", "#!/bin/sh\n", 0o755],
    ["boot/init", "#!/bin/busybox sh\n", 0o755],
  ];
  for (const [path, data, mode] of backwards ? files.reverse() : files) {
    await Deno.mkdir(`${folder}/${path}`.replace(/\/[^/]*$/, ""), { recursive: true });
    await Deno.writeTextFile(`${folder}/${path}`, data, { mode });
  }
}

/** Another world: later, and with folders in another order. */
class OddHost extends DenoHost {
  override now(): Date {
    return new Date("2031-05-06T07:08:09Z");
  }

  override async readDir(path: string): Promise<string[]> {
    return (await super.readDir(path)).reverse();
  }
}

/** Builds from {@linkcode writeFixture}'s folder. */
export async function buildFixture(
  folder: string,
  outDir: string,
  cacheDir: string,
  odd = false,
): Promise<BuiltImage> {
  const host = odd ? new OddHost() : new DenoHost();
  const overlayDir = `${outDir}/overlay`;
  await writeFixtureOverlay(overlayDir, odd);
  const keys = new Map([[KEY, await Deno.readTextFile(`${folder}/${KEY}`)]]);
  const repository = await openRepository(host, `${folder}/repository`, { arch: "x86_64", keys });
  const agent = [["usr/lib/agent.js", "1"], ["usr/lib/agent.json", "2"]].map(([path, data]) =>
    [path!, { data: utf8(data!), mode: 0o644 }] as const
  );
  return await buildImage(host, {
    definition: parseDefinition(DEFINITION),
    repositories: [repository],
    keys,
    agent: new Map(odd ? agent.toReversed() : agent),
    overlayDir,
    version: "1.0",
    epoch: EPOCH,
    outDir,
    cacheDir,
    cmdlineExtra: "extra=1",
  });
}

if (import.meta.main) {
  const [folder = "", out = "", cache = "", odd] = Deno.args;
  await buildFixture(folder, out, cache, odd === "odd");
}
