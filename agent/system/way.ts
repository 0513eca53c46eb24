/**
 * Where a path leads. Links of root's are followed, since the image has some; one that an account made or may have moved is
 * not: the agent would read or write wherever that account wants.
 *
 * @module
 */
import { UserError } from "../../lib/errors.ts";
import type { Host } from "../../lib/host.ts";

/** Most links on the way to a file. */
const MAX_LINKS = 16;

/** Write permission of a group and of all. */
const OTHERS_WRITE = 0o022;

/** Options of {@linkcode findWay}. */
export interface WayOptions {
  /** Completes "Cannot …"; default "reach <path>". */
  doing?: string;
  /** Whether the last part of the path is followed, too, should it be a link of root's. */
  followLast?: boolean;
}

/**
 * The path without links that `path` leads to; its last part is followed only where that is asked for. From the first part
 * that is missing on, nothing is looked at.
 *
 * @throws {UserError} where the path leads through a link that is not root's, or that lies where others can move it, or in a ring.
 */
export async function findWay(
  host: Host,
  path: string,
  { doing = `reach ${path}`, followLast = false }: WayOptions = {},
): Promise<string> {
  const rest = path.split("/").slice(1);
  let links = 0;
  let at = "";
  for (let part = rest.shift(); part !== undefined; part = rest.shift()) {
    if (part === "" || part === ".") continue;
    if (part === "..") {
      at = at.slice(0, Math.max(0, at.lastIndexOf("/")));
      continue;
    }
    const next = `${at}/${part}`;
    if (rest.length === 0 && !followLast) return next;
    const info = await host.stat(next);
    if (!info) return [next, ...rest].join("/");
    if (info.kind !== "symlink") {
      at = next;
      continue;
    }
    if (info.uid !== 0) throw new UserError(doing, `${next} is a link that an account made`);
    const loose = await findLoose(host, at);
    if (loose !== undefined) {
      throw new UserError(doing, `${next} is a link that others than root can move, by ${loose}`);
    }
    if (++links > MAX_LINKS) throw new UserError(doing, `${next} is a link in a ring`);
    const target = await host.readLink(next);
    if (target.startsWith("/")) at = "";
    rest.unshift(...target.split("/"));
  }
  return at || "/";
}

/**
 * {@linkcode findWay} for what programs are told by its path, and follow links to: nobody but root can put another thing there
 * between looking and doing.
 *
 * @throws {UserError} as that does, and where others than root can move a part of it.
 */
export async function findFirmWay(host: Host, path: string, options: WayOptions): Promise<string> {
  const place = await findWay(host, path, options);
  const loose = await findLoose(host, place.slice(0, place.lastIndexOf("/")));
  if (loose === undefined || !await host.stat(loose)) return place;
  throw new UserError(
    options.doing ?? `reach ${path}`,
    `others than root can move it, by ${loose}`,
  );
}

/** The first directory on the way to `directory`, or itself, in which others than root can move things; undefined for none. */
async function findLoose(host: Host, directory: string): Promise<string | undefined> {
  const parts = directory.split("/");
  for (const i of parts.keys()) {
    const path = parts.slice(0, i + 1).join("/") || "/";
    const info = await host.stat(path);
    if (!info || info.uid !== 0 || (info.mode & OTHERS_WRITE) !== 0) return path;
  }
}
