/**
 * A root file system in memory: paths to inodes, as packages and the overlay place them. Symbolic links
 * to directories are followed inside the tree only, as unpacking in a chroot would. Refused: paths that
 * leave the tree, loops of links, a file where a directory stands.
 *
 * @module
 */
import type { Bytes } from "../../bytes.ts";
import { text } from "../../bytes.ts";
import { UserError } from "../../errors.ts";
import { safePath } from "../../formats/safe_path.ts";
import type { TarEntry } from "../../formats/tar.ts";

/** One object of a file system; hard links are several paths to one inode. */
export interface Inode {
  kind: "file" | "directory" | "symlink" | "char" | "block" | "fifo";
  /** Permission bits with setuid, setgid and sticky. */
  mode: number;
  uid: number;
  gid: number;
  /** Owner and group by name, until {@linkcode RootTree.setOwners} has turned them into numbers. */
  owner?: string;
  group?: string;
  /** Seconds since 1970. */
  mtime: number;
  /** Content of a file. */
  data?: Bytes;
  /** Target of a symbolic link. */
  target?: string;
  major?: number;
  minor?: number;
  /** Who placed it: a package, "overlay", "engine". */
  from: string;
}

/** Most symbolic links met on one path. */
const MAX_LINKS = 32;

/** The tree; the root directory itself has the path ".". */
export class RootTree {
  readonly #nodes = new Map<string, Inode>();

  constructor(root: Inode) {
    this.#nodes.set(".", root);
  }

  /** All paths with their inodes, in the order of their placing. */
  get nodes(): ReadonlyMap<string, Inode> {
    return this.#nodes;
  }

  /** The inode at a path whose directories may be links; the last name is not followed. */
  get(path: string): Inode | undefined {
    return this.#nodes.get(this.resolve(path));
  }

  /** The inode behind a path, links followed to the end; undefined when missing. */
  follow(path: string): Inode | undefined {
    return this.#nodes.get(this.#walk(path, true));
  }

  /** Text of a file. @throws {UserError} when it is missing or no file. */
  text(path: string): string {
    const node = this.follow(path);
    if (node?.kind !== "file") throw new UserError(`read /${path} of the image`, "no file");
    return text(node.data!);
  }

  /** `path` with every linked directory replaced by where it leads. @throws {UserError} */
  resolve(path: string): string {
    return this.#walk(path, false);
  }

  /**
   * Puts an inode at a path, replacing what is there. A directory over a directory changes nothing.
   * Returns the path where it really is. @throws {UserError} when a directory and something else meet.
   */
  place(path: string, inode: Inode): string {
    const real = this.resolve(path);
    const there = this.#nodes.get(real);
    if (inode.kind === "directory") {
      const target = there?.kind === "symlink" ? this.follow(real) : there;
      if (target?.kind === "directory") return real;
    }
    if (there && (there.kind === "directory") !== (inode.kind === "directory")) {
      throw new UserError(
        `place /${path} of ${inode.from}`,
        `${there.from} has a ${there.kind} there`,
      );
    }
    this.#parents(real, inode);
    this.#nodes.set(real, inode);
    return real;
  }

  /** Takes one path out; a directory must be empty of placed paths (not checked). */
  remove(path: string): void {
    this.#nodes.delete(path);
  }

  /** Numbers in place of every owner's and group's name. `lookup` throws for a name it does not know. */
  setOwners(lookup: (kind: "user" | "group", name: string, path: string) => number): void {
    for (const [path, node] of this.#nodes) {
      if (node.owner !== undefined) node.uid = lookup("user", node.owner, path);
      if (node.group !== undefined) node.gid = lookup("group", node.group, path);
      delete node.owner;
      delete node.group;
    }
  }

  /**
   * Tar entries sorted by path; the first path of an inode carries the content, the others are hard
   * links to it. Times are those of the inodes but never later than `epoch`; directories get `epoch`.
   */
  *entries(epoch: number): Generator<TarEntry> {
    const first = new Map<Inode, string>();
    const paths = [...this.#nodes.keys()].sort();
    // "." sorts behind names that start with "+" or "-": the root has to be the first.
    paths.splice(paths.indexOf("."), 1);
    for (const path of [".", ...paths]) {
      const node = this.#nodes.get(path)!;
      const { mode, uid, gid } = node;
      const mtime = node.kind === "directory" ? epoch : Math.min(node.mtime, epoch);
      const common = { path, mode, uid, gid, mtime };
      const earlier = first.get(node);
      if (earlier !== undefined && node.kind === "file") {
        yield { ...common, kind: "hardlink", linkTarget: earlier };
        continue;
      }
      first.set(node, path);
      yield {
        ...common,
        kind: node.kind,
        data: node.data,
        linkTarget: node.target,
        devMajor: node.major,
        devMinor: node.minor,
      };
    }
  }

  #walk(path: string, followLast: boolean): string {
    if (path === ".") return ".";
    if (!safePath(path)) {
      throw new UserError("make the root", `${JSON.stringify(path)} is no path in it`);
    }
    const done: string[] = [];
    const todo = path.split("/");
    let links = 0;
    while (todo.length > 0) {
      const name = todo.shift()!;
      if (name === "" || name === ".") continue;
      if (name === "..") {
        // Above the root is the root, as the kernel has it.
        done.pop();
        continue;
      }
      const here = [...done, name].join("/");
      const node = this.#nodes.get(here);
      if (node?.kind === "symlink" && (followLast || todo.length > 0)) {
        if (++links > MAX_LINKS) throw new UserError(`use the path /${path}`, "loop of links");
        if (node.target!.startsWith("/")) done.length = 0;
        todo.unshift(...node.target!.split("/"));
        continue;
      }
      if (node && node.kind !== "directory" && todo.length > 0) {
        throw new UserError(
          `use the path /${path}`,
          `/${here} of ${node.from} is no directory`,
        );
      }
      done.push(name);
    }
    return done.join("/") || ".";
  }

  /** Directories above `path` that no package has: root's, 0755. */
  #parents(path: string, child: Inode): void {
    for (let at = path.lastIndexOf("/"); at > 0; at = path.lastIndexOf("/", at - 1)) {
      const parent = path.slice(0, at);
      if (this.#nodes.has(parent)) return;
      this.#nodes.set(parent, directory(child.from, child.mtime));
    }
  }
}

/** A directory of root's. */
export function directory(from: string, mtime: number, mode = 0o755): Inode {
  return { kind: "directory", mode, uid: 0, gid: 0, mtime, from };
}

/** A file of root's. */
export function file(data: Bytes, from: string, mtime: number, mode = 0o644): Inode {
  return { kind: "file", mode, uid: 0, gid: 0, mtime, data, from };
}

/** A symbolic link. */
export function symlink(target: string, from: string, mtime: number): Inode {
  return { kind: "symlink", mode: 0o777, uid: 0, gid: 0, mtime, target, from };
}
