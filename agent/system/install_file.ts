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
 * Writes `data` to `path`, making missing parent directories (root's, 0755).
 *
 * @throws {UserError} when the path is a directory, or leads through a link that is not root's.
 */
export async function installFile(
  host: Host,
  path: string,
  data: Uint8Array | string,
  owner: Ownership,
): Promise<void> {
  const doing = `write ${path}`;
  const place = await findWay(host, path, { doing });
  if ((await host.stat(place))?.kind === "directory") {
    throw new UserError(doing, "it is a directory");
  }
  const at = place.lastIndexOf("/");
  await host.placeFile(place.slice(0, at) || "/", place.slice(at + 1), data, owner);
}
