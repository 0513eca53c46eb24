/**
 * Work in directories that accounts own. Whoever owns a part of a path can exchange it at any moment for a link, a pipe or a
 * file without end; nothing is written, made or read elsewhere by that, and nobody is waited for.
 *
 * Deno has no openat(), and none of the O_NOFOLLOW that its constants list. What there is instead: the working directory
 * stays the same directory whatever happens to its path, and says where it is. It belongs to the whole process, so all of
 * this is done without any await in between.
 *
 * @module
 */
import * as fs from "node:fs";
import { type Bytes, utf8 } from "./bytes.ts";
import { infoOf } from "./deno_info.ts";
import type { Ownership, RegularFile } from "./host.ts";

/** Names of directories in which files are made before they go to their place. */
const ASIDE = ".psyopsos-";
const ASIDE_NAME = /^\.psyopsos-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
/** The file or directory in such a directory. */
const INNER = "file";
/**
 * Most directories that one look for leftovers tries to remove. An agent that is killed leaves one of them; an account can
 * put any number of directories with such names into its home, each of which costs some calls and can't be removed.
 */
const MAX_TRIES = 100;

/** Older Denos have the constants of another system, and drop the flags that they do not know. */
const KNOWS_FLAGS = Deno.build.os !== "linux" || fs.constants.O_NONBLOCK === 0o4000;
/** Mode of directories that are made on the way to something. */
const PARENT_MODE = 0o755;
/** Write permission of a group and of all. */
const OTHERS_WRITE = 0o022;
/** What opening a file without waiting fails with when it is exchanged or locked at that very moment. */
const EXCHANGED = ["ENOENT", "EAGAIN", "ENXIO", "ELOOP", "ENODEV"];
/** Bytes read at once at least. */
const PIECE_BYTES = 4096;

/** Puts a whole file into `directory`; see {@linkcode Host.placeFile}. */
export function placeFile(
  directory: string,
  name: string,
  data: Uint8Array | string,
  { mode, uid, gid }: Ownership,
): void {
  const bytes = typeof data === "string" ? utf8(data) : data;
  within(directory, { make: true }, () =>
    withAside(directory, () => {
      writeSynced(INNER, bytes);
      // Owner before mode: changing the owner clears set-id bits.
      Deno.chownSync(INNER, uid, gid);
      Deno.chmodSync(INNER, mode);
      Deno.renameSync(INNER, `../${name}`);
    }));
}

/** Does `work` in a new directory in the working directory `directory`; both it and {@linkcode INNER} in it are gone then. */
function withAside<Result>(directory: string, work: () => Result): Result {
  const aside = ASIDE + crypto.randomUUID();
  // The owner of `directory` can rename this new directory, but can neither look into it nor move it elsewhere: that takes
  // the right to write to the new directory itself.
  Deno.mkdirSync(aside, { mode: 0o700 });
  try {
    enter(aside, joined(directory, aside));
    try {
      return work();
    } finally {
      removeIfThere(INNER);
      Deno.chdir("..");
    }
  } finally {
    removeIfThere(aside);
  }
}

/** Makes a directory or hands one over; see {@linkcode Host.placeDirectory}. */
export function placeDirectory(path: string, { mode, uid, gid }: Ownership): void {
  const { directory, name } = split(path);
  within(directory, { make: true }, () => {
    makeIfMissing(name, 0o700);
    enter(name, path);
    Deno.chownSync(".", uid, gid);
    Deno.chmodSync(".", mode);
  });
}

/** Puts a symbolic link in place; see {@linkcode Host.placeLink}. */
export function placeLink(path: string, target: string): void {
  const { directory, name } = split(path);
  within(directory, { make: true }, () =>
    withAside(directory, () => {
      Deno.symlinkSync(target, INNER);
      Deno.renameSync(INNER, `../${name}`);
    }));
}

