/**
 * Which entries a package may bring: nothing outside of the root it is unpacked to, nothing through its own symbolic
 * links, nothing twice, nothing that apk itself would not install: names with control characters (they would add
 * lines to apk's database), files without an entry for their folder. apk writes as root, so this is the last fence
 * before the disk.
 *
 * @module
 */
import { RefusedError } from "../errors.ts";
import { safePath, type TarEntry } from "../formats/tar.ts";

/** Longest path of an entry, in characters. */
export const MAX_PATH = 4096;

// deno-lint-ignore no-control-regex -- they are what is refused
const CONTROL = /[\x00-\x1f\x7f]/;

/** @throws {RefusedError} "path" naming the first entry that may not be unpacked. */
export function checkEntryPaths(entries: readonly TarEntry[], what: string): void {
  const kinds = new Map<string, TarEntry["kind"]>();
  for (const { path, kind, linkTarget, uname = "", gname = "" } of entries) {
    const bad = (why: string) =>
      new RefusedError("path", `unpack ${what}`, `${JSON.stringify(path)} ${why}`, {
        document: what,
      });
    // The root itself may be listed; it changes nothing.
    if (path === "." && kind === "directory") continue;
    if (!safePath(path)) throw bad("is not a plain path below the root");
    for (const name of [path, uname, gname]) {
      if (CONTROL.test(name)) throw bad(`has a control character in ${JSON.stringify(name)}`);
    }
    if (path.length > MAX_PATH) throw bad(`is longer than ${MAX_PATH} characters`);
    if (kind !== "file" && kind !== "directory" && kind !== "symlink" && kind !== "hardlink") {
      throw bad(`is a ${kind}, which no package may bring`);
    }
    const before = kinds.get(path);
    let missing: string | undefined;
    if (before && !(before === "directory" && kind === "directory")) throw bad("comes twice");
    // From the nearest folder up to one that is known: of that, its own folders have been looked at.
    for (let at = path.lastIndexOf("/"); at > 0; at = path.lastIndexOf("/", at - 1)) {
      const parent = path.slice(0, at);
      const parentKind = kinds.get(parent);
      if (parentKind === "directory") break;
      if (parentKind) throw bad(`lies below the ${parentKind} ${parent}`);
      // apk makes the folders above a folder, but installs no file into one that it does not know.
      missing ??= kind === "directory" ? undefined : parent;
    }
    if (missing) {
      throw bad(`has no entry for its folder ${missing} before it: apk would not install it`);
    }
    if (kind === "hardlink" && kinds.get(linkTarget!) !== "file") {
      throw bad(`is a hard link to ${JSON.stringify(linkTarget)}, which is no file before it`);
    }
    if (kind === "symlink" && (linkTarget!.length > MAX_PATH || linkTarget!.includes("\0"))) {
      throw bad("is a symbolic link with a malformed target");
    }
    kinds.set(path, kind);
  }
}
