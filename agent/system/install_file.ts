/**
 * Puts a file in place with owner, mode and content at once: readers see the old file or the whole new one, and what is
 * meant for one account is never readable by another on its way.
 *
 * @module
 */
import { UserError } from "../../lib/errors.ts";
import type { Host } from "../../lib/host.ts";
import { STAGING_DIR } from "./paths.ts";

/** Most links on the way to a file. */
const MAX_LINKS = 16;
/** Write permission of a group and of all. */
const OTHERS_WRITE = 0o022;

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
  const way = await findWay(host, path);
  const { parent } = way;
  const name = path.slice(path.lastIndexOf("/") + 1);
  const place = `${parent === "/" ? "" : parent}/${name}`;
  if (!await host.stat(parent)) await host.mkdir(parent, { mode: 0o755 });
  if ((await host.stat(place))?.kind === "directory") {
    throw new UserError(`write ${path}`, "it is a directory");
  }
  if (!way.onlyRoots) return await host.placeFile(parent, name, data, { mode, uid, gid });
  await host.mkdir(STAGING_DIR, { mode: 0o700 });
  try {
    await rename(host, `${STAGING_DIR}/${name}`, place, data, { mode, uid, gid });
  } catch (error) {
    // Another file system: a rename can't leave it, so the file is made beside its place.
    if (!(error instanceof Error && "code" in error && error.code === "EXDEV")) throw error;
    await host.placeFile(parent, name, data, { mode, uid, gid });
  }
}

async function rename(
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

/** Where a path leads. */
interface Way {
  /** The parent directory without links. */
  parent: string;
  /** Whether only root can change what is on the way: nobody can make a link of a part that was looked at. */
  onlyRoots: boolean;
}

async function findWay(host: Host, path: string): Promise<Way> {
  const rest = path.split("/").slice(1, -1);
  let onlyRoots = true;
  let links = 0;
  let at = "";
  for (let part = rest.shift(); part !== undefined; part = rest.shift()) {
    if (part === "" || part === ".") continue;
    if (part === "..") {
      at = at.slice(0, Math.max(0, at.lastIndexOf("/")));
      continue;
    }
    const next = `${at}/${part}`;
    const info = await host.stat(next);
    // What is missing is made, by root.
    if (!info) return { parent: [next, ...rest].join("/"), onlyRoots };
    if (info.kind === "symlink") {
      if (info.uid !== 0) {
        throw new UserError(`write ${path}`, `${next} is a link that an account made`);
      }
      if (++links > MAX_LINKS) {
        throw new UserError(`write ${path}`, `${next} is a link in a ring`);
      }
      const target = await host.readLink(next);
      if (target.startsWith("/")) at = "";
      rest.unshift(...target.split("/"));
      continue;
    }
    if (info.uid !== 0 || (info.mode & OTHERS_WRITE) !== 0) onlyRoots = false;
    at = next;
  }
  return { parent: at || "/", onlyRoots };
}
