/**
 * deno: upstream's glibc build. The running program serves when it is that build at the wanted version;
 * else deno itself fetches the npm package.
 *
 * @module
 */
import type { Bytes } from "../../bytes.ts";
import { complaintOf, firstLine } from "../../complaint.ts";
import { UserError } from "../../errors.ts";
import type { Host } from "../../host.ts";
import { elfDynamic } from "../../formats/elf_dynamic.ts";
import { type Draft, file, OWN_BUILDDATE } from "./recipe.ts";

/** Version in the lab's image. */
export const DENO_VERSION = "2.9.6";

/** Per apk architecture: npm's name of the build, e_machine, and the loader that glibc programs ask for. */
const BUILDS: Record<string, { npm: string; machine: number; interpreter: string }> = {
  x86_64: {
    npm: "@deno/linux-x64-glibc",
    machine: 62,
    interpreter: "/lib64/ld-linux-x86-64.so.2",
  },
  aarch64: {
    npm: "@deno/linux-arm64-glibc",
    machine: 183,
    interpreter: "/lib/ld-linux-aarch64.so.1",
  },
};

/** A deno that is at hand. */
export interface RunningDeno {
  path: string;
  version: string;
}

/** The program for `arch`; `dir` keeps what had to be downloaded. */
export async function denoProgram(
  host: Host,
  { arch, dir, running, version }: {
    arch: string;
    dir: string;
    running: RunningDeno | undefined;
    version: string;
  },
): Promise<Bytes> {
  const build = BUILDS[arch];
  if (!build) throw new UserError("build package deno", `there is no build for ${arch}`);
  const fits = (bytes: Bytes) => {
    const elf = elfDynamic(bytes);
    return elf?.machine === build.machine && elf.interpreter === build.interpreter;
  };
  if (running?.version === version) {
    const bytes = await host.readFile(running.path);
    if (fits(bytes)) return bytes;
  }
  const specifier = `${build.npm}@${version}`;
  const command = [running?.path ?? "deno", "cache", "--quiet", "--no-config", "--no-lock"];
  const result = await host.run([...command, `npm:${specifier}`], {
    env: { DENO_DIR: dir, NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1" },
  });
  // Below npm/ comes a folder per registry, whichever one this machine uses.
  for (const registry of await host.readDir(`${dir}/npm`)) {
    const path = `${dir}/npm/${registry}/${build.npm}/${version}/deno`;
    if ((await host.stat(path))?.kind !== "file") continue;
    const bytes = await host.readFile(path);
    if (fits(bytes)) return bytes;
  }
  const why = result.code === 0 ? "it holds no deno" : complaintOf(result, firstLine);
  throw new UserError("build package deno", `npm package ${specifier}: ${why}`, {
    hint: "the package comes from the npm registry: check the network, then run again",
  });
}

/** The package. */
export function deno(program: Bytes, version: string): Draft {
  return {
    info: {
      name: "deno",
      version: `${version}-r0`,
      description: "Runtime for JavaScript and TypeScript (upstream's build for glibc)",
      url: "https://deno.com/",
      license: "MIT",
      builddate: OWN_BUILDDATE,
    },
    entries: [file("usr/bin/deno", program, 0o755)],
  };
}
