import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import {
  compileProgram,
  compilerComplaint,
  denortFacts,
  denoVersion,
  targetOf,
} from "../../../lib/agent_build/compile.ts";
import { type Bytes, utf8 } from "../../../lib/bytes.ts";
import { linesOf } from "../../../lib/complaint.ts";
import { UserError } from "../../../lib/errors.ts";
import type { RunOptions, RunResult } from "../../../lib/host.ts";
import { elfFile, LOADERS } from "../../support/elf.ts";
import { FakeHost } from "../../support/fake_host.ts";

const MUSL = elfFile({ interpreter: LOADERS.musl, text: "Deno/2.9.6" });
const EXPECT = "psyopsos-agent 1 (abc, musl)";

/** A host whose deno "compiles" into `output`, and whose result says `said`. */
function compilerHost(output: Bytes, said: Partial<RunResult>) {
  const host = new FakeHost();
  const seen: { args: readonly string[]; options: RunOptions }[] = [];
  host.programs.set("touch", () => "");
  host.programs.set("deno", (args, options) => {
    seen.push({ args, options });
    const program = `${options.cwd}/psyopsos-agent`;
    host.put(program, output, 0o755);
    host.programs.set(program, () => said);
    return "";
  });
  return { host, seen };
}

const OPTIONS = {
  script: utf8("1"),
  arch: "x86_64",
  libc: "musl",
  compiler: "deno",
  expect: EXPECT,
} as const;

Deno.test("compileProgram() takes a program that says who it is, and cleans up", async () => {
  const { host, seen } = compilerHost(MUSL, { stdout: utf8(`${EXPECT}\n`) });
  host.variables.set("DENO_V8_FLAGS", "--jitless");
  host.variables.set("HTTPS_PROXY", "http://proxy");
  host.variables.set("DENO_DIR", "/cache");
  const { bytes, untried } = await compileProgram(host, { ...OPTIONS, denort: "/denort" });
  assertEquals(bytes, MUSL);
  assertEquals(untried, undefined);
  const [{ args, options }] = seen as [typeof seen[0]];
  assertEquals(options.clearEnv, true);
  assertEquals(options.env, {
    NO_COLOR: "1",
    RUST_BACKTRACE: "0",
    DENO_NO_UPDATE_CHECK: "1",
    HTTPS_PROXY: "http://proxy",
    DENO_DIR: "/cache",
    DENORT_BIN: "/denort",
  });
  for (const flag of ["--no-code-cache", "--no-check", "--no-config"]) {
    assertEquals(args.includes(flag), true, flag);
  }
  // Deno may know no musl target; the runtime that is named is used for any.
  assertEquals(args.includes(`--target=${targetOf("x86_64", "glibc")}`), true);
  assertEquals((await host.readDir("/tmp")).filter((name) => name.startsWith("psyopsos-")), []);
});

Deno.test("compileProgram() asks Deno for a runtime of the wanted C library", async () => {
  const { host, seen } = compilerHost(MUSL, { stdout: utf8(EXPECT) });
  await compileProgram(host, OPTIONS);
  assertEquals(seen[0]!.args.includes("--target=x86_64-unknown-linux-musl"), true);
  assertEquals(seen[0]!.options.env?.DENORT_BIN, undefined);
});

Deno.test("compileProgram() says when the program can't be tried here", async () => {
  const absent = compilerHost(MUSL, { code: 127, stderr: utf8("not found") });
  assertStringIncludes(
    (await compileProgram(absent.host, OPTIONS)).untried!,
    "loader is not on this machine",
  );
  const foreign = compilerHost(MUSL, {});
  foreign.host.programs.set("deno", (_, { cwd }) => {
    foreign.host.put(`${cwd}/psyopsos-agent`, MUSL);
    foreign.host.programs.set(`${cwd}/psyopsos-agent`, () => {
      throw new Error("Exec format error (os error 8)");
    });
    return "";
  });
  assertStringIncludes((await compileProgram(foreign.host, OPTIONS)).untried!, "Exec format");
});

