import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { generateKeyPairSync } from "node:crypto";
import { type ApkInfo, buildIndex, buildPackageAndRecord } from "../../../../lib/apk/build.ts";
import { openPackages } from "../../../../lib/apk/repository.ts";
import { RefusedError, UserError } from "../../../../lib/errors.ts";
import { choosePackages } from "../../../../lib/image/packages/choose_packages.ts";
import { parseDefinition } from "../../../../lib/image/definition.ts";
import {
  checkLocked,
  followLock,
  LOCK_FILE,
  readImageLock,
} from "../../../../lib/image/packages/image_lock.ts";
import { updateLock } from "../../../../lib/image/make.ts";
import { OVERLAY_KEYS } from "../../../../lib/image/packages/repository_keys.ts";
import { openSources } from "../../../../lib/image/packages/sources.ts";
import { FakeHost } from "../../../support/fake_host.ts";
import { fileEntry } from "../../../support/image_packages.ts";

const pair = generateKeyPairSync("rsa", { modulusLength: 2048 });
const key = {
  name: "own.rsa.pub",
  privateKey: String(pair.privateKey.export({ type: "pkcs8", format: "pem" })),
};
const publicKey = String(pair.publicKey.export({ type: "spki", format: "pem" }));
const HINT = "write a new one with deno task image --update-lock, or build without it: --no-lock";

const source = (await Deno.readTextFile("overlay/image.yaml"))
  .replace(/\npackages:\n( {2}- .*\n)+/, "\npackages: [base]\n");

/** Name, version, dependencies, content. */
type Spec = readonly [name: string, version: string, depends?: readonly string[], data?: string];
const FIRST: readonly Spec[] = [
  ["base", "1-r0", ["tool"]],
  ["tool", "1-r0"],
  ["linux-virt", "6-r0", ["initramfs-generator"]],
  ["busybox-static", "1-r0"],
  ["systemd-boot", "1-r0"],
];

/** A project with a signed repository of these packages in /r. */
function world(specs: readonly Spec[], host = new FakeHost()): FakeHost {
  host.put("/p/overlay/image.yaml", source);
  host.put(`/p/${OVERLAY_KEYS}/${key.name}`, publicKey);
  const records = specs.map(([name, version, depends = [], data = name]) => {
    const info: ApkInfo = {
      name,
      version,
      description: name,
      url: "https://x.example",
      license: "MIT",
      arch: "x86_64",
      builddate: 1000,
      depends,
    };
    const { bytes, record } = buildPackageAndRecord({ info, entries: [fileEntry("f", data)], key });
    host.put(`/r/x86_64/${name}-${version}.apk`, bytes);
    return record;
  });
  host.put("/r/x86_64/APKINDEX.tar.gz", buildIndex(records, key));
  return host;
}

const common = { root: "/p", cacheDir: "/c", packages: ["/r"] };

const update = (host: FakeHost) => updateLock(host, common);

/** Opens what a build would take; their names and versions. */
async function follow(host: FakeHost, yaml = source, arch: "x86_64" | "aarch64" = "x86_64") {
  const definition = parseDefinition(yaml);
  const sources = await openSources(host, definition, { ...common, arch: "x86_64" });
  const { repositories, sha256 } = await followLock(host, sources, { root: "/p", arch });
  const records = choosePackages(definition, repositories, arch).map(({ record }) => record);
  await openPackages(repositories, records, { ...(sha256 ? { sha256 } : {}) });
  return records.map(({ name, version }) => `${name} ${version}`);
}

const refusal = async (host: FakeHost, yaml?: string, arch?: "aarch64") =>
  await assertRejects(() => follow(host, yaml, arch), UserError);

Deno.test("updateLock() writes every package with its hash, and says what changed", async () => {
  const host = world(FIRST);
  assertEquals(await update(host), [
    "base 1-r0 (new)",
    "busybox-static 1-r0 (new)",
    "linux-virt 6-r0 (new)",
    "systemd-boot 1-r0 (new)",
    "tool 1-r0 (new)",
  ]);
  const lock = (await readImageLock(host, "/p"))!;
  assertEquals(lock.world, ["base", "busybox-static", "linux-virt", "systemd-boot"]);
  assertEquals(lock.packages.map(({ name }) => name), [
    "tool",
    "base",
    "linux-virt",
    "busybox-static",
    "systemd-boot",
  ]);
  assertEquals(lock.packages.every(({ repository }) => repository === "a local folder"), true);
  assertEquals(await update(host), []);

  world([["base", "2-r0"], ["tool", "1-r0", [], "other"], ...FIRST.slice(2)], host);
  assertEquals(await update(host), ["base 1-r0 -> 2-r0", "tool 1-r0 (gone)"]);
  world([...FIRST.slice(0, 4), ["systemd-boot", "1-r0", [], "built again"]], host);
  assertEquals(await update(host), [
    "base 2-r0 -> 1-r0",
    "systemd-boot 1-r0 (built again)",
    "tool 1-r0 (new)",
  ]);
});

