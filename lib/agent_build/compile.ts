/**
 * Compiles the agent's bundle with `deno compile`, and takes the result only after it has proved what it is.
 *
 * The same script, Deno and runtime give the same bytes wherever it is done: the output depends on the script's name and
 * time, which are fixed, and on Deno's settings in the environment, of which only the way to the network is passed on.
 *
 * @module
 */
import { resolve } from "node:path";
import type { Bytes } from "../bytes.ts";
import { complaintOf, firstLine, type PickLine } from "../complaint.ts";
import { errorText, EXIT, UserError } from "../errors.ts";
import { type Host, NO_PROGRAM } from "../host.ts";
import type { Architecture } from "../schema/fields.ts";
import { printable } from "../visible.ts";
import { denoVersions, type ProgramFacts, programFacts } from "./program.ts";
import { CLOSED, RIGHTS, V8_FLAGS } from "./rights.ts";

/** C library that a compiled agent is linked with. */
export type Libc = "musl" | "glibc";

/** Options of {@linkcode compileProgram}. */
export interface CompileOptions {
  script: Bytes;
  arch: Architecture;
  libc: Libc;
  /** The deno that compiles; an absolute path, or a name on PATH. */
  compiler: string;
  /** Absolute path of the runtime to use; default what Deno finds or downloads for the target. */
  denort?: string;
  /** What the result must print when it is asked for its version. */
  expect: string;
}

/** A compiled program. */
export interface Compiled {
  bytes: Bytes;
  facts: ProgramFacts;
  /** Why it was not tried here; undefined when it ran. */
  untried?: string;
}

/** Downloads of the runtime are part of it. */
const COMPILE_TIMEOUT_MS = 600_000;
const TRY_TIMEOUT_MS = 30_000;
/** The time that the script bears in the program: touch's form, UTC. */
const TIME = "198001010000.00";
/** Passed on: where programs and caches are, and how the network is reached. */
const KEEP = [
  "PATH",
  "HOME",
  "TMPDIR",
  "XDG_CACHE_HOME",
  "DENO_DIR",
  "DENO_TLS_CA_STORE",
  "DENO_CERT",
  "SSL_CERT_FILE",
  "SSL_CERT_DIR",
  "HTTP_PROXY",
  "HTTPS_PROXY",
  "ALL_PROXY",
  "NO_PROXY",
  "http_proxy",
  "https_proxy",
  "all_proxy",
  "no_proxy",
];
const OUTPUT = "psyopsos-agent";

/** The target as `deno compile --target` names it. */
export function targetOf(arch: Architecture, libc: Libc): string {
  return `${arch}-unknown-linux-${libc === "musl" ? "musl" : "gnu"}`;
}

/** The version of a deno, e.g. "2.9.6". @throws {UserError} when it is none. */
export async function denoVersion(host: Host, deno: string): Promise<string> {
  const result = await host.run([deno, "--version"], { env: QUIET });
  const version = /^deno (\d+\.\d+\.\d+)/.exec(decode(result.stdout))?.[1];
  if (result.code === 0 && version) return version;
  const why = result.code === 0 ? "it is no deno" : complaintOf(result, firstLine);
  throw new UserError(`compile with ${deno}`, why, {
    ...result.code === NO_PROGRAM && { exitCode: EXIT.missing },
  });
}

/**
 * Judges a runtime that was named before anything is made with it.
 *
 * @throws {UserError} when it does not fit the compiler: Deno itself finds out only when the program is started.
 */
export async function denortFacts(
  host: Host,
  denort: string,
  { compiler, version }: { compiler: string; version: string },
): Promise<ProgramFacts> {
  if ((await host.stat(denort)) === undefined) {
    throw new UserError(`use the runtime ${denort}`, "no such file", {
      exitCode: EXIT.missing,
      hint: "DENORT_BIN names a denort of the compiling deno's version",
    });
  }
  const bytes = await host.readFile(denort);
  const facts = programFacts(bytes);
  if (!facts?.libc) {
    throw new UserError(`use the runtime ${denort}`, "it is no program for Linux");
  }
  const versions = denoVersions(bytes);
  if (versions.length > 0 && !versions.includes(version)) {
    throw new UserError(
      `use the runtime ${denort}`,
      `it is of Deno ${versions.at(-1)}, ${compiler} is ${version}`,
      { hint: "both must be of one version: --deno names the compiler, DENORT_BIN the runtime" },
    );
  }
  return facts;
}

