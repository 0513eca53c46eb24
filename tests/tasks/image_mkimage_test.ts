/**
 * Builds with the engine mkimage through a real Docker daemon, with the stand-in of tests/support/mkimage_double as builder.
 */
import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import type { BuiltAgent } from "../../lib/agent_build/make.ts";
import { utf8 } from "../../lib/bytes.ts";
import { DenoHost } from "../../lib/deno_host.ts";
import { EXIT, UserError } from "../../lib/errors.ts";
import type { RunOptions } from "../../lib/host.ts";
import { cleanAll, dropWork, runBuild } from "../../lib/image/mkimage/build.ts";
import { type ContainerEngine, openEngine } from "../../lib/image/mkimage/engine.ts";
import { type MadeIso, makeIso } from "../../lib/image/mkimage/make.ts";
import { PREFIX } from "../../lib/image/mkimage/plan.ts";
import {
  knownPackages,
  type MkimageOptions,
  placeOf,
  prepareBuild,
} from "../../lib/image/mkimage/prepare.ts";
import { type Dockerd, startDockerd } from "../support/dockerd.ts";
import { FakeHost } from "../support/fake_host.ts";
import { DOUBLE_TOOLS, doubleImage } from "../support/mkimage_double/image.ts";
import { FIXTURE_EPOCH, makeProject, type Project } from "../support/mkimage_double/project.ts";
import { needTool, toolPath } from "../support/tools.ts";

const NEEDS = ["dockerd", "docker", "ldd", ...DOUBLE_TOOLS];
const REPO = Deno.cwd();
const VERSION = "2023.11.14.2213";

/** The daemon, the stand-in's image and a project; made once for all tests of this file. */
interface World {
  daemon: Dockerd;
  engine: ContainerEngine;
  baseImage: string;
  project: Project;
}

let made: Promise<World> | undefined;
let hostBefore: string | undefined;

async function makeWorld(): Promise<World> {
  const daemon = await startDockerd();
  hostBefore = Deno.env.get("DOCKER_HOST");
  Deno.env.set("DOCKER_HOST", daemon.url);
  const { tag, tar } = await doubleImage();
  const engine = await openEngine(new DenoHost(), "docker");
  await engine.ok("import the stand-in", ["import", "-", tag], { stdin: tar });
  const project = await makeProject();
  await project.write({ baseImage: tag });
  return { daemon, engine, baseImage: tag, project };
}

Deno.test.afterAll(async () => {
  if (!made) return;
  if (hostBefore === undefined) Deno.env.delete("DOCKER_HOST");
  else Deno.env.set("DOCKER_HOST", hostBefore);
  const { daemon, project } = await made;
  await daemon.stop();
  await Deno.remove(project.dir, { recursive: true });
});

/** What the kernel does with a slot's archives, by cpio; then what Alpine's init does, by tar. */
async function unpacksAsAKernelWould({ project }: World, slotDir: string, keyName: string) {
  const root = await Deno.makeTempDir({ dir: project.dir });
  const run = async (script: string) => {
    const { code, stdout, stderr } = await new Deno.Command("sh", {
      args: ["-euc", script, "sh", slotDir, root],
      stdin: "null",
    }).output();
    assertEquals(code, 0, new TextDecoder().decode(stderr));
    return new TextDecoder().decode(stdout).trim();
  };
  const slot = JSON.parse(await Deno.readTextFile(`${slotDir}/slot.json`));
  assertEquals(slot.initrd, [
    "amd-ucode.img",
    "intel-ucode.img",
    "initramfs",
    "initrd-root.cpio",
  ]);
  // gzip ignores the zeros behind its data, as the kernel does.
  await run(`cd "$2" && zcat -q "$1/initramfs" 2>/dev/null | cpio -idm --quiet`);
  await run(`cd "$2" && cpio -idm --quiet <"$1/initrd-root.cpio"`);
  for (const word of slot.cmdline.split(" ")) {
    const path = /^(?:apkovl|alpine_repo)=(.*)/.exec(word)?.[1];
    if (path) assert((await Deno.lstat(`${root}${path}`)).size > 0, word);
  }
  assert((await Deno.stat(`${root}/etc/apk/keys/${keyName}.pub`)).isFile);
  const index = await run(
    `tar -tzf "$2/psyopsos-apks/x86_64/APKINDEX.tar.gz" 2>/dev/null | head -1`,
  );
  assertEquals(index, `.SIGN.RSA.${keyName}.pub`);
  const listed = await run(`tar -tzf "$2/psyopsos.apkovl.tar.gz"`);
  assert(listed.split("\n").includes("usr/lib/psyopsos/modloop"), listed);
  await Deno.remove(root, { recursive: true });
}

