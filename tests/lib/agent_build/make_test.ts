import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import type { FormChoice } from "../../../lib/agent_build/forms.ts";
import { agentNote, makeAgent, type MakeAgentOptions } from "../../../lib/agent_build/make.ts";
import { type Bytes, text, utf8 } from "../../../lib/bytes.ts";
import { UserError } from "../../../lib/errors.ts";
import type { TarEntry } from "../../../lib/formats/tar.ts";
import { elfFile, LOADERS } from "../../support/elf.ts";
import { FakeHost } from "../../support/fake_host.ts";

const ENTRIES = ["ld-linux-x86-64.so.2", "libc.so.6"].map((soname): TarEntry => ({
  path: `lib/x86_64-linux-gnu/${soname}`,
  kind: "file",
  mode: 0o755,
  uid: 0,
  gid: 0,
  mtime: 0,
  data: elfFile({ soname, text: "GLIBC_2.36" }),
}));

const LIBC6 = [{ name: "libc6", version: "2.36-9+deb12u14" }];

const PROGRAMS = {
  musl: elfFile({
    interpreter: LOADERS.musl,
    needed: ["libgcc_s.so.1", "libc.musl-x86_64.so.1", "libstdc++.so.6"],
    text: "Deno/2.9.6",
  }),
  gnu: elfFile({ interpreter: LOADERS.glibc, needed: ["libc.so.6"], text: "Deno/2.9.6" }),
};

/** A host whose deno has runtimes for these targets. */
function denoHost(targets: (keyof typeof PROGRAMS)[]) {
  const host = new FakeHost({ "deno.json": '{"version":"0.1.0"}' });
  host.programs.set("touch", () => "");
  host.programs.set("deno", (args, { cwd, env }) => {
    if (args[0] === "--version") return "deno 2.9.6 (stable)\n";
    if (args[0] === "bundle") return "agent()";
    const target = args.find((arg) => arg.startsWith("--target="))!;
    let output: Bytes | undefined;
    // As Deno does: a target it does not know is refused before anything else.
    if (target.endsWith("musl") && !targets.includes("musl")) {
      return { code: 1, stderr: utf8("error: invalid value 'x' for '--target'") };
    }
    if (env?.DENORT_BIN) output = PROGRAMS[env.DENORT_BIN.slice(1) as keyof typeof PROGRAMS];
    else {
      const kind = target.endsWith("musl") ? "musl" : "gnu";
      if (!targets.includes(kind)) {
        const stderr = "error: x\n 1: error sending request for url (https://dl/x.zip): dns";
        return { code: 1, stderr: utf8(stderr) };
      }
      output = PROGRAMS[kind];
    }
    const program = `${cwd}/psyopsos-agent`;
    host.put(program, output!, 0o755);
    host.programs.set(program, () => {
      const form = output === PROGRAMS.musl ? "musl" : "glibc";
      return `psyopsos-agent 0.1.0 (c0ffee, ${form})\n`;
    });
    return "";
  });
  return host;
}

function options(form: FormChoice, more: Partial<MakeAgentOptions> = {}): MakeAgentOptions {
  return {
    root: ".",
    form,
    arch: "x86_64",
    deno: "deno",
    commit: "c0ffee",
    glibc: () => Promise.resolve({ packages: LIBC6, entries: ENTRIES }),
    ...more,
  };
}

/** FakeHost takes paths as they are. */
function rooted(host: FakeHost): FakeHost {
  host.put("./deno.json", '{"version":"0.1.0"}');
  return host;
}

Deno.test("makeAgent() prefers musl, and asks for the libraries it is linked with", async () => {
  const agent = await makeAgent(rooted(denoHost(["musl", "gnu"])), options("auto"));
  assertEquals([agent.form, agent.version, agent.commit], ["musl", "0.1.0", "c0ffee"]);
  assertEquals([...agent.files.keys()], ["usr/lib/psyopsos/agent"]);
  assertEquals(agent.files.get("usr/lib/psyopsos/agent")!.mode, 0o755);
  assertEquals(agent.packages, ["so:libgcc_s.so.1", "so:libstdc++.so.6"]);
});

