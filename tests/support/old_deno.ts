import { sha256Hex } from "../../lib/bytes.ts";
import { DenoHost } from "../../lib/deno_host.ts";
import { UserError } from "../../lib/errors.ts";
import type { Host } from "../../lib/host.ts";

/**
 * A deno and the runtime (denort) of the same version, to compile with for real. The official runtime comes from a server
 * of its own; this one is the front of a program that was itself made with `deno compile` and published on npm. It is of
 * Deno 2.4.2, so the agent has to run on that version, too.
 */

/** The version of both. */
export const OLD_VERSION = "2.4.2";

/** Absolute paths of the two programs. */
export interface OldDeno {
  deno: string;
  denort: string;
}

interface Part {
  /** npm package with its version, and the file in it. */
  npm: string;
  file: string;
  /** Only so many bytes from the front; default all. */
  bytes?: number;
  sha256: string;
}

const PARTS: Record<keyof OldDeno, Part> = {
  deno: {
    npm: `@deno/linux-x64-glibc@${OLD_VERSION}`,
    file: "deno",
    sha256: "1d6580e813252f6b27a41d97d2e3725a408baa2e765a86e45f65b228d3e93ad6",
  },
  denort: {
    npm: "@vltpkg/cli-linux-x64@0.0.0-18",
    file: "vlt",
    // Where the program's own sections end; what it was compiled from follows.
    bytes: 85_186_368,
    sha256: "2705685d7478610b98dcd43acecd457a19810146323041c8af8a88f7dd0b5e82",
  },
};

const DIR = `${new URL("../../", import.meta.url).pathname}build/tests/deno-${OLD_VERSION}`;

/** Both programs: kept below build/, else from npm (228 MB, once). */
export async function oldDeno(host: Host = new DenoHost()): Promise<OldDeno> {
  await host.mkdir(DIR);
  for (const [name, part] of Object.entries(PARTS)) {
    const path = `${DIR}/${name}`;
    // Written whole or not at all, and only with the right hash.
    if (await host.stat(path)) continue;
    const data = await fromNpm(host, part);
    if (sha256Hex(data) !== part.sha256) {
      throw new UserError(`test with ${part.npm}`, `${part.file} is another now`);
    }
    await host.writeFile(path, data, { mode: 0o755 });
  }
  return { deno: `${DIR}/deno`, denort: `${DIR}/denort` };
}

/** Through Deno's own npm client, which checks the registry's hash of the package. */
async function fromNpm(host: Host, { npm, file, bytes }: Part): Promise<Uint8Array> {
  const cache = `${DIR}/npm`;
  const [, name, version] = /^(.+)@([^@]+)$/.exec(npm)!;
  try {
    const command = [Deno.execPath(), "cache", "--quiet", "--no-config", "--no-lock"];
    const { stderr } = await host.run([...command, `npm:${npm}`], { env: { DENO_DIR: cache } });
    // Below npm/ comes a folder per registry, whichever one this machine uses.
    for (const registry of await host.readDir(`${cache}/npm`)) {
      const path = `${cache}/npm/${registry}/${name}/${version}/${file}`;
      if (await host.stat(path)) return (await host.readFile(path)).subarray(0, bytes);
    }
    const said = new TextDecoder().decode(stderr).trim().split("\n")[0];
    throw new UserError(`test with ${npm}`, said || `it has no ${file}`);
  } finally {
    await host.remove(cache);
  }
}