/** A test in the world that all share. */
function dockerTest(name: string, fn: (world: World) => Promise<void>) {
  Deno.test({
    name,
    ...needTool(...NEEDS),
    fn: async () => await fn(await (made ??= makeWorld())),
  });
}

/** An agent that is known by its text; it needs no package. */
function agentOf(text: string): BuiltAgent {
  return {
    version: "1",
    commit: "test",
    form: "bundle",
    arch: "x86_64",
    packages: [],
    contains: [],
    why: "asked for",
    files: new Map([["usr/lib/psyopsos/agent.js", { data: utf8(text), mode: 0o644 }]]),
  };
}

function optionsFor({ project }: World, change: Partial<MkimageOptions> = {}) {
  const said: string[] = [];
  const options: MkimageOptions = {
    root: project.dir,
    outDir: `${project.dir}/dist`,
    cacheDir: `${project.dir}/cache`,
    keysDir: `${project.dir}/keys`,
    repositories: [project.repository],
    epoch: FIXTURE_EPOCH,
    agent: agentOf("agent"),
    onStage: (line) => void said.push(line),
    ...change,
  };
  return { options, said };
}

async function build(world: World, change: Partial<MkimageOptions> = {}) {
  const { options, said } = optionsFor(world, change);
  const prepared = await prepareBuild(world.engine.host, options);
  const iso = await makeIso(world.engine, prepared, options);
  return { ...iso, prepared, said: said.join("\n") };
}

/** The line and the hint of a build that must fail; nothing may be left of it. */
async function failure(world: World, change: Partial<MkimageOptions> = {}) {
  const outDir = await Deno.makeTempDir({ dir: world.project.dir });
  const error = await assertRejects(() => build(world, { outDir, ...change }), UserError);
  assertEquals([...Deno.readDirSync(outDir)].map(({ name }) => name), [], "half-written output");
  assertEquals(await containers(world), [], "a container was left");
  assertEquals(error.message.includes("\n"), false);
  return error;
}

async function containers({ engine }: World): Promise<string[]> {
  const listed = await engine.ok("list", ["ps", "--all", "--format", "{{.Names}}"]);
  return listed.split("\n").filter(Boolean);
}

async function volumes({ engine }: World): Promise<string[]> {
  const listed = await engine.ok("list", ["volume", "ls", "--format", "{{.Name}}"]);
  return listed.split("\n").filter(Boolean).sort();
}

