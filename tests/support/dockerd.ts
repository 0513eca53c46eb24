/**
 * A real Docker daemon for tests, on a socket of its own: started when it is needed, stopped by its process id, its
 * folder removed. Without network (no bridge, no firewall rules), so it disturbs nothing. Needs root.
 */
import { toolPath } from "./tools.ts";

/** How long it may take to answer, in milliseconds; usually a quarter of a second. */
const START_MS = 60_000;

/** A daemon that answers. */
export interface Dockerd {
  /** For DOCKER_HOST. */
  url: string;
  /** Its folder: data, socket and log. */
  dir: string;
  stop(): Promise<void>;
}

/** Starts one. @throws {Error} with the end of its log. */
export async function startDockerd(): Promise<Dockerd> {
  const dir = await Deno.makeTempDir({ prefix: "psyopsos-dockerd-" });
  const socket = `${dir}/docker.sock`;
  const log = await Deno.open(`${dir}/log`, { write: true, create: true });
  const child = new Deno.Command(toolPath("dockerd") ?? "dockerd", {
    args: [
      "--iptables=false",
      "--bridge=none",
      "--data-root",
      `${dir}/data`,
      "--exec-root",
      `${dir}/run`,
      "--pidfile",
      `${dir}/pid`,
      "--host",
      `unix://${socket}`,
    ],
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  const logging = child.stderr.pipeTo(log.writable).catch(() => {});
  let ended = false;
  const done = child.status.then(() => void (ended = true));
  const stop = async () => {
    if (!ended) child.kill("SIGTERM");
    await done;
    await logging;
    await run("umount", `${dir}/run/netns/default`);
    await Deno.remove(dir, { recursive: true }).catch(() => {});
  };
  const url = `unix://${socket}`;
  const limit = AbortSignal.timeout(START_MS);
  while (!limit.aborted && !ended) {
    if (await run("docker", "--host", url, "version")) return { url, dir, stop };
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  const said = (await Deno.readTextFile(`${dir}/log`)).trim().split("\n").slice(-5).join("\n");
  await stop();
  throw new Error(`dockerd did not start:\n${said}`);
}

async function run(program: string, ...args: string[]): Promise<boolean> {
  const { success } = await new Deno.Command(toolPath(program) ?? program, {
    args,
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).output();
  return success;
}
