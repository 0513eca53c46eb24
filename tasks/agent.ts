/**
 * `deno task agent`: makes the node's agent in one of its forms.
 *
 * @module
 */
import { isAbsolute, resolve } from "node:path";
import { namedRuntime } from "../lib/agent_build/compile.ts";
import { pinnedGlibc } from "../lib/agent_build/glibc.ts";
import { type BuiltAgent, makeAgent } from "../lib/agent_build/make.ts";
import { writeAgent } from "../lib/agent_build/store.ts";
import { type Console, processConsole } from "../lib/cli/console.ts";
import { runProgram } from "../lib/cli/program.ts";
import { DenoHost } from "../lib/deno_host.ts";
import type { Host } from "../lib/host.ts";
import { program } from "./lines/agent.ts";

/** Runs the command; returns its exit code. */
export async function main(
  args: readonly string[],
  host: Host = new DenoHost(),
  console: Console = processConsole,
): Promise<number> {
  return await runProgram(program, args, async ({ form, arch, json, ...line }, console) => {
    const out = line.out.replace(/\/+$/, "");
    const compiler = line.deno;
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