/** A file out of an ISO, by xorriso. */
async function extract(iso: string, path: string): Promise<Uint8Array> {
  const to = await Deno.makeTempFile();
  await Deno.remove(to);
  try {
    const { success } = await new Deno.Command(toolPath("xorriso")!, {
      args: ["-osirrox", "on", "-indev", iso, "-extract", path, to],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).output();
    assert(success, `xorriso finds no ${path}`);
    return await Deno.readFile(to);
  } finally {
    await Deno.remove(to).catch(() => {});
  }
}

async function denoOf({ iso }: MadeIso): Promise<Uint8Array> {
  return await extract(iso, "/apks/x86_64/deno-1.0-r0.apk");
}

dockerTest(
  "a build gives ISO, checksums and manifest, and leaves volumes but no container",
  async (world) => {
    const { iso, dir, slotDir, manifest, prepared, product, said, stages } = await build(world);
    assertEquals([...Deno.readDirSync(dir)].map(({ name }) => name).sort(), [
      "disk.img",
      "manifest.json",
      `psyopsos-${VERSION}-x86_64.cdx.json`,
      `psyopsos-${VERSION}-x86_64.iso`,
      `psyopsos-${VERSION}-x86_64.iso.sha256`,
      `psyopsos-${VERSION}-x86_64.iso.sha512`,
      `psyopsos-${VERSION}-x86_64.slot.tar`,
      "slot",
    ]);
    for (const kind of ["sha256", "sha512"]) {
      const { success } = await new Deno.Command(`${kind}sum`, {
        args: ["--check", "--status", `psyopsos-${VERSION}-x86_64.iso.${kind}`],
        cwd: dir,
      }).output();
      assert(success, kind);
    }
    // xorriso reads the same as our reader.
    assertEquals(await extract(iso, "/psyopsos.apkovl.tar.gz"), prepared.apkovl);
    assertEquals(product.kernelRelease, "6.1.0-1-virt");
    assertEquals([manifest.engine, manifest.kernel, manifest.epoch], [
      "mkimage",
      "6.1.0-1-virt",
      FIXTURE_EPOCH,
    ]);
    const names = manifest.packages.map(({ name, role }) => `${name} ${role}`);
    for (
      const name of [
        "deno installed",
        "libssl3 installed",
        "alpine-base installed",
        "linux-virt kernel",
        "systemd-boot loader",
      ]
    ) {
      assert(names.includes(name), name);
    }
    await unpacksAsAKernelWould(world, slotDir, prepared.key.name);
    const apk = await denoOf({ iso } as MadeIso);
    const { encodeHex } = await import("@std/encoding/hex");
    const sum = encodeHex(
      new Uint8Array(await crypto.subtle.digest("SHA-256", apk as Uint8Array<ArrayBuffer>)),
    );
    assertEquals(manifest.packages.find(({ name }) => name === "deno")?.sha256, sum);
    assertStringIncludes(said, "kernel, modules, initramfs …");
    assertEquals(stages.map(({ name }) => name).slice(0, 2), [
      "kernel, modules, initramfs",
      "packages",
    ]);
    assertEquals(await containers(world), []);
    assertEquals((await volumes(world)).length, 2);
  },
);

dockerTest(
  "an unchanged build takes kernel and packages from the cache and gives the same overlay",
  async (world) => {
    const { said, prepared, product } = await build(world);
    assertStringIncludes(said, "kernel, modules, initramfs: from the cache");
    assertStringIncludes(said, "packages: from the cache");
    assert(product.packages.length > 10);
    assertEquals((await build(world)).prepared.apkovl, prepared.apkovl);
  },
);

dockerTest(
  "a changed file of the overlay is on the next ISO, though the kernel comes from the cache",
  async (world) => {
    await build(world);
    const { said, iso, prepared } = await build(world, { agent: agentOf("new") });
    assertStringIncludes(said, "kernel, modules, initramfs: from the cache");
    assertStringIncludes(said, "overlay: ");
    assertEquals(await extract(iso, "/psyopsos.apkovl.tar.gz"), prepared.apkovl);
  },
);

dockerTest("a package that was built again under its version is noticed", async (world) => {
  const before = await denoOf(await build(world));
  await world.project.write({
    baseImage: world.baseImage,
    denoContent: "the same version, built again",
  });
  try {
    const after = await build(world);
    assertEquals(after.said.includes("from the cache"), false);
    assertEquals(before.toString() === (await denoOf(after)).toString(), false);
  } finally {
    await world.project.write({ baseImage: world.baseImage });
  }
});

dockerTest(
  "another key signs all of the next image: index, initramfs and modules",
  async (world) => {
    await build(world);
    const keysDir = `${world.project.dir}/other-keys`;
    const { said, prepared } = await build(world, { keysDir });
    assertEquals(said.includes("from the cache"), false);
    assertMatch(prepared.key.name, /^psyopsos-[0-9a-f]{8}\.rsa$/);
    const { mode } = await Deno.stat(prepared.key.path);
    assertEquals(mode! & 0o777, 0o600);
  },
);

dockerTest("other repositories are used at once, not those of an earlier build", async (world) => {
  await build(world);
  const other = `${world.project.dir}/repository-2`;
  await Deno.rename(world.project.repository, other);
  try {
    // A link would stand in the way of copying: the folder itself has moved.
    const { said, prepared } = await build(world, { repositories: [other, other] });
    assertEquals(said.includes("from the cache"), false);
    assertEquals(prepared.plan.repositories.length, 2);
  } finally {
    await Deno.rename(other, world.project.repository);
  }
});

/** What the stand-in does wrong while it ends with 0, and the one line that comes of it. */
const SILENT: Record<string, string> = {
  "no-overlay": "the overlay is missing",
  "other-overlay": "its overlay is not the one that was handed over",
  "unsigned-index": "the index of its packages can't be trusted (it is not signed)",
  "missing-package": "the package openssl is missing",
  "lost-package": "/apks/x86_64/busybox-1.0-r0.apk is missing",
  "cut-package": "bytes, its index says",
  "no-key": "its initramfs lacks the key test-1.rsa.pub, so it could not install its packages",
  "other-key": "its initramfs has another key under the name test-1.rsa.pub",
  "unsigned-modules": "its initramfs lacks the signature of the modules",
  "other-modules": "the signature of its modules is bad",
  "no-modules": "/boot/modloop-virt is empty",
  "empty-kernel": "/boot/vmlinuz-virt is empty",
  "empty-iso": "/boot/vmlinuz-virt is missing",
  "bad-initramfs": "its initramfs can't be read",
  "bad-microcode": "/boot/amd-ucode.img is no cpio archive",
  "bad-uefi": "its UEFI boot image has no program EFI/BOOT/BOOTX64.EFI",
  "rubbish-uefi": "its UEFI boot image can't be read",
  "no-uefi-entry": "it has no UEFI boot entry",
  "other-volume": 'its volume id is "alpine-other"',
  "stale-file": "it is older than this build",
  "no-iso": "it is no ISO image",
  "no-file": `mkimage.sh ended well but wrote no alpine-psyopsos-${VERSION}-x86_64.iso`,
  "other-arch": "mkimage.sh ended well but wrote no",
  "damaged": "it was damaged on its way here",
};

for (const [fails, expected] of Object.entries(SILENT)) {
  dockerTest(`mkimage.sh ends with 0 but (${fails}): ${expected}`, async (world) => {
    await world.project.write({ baseImage: world.baseImage, fails });
    try {
      const before = await volumes(world);
      assertStringIncludes((await failure(world)).message, expected);
      // What it cached may be wrong too.
      assertEquals((await volumes(world)).filter((name) => !before.includes(name)), []);
    } finally {
      await world.project.write({ baseImage: world.baseImage });
    }
  });
}

/** Failures that mkimage.sh reports. */
const LOUD: Record<string, string> = {
  "disk-full":
    "Cannot build the ISO (kernel, modules, initramfs): the disk of the container engine is full",
  network:
    "Cannot build the ISO (kernel, modules, initramfs): the container engine reaches no network",
  memory: "Cannot build the ISO (kernel, modules, initramfs): it was killed (exit code 137)",
  unknown: 'mkimage.sh ended with 1 after "mksquashfs: something that nobody has seen"',
};

for (const [fails, expected] of Object.entries(LOUD)) {
  dockerTest(`mkimage.sh fails (${fails}): ${expected}`, async (world) => {
    await world.project.write({ baseImage: world.baseImage, fails });
    try {
      const said: string[] = [];
      const error = await failure(world, { onStage: (line) => void said.push(line) });
      assertStringIncludes(error.message, expected);
      assert(error.hint, "no cure");
      assert(said.some((line) => line.startsWith("  | ")), "the last lines are not shown");
    } finally {
      await world.project.write({ baseImage: world.baseImage });
    }
  });
}

dockerTest(
  "a work folder that a killed run left half made does not stand in the way",
  async (world) => {
    const { prepared } = await build(world);
    const { engine, baseImage } = world;
    const builder = await engine.ok("find", [
      "image",
      "inspect",
      "--format",
      "{{.Id}}",
      prepared.plan.image,
    ]);
    const known = knownPackages(prepared);
    const { name } = placeOf(prepared, builder, known);
    const spoil =
      "cd /home/build/work && rm apkroot-x86_64/complete && mkdir kernel.work && : >.unfinished";
    const mount = ["--volume", `${name}:/home/build/work`];
    await engine.ok("spoil", [
      "run",
      "--rm",
      "--network",
      "none",
      "--user",
      "build",
      ...mount,
      baseImage,
      "/bin/sh",
      "-c",
      spoil,
    ]);
    assertStringIncludes((await build(world)).said, "kernel, modules, initramfs: from the cache");
  },
);

dockerTest("a package that no repository has is told before a container is made", async (world) => {
  const file = `${world.project.dir}/overlay/image.yaml`;
  const before = await Deno.readTextFile(file);
  await Deno.writeTextFile(file, before.replace("  - openrc\n", "  - openrc\n  - no-such-thing\n"));
  try {
    assertStringIncludes((await failure(world)).message, "no-such-thing");
  } finally {
    await Deno.writeTextFile(file, before);
  }
});

dockerTest("a repository of an unknown signer is refused", async (world) => {
  const key = `${world.project.dir}/overlay/root/etc/apk/keys/fixture.rsa.pub`;
  const pem = await Deno.readTextFile(key);
  await Deno.remove(key);
  try {
    const error = await failure(world);
    assertEquals(error.exitCode, EXIT.refused);
    assertStringIncludes(error.message, "it is signed by fixture.rsa.pub");
  } finally {
    await Deno.writeTextFile(key, pem);
  }
});

dockerTest(
  "two builds in one work folder at a time: the second says who is there",
  async (world) => {
    const { prepared } = await build(world);
    const { engine } = world;
    const builder = await engine.ok("find", [
      "image",
      "inspect",
      "--format",
      "{{.Id}}",
      prepared.plan.image,
    ]);
    const known = knownPackages(prepared);
    const { name } = placeOf(prepared, builder, known);
    const run = [
      "run",
      "--detach",
      "--network",
      "none",
      "--name",
      name,
      prepared.plan.image,
      "sleep",
      "60",
    ];
    await engine.ok("start", run);
    try {
      const error = await assertRejects(() => build(world), UserError);
      assertStringIncludes(
        error.message,
        `another build uses the same work folder (container ${name})`,
      );
      assertStringIncludes(error.hint!, "docker rm -f");
    } finally {
      await engine.run(["rm", "--force", name]);
    }
    // One that has ended is a leftover.
    await engine.ok("make", ["create", "--name", name, prepared.plan.image, "true"]);
    await build(world);
  },
);

/** The task in a process of its own, in the project's folder. */
function task(world: World, ...words: string[]): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "-A", "--config", `${REPO}/deno.json`, `${REPO}/tasks/image.ts`, ...words],
    cwd: world.project.dir,
    env: { SOURCE_DATE_EPOCH: `${FIXTURE_EPOCH}`, NO_COLOR: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  dockerTest(
    `${signal} stops and removes the container, keeps the caches, leaves nothing half-written`,
    async (world) => {
      const before = await volumes(world);
      await world.project.write({ baseImage: world.baseImage, fails: "slow" });
      try {
        const out = `${world.project.dir}/killed-${signal}`;
        const child = task(
          world,
          "--engine",
          "mkimage",
          "--out",
          out,
          "--repository",
          world.project.repository,
        );
        let said = "";
        const errors = new Response(child.stderr).text();
        for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream())) {
          said += chunk;
          if (!said.includes("initramfs …")) continue;
          assertEquals((await containers(world)).length, 1);
          child.kill(signal);
          break;
        }
        const started = performance.now();
        const { code } = await child.status;
        assertEquals([code, await errors], [
          EXIT.interrupted,
          "Cannot finish the image: it was stopped (the container is removed, the caches are kept)\n",
        ]);
        assert(performance.now() - started < 15_000);
        assertEquals(await containers(world), []);
        assertEquals([...Deno.readDirSync(out)].map(({ name }) => name), []);
        const added = (await volumes(world)).filter((name) => !before.includes(name));
        assert(added.length <= 1 && added.every((name) => name.startsWith(`${PREFIX}-work-`)));
        assert((await volumes(world)).some((name) => name.startsWith(`${PREFIX}-work-`)));
      } finally {
        await world.project.write({ baseImage: world.baseImage });
      }
    },
  );
}

