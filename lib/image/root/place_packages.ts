/**
 * Files of packages into the tree, with apk's rules about who may have a file: a package may take over
 * another's when it `replaces` it or both come from one source package; a directory keeps the mode of
 * the first that brings it.
 *
 * @module
 */
import type { OpenPackage } from "../../apk/package.ts";
import { UserError } from "../../errors.ts";
import type { InstalledPackage } from "./apk_db.ts";
import type { Inode, RootTree } from "./tree.ts";

/** Places all packages, in order. @throws {UserError} naming both packages of a conflict. */
export function placePackages(tree: RootTree, packages: readonly InstalledPackage[]): void {
  const opened = new Map(packages.map((one) => [one.opened.info.name, one.opened]));
  for (const one of packages) placePackage(tree, one.opened, opened);
}

function placePackage(
  tree: RootTree,
  { info, entries }: OpenPackage,
  opened: ReadonlyMap<string, OpenPackage>,
): void {
  const { name } = info;
  const mine = new Map<string, Inode>();
  for (const entry of entries) {
    if (entry.path === ".") continue;
    const bad = (why: string) => new UserError(`install ${name}`, `/${entry.path} ${why}`);
    const there = entry.kind === "directory" ? undefined : tree.get(entry.path);
    const other = there && there.from !== name ? opened.get(there.from) : undefined;
    if (other && !mayReplace(info, other.info)) {
      if (mayReplace(other.info, info)) continue;
      throw bad(`belongs to ${there!.from} already`);
    }
    if (entry.kind === "hardlink") {
      const target = mine.get(entry.linkTarget!);
      if (!target) throw bad("is a hard link to nothing of its own");
      mine.set(entry.path, target);
      tree.place(entry.path, target);
      continue;
    }
    const inode: Inode = {
      kind: entry.kind,
      mode: entry.kind === "symlink" ? 0o777 : entry.mode,
      uid: entry.uid,
      gid: entry.gid,
      owner: entry.uname || undefined,
      group: entry.gname || undefined,
      mtime: entry.mtime,
      data: entry.data,
      target: entry.linkTarget,
      major: entry.devMajor,
      minor: entry.devMinor,
      from: name,
    };
    mine.set(entry.path, inode);
    tree.place(entry.path, inode);
  }
}

type Info = OpenPackage["info"];

/** Whether `a` may overwrite files of `b`. */
function mayReplace(a: Info, b: Info): boolean {
  const named = a.replaces.some((item) => item.replace(/[<>=~].*$/, "") === b.name);
  const back = b.replaces.some((item) => item.replace(/[<>=~].*$/, "") === a.name);
  // Each replaces the other: the higher priority has it.
  if (named && back) return a.replacesPriority >= b.replacesPriority;
  if (named || back) return named;
  return a.origin !== undefined && a.origin === b.origin;
}
