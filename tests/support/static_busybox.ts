/**
 * A busybox that needs no libraries, whatever this machine has: from Debian's archive, unpacked into the work folder. To
 * install the package would put the machine's own busybox out.
 *
 * @module
 */
import { DenoHost } from "../../lib/deno_host.ts";
import { fetchDebs, readDeb, resolveDebs } from "../../lib/lab_packages/debian.ts";

/** Where it is kept between runs. */
const FOLDER = "build/test-tools";
const PACKAGE = "busybox-static";

/** What tests that use it need of the machine. */
export const BUSYBOX_TOOLS = ["apt-get", "dpkg-deb"] as const;

let made: Promise<string> | undefined;

/** Absolute path of the program, which is downloaded when it is not there yet. */
export function staticBusybox(): Promise<string> {
  return made ??= make();
}

async function make(): Promise<string> {
  const host = new DenoHost();
  const deb = (await resolveDebs(host, [PACKAGE])).get(PACKAGE)!;
  const folder = `${Deno.cwd()}/${FOLDER}/${deb.sha256.slice(0, 16)}`;
  const program = `${folder}/busybox`;
  if (await host.stat(program)) return program;
  await fetchDebs(host, folder, [deb]);
  const { entries } = await readDeb(host, folder, deb);
  const { data } = entries.find(({ path }) => path.endsWith("bin/busybox"))!;
  await host.writeFile(program, data!, { mode: 0o755 });
  return program;
}

/** The shells that a node's and a builder's scripts have to be right in. */
export const SHELLS = [
  {
    name: "busybox sh",
    tools: BUSYBOX_TOOLS,
    command: async () => [await staticBusybox(), "sh"],
  },
  { name: "dash", tools: ["dash"], command: () => Promise.resolve(["dash"]) },
] as const;