Deno.test("compileProgram() takes nothing that is or says something else", async () => {
  const cases: [Bytes, Partial<RunResult>, string][] = [
    [MUSL, { stdout: utf8("deno 2.9.6\nv8 15\n") }, "asked for its version it says deno 2.9.6"],
    [MUSL, { code: 1, stderr: utf8("error: Could not find it\n") }, "it does not start: error: C"],
    [MUSL, { code: 139 }, "it does not start: exit code 139"],
    [elfFile({ interpreter: LOADERS.glibc }), {}, "it is x86_64 with glibc, not x86_64 with musl"],
    [utf8("MZ"), {}, "it is no such program"],
  ];
  for (const [output, said, message] of cases) {
    const { host } = compilerHost(output, said);
    const error = await assertRejects(() => compileProgram(host, OPTIONS), UserError);
    assertStringIncludes(error.message, message);
    assertEquals((await host.readDir("/tmp")).length, 0);
  }
});

Deno.test("compileProgram() gives the compiler's own reason", async () => {
  const { host } = compilerHost(MUSL, {});
  host.programs.set("deno", () => ({ code: 1, stderr: utf8("error: no room\n") }));
  await assertRejects(
    () => compileProgram(host, OPTIONS),
    UserError,
    "Cannot compile the agent: no room",
  );
});

Deno.test("compilerComplaint() finds the reason in what Deno wraps around it", () => {
  const download = `error: Writing deno compile executable to temporary file 'x'

Caused by:
    0: Setting up base binary.
    1: error sending request for url (https://dl.example/denort.zip): client error (Connect): dns error
    2: dns error`;
  const cases: [string, string | undefined][] = [
    [download, "https://dl.example/denort.zip can't be downloaded"],
    [
      "error: invalid value 'x86_64-unknown-linux-musl' for '--target <target>'\n  [possible values: …]",
      "Deno does not know this target",
    ],
    [
      "error: Writing …\n\nCaused by:\n    0: Could not find denort at '/nonexist'\n    1: No such file",
      "Could not find denort at '/nonexist'",
    ],
    ["", undefined],
  ];
  for (const [stderr, expected] of cases) {
    assertEquals(compilerComplaint(linesOf(utf8(stderr))), expected);
  }
});

Deno.test("denortFacts() refuses a runtime of another version in one clear line", async () => {
  const host = new FakeHost({
    "/old": elfFile({ interpreter: LOADERS.glibc, text: "Deno/0.80.0 Deno/2.4.2" }),
    "/same": elfFile({ interpreter: LOADERS.musl, text: "Deno/0.80.0 Deno/2.9.6" }),
    "/mute": elfFile({ interpreter: LOADERS.musl }),
    "/mac": utf8("\xcf\xfa\xed\xfe"),
  });
  const compiler = { compiler: "/usr/bin/deno", version: "2.9.6" };
  assertEquals((await denortFacts(host, "/same", compiler)).libc, "musl");
  // One that does not say its version is judged when it is started.
  assertEquals((await denortFacts(host, "/mute", compiler)).libc, "musl");
  const cases: [string, string][] = [
    ["/old", "Cannot use the runtime /old: it is of Deno 2.4.2, /usr/bin/deno is 2.9.6"],
    ["/mac", "Cannot use the runtime /mac: it is no program for Linux"],
    ["/none", "Cannot use the runtime /none: no such file"],
  ];
  for (const [path, message] of cases) {
    const error = await assertRejects(() => denortFacts(host, path, compiler), UserError);
    assertEquals(error.message, message);
  }
});

Deno.test("denoVersion() refuses what is no deno", async () => {
  const host = new FakeHost();
  host.programs.set(
    "deno",
    () => "deno 2.4.2 (stable, release, x86_64-unknown-linux-gnu)\nv8 13\n",
  );
  host.programs.set("ls", () => "ls (GNU coreutils) 9.1\n");
  assertEquals(await denoVersion(host, "deno"), "2.4.2");
  await assertRejects(() => denoVersion(host, "ls"), UserError, "it is no deno");
  await assertRejects(() => denoVersion(host, "gone"), UserError, "gone: not found");
});
