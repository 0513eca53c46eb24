/**
 * How people get into a lab machine that was left running: a port of this machine, and the words for ssh.
 *
 * @module
 */
import { type AddressInfo, createServer } from "node:net";
import { LAB_USER } from "./fleet_files.ts";
import type { World } from "./world.ts";

/** A TCP port of 127.0.0.1 that nobody uses now. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

/** A node that can be entered. */
export interface WayIn {
  name: string;
  /** Of 127.0.0.1; it leads to the node's ssh server. */
  port: number;
  /** The host key on the node's drive, as an OpenSSH public key line: the one that ssh will see. */
  sshHostKey: string;
}

/** Writes the node's known_hosts; the lines that tell how to log in and where its console is. */
export async function wayInLines(world: World, way: WayIn): Promise<string[]> {
  const { name, port, sshHostKey } = way;
  const dir = `${world.dirs.machines}/${name}`;
  await world.host.writeFile(`${dir}/known_hosts`, `[127.0.0.1]:${port} ${sshHostKey}\n`);
  const options =
    `-i ${world.sshKeyFile} -o IdentitiesOnly=yes -o UserKnownHostsFile=${dir}/known_hosts`;
  return [
    `${name}: ssh ${options} -p ${port} ${LAB_USER}@127.0.0.1`,
    `${" ".repeat(name.length)}  tail -f ${dir}/console.log`,
  ];
}