dockerTest(
  "deno task image chooses mkimage where an engine answers, says so, and gives facts as JSON",
  async (world) => {
    const out = `${world.project.dir}/chosen`;
    const { code, stdout, stderr } = await task(
      world,
      "--json",
      "--out",
      out,
      "--repository",
      world.project.repository,
    ).output();
    const said = new TextDecoder().decode(stderr);
    assertEquals(code, 0, said);
    assertMatch(said, /^engine mkimage: docker \d+\.\d+\S* answers\n/);
    const facts = JSON.parse(new TextDecoder().decode(stdout));
    assertEquals([facts.engine, facts.version, facts.kernel], ["mkimage", VERSION, "6.1.0-1-virt"]);
    assertEquals((await Deno.stat(facts.iso)).size, facts.size);
  },
);

dockerTest(
  "--print gives all files and commands; run by hand they make the same image, without a secret on show",
  async (world) => {
    const { code, stdout, stderr } = await task(
      world,
      "--engine",
      "mkimage",
      "--print",
      "--repository",
      world.project.repository,
    ).output();
    assertEquals(code, 0, new TextDecoder().decode(stderr));
    const shown = new TextDecoder().decode(stdout);
    for (
      const word of [
        "FROM psyopsos-double",
        "profile_psyopsos() {",
        "genapkovl",
        "docker create",
        "./mkimage.sh",
      ]
    ) {
      assertStringIncludes(shown, word);
    }
    const dir = `${world.project.dir}/build/mkimage`;
    const secret = (await Deno.readTextFile(`${world.project.dir}/keys/abuild/test-1.rsa`)).split(
      "\n",
    )[3]!;
    for (const { name } of Deno.readDirSync(dir)) {
      const content = await Deno.readFile(`${dir}/${name}`);
      assertEquals(new TextDecoder("latin1").decode(content).includes(secret), false, name);
    }
    assertEquals(shown.includes(secret), false);
    const lint = await new Deno.Command(toolPath("shellcheck") ?? "true", {
      args: [`${dir}/commands.sh`],
    }).output();
    assertEquals(new TextDecoder().decode(lint.stdout), "");
    const byHand = await new Deno.Command("sh", { args: [`${dir}/commands.sh`] }).output();
    assertEquals(byHand.code, 0, new TextDecoder().decode(byHand.stderr));
    const iso = `${dir}/out/alpine-psyopsos-${VERSION}-x86_64.iso`;
    const overlay = await Deno.readFile(`${dir}/psyopsos.apkovl.tar.gz`);
    assertEquals(await extract(iso, "/psyopsos.apkovl.tar.gz"), overlay);
    assertEquals(await containers(world), []);
  },
);