Deno.test("followLock() keeps an image at its packages though the repository has newer ones", async () => {
  const host = world(FIRST);
  await update(host);
  world([...FIRST, ["base", "2-r0"], ["linux-virt", "7-r0"]], host);
  assertEquals(await follow(host), [
    "tool 1-r0",
    "base 1-r0",
    "linux-virt 6-r0",
    "busybox-static 1-r0",
    "systemd-boot 1-r0",
  ]);
  await host.remove(`/p/${LOCK_FILE}`);
  assertEquals((await follow(host)).includes("base 2-r0"), true);
});

Deno.test("followLock() names what the repositories no longer have, and how to go on", async () => {
  const host = world(FIRST);
  await update(host);
  const now: Spec[] = [["base", "2-r0"], ["tool", "1-r0", [], "other"], ...FIRST.slice(3)];
  world(now, host);
  const { message, hint } = await refusal(host);
  assertEquals(
    message,
    `Cannot follow ${LOCK_FILE}: the repositories no longer have 3 of its 5 packages: ` +
      "tool-1-r0.apk (another file now), base-1-r0.apk (now 2-r0), linux-virt-6-r0.apk (gone)",
  );
  assertEquals(hint, HINT);
});

Deno.test("followLock() names what image.yaml asks for and the lock does not", async () => {
  const host = world(FIRST);
  await update(host);
  const changed = source.replace("[base]", "[tool, extra]").replace(
    "flavour: virt",
    "flavour: lts",
  );
  const { message, hint } = await refusal(host, changed);
  assertEquals(
    message,
    `Cannot follow ${LOCK_FILE}: image.yaml now asks for tool, extra, linux-lts, ` +
      "no longer for base, linux-virt",
  );
  assertEquals(hint, HINT);
  assertEquals(
    (await refusal(host, source, "aarch64")).message,
    `Cannot follow ${LOCK_FILE}: it is for x86_64, not for aarch64`,
  );
});

Deno.test("followLock() refuses a lock that was edited by hand", async () => {
  const host = world(FIRST);
  await update(host);
  const text = host.textOf(`/p/${LOCK_FILE}`);
  const without = text.split("\n").filter((line) => !line.includes('"name":"tool"')).join("\n");
  host.put(`/p/${LOCK_FILE}`, without);
  assertEquals(
    (await refusal(host)).message,
    `Cannot follow ${LOCK_FILE}: base: no candidate is left, required by the request (base)`,
  );

  world([...FIRST, ["more", "1-r0"]], host);
  host.put("/p/overlay/image.yaml", source.replace("[base]", "[base, more]"));
  await update(host);
  host.put(`/p/${LOCK_FILE}`, host.textOf(`/p/${LOCK_FILE}`).replace('"more",', ""));
  assertEquals((await refusal(host)).message, `Cannot follow ${LOCK_FILE}: nothing needs its more`);

  host.put(`/p/${LOCK_FILE}`, "{");
  assertEquals((await refusal(host)).message.startsWith(`Cannot read ${LOCK_FILE}: `), true);
});

Deno.test("followLock() refuses a file that is not byte for byte the locked one", async () => {
  const host = world(FIRST);
  await update(host);
  const lock = (await readImageLock(host, "/p"))!;
  const { sha256 } = lock.packages.find(({ name }) => name === "tool")!;
  host.put(`/p/${LOCK_FILE}`, host.textOf(`/p/${LOCK_FILE}`).replace(sha256, "0".repeat(64)));
  const error = await assertRejects(() => follow(host), RefusedError);
  assertEquals(error.message, "Cannot trust tool-1-r0.apk: its SHA-256 is not the one in the lock");
});

Deno.test("followLock() leaves the lab repository alone", async () => {
  const host = world(FIRST);
  await update(host);
  const definition = parseDefinition(source);
  const sources = await openSources(host, definition, { ...common, arch: "x86_64" });
  const lab = { ...sources, kind: "lab" } as const;
  assertEquals(await followLock(host, lab, { root: "/p", arch: "x86_64" }), {
    repositories: sources.repositories,
  });
});

Deno.test("checkLocked() names what mkimage.sh would take and the lock does not say", async () => {
  const host = world(FIRST);
  await update(host);
  const lock = (await readImageLock(host, "/p"))!;
  const take = async (specs: readonly Spec[]) => {
    world(specs, host);
    const sources = { ...common, arch: "x86_64", noLock: true } as const;
    const { repositories } = await openSources(host, parseDefinition(source), sources);
    return repositories[0]!.records.map((record) => ({ record }));
  };
  checkLocked(lock, await take([...FIRST, ["alpine-base", "1-r0"]]));
  const now = await take([["base", "2-r0"], ["tool", "1-r0", [], "other"], ...FIRST.slice(2)]);
  const error = assertThrows(() => checkLocked(lock, now), UserError);
  assertEquals(
    error.message,
    `Cannot follow ${LOCK_FILE}: the repositories now have base 2-r0 (locked 1-r0), ` +
      "tool 1-r0 (another file than the locked one)",
  );
  const tool = (await take(FIRST)).filter(({ record }) => record.name === "tool");
  assertThrows(() => checkLocked(lock, [{ ...tool[0]!, sha256: "0".repeat(64) }]), UserError);
});
