/**
 * The node's host name: that of its configuration, else its node name.
 *
 * @module
 */
import { toldOf } from "../../lib/config/key.ts";
import type { Host } from "../../lib/host.ts";
import { installFile } from "../system/install_file.ts";
import { readTextIfFile } from "../system/read_file.ts";
import { runOk } from "../system/programs.ts";
import type { KeyResource, Step } from "./resource.ts";

const FILE = "/etc/hostname";

interface Actual {
  kernel: string;
  /** Text of `/etc/hostname`; undefined where the configuration lists that among its files. */
  file: string | undefined;
}

interface Change extends Step {
  readonly what: "kernel" | "file";
  readonly name: string;
}

export const hostname: KeyResource<"hostname", Actual, Change> = {
  async read(host, _name, { config }) {
    const kernel = await readHostname(host);
    if (config.files?.[FILE] !== undefined) return { kernel, file: undefined };
    return { kernel, file: await readTextIfFile(host, FILE) ?? "" };
  },

  plan(name, actual) {
    const steps: Change[] = [];
    if (actual.kernel !== name) {
      steps.push({ what: "kernel", name, text: "set the host name" });
    }
    if (actual.file !== undefined && actual.file !== `${name}\n`) {
      steps.push({ what: "file", name, text: `write ${FILE}` });
    }
    return steps;
  },

  async apply({ what, name, text }, host) {
    if (what === "kernel") await runOk(host, text, ["hostname", name]);
    else await installFile(host, FILE, `${name}\n`, { mode: 0o644, uid: 0, gid: 0 });
  },

  observe: async (host, wanted, shown) => toldOf(await readHostname(host), wanted, shown),
};

/** The kernel's host name. */
async function readHostname(host: Host): Promise<string> {
  return (await runOk(host, "read the host name", ["hostname"])).trim();
}
