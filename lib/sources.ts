/**
 * This program's own sources: where they are, and a digest of them for caches of what a program made. A cache that
 * skips a listed folder once it has moved would silently miss its changes, so a name that does not exist is an error.
 *
 * @module
 */
import { createHash } from "node:crypto";
import type { Host } from "./host.ts";

/**
 * The folder that holds deno.json, with a slash at its end: the one that this file lies in, or one above it. Undefined when the
 * program did not come from a folder.
 */
export async function projectFolder(
  host: Host,
  from = import.meta.url,
): Promise<string | undefined> {
  const url = new URL(from);
  if (url.protocol !== "file:") return undefined;
  for (let at = new URL(".", url); at.pathname !== "/"; at = new URL("..", at)) {
    const folder = decodeURIComponent(at.pathname);
    if ((await host.stat(`${folder}deno.json`))?.kind === "file") return folder;
  }
  return undefined;
}

/**
 * SHA-256 in hex of everything at or below `paths`: names, whether a file may be executed, contents. Two trees with the same
 * digest are the same, wherever they lie.
 *
 * @param root Folder that `paths` start from, with a slash at its end.
 * @param only What the names of files in folders end with; all files count when it is left out.
 * @throws {TypeError} when one of `paths` does not exist: the list of them is out of date.
 */
export async function sourceDigest(
  host: Host,
  root: string,
  paths: readonly string[],
  only = "",
): Promise<string> {
  const digest = createHash("sha256");
  const add = async (path: string, named = false): Promise<void> => {
    const info = await host.stat(root + path);
    if (!info) throw new TypeError(`There is no ${path} in ${root}`);
    if (info.kind === "directory") {
      for (const name of await host.readDir(root + path)) await add(`${path}/${name}`);
    } else if (info.kind === "file" && (named || path.endsWith(only))) {
      digest.update(`\0${path} ${info.mode & 0o100} ${info.size}\0`);
      digest.update(await host.readFile(root + path));
    }
  };
  for (const path of paths) await add(path, true);
  return digest.digest("hex");
}
