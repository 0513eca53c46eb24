/**
 * The agent in one of its forms, as files of the image. "auto" takes the best that can be had and says why.
 *
 * @module
 */
import type { AgentNote } from "../documents/manifest.ts";
import { reasonOf, UserError } from "../errors.ts";
import type { Host } from "../host.ts";
import type { Architecture } from "../schema/fields.ts";
import {
  AGENT_BUNDLE_PATH,
  type AgentScript,
  bundleScript,
  type ImageFile,
  scriptWithFacts,
} from "./bundle.ts";
import { type Compiled, compileProgram, denortFacts, denoVersion, type Libc } from "./compile.ts";
import type { AgentForm, FormChoice } from "./forms.ts";
import { glibcFiles, type GlibcSource } from "./glibc.ts";

/** Where the compiled agent is in the image. */
export const AGENT_PROGRAM_PATH = "usr/lib/psyopsos/agent";

/** Options of {@linkcode makeAgent}. */
export interface MakeAgentOptions {
  /** Folder of the project. */
  root: string;
  form: FormChoice;
  arch: Architecture;
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

/** Somebody else's work inside the agent, for bills of materials. */
export interface AgentPart {
  name: string;
  version: string;
  /** Package URL. */
  purl: string;
}

/** A finished agent. */
export interface BuiltAgent {
  version: string;
  commit: string;
  form: AgentForm;
  arch: Architecture;
  /** By path in the image, without a leading slash. */
  files: Map<string, ImageFile>;
  /** What the image's world has to hold for it: package names, or libraries as "so:NAME". */
  packages: string[];
  /** What else is in the files: Deno's runtime, glibc. */
  contains: AgentPart[];
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
        `use the runtime ${denort}`,
        `it is for ${arch} with ${libc}, not ${wanted}`,
      );
    }
    stage(`compiling the agent with Deno ${version}`);
    const how = { ...options, compiler, runtime: version };
    return await compiled(host, script, how, libc!, "the runtime that was named");
  }
  const tried: string[] = [];
  for (const libc of form === "auto" ? ["musl", "glibc"] as const : [form]) {
    stage(`compiling the agent with Deno ${version} (${libc})`);
    try {
      const how = { ...options, compiler, runtime: version };
      const why = because(`Deno ${version}'s own runtime`, tried);
      return await compiled(host, script, how, libc, why);
    } catch (error) {
      if (form !== "auto" || !(error instanceof UserError)) throw error;
      tried.push(`no ${libc}: ${reasonOf(error)}`);
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
  return { version, commit, form: "bundle", arch, files, packages: ["deno"], contains: [], why };
}

async function compiled(
  host: Host,
  script: AgentScript,
  options: MakeAgentOptions & { compiler: string; runtime: string },
  libc: Libc,
  why: string,
): Promise<BuiltAgent> {
  const { version, commit } = script;
  const { arch, compiler, denort } = options;
  // First: it is small, and without it there is no use in a runtime.
  const glibc = libc === "glibc" ? await options.glibc(host, arch) : undefined;
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
  if (glibc) {
    for (const [path, file] of glibcFiles(facts, glibc.entries, arch)) files.set(path, file);
  }
  return {
    version,
    commit,
    form: libc,
    arch,
    files,
    packages: libc === "musl" ? libraries(facts.needed) : [],
    contains: [
      {
        name: "deno",
        version: options.runtime,
        purl: `pkg:github/denoland/deno@v${options.runtime}`,
      },
      ...(glibc?.packages ?? []).map(({ name, version }) => ({
        name,
        version,
        purl: `pkg:deb/debian/${name}@${encodeURIComponent(version)}?arch=${DEBIAN_ARCH[arch]}`,
      })),
    ],
    why: untried === undefined ? why : `${why}; not tried here: ${untried}`,
  };
}

const DEBIAN_ARCH = { x86_64: "amd64", aarch64: "arm64" } as const;

/** What a manifest says of the agent. */
export function agentNote({ version, commit, form, contains }: BuiltAgent): AgentNote {
  return { version, commit, form, ...(contains.length > 0 ? { contains } : {}) };
}

/** musl's own library is there whatever is asked for, under whichever name a program was linked. */
function libraries(needed: Compiled["facts"]["needed"]): string[] {
  return needed.filter((name) => !/^(libc\.|ld-musl-)/.test(name)).map((name) => `so:${name}`);
}
