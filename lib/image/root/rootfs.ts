/**
 * The root file system as squashfs: tree → deterministic tar → `mksquashfs` (zstd). An image whose tar,
 * level and mksquashfs are the same as before is taken from the cache.
 * Spec: mksquashfs(1), "-tar"; squashfs 4.0.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { type Bytes, text } from "../../bytes.ts";
import { complaintOf } from "../../complaint.ts";
import { EXIT, UserError } from "../../errors.ts";
import { writeTar } from "../../formats/tar.ts";
import { type Host, NO_PROGRAM } from "../../host.ts";
import type { RootTree } from "./tree.ts";

/** Options of {@linkcode makeRootfs}. */
export interface RootfsOptions {
  /** zstd level, 1 to 22: 3 takes a tenth of the time of 15 and gives 13 % more bytes. */
  level: number;
  /** Seconds since 1970, the time of the file system and the latest of any file. */
  epoch: number;
  /** Where earlier results are kept; may be shared by builds that run at the same time. */
  cacheDir: string;
}

/** The file system's bytes. */
export interface Rootfs {
  squashfs: Bytes;
  /** Whether it came from the cache. */
  cached: boolean;
}

/** Everything that shapes the result besides the tar and the level; a change here makes old caches void. */
const FORM = "squashfs-1 zstd block=128K";
/** Cached results that are kept. */
const KEEP = 4;

/** @throws {UserError} when mksquashfs is missing or fails. */
export async function makeRootfs(
  host: Host,
  tree: RootTree,
  options: RootfsOptions,
): Promise<Rootfs> {
  const tar = writeTar(tree.entries(options.epoch));
  const root = tree.nodes.get(".")!;
  const version = await mksquashfsVersion(host);
  const key = createHash("sha256").update(
    [FORM, version, options.level, options.epoch, ""].join("\n"),
  ).update(tar).digest("hex");
  const kept = `${options.cacheDir}/rootfs-${key}.squashfs`;
  if ((await host.stat(kept))?.kind === "file") {
    return { squashfs: await host.readFile(kept), cached: true };
  }
  // A name of its own: mksquashfs appends to a file that exists.
  const out = `${options.cacheDir}/${crypto.randomUUID()}.tmp`;
  await host.mkdir(options.cacheDir);
  const result = await host.run([
    "mksquashfs",
    "-",
    out,
    "-tar",
    "-comp",
    "zstd",
    "-Xcompression-level",
    `${options.level}`,
    // Of the tar's own entry for the root mksquashfs takes nothing.
    "-root-mode",
    root.mode.toString(8),
    "-root-uid",
    `${root.uid}`,
    "-root-gid",
    `${root.gid}`,
    "-root-time",
    `${options.epoch}`,
    "-no-xattrs",
    "-quiet",
    "-no-progress",
  ], { stdin: tar, env: { SOURCE_DATE_EPOCH: `${options.epoch}`, LC_ALL: "C" } });
  if (result.code !== 0) {
    await host.remove(out);
    throw new UserError("make the root file system", `mksquashfs says "${complaintOf(result)}"`);
  }
  const squashfs = await host.readFile(out);
  await host.rename(out, kept);
  await prune(host, options.cacheDir);
  return { squashfs, cached: false };
}

/** First line of `mksquashfs -version`: another version packs differently. */
async function mksquashfsVersion(host: Host): Promise<string> {
  const result = await host.run(["mksquashfs", "-version"]);
  if (result.code === NO_PROGRAM) {
    throw new UserError("make the root file system", "mksquashfs is missing", {
      exitCode: EXIT.missing,
      hint: "apt-get install squashfs-tools",
    });
  }
  return text(result.stdout).split("\n")[0]!;
}

/** Keeps the newest few: each is tens of megabytes. */
async function prune(host: Host, folder: string): Promise<void> {
  const names = (await host.readDir(folder)).filter((name) =>
    /^rootfs-[0-9a-f]{64}\.squashfs$/.test(name)
  );
  const dated = await Promise.all(names.map(async (name) => ({
    name,
    mtime: (await host.stat(`${folder}/${name}`))?.mtime ?? 0,
  })));
  dated.sort((a, b) => b.mtime - a.mtime || (a.name < b.name ? -1 : 1));
  for (const { name } of dated.slice(KEEP)) await host.remove(`${folder}/${name}`);
}
