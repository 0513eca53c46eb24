import { zstdCompressSync } from "node:zlib";
import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { text, utf8 } from "../../../../lib/bytes.ts";
import { UserError } from "../../../../lib/errors.ts";
import { readTar } from "../../../../lib/formats/tar.ts";
import { parseDefinition } from "../../../../lib/image/definition.ts";
import { type AbuildKey, abuildKey } from "../../../../lib/image/mkimage/abuild_key.ts";
import { initramfsFiles } from "../../../../lib/image/mkimage/initramfs.ts";
import {
  createArguments,
  inputArchive,
  makePlan,
  type PlanInput,
} from "../../../../lib/image/mkimage/plan.ts";
import { gzip } from "../../../../lib/formats/gzip.ts";
import { writeCpio } from "../../../../lib/formats/cpio.ts";
import { FakeHost } from "../../../support/fake_host.ts";

const read = (name: string) => Deno.readTextFile(`overlay/mkimage/${name}`);
const KEY: AbuildKey = {
  name: "k.rsa",
  privateKey: "SECRET",
  publicKey: "PUBLIC",
  path: "keys/abuild/k.rsa",
};
const INPUT: PlanInput = {
  definition: parseDefinition(await Deno.readTextFile("overlay/image.yaml")),
  templates: {
    dockerfile: await read("Dockerfile"),
    profile: await read("mkimg.psyopsos.sh"),
    genapkovl: await read("genapkovl-psyopsos.sh"),
    driver: await read("build.sh"),
  },
  version: "1.0",
  epoch: 1_700_000_000,
  arch: "x86_64",
  cmdline: "console=ttyS0",
  apkovl: utf8("overlay"),
  key: KEY,
  repositories: [{ location: "https://x/main", local: false }, {
    location: "some/folder",
    local: true,
  }],
  repositoryKeys: new Map([["alpine.rsa.pub", "ALPINE"]]),
};

Deno.test("makePlan() gives mkimage.sh what the contract wants", () => {
  const { command, env } = makePlan(INPUT);
  const after = (word: string) => command[command.indexOf(word) + 1];
  for (const word of ["--workdir", "--outdir"]) assert(after(word)!.startsWith("/"), word);
  assertEquals([after("--tag"), after("--arch"), after("--profile")], [
    "1.0",
    "x86_64",
    "psyopsos",
  ]);
  assertEquals(command.filter((_, i) => command[i - 1] === "--repository"), [
    "https://x/main",
    "/home/build/repositories/0",
  ]);
  assertEquals(command.includes("--hostkeys"), false);
  assertEquals(env.PACKAGER_PUBKEY, `${env.PACKAGER_PRIVKEY}.pub`);
  assertEquals(env.SOURCE_DATE_EPOCH, "1700000000");
});

Deno.test("createArguments() mounts nothing of this machine and asks for no rights", () => {
  const args = createArguments(makePlan(INPUT), { name: "work" });
  const volumes = args.filter((_, i) => args[i - 1] === "--volume");
  assertEquals(volumes, ["work:/home/build/work", "psyopsos-mkimage-apk-cache:/home/build/cache"]);
  for (const word of ["--privileged", "--cap-add", "--device", "--mount", "SECRET"]) {
    assertEquals(args.some((one) => one.includes(word)), false, word);
  }
  const pairs = args.map((one, i) => `${one} ${args[i + 1] ?? ""}`);
  for (
    const pair of [
      "--cap-drop ALL",
      "--security-opt no-new-privileges",
      "--user build",
      "--pull never",
    ]
  ) {
    assert(pairs.includes(pair), pair);
  }
});

Deno.test("inputArchive() keeps the private key to the builder's user, or leaves it out", () => {
  const plan = makePlan(INPUT);
  const entries = new Map(readTar(inputArchive(plan, 5)).map((one) => [one.path, one]));
  const secret = entries.get("home/build/.abuild/k.rsa")!;
  assertEquals([secret.mode, secret.uid, text(secret.data!)], [0o600, 1000, "SECRET"]);
  assertEquals(entries.get("home/build/.abuild")!.mode, 0o700);
  for (const folder of ["etc/apk/keys", "usr/share/apk/keys/x86_64"]) {
    for (const name of ["alpine.rsa.pub", "k.rsa.pub"]) {
      assertEquals(entries.get(`${folder}/${name}`)!.uid, 0);
    }
  }
  const shown = new TextDecoder().decode(inputArchive(plan, 5, false));
  assertEquals([shown.includes("SECRET"), shown.includes("PUBLIC")], [false, true]);
});

