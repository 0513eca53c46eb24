/**
 * The agent in one of its forms, as files of the image. "auto" takes the best that can be had and says why.
 *
 * @module
 */
import {
  AGENT_BUNDLE_PATH,
  type AgentScript,
  bundleScript,
  type ImageFile,
  scriptWithFacts,
} from "../agent_bundle.ts";
import { errorText, UserError } from "../errors.ts";
import type { Host } from "../host.ts";
import { type Compiled, compileProgram, denortFacts, denoVersion, type Libc } from "./compile.ts";
import type { AgentForm, FormChoice } from "./forms.ts";
import { glibcFiles, type GlibcSource } from "./glibc.ts";
import type { Arch } from "./program.ts";

/** Where the compiled agent is in the image. */
export const AGENT_PROGRAM_PATH = "usr/lib/psyopsos/agent";

/** Options of {@linkcode makeAgent}. */
export interface MakeAgentOptions {
  /** Folder of the project. */
  root: string;
  form: FormChoice;
  arch: Arch;
  /** Deno's program that bundles. */
  deno: string;
  /** Deno's program that compiles, default the same. */
  compiler?: string;
  /** A runtime (denort) of the compiler's version; default what the compiler finds or downloads. */
  denort?: string;
  /** What the agent says its sources are; default what git says. */
  commit?: string;
  /** Where the files of glibc come from. */
  glibc: GlibcSource;
  onStage?: (line: string) => void;
}

/** A finished agent. */
export interface BuiltAgent {
  version: string;
  commit: string;
  form: AgentForm;
  arch: Arch;
  /** By path in the image, without a leading slash. */
  files: Map<string, ImageFile>;
  /** What the image's world has to hold for it: package names, or libraries as "so:NAME". */
  packages: string[];
  /** One line: why this form, and what was not tried. */
  why: string;
}

/** Makes the agent. @throws {UserError} when the form that was asked for can't be had. */
export async function makeAgent(host: Host, options: MakeAgentOptions): Promise<BuiltAgent> {
  const { root, deno, commit, form } = options;
  const stage = options.onStage ?? (() => {});
  stage("bundling the agent");
  const script = await bundleScript(host, { root, deno, ...(commit ? { commit } : {}) });
  if (form === "bundle") return bundled(script, options, "asked for");
  const compiler = options.compiler ?? deno;
  const version = await denoVersion(host, compiler);
  const { denort } = options;
  if (denort !== undefined) {
    // Whoever names a runtime wants it used: nothing else is tried.
    const { libc, arch } = await denortFacts(host, denort, { compiler, version });
    if (arch !== options.arch || (form !== "auto" && form !== libc)) {
      const wanted = form === "auto" ? options.arch : `${options.arch} with ${form}`;
      throw new UserError(
        `Cannot use the runtime ${denort}: it is for ${arch} with ${libc}, not ${wanted}`,
      );
    }
    stage(`compiling the agent with Deno ${version}`);
    return await compiled(
      host,
      script,
      { ...options, compiler },
      libc!,
      "the runtime that was named",
    );
  }
  const tried: string[] = [];
  for (const libc of form === "auto" ? ["musl", "glibc"] as const : [form]) {
    stage(`compiling the agent with Deno ${version} (${libc})`);
    try {
      const why = `Deno ${version}'s own runtime`;
      return await compiled(host, script, { ...options, compiler }, libc, because(why, tried));
    } catch (error) {
      if (form !== "auto" || !(error instanceof UserError)) throw error;
      tried.push(`no ${libc}: ${errorText(error).replace(/^Cannot [^:]*: /, "")}`);
    }
  }
  return bundled(script, options, because("the package deno runs it", tried));
}

function because(why: string, tried: readonly string[]): string {
  return [why, ...tried].join("; ");
}

function bundled(script: AgentScript, { arch }: MakeAgentOptions, why: string): BuiltAgent {
  const data = scriptWithFacts(script, "bundle");
  const { version, commit } = script;
  const files = new Map([[AGENT_BUNDLE_PATH, { data, mode: 0o644 }]]);
  return { version, commit, form: "bundle", arch, files, packages: ["deno"], why };
}

async function compiled(
  host: Host,
  script: AgentScript,
  options: MakeAgentOptions & { compiler: string },
  libc: Libc,
  why: string,
): Promise<BuiltAgent> {
  const { version, commit } = script;
  const { arch, compiler, denort } = options;
  // First: it is small, and without it there is no use in a runtime.
  const entries = libc === "glibc" ? await options.glibc(host, arch) : undefined;
  const result = await compileProgram(host, {
    script: scriptWithFacts(script, libc),
    arch,
    libc,
    compiler,
    ...(denort === undefined ? {} : { denort }),
    expect: `psyopsos-agent ${version} (${commit}, ${libc})`,
  });
  const { bytes, facts, untried } = result;
  const files = new Map([[AGENT_PROGRAM_PATH, { data: bytes, mode: 0o755 }]]);
  if (entries) {
    for (const [path, file] of glibcFiles(facts, entries, arch)) files.set(path, file);
  }
  return {
    version,
    commit,
    form: libc,
    arch,
    files,
    packages: libc === "musl" ? libraries(facts.needed) : [],
    why: untried === undefined ? why : `${why}; not tried here: ${untried}`,
  };
}

/** musl's own library is there whatever is asked for, under whichever name a program was linked. */
function libraries(needed: Compiled["facts"]["needed"]): string[] {
  return needed.filter((name) => !/^(libc\.|ld-musl-)/.test(name)).map((name) => `so:${name}`);
}
