import {
  assert,
  assertEquals,
  assertMatch,
  assertNotEquals,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { UserError } from "../../../../lib/errors.ts";
import { parseDefinition } from "../../../../lib/image/definition.ts";
import {
  imageNames,
  MAX_VOLUME_ID,
  quote,
  renderGenapkovl,
  renderProfile,
  serialOf,
} from "../../../../lib/image/mkimage/profile.ts";
import {
  BUILD_PROBLEMS,
  ENGINE_PROBLEMS,
  exitProblem,
  findProblem,
} from "../../../../lib/image/mkimage/failures.ts";
import { engineError } from "../../../../lib/image/mkimage/engine.ts";
import { eachLine, LAST_LINES, StageReader } from "../../../../lib/image/mkimage/stages.ts";
import {
  type WorkdirFacts,
  workdirKey,
  workdirText,
} from "../../../../lib/image/mkimage/workdir_key.ts";
import type { IndexRecord } from "../../../../lib/apk/index.ts";

const definition = parseDefinition(await Deno.readTextFile("overlay/image.yaml"));
const template = await Deno.readTextFile("overlay/mkimage/mkimg.psyopsos.sh");
const cmdline = definition.cmdline;

Deno.test("renderProfile() gives the exact line mkimage.sh looks for, and no word is left to fill in", () => {
  const profile = renderProfile(template, { definition, arch: "x86_64", cmdline });
  assertMatch(profile, /^profile_psyopsos\(\) \{$/m);
  assertEquals(/@[A-Z]/.test(profile), false);
  assertStringIncludes(profile, `kernel_cmdline='${cmdline}'`);
  assertStringIncludes(profile, 'syslinux_serial="0 115200"');
  assertStringIncludes(profile, 'boot_addons="amd-ucode intel-ucode"');
  const arm = renderProfile(template, { definition, arch: "aarch64", cmdline });
  assertStringIncludes(arm, 'boot_addons=""');
  assertStringIncludes(arm, 'arch="aarch64"');
});

Deno.test("renderProfile() lets no command line out of its quotes", () => {
  const evil = `a='b' "$(touch /x)" \`id\` $HOME`;
  const profile = renderProfile(template, { definition, arch: "x86_64", cmdline: evil });
  assertStringIncludes(profile, `kernel_cmdline=${quote(evil)}`);
  assertEquals(quote("it's"), `'it'\\''s'`);
});

Deno.test("renderProfile() refuses what mkimage.sh can't do, and broken templates", () => {
  const some = { ...definition, kernel: { ...definition.kernel, modules: ["loop"] } };
  assertThrows(
    () => renderProfile(template, { definition: some, arch: "x86_64", cmdline }),
    UserError,
    "kernel.modules",
  );
  assertThrows(() => renderGenapkovl("sum=@SHA25@", "aa"), UserError, "did you mean @SHA256@?");
  assertThrows(() => renderGenapkovl("sum=", "aa"), UserError, "has no @SHA256@");
  assertThrows(() => renderGenapkovl("sum=@SHA256@", "$(id)"), UserError, "Cannot write");
});

Deno.test("imageNames() keeps volume ids short and different", () => {
  const plain = imageNames("2026.11.22.2015", "x86_64");
  assertEquals(plain, {
    tag: "2026.11.22.2015",
    volumeId: "alpine-ps 2026.11.22.2015 x86_64",
    file: "alpine-psyopsos-2026.11.22.2015-x86_64.iso",
  });
  const ids = [
    "a-very-long-version-number-1",
    "a-very-long-version-number-2",
    "1.0_rc1",
    "1.0_rc2",
    "1.0-rc1",
  ]
    .flatMap((version) => ["x86_64", "aarch64"].map((arch) => imageNames(version, arch).volumeId));
  assertEquals(new Set(ids).size, ids.length);
  for (const id of ids) assert(id.length <= MAX_VOLUME_ID && !id.includes("_rc"), id);
});

Deno.test("serialOf() takes the last serial console", () => {
  assertEquals(serialOf("console=tty0 quiet"), "");
  assertEquals(serialOf("console=ttyS0 x"), "0 9600");
  assertEquals(serialOf("console=ttyS0,9600 console=ttyS1,115200n8"), "1 115200");
});

/** What programs really said, and what we make of it. */
const SAID: [typeof BUILD_PROBLEMS, string, string][] = [
  [
    ENGINE_PROBLEMS,
    "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?",
    "does not answer",
  ],
  [
    ENGINE_PROBLEMS,
    "Got permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock: dial unix: connect: permission denied",
    "you may not use",
  ],
  [
    ENGINE_PROBLEMS,
    'Error response from daemon: Get "https://registry-1.docker.io/v2/": dial tcp: lookup registry-1.docker.io: no such host',
    "no network",
  ],
  [
    ENGINE_PROBLEMS,
    "Error response from daemon: mkdir /var/lib/docker/tmp/x: no space left on device",
    "disk",
  ],
  [ENGINE_PROBLEMS, "exec /bin/sh: exec format error", "architecture"],
  [
    ENGINE_PROBLEMS,
    "WARNING: image platform (linux/arm64) does not match the expected platform",
    "architecture",
  ],
  [
    ENGINE_PROBLEMS,
    "pull access denied for nothing, repository does not exist or may require 'docker login'",
    "registry does not have",
  ],
  [
    ENGINE_PROBLEMS,
    "runc create failed: unable to apply caps: operation not permitted",
    "may not start containers",
  ],
  [
    BUILD_PROBLEMS,
    "ERROR: unable to select packages:\n  foo (no such package):\n    required by: world[foo]",
    "the package foo",
  ],
  [BUILD_PROBLEMS, "WARNING: Ignoring https://x/main: UNTRUSTED signature", "signed by a key"],
  [BUILD_PROBLEMS, "ERROR: Unable to lock database: No such file or directory", "half made"],
  [
    BUILD_PROBLEMS,
    "build.sh: line 10: can't create /home/build/work/.unfinished: Permission denied",
    "can't be written",
  ],
  [BUILD_PROBLEMS, "Could not open file or uri for loading private key from :", "signing key"],
  [BUILD_PROBLEMS, "cp: can't stat '': No such file or directory", "signing key"],
  [BUILD_PROBLEMS, ">>> ERROR: Unable to deduce aports base checkout", "main/build-base"],
  [BUILD_PROBLEMS, "./mkimage.sh: line 1: profile_psyopsos: not found", "profile psyopsos"],
  [BUILD_PROBLEMS, "Must provide --repository", "no repository"],
  [BUILD_PROBLEMS, "xorriso : FAILURE : -volid: Text too long (33 > 32)", "volume id"],
  [
    BUILD_PROBLEMS,
    "genapkovl-psyopsos.sh: ./x.tar.gz is not the overlay that this script was made for",
    "overlay script",
  ],
  [
    BUILD_PROBLEMS,
    "fetch https://dl-cdn.alpinelinux.org/…: temporary error (try again later)",
    "no network",
  ],
  [BUILD_PROBLEMS, "xz: (stdout): Write error: No space left on device", "disk"],
];

for (const [table, said, expected] of SAID) {
  Deno.test(`findProblem() knows ${said.split("\n")[0]!.slice(0, 60)}`, () => {
    const problem = findProblem(table, said);
    assertStringIncludes(problem?.what ?? "nothing", expected);
    assert(problem!.cure.length > 10 && !problem!.what.includes("\n"));
  });
}

Deno.test("findProblem() looks through a long line at once", () => {
  const start = performance.now();
  for (const word of ["a", "connection refused ", "genapkovl.sh: "]) {
    const said = `${word.repeat(10_000)}\n`;
    assertEquals(findProblem(BUILD_PROBLEMS, said), undefined);
    assertEquals(findProblem(ENGINE_PROBLEMS, said), undefined);
  }
  assert(performance.now() - start < 500);
});

Deno.test("findProblem() knows nothing of what is new, and exit codes speak for some", () => {
  assertEquals(findProblem(BUILD_PROBLEMS, "something else"), undefined);
  assertStringIncludes(exitProblem(137)!.what, "killed");
  assertEquals(exitProblem(1), undefined);
  const message =
    engineError("docker", "start the builder", 1, "\x1b[31mline one\nlast\x07line\n\n").message;
  assertEquals(message, 'Cannot start the builder: docker says "last?line"');
});

Deno.test("StageReader tells stages, times, what came from the cache, and keeps the last lines", () => {
  const lines: string[] = [];
  const reader = new StageReader((line) => lines.push(line));
  reader.line("fetch https://…", 0);
  reader.line("\x1b[1;32m>>> \x1b[0mmkimage-x86_64: --> kernel x86_64 virt abc", 1000);
  reader.line("tar: Ignoring unknown extended header keyword 'APK-TOOLS.checksum.SHA1'", 1100);
  reader.line("[====|     ] 10%", 1200);
  reader.line(">>> mkimage-x86_64: --> somethingnew x", 13_500);
  reader.line(">>> mkimage-x86_64: Creating alpine-x.iso", 14_000);
  reader.end(15_250);
  assertEquals(lines, [
    "  kernel, modules, initramfs …",
    "  kernel, modules, initramfs: 12.5 s",
    "  somethingnew …",
    "  packages: from the cache",
    "  somethingnew: 0.5 s",
    "  ISO …",
    "  ISO: 1.3 s",
  ]);
  assertEquals(reader.lastStage, "ISO");
  assertEquals(reader.last.length, 4);
  for (let i = 0; i < 100; i++) reader.line(`line ${i}`, 0);
  assertEquals([reader.last.length, reader.last.at(-1)], [LAST_LINES, "line 99"]);
});

Deno.test("eachLine() joins lines over chunks and knows carriage returns", async () => {
  const chunks = ["on", "e\ntw", "o\r\nthree\rfo", "ur"].map((part) =>
    new TextEncoder().encode(part)
  );
  const lines: string[] = [];
  await eachLine(ReadableStream.from(chunks), (line) => lines.push(line));
  assertEquals(lines, ["one", "two", "three", "four"]);
});

const FACTS: WorkdirFacts = {
  arch: "x86_64",
  builder: "sha256:1",
  publicKey: "PEM",
  keyName: "a.rsa",
  repositories: ["https://x/main", "https://x/community"],
  repositoryKeys: new Map([["k.pub", "K"], ["l.pub", "L"]]),
  profile: "profile",
  driver: "driver",
  packages: [record("a", "1", "Q1a"), record("b", "1", "Q1b")],
};

function record(name: string, version: string, checksum: string): IndexRecord {
  return { name, version, checksum } as IndexRecord;
}

Deno.test("workdirKey() changes with everything that cached parts hold", () => {
  const key = workdirKey(FACTS);
  assertMatch(key, /^[0-9a-f]{16}$/);
  const others: Partial<WorkdirFacts>[] = [
    { arch: "aarch64" },
    { builder: "sha256:2" },
    { publicKey: "OTHER" },
    { keyName: "b.rsa" },
    { repositories: ["https://x/main"] },
    { repositories: ["https://x/community", "https://x/main"] },
    { repositoryKeys: new Map([["k.pub", "other"], ["l.pub", "L"]]) },
    { profile: "profile 2" },
    { driver: "driver 2" },
    { packages: [record("a", "1", "Q1a"), record("b", "1", "Q1c")] },
    { packages: [record("a", "1", "Q1a"), record("b", "2", "Q1b")] },
    { packages: undefined },
  ];
  const keys = others.map((change) => workdirKey({ ...FACTS, ...change }));
  for (const other of keys) assertNotEquals(other, key);
  assertEquals(new Set(keys).size, keys.length);
});

Deno.test("workdirKey() does not depend on the order in which packages and keys are found", () => {
  const { packages, repositoryKeys } = FACTS;
  const turned = {
    ...FACTS,
    packages: [...packages!].reverse(),
    repositoryKeys: new Map([...repositoryKeys].reverse()),
  };
  assertEquals(workdirText(turned), workdirText(FACTS));
});
