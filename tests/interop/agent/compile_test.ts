/** The agent compiled for real: its bytes, its rights, what it needs around it, and what is said of runtimes that do not fit. */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { scriptWithFacts } from "../../../lib/agent_build/bundle.ts";
import { compileProgram } from "../../../lib/agent_build/compile.ts";
import { AGENT_PROGRAM_PATH, type BuiltAgent, makeAgent } from "../../../lib/agent_build/make.ts";
import { sha256Hex, utf8 } from "../../../lib/bytes.ts";
import { DenoHost } from "../../../lib/deno_host.ts";
import { EXIT, UserError } from "../../../lib/errors.ts";
import { labGlibc } from "../../../lib/lab_packages/glibc.ts";
import { main } from "../../../tasks/agent.ts";
import { OLD_VERSION, oldDeno } from "../../support/old_deno.ts";
import { BUSYBOX_TOOLS, staticBusybox } from "../../support/static_busybox.ts";
import { needTool } from "../../support/tools.ts";

const ROOT = new URL("../../../", import.meta.url).pathname.replace(/\/$/, "");
const GLIBC = "build/lab/packages";
const host = new DenoHost();
const NEEDS = needTool("apt-get", "dpkg-deb");

let made: Promise<BuiltAgent> | undefined;
/** The agent that all tests look at. */
function agent(): Promise<BuiltAgent> {
  return made ??= (async () => {
    const { deno: compiler, denort } = await oldDeno();
    return await makeAgent(host, {
      root: ROOT,
      form: "auto",
      arch: "x86_64",
      deno: Deno.execPath(),
      compiler,
      denort,
      commit: "test",
      glibc: labGlibc({ cacheDir: `${ROOT}/${GLIBC}` }),
    });
  })();
}

