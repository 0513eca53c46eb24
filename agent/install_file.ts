/**
 * Puts a file in place with owner, mode and content at once: readers see the old file or the whole new one, and what is
 * meant for one account is never readable by another on its way.
 *
 * @module
 */
import { UserError } from "../lib/errors.ts";
import type { Host } from "../lib/host.ts";
import { STAGING_DIR } from "./paths.ts";

/** What {@linkcode installFile} is told beside path and content. */
export interface Ownership {
  /** Permission bits. */
  mode: number;
  uid: number;
  gid: number;
}

/**
 * Writes `data` to `path`, making missing parent directories (root's, 0755).
 *
 * @throws {UserError} when the path is a directory, or leads through a link that is not root's: following one, the agent
 * would write wherever that account wants.
 */
export async function installFile(
  host: Host,
  path: string,
  data: Uint8Array | string,
  { mode, uid, gid }: Ownership,
): Promise<void> {
  await checkWay(host, path);
  const parent = path.slice(0, path.lastIndexOf("/")) || "/";
  if (!await host.stat(parent)) await host.mkdir(parent, { mode: 0o755 });
  if ((await host.stat(path))?.kind === "directory") {
    throw new UserError(`Cannot write ${path}: it is a directory`);
  }
  const name = path.slice(path.lastIndexOf("/") + 1);
  await host.mkdir(STAGING_DIR, { mode: 0o700 });
  try {
    await place(host, `${STAGING_DIR}/${name}`, path, data, { mode, uid, gid });
  } catch (error) {
    // Another file system: a rename can't leave it, so the file is made beside its place.
    if (!(error instanceof Error && "code" in error && error.code === "EXDEV")) throw error;
    await place(host, `${path}.psyopsos-new`, path, data, { mode, uid, gid });
  }
}

async function place(
  host: Host,
  aside: string,
  path: string,
  data: Uint8Array | string,
  { mode, uid, gid }: Ownership,
): Promise<void> {
  try {
    await host.writeFile(aside, data, { mode: 0o600 });
    // Owner before mode: changing the owner clears set-id bits.
    await host.chown(aside, uid, gid);
    await host.chmod(aside, mode);
    await host.rename(aside, path);
  } catch (error) {
    await host.remove(aside).catch(() => {});
    throw error;
  }
}

async function checkWay(host: Host, path: string): Promise<void> {
  const parts = path.split("/").slice(1, -1);
  let at = "";
  for (const part of parts) {
    at += `/${part}`;
    const info = await host.stat(at);
    if (!info) return;
    if (info.kind === "symlink" && info.uid !== 0) {
      throw new UserError(`Cannot write ${path}: ${at} is a link that an account made`);
    }
  }
}