dockerTest(
  "an architecture that the engine's machine can't run is one clear line",
  async (world) => {
    const { engine } = world;
    // Repositories that can't be read from here are no reason to stop: the engine may reach them.
    const { options, said } = optionsFor(world, {
      arch: "aarch64",
      repositories: ["http://127.0.0.1:1/none"],
    });
    // An image whose shell is of that architecture, as a pulled one would be.
    const elf = new Uint8Array(64);
    elf.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0xb7, 0]);
    const dir = await Deno.makeTempDir({ dir: world.project.dir });
    await Deno.mkdir(`${dir}/bin`);
    await Deno.mkdir(`${dir}/etc`);
    await Deno.mkdir(`${dir}/home/build/aports/scripts`, { recursive: true });
    await Deno.writeTextFile(`${dir}/etc/passwd`, "build:x:1000:1000::/home/build:/bin/sh\n");
    await Deno.writeFile(`${dir}/bin/sh`, elf, { mode: 0o755 });
    await Deno.chmod(`${dir}/bin/sh`, 0o755);
    const { stdout: tar } = await new Deno.Command("tar", { args: ["-C", dir, "-cf", "-", "."] })
      .output();
    const prepared = await prepareBuild(engine.host, options);
    assertStringIncludes(said.join("\n"), "going on, as the container engine may reach it");
    assertEquals(knownPackages(prepared), undefined);
    await engine.ok("import", ["import", "-", prepared.plan.image], { stdin: tar });
    const place = { name: `${PREFIX}-work-foreign` };
    const resultDir = `${dir}/result`;
    // The daemon labels imports with its own architecture: it refuses by the label, then by the program.
    for (const platform of ["linux/arm64", engine.platform]) {
      const plan = { ...prepared.plan, platform };
      const run = () => runBuild(engine, plan, { place, epoch: 0, resultDir, onStage: () => {} });
      const error = await assertRejects(run, UserError);
      assertMatch(
        error.message,
        /^Cannot (?:make the builder's container|build the ISO|start the builder)/,
      );
      assertStringIncludes(
        error.message,
        "the engine's machine can't run programs of the image's architecture",
      );
      assertStringIncludes(error.hint!, "emulator");
    }
    assertEquals(await containers(world), []);
    await dropWork(engine, place);
  },
);

