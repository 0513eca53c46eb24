/** Logging in to a lab machine with the real ssh, which knows the host key that the node's drive has and no other. */
import { loadFleet } from "../../site/fleet/fleet.ts";
import { LAB_USER } from "../../lib/lab/fleet_files.ts";
import { freePort } from "../../lib/lab/ways_in.ts";
import type { World } from "../../lib/lab/world.ts";
import { host } from "./support.ts";

/** How long one command over ssh may take: a login alone takes seconds on an emulated processor, and some wait on the node. */
const LOGIN_MS = 240_000;

/** A way into one machine. */
export interface Way {
  /** For {@linkcode World.boot}. */
  forwards: readonly { host: number; guest: number }[];
  /** Runs a shell command on the node as an account; gives its exit code and what it printed. */
  run(command: string, user?: string): Promise<{ code: number; text: string; errors: string }>;
  /** The same as root, expecting success. */
  root(command: string): Promise<string>;
}

/** Makes a way into a node's machine, which is to be booted with its `forwards`. */
export async function wayInto(world: World, name: string): Promise<Way> {
  const port = await freePort();
  const dir = `${world.dirs.machines}/${name}`;
  await host.mkdir(dir);
  const run: Way["run"] = async (command, user = LAB_USER) => {
    const known = `${dir}/known_hosts`;
    const { nodes } = await loadFleet(host, world.dirs.nodes);
    const { sshHostKey } = nodes.find((one) => one.name === name)!;
    await host.writeFile(known, `[127.0.0.1]:${port} ${sshHostKey}\n`);
    const options = [
      "BatchMode=yes",
      "IdentitiesOnly=yes",
      "StrictHostKeyChecking=yes",
      `UserKnownHostsFile=${known}`,
      "ConnectTimeout=20",
      "LogLevel=ERROR",
    ].flatMap((one) => ["-o", one]);
    const line = ["-F", "/dev/null", ...options, "-i", world.sshKeyFile, "-p", `${port}`];
    const { code, stdout, stderr } = await host.run(
      ["ssh", ...line, `${user}@127.0.0.1`, command],
      { timeoutMs: LOGIN_MS },
    );
    const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
    return { code, text: text(stdout), errors: text(stderr) };
  };
  return {
    forwards: [{ host: port, guest: 22 }],
    run,
    async root(command) {
      const quoted = `'${command.replaceAll("'", `'\\''`)}'`;
      const { code, text, errors } = await run(`doas /bin/sh -c ${quoted}`);
      if (code !== 0) throw new Error(`${name}: ${command}: exit code ${code}: ${errors}`);
      return text.trim();
    },
  };
}
