/**
 * A small project with a signed package repository, for builds by the stand-in builder.
 */
import { generateKeyPairSync } from "node:crypto";
import { type ApkInfo, buildIndex, buildPackage } from "../../../lib/apk/build.ts";
import { utf8 } from "../../../lib/bytes.ts";
import { parseDefinition } from "../../../lib/image/definition.ts";
import type { TarEntry } from "../../../lib/formats/tar.ts";

/** What a test may change. */
export interface ProjectSpec {
  /** Of the stand-in image. */
  baseImage: string;
  /** Which failure the stand-in shows. */
  fails?: string;
  /** Content of the package deno: another build of the same version. */
  denoContent?: string;
}

/** A project's folder. */
export interface Project {
  dir: string;
  /** The package repository. */
  repository: string;
  write(spec: ProjectSpec): Promise<void>;
}

export const FIXTURE_EPOCH = 1_700_000_000;
const KEY = "fixture.rsa.pub";
const RELEASE = "6.1.0-1-virt";

/** Packages of the fixture's repository that depend on others, and those; what else image.yaml names is added. */
const PACKAGES: readonly [name: string, depends?: readonly string[]][] = [
  ["alpine-base", ["alpine-baselayout", "busybox", "openrc"]],
  ["alpine-baselayout"],
  ["alpine-release"],
  ["apk-tools", ["so:libssl.so.3"]],
  ["busybox"],
  ["busybox-binsh", ["busybox"]],
  ["busybox-openrc"],
  ["ca-certificates-bundle"],
  ["deno", ["so:libssl.so.3"]],
  ["libssl3"],
  ["linux-firmware"],
  ["openrc"],
  ["openssh-server", ["openssl"]],
  ["openssl", ["libssl3"]],
  ["wireless-regdb"],
];

/** Makes the folder with everything but what {@linkcode Project.write} writes. */
export async function makeProject(): Promise<Project> {
  const dir = await Deno.makeTempDir({ prefix: "psyopsos-project-" });
  const { privateKey, publicKey } = pair();
  const key = { name: KEY, privateKey };
  await copy("overlay", `${dir}/overlay`);
  await Deno.writeTextFile(`${dir}/overlay/root/etc/apk/keys/${KEY}`, publicKey);
  // What the task bundles.
  await Deno.mkdir(`${dir}/agent`);
  await Deno.writeTextFile(`${dir}/agent/main.ts`, "console.log(1);\n");
  await Deno.writeTextFile(`${dir}/deno.json`, '{"version": "0.0.1"}\n');
  await Deno.mkdir(`${dir}/keys/abuild`, { recursive: true });
  const own = pair();
  await Deno.writeTextFile(`${dir}/keys/abuild/test-1.rsa`, own.privateKey, { mode: 0o600 });
  const repository = `${dir}/repository`;
  await Deno.mkdir(`${repository}/x86_64`, { recursive: true });
  return {
    dir,
    repository,
    write: async ({ baseImage, fails, denoContent = "deno" }) => {
      const env = fails === undefined ? "" : `ENV DOUBLE=${fails}\n`;
      await Deno.writeTextFile(
        `${dir}/overlay/mkimage/Dockerfile`,
        `FROM ${baseImage}\n${env}USER build\nWORKDIR /home/build\n`,
      );
      const built = (await packages(denoContent)).map(({ info, entries }) => {
        const data = buildPackage({ info, entries, key });
        return { data, name: `${info.name}-${info.version}.apk` };
      });
      for (const { data, name } of built) {
        await Deno.writeFile(`${repository}/x86_64/${name}`, data);
      }
      const index = buildIndex(built.map(({ data }) => data), key);
      await Deno.writeFile(`${repository}/x86_64/APKINDEX.tar.gz`, index);
    },
  };
}

async function packages(denoContent: string): Promise<{ info: ApkInfo; entries: TarEntry[] }[]> {
  const definition = parseDefinition(await Deno.readTextFile("overlay/image.yaml"));
  const file = (path: string, content: string): TarEntry => ({
    path,
    kind: "file",
    mode: 0o644,
    uid: 0,
    gid: 0,
    mtime: FIXTURE_EPOCH,
    data: utf8(content),
  });
  const one = (name: string, depends: readonly string[], entries: TarEntry[]) => ({
    info: {
      name,
      version: "1.0-r0",
      description: `the ${name} of a fixture`,
      url: "https://example.org/",
      license: "MIT",
      arch: "x86_64",
      builddate: FIXTURE_EPOCH,
      depends,
      ...(name === "libssl3" ? { provides: ["so:libssl.so.3=3"] } : {}),
    },
    entries,
  });
  const known = new Map(PACKAGES.map(([name, depends = []]) => [name, depends]));
  for (const name of definition.packages) if (!known.has(name)) known.set(name, []);
  return [
    ...[...known].map(([name, depends]) =>
      one(name, depends, [file(`usr/share/${name}`, name === "deno" ? denoContent : name)])
    ),
    one("linux-virt", [], [
      file("boot/vmlinuz-virt", "a kernel"),
      file(`boot/config-${RELEASE}`, "CONFIG_X=y\n"),
      file(`boot/System.map-${RELEASE}`, "0 T start\n"),
    ]),
    one("systemd-boot", [], [
      file("usr/lib/systemd/boot/efi/systemd-bootx64.efi", "MZ a boot loader"),
    ]),
    ...["amd-ucode", "intel-ucode"].map((name) =>
      one(name, [], [file(`boot/${name}.img`, `070701 ${name}`)])
    ),
  ];
}

function pair() {
  const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  return {
    privateKey: String(privateKey.export({ type: "pkcs8", format: "pem" })),
    publicKey: String(publicKey.export({ type: "spki", format: "pem" })),
  };
}

async function copy(from: string, to: string): Promise<void> {
  await Deno.mkdir(to, { recursive: true });
  for await (const { name, isDirectory } of Deno.readDir(from)) {
    if (isDirectory) await copy(`${from}/${name}`, `${to}/${name}`);
    else await Deno.copyFile(`${from}/${name}`, `${to}/${name}`);
  }
}