dockerTest("a builder image that is not there is never taken from a registry", async (world) => {
  const { engine } = world;
  const { plan } = await prepareBuild(engine.host, optionsFor(world).options);
  const missing = { ...plan, image: `${PREFIX}:none` };
  const place = { name: `${PREFIX}-work-none` };
  const run = () =>
    runBuild(engine, missing, { place, epoch: 0, resultDir: "/nonexistent", onStage: () => {} });
  const error = await assertRejects(run, UserError);
  assertMatch(error.message, /^Cannot make the builder's container: .*No such image/);
});

dockerTest("no network for the builder image is one clear line", async (world) => {
  const file = `${world.project.dir}/overlay/mkimage/Dockerfile`;
  await Deno.writeTextFile(file, "FROM registry.invalid/alpine:3\n");
  try {
    const error = await failure(world);
    assertStringIncludes(
      error.message,
      "Cannot build the builder image: the container engine reaches no network",
    );
  } finally {
    await world.project.write({ baseImage: world.baseImage });
  }
});

/** A host whose programs run as another user. */
class OtherUser extends DenoHost {
  override run(command: readonly string[], options?: RunOptions) {
    const as = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"];
    return super.run([...as, ...command], options);
  }
}

dockerTest("no permission on the socket is one clear line", async ({ daemon }) => {
  await Deno.chmod(daemon.dir, 0o755);
  const error = await assertRejects(() => openEngine(new OtherUser(), "docker"), UserError);
  assertEquals(error.message, "Cannot use docker: you may not use the engine's socket");
  assertStringIncludes(error.hint!, "usermod -aG docker");
});

Deno.test({
  name: "a dead daemon is one clear line",
  ...needTool("docker"),
  fn: async () => {
    class DeadEngine extends DenoHost {
      override env(name: string) {
        return name === "CONTAINER_HOST" ? "unix:///nonexistent/docker.sock" : undefined;
      }
      override run(command: readonly string[], options: RunOptions = {}) {
        const path = Deno.env.get("PATH")!;
        return super.run(command, {
          ...options,
          clearEnv: true,
          env: { PATH: path, ...options.env },
        });
      }
    }
    // CONTAINER_HOST stands in for DOCKER_HOST.
    const error = await assertRejects(() => openEngine(new DeadEngine(), "docker"), UserError);
    assertEquals(error.message, "Cannot use docker: the engine does not answer");
    assertStringIncludes(error.hint!, "--engine embedded");
  },
});

Deno.test("no engine at all is one clear line that names the other way", async () => {
  const error = await assertRejects(() => openEngine(new FakeHost()), UserError);
  assertEquals(error.message, "Cannot build with mkimage: neither docker nor podman is installed");
  assertEquals([error.exitCode, error.hint!.includes("--engine embedded")], [EXIT.missing, true]);
});

dockerTest("--clean removes this project's volumes and images, and nothing else", async (world) => {
  await build(world);
  await world.engine.ok("make", ["volume", "create", "somebody-elses"]);
  const { volumes: removed, images } = await cleanAll(world.engine);
  assert(removed.length >= 2 && images.length >= 1);
  assertEquals(await volumes(world), ["somebody-elses"]);
  const left = await world.engine.ok("list", ["images", "--format", "{{.Repository}}:{{.Tag}}"]);
  assertEquals(left.includes(`${PREFIX}:`), false);
  assertStringIncludes(left, "psyopsos-double:");
  assertEquals((await build(world)).said.includes("from the cache"), false);
});

Deno.test({
  name: "--shell opens a shell in the builder with everything in place, and removes it afterwards",
  ...needTool(...NEEDS, "script"),
  fn: async () => {
    const world = await (made ??= makeWorld());
    const words = ["--engine", "mkimage", "--shell", "--repository", world.project.repository];
    const command = [
      Deno.execPath(),
      ...["run", "-q", "-A", "--config", `${REPO}/deno.json`, `${REPO}/tasks/image.ts`],
      ...words,
    ].join(" ");
    // A terminal, as a person has one.
    const child = new Deno.Command(toolPath("script")!, {
      args: ["--quiet", "--return", "--command", command, "/dev/null"],
      cwd: world.project.dir,
      env: { SOURCE_DATE_EPOCH: `${FIXTURE_EPOCH}`, NO_COLOR: "1", SHELL: "/bin/sh" },
      stdin: "piped",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    let said = "";
    const writer = child.stdin.getWriter();
    let typed = false;
    for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream())) {
      said += chunk;
      if (typed || !said.includes("$ ")) continue;
      typed = true;
      await writer.write(
        new TextEncoder().encode("echo $(id -un) $(ls genapkovl-*) $(ls ~/.abuild); exit\n"),
      );
    }
    const { code } = await child.status;
    await writer.close().catch(() => {});
    assertEquals(code, 0, said);
    assertStringIncludes(said, "build genapkovl-psyopsos.sh test-1.rsa test-1.rsa.pub");
    assertEquals(await containers(world), []);
  },
});