/** The runtime that the user names by DENORT_BIN, as an absolute path; undefined for none. */
export function namedRuntime(host: Host): string | undefined {
  const path = host.env("DENORT_BIN");
  return path ? resolve(host.env("INIT_CWD") ?? ".", path) : undefined;
}

/** Compiles the script. @throws {UserError} in one line: what Deno said, or what is wrong with its work. */
export async function compileProgram(host: Host, options: CompileOptions): Promise<Compiled> {
  const { script, arch, libc, compiler, denort } = options;
  const dir = `${host.env("TMPDIR") || "/tmp"}/psyopsos-agent-${crypto.randomUUID()}`;
  await host.mkdir(dir, { mode: 0o700 });
  try {
    await host.writeFile(`${dir}/agent.js`, script);
    const env: Record<string, string> = { ...QUIET };
    for (const name of KEEP) {
      const value = host.env(name);
      if (value !== undefined) env[name] = value;
    }
    const touch = ["touch", "-t", TIME, "agent.js"];
    const touched = await host.run(touch, { cwd: dir, env: { LC_ALL: "C", TZ: "UTC0" } });
    if (touched.code !== 0) throw new UserError("run touch", complaintOf(touched));
    const command = [
      compiler,
      "compile",
      ...CLOSED,
      "--no-check",
      ...RIGHTS,
      `--v8-flags=${V8_FLAGS.join(",")}`,
      // A given runtime decides the C library itself. The musl target would only fail where this Deno does not know it.
      `--target=${targetOf(arch, denort === undefined ? libc : "glibc")}`,
      `--output=${OUTPUT}`,
      "agent.js",
    ];
    const result = await host.run(command, {
      cwd: dir,
      env: denort === undefined ? env : { ...env, DENORT_BIN: denort },
      clearEnv: true,
      timeoutMs: COMPILE_TIMEOUT_MS,
    });
    const program = `${dir}/${OUTPUT}`;
    if (result.code !== 0 || (await host.stat(program)) === undefined) {
      throw new UserError("compile the agent", complaintOf(result, compilerComplaint));
    }
    const bytes = await host.readFile(program);
    const facts = programFacts(bytes);
    if (facts?.arch !== arch || facts.libc !== libc) {
      const got = [facts?.arch, facts?.libc].filter(Boolean).join(" with ") || "no such program";
      throw new UserError(
        "take the compiled agent",
        `it is ${got}, not ${arch} with ${libc}`,
      );
    }
    const untried = await tryProgram(host, program, options.expect);
    return { bytes, facts, ...(untried === undefined ? {} : { untried }) };
  } finally {
    await host.remove(dir);
  }
}

const QUIET = { NO_COLOR: "1", RUST_BACKTRACE: "0", DENO_NO_UPDATE_CHECK: "1" };

/**
 * Asks the program for its version. Gives why that can't be done on this machine; undefined when it did well.
 *
 * @throws {UserError} when it starts and says anything else.
 */
async function tryProgram(
  host: Host,
  program: string,
  expect: string,
): Promise<string | undefined> {
  let result;
  try {
    const env = { NO_COLOR: "1", PATH: host.env("PATH") ?? "" };
    result = await host.run([program, "--version"], {
      env,
      clearEnv: true,
      timeoutMs: TRY_TIMEOUT_MS,
    });
  } catch (error) {
    // Of another architecture or system: "Exec format error".
    return errorText(error);
  }
  if (result.code === NO_PROGRAM && result.stdout.length === 0) {
    return "its dynamic loader is not on this machine";
  }
  const said = decode(result.stdout).trim();
  if (result.code === 0 && said === expect) return undefined;
  const state = result.code === 0
    ? `asked for its version it says ${printable(said, 200) || "nothing"}`
    : `it does not start: ${complaintOf(result, firstLine)}`;
  throw new UserError("take the compiled agent", state, {
    hint: "the runtime must be a denort of exactly the compiling deno's version",
  });
}

/** The line of Deno's report that says why, without its wrapping. */
export const compilerComplaint: PickLine = (said) => {
  const lines = said.map((line) => line.replace(/^(error|\d+): /, ""));
  for (const line of lines) {
    const url = /error sending request for url \((\S+?)\)/.exec(line)?.[1];
    if (url) return `${url} can't be downloaded`;
    if (/invalid value '\S+' for '--target/.test(line)) return "Deno does not know this target";
  }
  return lines.find((line) => /denort|not found/i.test(line)) ?? lines[0];
};

const lossy = new TextDecoder();
function decode(bytes: Uint8Array): string {
  return lossy.decode(bytes);
}
