/**
 * `deno task agent`: makes the node's agent in one of its forms.
 *
 * @module
 */
import { isAbsolute, resolve } from "node:path";
import { namedRuntime } from "../lib/agent_build/compile.ts";
import { FORM_CHOICES } from "../lib/agent_build/forms.ts";
import { pinnedGlibc } from "../lib/agent_build/glibc.ts";
import { type BuiltAgent, makeAgent } from "../lib/agent_build/make.ts";
import { writeAgent } from "../lib/agent_build/store.ts";
import { closest } from "../lib/cli/closest.ts";
import { type CommandSpec, type Console, processConsole, runCommand } from "../lib/cli/command.ts";
import { DenoHost } from "../lib/deno_host.ts";
import { EXIT, UserError } from "../lib/errors.ts";
import type { Host } from "../lib/host.ts";
import { ARCHITECTURES } from "../lib/schema/fields.ts";

const spec: CommandSpec = {
  name: "deno task agent",
  summary: "Make the agent that runs on every node: bundle it, and compile the bundle.",
  usage: [`[--form ${FORM_CHOICES.join("|")}] [--arch ARCH] [--deno PATH] [--out DIR]`],
  options: {
    form: { value: "FORM", help: `${FORM_CHOICES.join(", ")}; default auto` },
    arch: { value: "ARCH", help: `of the nodes: ${ARCHITECTURES.join(", ")}; default x86_64` },
    deno: { value: "PATH", help: "the deno that compiles; default the one that runs this" },
    out: { value: "DIR", help: "what is written, replaced as a whole; default dist/agent" },
    json: { help: "print facts of the result as JSON" },
  },
  notes: [
    "Forms, best first; auto takes the first that can be had, and says which and why:\n" +
    "  musl    compiled, linked with Alpine's own C library\n" +
    "  glibc   compiled, with the few files of glibc it needs (Debian's, 3 MB, pinned by hash)\n" +
    "  bundle  one script of 0.2 MB, run by Alpine's package deno",
    "A compiled agent holds a runtime (denort) of exactly the compiling Deno's version. Deno downloads it, or DENORT_BIN\n" +
    "names one; its C library decides between musl and glibc. The result is started once before it is taken.",
    "`deno task image --agent-dir DIR` puts the result into an image. The same sources, Deno and runtime give the same bytes.",
    "Network: dl.deno.land for the runtime, Debian's archive of snapshots for glibc's files; neither for the bundle.",
  ],
};

/** Runs the command; returns its exit code. */
export async function main(
  args: readonly string[],
  host: Host = new DenoHost(),
  console: Console = processConsole,
): Promise<number> {
  return await runCommand(spec, args, async (line) => {
    if (line.words.length > 0) {
      throw usage(`unexpected word ${line.words[0]}`);
    }
    const form = oneOf(FORM_CHOICES, line.value("form") ?? "auto", "form");
    const arch = oneOf(ARCHITECTURES, line.value("arch") ?? "x86_64", "architecture");
    const out = (line.value("out") ?? "dist/agent").replace(/\/+$/, "");
    const json = line.on("json");
    const compiler = line.value("deno");
    const denort = namedRuntime(host);
    const agent = await makeAgent(host, {
      root: ".",
      form,
      arch,
      deno: Deno.execPath(),
      ...(compiler ? { compiler: absolute(compiler) } : {}),
      ...(denort ? { denort } : {}),
      glibc: pinnedGlibc({ cacheDir: "build/lab/debs" }),
      onStage: (text) => json ? console.err(text) : console.out(text),
    });
    await writeAgent(host, out, agent);
    if (json) console.out(JSON.stringify(facts(agent, out), null, 2));
    else for (const text of summary(agent, out)) console.out(text);
  }, console);
}

function usage(state: string, doing = "read the command line"): UserError {
  return new UserError(doing, state, {
    exitCode: EXIT.usage,
    hint: `${spec.name} --help shows what it takes`,
  });
}

function oneOf<T extends string>(known: readonly T[], given: string, what: string): T {
  const found = known.find((one) => one === given);
  if (found) return found;
  const near = closest(given, known);
  const there = near ? `did you mean ${near}?` : `there is ${known.join(", ")}`;
  throw usage(there, `use the ${what} ${given}`);
}

/** A path from where the user is; a bare name is looked for on PATH by whoever runs it. */
function absolute(path: string): string {
  return isAbsolute(path) || !path.includes("/")
    ? path
    : resolve(Deno.env.get("INIT_CWD") ?? ".", path);
}

function facts({ files, ...rest }: BuiltAgent, out: string) {
  return {
    ...rest,
    dir: out,
    files: [...files].map(([path, { data }]) => ({ path, size: data.length })),
  };
}

const MIB = 2 ** 20;

function summary({ version, commit, form, arch, files, why }: BuiltAgent, out: string): string[] {
  const [main, ...more] = [...files.values()].map(({ data }) => data.length);
  const rest = more.reduce((sum, size) => sum + size, 0);
  const mib = (size: number) => `${(size / MIB).toFixed(1)} MiB`;
  return [
    `psyopsos-agent ${version} (${commit}, ${form}) for ${arch}: ${mib(main!)}` +
    (rest > 0 ? ` and ${mib(rest)} in ${more.length} files of glibc` : ""),
    `  ${form}: ${why}`,
    `  ${out}`,
  ];
}

if (import.meta.main) Deno.exit(await main(Deno.args));