/** Removes a file, a link or an empty directory; see {@linkcode Host.removeEntry}. */
export function removeEntry(path: string): boolean {
  const { directory, name } = split(path);
  return within(directory, { make: false }, () => {
    try {
      Deno.removeSync(name);
      return true;
    } catch (error) {
      if (codeOf(error) === "ENOENT") return false;
      throw error;
    }
  }) ?? false;
}

/**
 * Removes what a {@linkcode placeFile} that was killed left in `directory`, at most {@linkcode MAX_TRIES} at a time; gives how
 * much that was. Of more directories that look like it some are picked at random, so that no number of others hides one
 * for ever.
 */
export function removeLeftovers(directory: string): number {
  return within(directory, { make: false }, () => {
    const names = Array.from(Deno.readDirSync("."))
      .filter(({ name, isDirectory }) => isDirectory && ASIDE_NAME.test(name))
      .map(({ name }) => name);
    return picked(names, MAX_TRIES).filter((name) => removeAside(directory, name)).length;
  }) ?? 0;
}

/** At most `count` of `items`, any as likely as another. */
function picked<Item>(items: readonly Item[], count: number): Item[] {
  const rest = [...items];
  return Array.from(
    { length: Math.min(count, rest.length) },
    () => rest.splice(Math.floor(Math.random() * rest.length), 1)[0]!,
  );
}

/** Removes one directory that is as {@linkcode placeFile} makes them, and the file in it. */
function removeAside(directory: string, name: string): boolean {
  enter(name, joined(directory, name));
  const { mode } = Deno.lstatSync(".");
  if ((mode! & 0o777) === 0o700) removeIfThere(INNER);
  Deno.chdir("..");
  return removeIfThere(name);
}

/** A file's facts and its content; see {@linkcode Host.readRegular}. */
export function readRegular(path: string, maxBytes: number): RegularFile | undefined {
  const { directory, name } = split(path);
  let file: number | undefined;
  const seen = within(directory, { make: false }, () => {
    const facts = fs.lstatSync(name, { bigint: true, throwIfNoEntry: false });
    if (facts?.isFile()) file = ifStill(() => openNow(directory, name));
    return facts;
  });
  if (!seen) return undefined;
  if (file === undefined) return { info: infoOf(seen) };
  try {
    const open = fs.fstatSync(file, { bigint: true });
    const isSame = open.dev === seen.dev && open.ino === seen.ino;
    if (!isSame || open.size > BigInt(maxBytes)) return { info: infoOf(isSame ? open : seen) };
    return { info: infoOf(open), data: readAtMost(file, Number(open.size), maxBytes) };
  } finally {
    fs.closeSync(file);
  }
}

/** All of an open file; undefined when it is longer than `maxBytes`. `size` is how long it seems to be. */
function readAtMost(file: number, size: number, maxBytes: number): Bytes | undefined {
  let data = new Uint8Array(Math.min(Math.max(size, PIECE_BYTES), maxBytes) + 1);
  let length = 0;
  while (true) {
    const count = fs.readSync(file, data, length, data.length - length, null);
    if (count === 0) return data.slice(0, length);
    length += count;
    if (length > maxBytes) return undefined;
    if (length < data.length) continue;
    const longer = new Uint8Array(Math.min(2 * length, maxBytes) + 1);
    longer.set(data);
    data = longer;
  }
}

/** Opens what was a regular file a moment ago, in the working directory `directory`, without waiting should it be a pipe by now. */
function openNow(directory: string, name: string): number {
  const { O_RDONLY, O_NONBLOCK } = fs.constants;
  if (KNOWS_FLAGS) return fs.openSync(name, O_RDONLY | O_NONBLOCK);
  return isRootsAlone(directory) ? fs.openSync(name, "r") : openAside(directory, name);
}

/** Whether nobody but root can exchange anything in `directory` or on the way to it. */
function isRootsAlone(directory: string): boolean {
  const parts = directory.split("/");
  return parts.every((_, i) => {
    const { uid, mode, isDirectory } = Deno.lstatSync(parts.slice(0, i + 1).join("/") || "/");
    return isDirectory && uid === 0 && (mode! & OTHERS_WRITE) === 0;
  });
}