Deno.test("makePlan() names the builder's image after all that makes it", () => {
  const { image } = makePlan(INPUT);
  assertMatch(image, /^psyopsos-mkimage:[0-9a-f]{12}$/);
  const other = { ...INPUT, templates: { ...INPUT.templates, dockerfile: "FROM other\n" } };
  assert(makePlan(other).image !== image);
  assert(makePlan({ ...INPUT, arch: "aarch64" }).image !== image);
  assertEquals(makePlan({ ...INPUT, version: "2.0" }).image, image);
});

Deno.test("the Dockerfile pins a release, and aports of the same", async () => {
  const lines = (await read("Dockerfile")).split("\n");
  const release = /^FROM docker\.io\/library\/alpine:(\d+\.\d+\.\d+)(@sha256:[0-9a-f]{64})?$/;
  const [, version] = release.exec(lines.find((line) => line.startsWith("FROM "))!)!;
  assert(lines.includes(`ARG APORTS=v${version}`));
  // The packages of the image are of the same branch.
  const branch = `/v${version!.split(".").slice(0, 2).join(".")}/`;
  for (const { url } of INPUT.definition.repositories) assertStringIncludes(`${url}/`, branch);
});

Deno.test("abuildKey() makes a key once, its private half for its owner alone", async () => {
  const host = new FakeHost();
  const key = await abuildKey(host, "keys/abuild", 2048);
  assertMatch(key.name, /^psyopsos-[0-9a-f]{8}\.rsa$/);
  assertEquals((await host.stat(key.path))!.mode, 0o600);
  assertEquals((await host.stat("keys/abuild"))!.mode, 0o700);
  assertEquals(host.textOf(`${key.path}.pub`), key.publicKey);
  assertEquals(await abuildKey(host, "keys/abuild", 2048), key);
  host.put("keys/abuild/other.rsa", "x");
  await assertRejects(() => abuildKey(host, "keys/abuild"), UserError, "Cannot choose a key");
});

Deno.test("abuildKey() refuses what is no key, without a word of its content", async () => {
  for (
    const content of ["SECRET", "-----BEGIN PRIVATE KEY-----\nSECRET\n-----END PRIVATE KEY-----\n"]
  ) {
    const host = new FakeHost({ "keys/abuild/a.rsa": content });
    const error = await assertRejects(() => abuildKey(host, "keys/abuild"), UserError);
    assertStringIncludes(error.message, "keys/abuild/a.rsa: it is no RSA private key");
    assertEquals(error.message.includes("SECRET"), false);
  }
});

Deno.test("initramfsFiles() reads plain and packed archives, and refuses damaged ones", () => {
  const archive = writeCpio([
    { path: "etc", kind: "directory", mode: 0o755 },
    { path: "etc/key", kind: "file", mode: 0o644, data: utf8("PEM") },
  ]);
  const zstd = new Uint8Array(zstdCompressSync(archive));
  for (const bytes of [archive, gzip(archive), zstd]) {
    assertEquals(text(initramfsFiles(bytes).get("etc/key")!), "PEM");
  }
  const cases: [Uint8Array<ArrayBuffer>, string][] = [
    [utf8("rubbish"), "neither gzip nor zstd nor a cpio archive"],
    [utf8("x".repeat(200)), "neither gzip nor zstd nor a cpio archive"],
    [gzip(utf8("x".repeat(200))), "no cpio archive"],
    [archive.slice(0, 120), "truncated"],
    [gzip(archive).slice(0, -20), "truncated"],
    [zstd.slice(0, -20), "truncated"],
    [new Uint8Array([0x28, 0xb5, 0x2f, 0xfd, 0x20, 5, 7, 0, 0]), "zstd data is damaged"],
  ];
  for (const [bytes, expected] of cases) {
    assertThrows(() => initramfsFiles(bytes), UserError, expected);
  }
});