async function withDir(body: (dir: string) => Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir();
  try {
    await body(dir);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

const decoder = new TextDecoder();

async function output(command: string[], options: Deno.CommandOptions = {}) {
  const [program = "", ...args] = command;
  const { code, stdout, stderr } = await new Deno.Command(program, { args, ...options }).output();
  return { code, out: decoder.decode(stdout).trim(), err: decoder.decode(stderr).trim() };
}

/** Puts files below a folder that stands for the node's root. */
async function place(dir: string, files: BuiltAgent["files"]): Promise<void> {
  for (const [path, { data, mode }] of files) {
    await Deno.mkdir(`${dir}/${path}`.replace(/\/[^/]*$/, ""), { recursive: true });
    await Deno.writeFile(`${dir}/${path}`, data, { mode });
  }
}

Deno.test({
  name: "a compiled agent says what it is and leaves no cache that root would trust",
  ...NEEDS,
  fn: () =>
    withDir(async (dir) => {
      const { form, version, files } = await agent();
      assertEquals(form, "glibc");
      await place(dir, files);
      await Deno.mkdir(`${dir}/tmp`);
      const env = { TMPDIR: `${dir}/tmp`, HOME: `${dir}/tmp`, PATH: "/usr/bin:/bin" };
      const run = () =>
        output([`${dir}/${AGENT_PROGRAM_PATH}`, "--version"], { env, clearEnv: true });
      for (let i = 0; i < 2; i++) {
        const { code, out, err } = await run();
        assertEquals([code, out, err], [0, `psyopsos-agent ${version} (test, glibc)`, ""]);
      }
      assertEquals([...Deno.readDirSync(`${dir}/tmp`)], []);
    }),
});

Deno.test({
  name: "a compiled agent has the same bytes from another folder, zone, umask and environment",
  ...NEEDS,
  fn: () =>
    withDir(async (dir) => {
      const { deno: compiler, denort } = await oldDeno();
      const copy = `${dir}/other place`;
      await Deno.mkdir(copy);
      const parts = ["agent", "lib", "site", "deno.json", "deno.lock"];
      const copied = await output(["cp", "-r", ...parts.map((part) => `${ROOT}/${part}`), copy]);
      assertEquals(copied.code, 0, copied.err);
      await Deno.writeTextFile(
        `${copy}/hash.ts`,
        `import { DenoHost } from "./lib/deno_host.ts";
         import { makeAgent } from "./lib/agent_build/make.ts";
         import { labGlibc } from "./lib/lab_packages/glibc.ts";
         import { sha256Hex } from "./lib/bytes.ts";
         const [compiler, denort, cacheDir] = Deno.args;
         const { files } = await makeAgent(new DenoHost(), {
           root: ".", form: "glibc", arch: "x86_64", deno: Deno.execPath(), compiler, denort,
           commit: "test", glibc: labGlibc({ cacheDir }),
         });
         console.log(JSON.stringify([...files].map(([p, f]) => [p, sha256Hex(f.data), f.mode])));`,
      );
      const script = 'umask 077; exec "$0" run -q -A --no-lock hash.ts "$@"';
      await Deno.mkdir(`${dir}/tmp`);
      const result = await output(
        ["sh", "-c", script, Deno.execPath(), compiler, denort, `${ROOT}/${GLIBC}`],
        {
          cwd: copy,
          env: {
            TZ: "Asia/Kathmandu",
            TMPDIR: `${dir}/tmp`,
            DENO_V8_FLAGS: "--max-semi-space-size=4",
            DENORT_BIN: "/nonexistent",
            DENO_COVERAGE_DIR: "",
          },
        },
      );
      assertEquals(result.code, 0, result.err);
      const { files } = await agent();
      assertEquals(
        JSON.parse(result.out),
        [...files].map(([path, { data, mode }]) => [path, sha256Hex(data), mode]),
      );
    }),
});

Deno.test({
  name: "a compiled agent runs in a root with nothing but its own files and a static shell",
  ...needTool(...BUSYBOX_TOOLS, "unshare", "chroot"),
  fn: () =>
    withDir(async (dir) => {
      const { files, version } = await agent();
      await place(dir, files);
      const wrapper = `${ROOT}/overlay/root/usr/bin/psyopsos-agent`;
      await place(
        dir,
        new Map([
          ["bin/busybox", { data: await Deno.readFile(await staticBusybox()), mode: 0o755 }],
          ["usr/bin/psyopsos-agent", { data: await Deno.readFile(wrapper), mode: 0o755 }],
        ]),
      );
      for (const name of ["sh", "id", "mkdir"]) await Deno.symlink("busybox", `${dir}/bin/${name}`);
      for (const name of ["proc", "dev", "run"]) await Deno.mkdir(`${dir}/${name}`);
      const user = (await output(["id", "-u"])).out === "0" ? [] : ["--map-root-user"];
      const inside = (...args: string[]) =>
        output([
          "unshare",
          ...user,
          "--mount",
          "sh",
          "-c",
          'mount --rbind /proc "$0/proc" && mount --rbind /dev "$0/dev" && exec chroot "$0" /usr/bin/psyopsos-agent "$@"',
          dir,
          ...args,
        ], { clearEnv: true, env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" } });
      const told = await inside("--version");
      assertEquals(told, { code: 0, out: `psyopsos-agent ${version} (test, glibc)`, err: "" });
      const status = await inside("status");
      assertEquals(status.code, EXIT.failed);
      assertStringIncludes(status.err, "has not written one yet");
    }),
});

/** Says which rights it has, and what a site of one's own answers. */
const PROBE = `
const attempt = async (name, what) => {
  try { return [name, await what()]; } catch (error) { return [name, error.name]; }
};
if (Deno.args[0] === "--version") console.log("probe");
else {
  const [url, file] = Deno.args;
  console.log(JSON.stringify(await Promise.all([
    attempt("env", () => Deno.env.get("HOME")),
    attempt("sys", () => Deno.hostname()),
    attempt("ffi", () => Deno.dlopen("libc.so.6", {}) && "open"),
    attempt("run", () => new Deno.Command("true").outputSync().code),
    attempt("shell", () => new Deno.Command("/bin/sh", { args: ["-c", "exit 7"] }).outputSync().code),
    attempt("read", () => Deno.readTextFileSync("/etc/passwd").length > 0),
    attempt("write", () => Deno.writeTextFileSync(file, "x") ?? "written"),
    attempt("import", async () => await import(url) && "imported"),
    attempt("fetch", async () => await (await fetch(url)).text()),
  ])));
}`;

const EXPECTED: [string, unknown][] = [
  ["env", "NotCapable"],
  ["sys", "NotCapable"],
  ["ffi", "NotCapable"],
  ["run", "NotCapable"],
  ["shell", 7],
  ["read", true],
  ["write", "written"],
];

Deno.test({
  name: "bundle and compiled agent have the same few rights and trust the image's certificates",
  ...needTool("openssl"),
  fn: () =>
    withDir(async (dir) => {
      const { deno: compiler, denort } = await oldDeno();
      const code = utf8(PROBE);
      const compiled = await compileProgram(host, {
        script: scriptWithFacts({ version: "1", commit: "test", code }, "glibc"),
        arch: "x86_64",
        libc: "glibc",
        compiler,
        denort,
        expect: "probe",
      });
      await using server = await httpsServer(dir);
      const lib = `${dir}/lib`;
      const wrapper = (await Deno.readTextFile(`${ROOT}/overlay/root/usr/bin/psyopsos-agent`))
        .replace("DENO_DIR=/run/psyopsos/deno", `DENO_DIR=${dir}/cache`)
        .replace("certificates=/etc/ssl/certs/ca-certificates.crt", `certificates=${dir}/ca.pem`)
        .replace("lib=/usr/lib/psyopsos", `lib=${lib}`);
      await Deno.mkdir(lib);
      await Deno.writeTextFile(`${dir}/wrapper`, wrapper);
      await Deno.writeFile(`${lib}/agent.js`, code);
      const folder = compiler.replace(/\/[^/]*$/, "");
      const forms: [string, () => Promise<void>, string][] = [
        ["bundle, this Deno", () => Promise.resolve(), `exec ${Deno.execPath()} run`],
        [`bundle, Deno ${OLD_VERSION}`, () => Promise.resolve(), `exec ${folder}/deno run`],
        ["compiled", () => Deno.writeFile(`${lib}/agent`, compiled.bytes, { mode: 0o755 }), ""],
      ];
      for (const [form, prepare, exec] of forms) {
        await prepare();
        const script = exec ? wrapper.replace("exec deno run", exec) : wrapper;
        const probe = async (certificates: string) => {
          const text = script.replace(`${dir}/ca.pem`, certificates);
          await Deno.writeTextFile(`${dir}/wrapper`, text);
          const { out, err } = await output(
            ["/bin/sh", `${dir}/wrapper`, server.url, `${dir}/written`],
            { clearEnv: true },
          );
          assert(out.startsWith("["), `${form}: ${err}`);
          return JSON.parse(out) as [string, unknown][];
        };
        const found = await probe(`${dir}/ca.pem`);
        assertEquals(found.slice(0, EXPECTED.length), EXPECTED, form);
        const [, imported] = found.find(([name]) => name === "import")!;
        assert(imported !== "imported", `${form} runs code from the network`);
        assertEquals(found.at(-1), ["fetch", "hello"], form);
        // And no other's.
        const [, stranger] = (await probe(`${dir}/none.pem`)).at(-1)!;
        assert(stranger !== "hello", form);
      }
    }),
});

/** A site with a certificate of an authority of one's own, `ca.pem`. */
async function httpsServer(dir: string) {
  const openssl = async (...args: string[]) => {
    const { code, err } = await output(["openssl", ...args], { cwd: dir });
    assertEquals(code, 0, err);
  };
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"];
  const authority = ["-subj", "/CN=lab", "-keyout", "ca.key", "-out", "ca.pem"];
  await openssl("req", "-x509", ...key, ...authority);
  await openssl("req", ...key, "-subj", "/CN=localhost", "-keyout", "site.key", "-out", "site.csr");
  await Deno.writeTextFile(
    `${dir}/names`,
    "subjectAltName=DNS:localhost\nbasicConstraints=CA:FALSE",
  );
  const signer = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial"];
  const named = ["-days", "2", "-extfile", "names", "-out", "site.pem"];
  await openssl("x509", "-req", "-in", "site.csr", ...signer, ...named);
  const server = Deno.serve({
    port: 0,
    hostname: "127.0.0.1",
    cert: await Deno.readTextFile(`${dir}/site.pem`),
    key: await Deno.readTextFile(`${dir}/site.key`),
    onListen: () => {},
  }, () => new Response("hello", { headers: { "content-type": "text/javascript" } }));
  return {
    url: `https://localhost:${server.addr.port}/x.js`,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

/** Runs the task with DENORT_BIN set. */
async function task(denort: string, ...args: string[]) {
  class Named extends DenoHost {
    override env(name: string) {
      return name === "DENORT_BIN" ? denort : super.env(name);
    }
  }
  const said: string[] = [];
  const console = { out: () => {}, err: (line: string) => void said.push(line) };
  return { code: await main(args, new Named(), console), said };
}

Deno.test({
  name: "deno task agent says in one line that a runtime does not fit its compiler",
  ...NEEDS,
  fn: async () => {
    const { deno, denort } = await oldDeno();
    const other = await task(denort, "--deno", Deno.execPath());
    assertEquals(other.code, EXIT.failed);
    assertEquals(
      other.said[0],
      `Cannot use the runtime ${denort}: it is of Deno ${OLD_VERSION}, ${Deno.execPath()} is ${Deno.version.deno}`,
    );
    // The whole of Deno in the runtime's place: compiles, and is no agent.
    const glibc = labGlibc({ cacheDir: `${ROOT}/${GLIBC}` });
    const whole = { root: ROOT, form: "glibc", arch: "x86_64", deno: Deno.execPath() } as const;
    await assertRejects(
      () => makeAgent(new DenoHost(), { ...whole, compiler: deno, denort: deno, glibc }),
      UserError,
      `asked for its version it says deno ${OLD_VERSION}`,
    );
    assertEquals(other.said.length, 2, "one line and its hint");
  },
});
