/**
 * Puts a file in place with owner, mode and content at once: readers see the old file or the whole new one, and what is
 * meant for one account is never readable by another on its way.
 *
 * @module
 */
import { UserError } from "../../lib/errors.ts";
import type { Host, Ownership } from "../../lib/host.ts";
import { findWay } from "./way.ts";

/**
 * Where a file of this path is, without links of root's on the way.
 *
 * @throws {UserError} when the path is a directory, or leads through a link that is not root's.
 */
export async function findFilePlace(host: Host, path: string): Promise<string> {
  const doing = `write ${path}`;
  const place = await findWay(host, path, { doing });
  if ((await host.stat(place))?.kind === "directory") {
    throw new UserError(doing, "it is a directory");
  }
  return place;
}

/**
 * Writes `data` to `path`, making missing parent directories (0755; in a directory that an account owns they are that account's,
 * elsewhere root's).
 *
 * @throws {UserError} as {@linkcode findFilePlace} does.
 */
export async function installFile(
  host: Host,
  path: string,
  data: Uint8Array | string,
  owner: Ownership,
): Promise<void> {
  const { directory, name } = splitPath(await findFilePlace(host, path));
  await host.placeFile(directory, name, data, owner);
}

/** A path's directory, and its name in it. */
export function splitPath(path: string): { directory: string; name: string } {
  const at = path.lastIndexOf("/");
  return { directory: path.slice(0, at) || "/", name: path.slice(at + 1) };
}

/** Every directory above `path`, nearest first, the root last. */
export function parentsOf(path: string): string[] {
  const { directory } = splitPath(path);
  return directory === "/" ? [directory] : [directory, ...parentsOf(directory)];
}