Deno.test("makeAgent() else takes glibc with its files, and says why not musl", async () => {
  const agent = await makeAgent(rooted(denoHost(["gnu"])), options("auto"));
  assertEquals(agent.form, "glibc");
  assertEquals([...agent.files.keys()], [
    "usr/lib/psyopsos/agent",
    "lib64/ld-linux-x86-64.so.2",
    "usr/lib/x86_64-linux-gnu/libc.so.6",
  ]);
  assertEquals(agent.packages, []);
  assertEquals(agentNote(agent), {
    version: "0.1.0",
    commit: "c0ffee",
    form: "glibc",
    contains: [
      { name: "deno", version: "2.9.6", purl: "pkg:github/denoland/deno@v2.9.6" },
      { ...LIBC6[0]!, purl: "pkg:deb/debian/libc6@2.36-9%2Bdeb12u14?arch=amd64" },
    ],
  });
  assertEquals(agent.why, "Deno 2.9.6's own runtime; no musl: Deno does not know this target");
});

Deno.test("makeAgent() else takes the bundle, and says why neither of the others", async () => {
  const agent = await makeAgent(rooted(denoHost([])), options("auto"));
  assertEquals([agent.form, agent.packages, agent.contains], ["bundle", ["deno"], []]);
  assertEquals(
    agent.why,
    "the package deno runs it; no musl: Deno does not know this target; no glibc: https://dl/x.zip can't be downloaded",
  );
  const script = text(agent.files.get("usr/lib/psyopsos/agent.js")!.data);
  assertEquals(
    script,
    'globalThis.psyopsosAgent={"version":"0.1.0","commit":"c0ffee","form":"bundle"};\nagent()',
  );
});

Deno.test("makeAgent() gets no runtime when there is no glibc to go with it", async () => {
  const host = rooted(denoHost(["gnu"]));
  const glibc = () => Promise.reject(new UserError("get glibc", "no mirror"));
  const agent = await makeAgent(host, options("auto", { glibc }));
  assertEquals(agent.form, "bundle");
  assertStringIncludes(agent.why, "no glibc: no mirror");
  assertEquals(host.log.filter((line) => /compile.*-gnu/.test(line)), []);
});

Deno.test("makeAgent() gives nothing but the form that was asked for", async () => {
  await assertRejects(
    () => makeAgent(rooted(denoHost(["gnu"])), options("musl")),
    UserError,
    "Cannot compile the agent: Deno does not know this target",
  );
  assertEquals(
    (await makeAgent(rooted(denoHost(["musl", "gnu"])), options("glibc"))).form,
    "glibc",
  );
  const bundle = await makeAgent(rooted(denoHost(["musl"])), options("bundle"));
  assertEquals([bundle.form, bundle.why], ["bundle", "asked for"]);
});

Deno.test("makeAgent() takes the form of the runtime that is named, and no other", async () => {
  const host = rooted(denoHost([]));
  host.put("/musl", PROGRAMS.musl);
  host.put("/gnu", PROGRAMS.gnu);
  host.put("/arm", elfFile({ machine: 183, interpreter: "/lib/ld-musl-aarch64.so.1" }));
  assertEquals((await makeAgent(host, options("auto", { denort: "/musl" }))).form, "musl");
  assertEquals((await makeAgent(host, options("auto", { denort: "/gnu" }))).form, "glibc");
  const cases: [FormChoice, string, string][] = [
    ["glibc", "/musl", "it is for x86_64 with musl, not x86_64 with glibc"],
    ["auto", "/arm", "it is for aarch64 with musl, not x86_64"],
    ["auto", "/none", "no such file"],
  ];
  for (const [form, denort, message] of cases) {
    await assertRejects(() => makeAgent(host, options(form, { denort })), UserError, message);
  }
});
