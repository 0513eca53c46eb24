/**
 * What every recipe of the lab repository shares: what it gets, what it gives, and how files of a
 * Debian package become files of an apk.
 *
 * @module
 */
import type { Bytes } from "../../bytes.ts";
import type { ApkInfo, ApkScripts } from "../../apk/build.ts";
import type { TarEntry } from "../../formats/tar.ts";
import type { DebContent } from "../debian.ts";
import { apkVersion } from "../version.ts";

/** An apk before its libraries are known and before it is signed. */
export interface Draft {
  info: Omit<ApkInfo, "arch">;
  scripts?: ApkScripts;
  entries: TarEntry[];
}

/** Facts that a Debian package does not state in apk's form. */
export interface DraftFacts {
  name: string;
  /** What the apk is, in one line; "from Debian's X V" is added. */
  description: string;
  /** SPDX expression; default points at Debian's copyright file, which is always kept. */
  license?: string;
  depends?: readonly string[];
  provides?: readonly string[];
  providerPriority?: number;
  installIf?: readonly string[];
}

/** A path of the Debian package as the path in the apk, or undefined to leave the file out. */
export type Pick = (path: string) => string | undefined;

/** Build time of packages without a Debian package behind them: 2026-01-01. */
export const OWN_BUILDDATE = 1_767_225_600;

/** A pick of everything at or below one of `roots`. */
export function below(...roots: string[]): Pick {
  return (path) =>
    roots.some((root) => path === root || path.startsWith(`${root}/`)) ? path : undefined;
}

/** The apk of one Debian package: files by `pick`, `extra` files replacing them, the copyright file. */
export function fromDeb(
  { deb, homepage, source, entries }: DebContent,
  facts: DraftFacts,
  pick: Pick,
  extra: readonly TarEntry[] = [],
): Draft {
  const builddate = Math.max(...entries.map(({ mtime }) => mtime));
  const copyright = `usr/share/doc/${deb.name}/copyright`;
  const files = new Map<string, TarEntry>();
  for (const entry of entries) {
    const path = entry.path === copyright
      ? `usr/share/doc/${facts.name}/copyright`
      : pick(entry.path);
    if (path === undefined || entry.path === ".") continue;
    files.set(path, { ...plainFile(entry, entries), path });
  }
  for (const entry of extra) files.set(entry.path, { ...entry, mtime: builddate });
  const { description, license, ...rest } = facts;
  return {
    info: {
      ...rest,
      version: apkVersion(deb.version),
      description: `${description} (from Debian's ${deb.name} ${deb.version})`,
      url: homepage || "https://www.debian.org/",
      license: license ?? "custom:debian-copyright",
      origin: source,
      builddate,
    },
    entries: [...files.values()],
  };
}

/** A Debian hard link as a file of its own: another recipe may leave out what it links to. */
function plainFile(entry: TarEntry, all: readonly TarEntry[]): TarEntry {
  if (entry.kind !== "hardlink") return entry;
  const target = all.find(({ path }) => path === entry.linkTarget);
  return { ...entry, kind: "file", linkTarget: undefined, data: target?.data };
}

/** A file of root's. */
export function file(path: string, data: Bytes, mode = 0o644): TarEntry {
  return { path, kind: "file", mode, uid: 0, gid: 0, mtime: OWN_BUILDDATE, data };
}

/** A directory of root's. */
export function directory(path: string, mode = 0o755): TarEntry {
  return { path, kind: "directory", mode, uid: 0, gid: 0, mtime: OWN_BUILDDATE };
}

/** A symbolic link of root's. */
export function symlink(path: string, linkTarget: string): TarEntry {
  return { path, kind: "symlink", mode: 0o777, uid: 0, gid: 0, mtime: OWN_BUILDDATE, linkTarget };
}