/**
 * Opens a file by a second name of it, where nobody can exchange it between the look that shows what it is and the opening.
 * Making such a name follows no link.
 */
function openAside(directory: string, name: string): number {
  return withAside(directory, () => {
    Deno.linkSync(`../${name}`, INNER);
    if (!Deno.lstatSync(INNER).isFile) throw Object.assign(new Error(name), { code: "ENXIO" });
    return fs.openSync(INNER, "r");
  });
}

/** What `open` gives; undefined when the file is no longer what it was. */
function ifStill(open: () => number): number | undefined {
  try {
    return open();
  } catch (error) {
    if (EXCHANGED.includes(codeOf(error))) return undefined;
    throw error;
  }
}

/**
 * Does `work` in `directory`, whose path must hold no link. With `make` missing directories are made on the way,
 * without it the result is undefined where one is missing.
 */
function within<Result>(
  directory: string,
  { make }: { make: boolean },
  work: () => Result,
): Result | undefined {
  const before = workingDirectory();
  try {
    Deno.chdir("/");
    let at = "/";
    for (const part of directory.split("/").filter(Boolean)) {
      if (make) makeParent(at, part);
      at = joined(at, part);
      try {
        enter(part, at);
      } catch (error) {
        if (!make && ["ENOENT", "ENOTDIR"].includes(codeOf(error))) return undefined;
        throw error;
      }
    }
    return work();
  } finally {
    Deno.chdir(before);
  }
}

/** The root where the working directory was removed under this process. */
function workingDirectory(): string {
  try {
    return Deno.cwd();
  } catch {
    return "/";
  }
}

/** Makes `directory` the working directory. @throws when that is not `path`, because it is or became a link. */
function enter(directory: string, path: string): void {
  Deno.chdir(directory);
  if (Deno.cwd() !== path) throw new Error(`${path} is a link, or moved`);
}

/**
 * Makes the directory `name` in the working directory `directory` where it is missing. Whoever owns `directory` gets it: he
 * could put one of his own in its place anyway, and what he has below it is his to change.
 */
function makeParent(directory: string, name: string): void {
  const { uid, gid } = Deno.lstatSync(".");
  if (!uid) return makeIfMissing(name, PARENT_MODE);
  if (fs.lstatSync(name, { throwIfNoEntry: false })) return;
  // Handed over where nobody can put a link in its place.
  withAside(directory, () => {
    Deno.mkdirSync(INNER, { mode: 0o700 });
    Deno.chownSync(INNER, uid, gid);
    Deno.chmodSync(INNER, PARENT_MODE);
    try {
      Deno.renameSync(INNER, `../${name}`);
    } catch (error) {
      // The account has made something there meanwhile; entering it shows what.
      if (!["EEXIST", "ENOTEMPTY", "ENOTDIR"].includes(codeOf(error))) throw error;
    }
  });
}

function makeIfMissing(name: string, mode: number): void {
  // A Deno that may run some programs alone refuses to make directories above these programs, also such as are there.
  if (fs.lstatSync(name, { throwIfNoEntry: false })) return;
  try {
    Deno.mkdirSync(name, { mode });
  } catch (error) {
    if (codeOf(error) !== "EEXIST") throw error;
  }
}

function writeSynced(path: string, data: Uint8Array): void {
  const file = Deno.openSync(path, { write: true, createNew: true, mode: 0o600 });
  try {
    for (let at = 0; at < data.length;) at += file.writeSync(data.subarray(at));
    file.syncDataSync();
  } finally {
    file.close();
  }
}

/** Whether there was something, and it is gone now. */
function removeIfThere(path: string): boolean {
  try {
    Deno.removeSync(path);
    return true;
  } catch {
    // Gone, or its owner made something else of it.
    return false;
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}

function joined(directory: string, name: string): string {
  return `${directory === "/" ? "" : directory}/${name}`;
}

function split(path: string): { directory: string; name: string } {
  const at = path.lastIndexOf("/");
  return { directory: path.slice(0, at) || "/", name: path.slice(at + 1) };
}
