/**
 * The node's host name: that of its configuration, else its node name.
 *
 * @module
 */
import type { Host } from "../../lib/host.ts";
import { installFile } from "../system/install_file.ts";
import { runOk } from "../system/programs.ts";
import type { Resource, Step } from "./resource.ts";

const FILE = "/etc/hostname";

interface Desired {
  name: string;
  /** Whether `/etc/hostname` is ours; not when the configuration lists it among its files. */
  file: boolean;
}

interface Actual {
  kernel: string;
  file: string | undefined;
}

interface Change extends Step {
  readonly what: "kernel" | "file";
  readonly name: string;
}

export const hostname: Resource<Desired, Actual, Change> = {
  name: "hostname",

  desire: ({ identity, config }) => ({
    name: config.hostname ?? identity.name,
    file: config.files?.[FILE] === undefined,
  }),

  async read(host) {
    const info = await host.stat(FILE);
    return {
      kernel: await readHostname(host),
      file: info?.kind === "file" ? await host.readTextFile(FILE) : undefined,
    };
  },

  plan({ name, file }, actual) {
    const steps: Change[] = [];
    if (actual.kernel !== name) {
      steps.push({ what: "kernel", name, text: `set the host name to ${name}` });
    }
    if (file && actual.file !== `${name}\n`) {
      steps.push({ what: "file", name, text: `write ${name} to ${FILE}` });
    }
    return steps;
  },

  async apply({ what, name, text }, host) {
    if (what === "kernel") await runOk(host, text, ["hostname", name]);
    else await installFile(host, FILE, `${name}\n`, { mode: 0o644, uid: 0, gid: 0 });
  },
};

/** The kernel's host name. */
export async function readHostname(host: Host): Promise<string> {
  return (await runOk(host, "read the host name", ["hostname"])).trim();
}
