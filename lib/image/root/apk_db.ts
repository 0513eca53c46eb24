/**
 * apk's database below `lib/apk/db`, so that apk on a node knows what is installed: `installed`,
 * `scripts.tar`, `triggers`. In the form that apk 2.14 writes and apk 3 reads.
 * Spec: apk-v2(5); letters `C P V A S I T U L o m t c k D p i r q`, then F M R a Z per file.
 *
 * @module
 */
import { encodeBase64 } from "@std/encoding/base64";
import { decodeHex } from "@std/encoding/hex";
import type { IndexRecord } from "../../apk/index.ts";
import type { OpenPackage } from "../../apk/package.ts";
import type { Bytes } from "../../bytes.ts";
import { lineFile } from "../../formats/lines.ts";
import { type TarEntry, writeTar } from "../../formats/tar.ts";

/** A package as it is installed. */
export interface InstalledPackage {
  record: IndexRecord;
  opened: OpenPackage;
}

/** Numbers of an entry's owner and group in the image; `from` is the package. */
export type OwnerOf = (entry: TarEntry, from: string) => { uid: number; gid: number };

const CHECKSUM = "APK-TOOLS.checksum.SHA1";

/** The text of `installed`, packages sorted by name. @throws {UserError} for a value that is more than one line. */
export function installedDatabase(packages: readonly InstalledPackage[], owner: OwnerOf): Bytes {
  const sorted = [...packages].sort((a, b) => compare(a.record.name, b.record.name));
  return lineFile(
    "lib/apk/db/installed",
    sorted.flatMap((
      { record, opened },
    ) => [...recordLines(record, opened), ...fileLines(opened, owner), ""]),
  );
}

function recordLines(record: IndexRecord, { info }: OpenPackage): string[] {
  const fields: [string, string | number | undefined][] = [
    ["C", record.checksum],
    ["P", record.name],
    ["V", record.version],
    ["A", record.arch],
    ["S", record.size],
    ["I", record.installedSize],
    ["T", record.description],
    ["U", record.url],
    ["L", record.license],
    ["o", record.origin],
    ["m", record.maintainer],
    ["t", record.buildTime],
    ["c", record.commit],
    ["k", record.providerPriority || undefined],
    ["D", record.depends.join(" ") || undefined],
    ["p", record.provides.join(" ") || undefined],
    ["i", record.installIf.join(" ") || undefined],
    ["r", info.replaces.join(" ") || undefined],
    ["q", info.replacesPriority || undefined],
  ];
  return fields.flatMap(([letter, value]) => value === undefined ? [] : [`${letter}:${value}`]);
}

/** Directories in archive order, each with the files in it. */
function fileLines({ info, entries }: OpenPackage, owner: OwnerOf): string[] {
  const folders = new Map<string, { directory?: TarEntry; files: TarEntry[] }>();
  const folder = (path: string) => {
    const there = folders.get(path) ?? { files: [] };
    folders.set(path, there);
    return there;
  };
  const byPath = new Map(entries.map((entry) => [entry.path, entry]));
  for (const entry of entries) {
    if (entry.kind === "directory") {
      if (entry.path !== ".") folder(entry.path).directory = entry;
    } else {
      const slash = entry.path.lastIndexOf("/");
      folder(slash < 0 ? "" : entry.path.slice(0, slash)).files.push(entry);
    }
  }
  const lines: string[] = [];
  for (const [path, { directory, files }] of folders) {
    lines.push(`F:${path}`);
    if (directory) {
      const { uid, gid } = owner(directory, info.name);
      const facts = `${uid}:${gid}:${directory.mode.toString(8)}`;
      if (facts !== "0:0:755") lines.push(`M:${facts}`);
    }
    for (const file of files) {
      const { uid, gid } = owner(file, info.name);
      lines.push(`R:${file.path.slice(path === "" ? 0 : path.length + 1)}`);
      const mode = file.kind === "symlink" ? 0o777 : file.mode;
      const facts = `${uid}:${gid}:${mode.toString(8)}`;
      if (facts !== "0:0:644") lines.push(`a:${facts}`);
      // A hard link has no checksum of its own: it is the same file.
      const real = file.kind === "hardlink" ? byPath.get(file.linkTarget!) : file;
      const sha1 = real?.pax?.[CHECKSUM];
      if (sha1 !== undefined) lines.push(`Z:Q1${encodeBase64(decodeHex(sha1))}`);
    }
  }
  return lines;
}

/** `scripts.tar`: all control scripts, packages in the order of installation. */
export function scriptsArchive(packages: readonly InstalledPackage[], epoch: number): Bytes {
  return writeTar(
    packages.flatMap(({ record, opened }) =>
      [...opened.scripts].map(([name, data]): TarEntry => ({
        path: `${record.name}-${record.version}.${record.checksum}.${name}`,
        kind: "file",
        mode: 0o755,
        uid: 0,
        gid: 0,
        uname: "root",
        gname: "root",
        mtime: epoch,
        data,
      }))
    ),
  );
}

/** `triggers`: checksum and globs of each package with a trigger, in the order of installation. */
export function triggersFile(packages: readonly InstalledPackage[]): Bytes {
  return lineFile(
    "lib/apk/db/triggers",
    packages.filter(({ opened }) => opened.info.triggers.length > 0)
      .map(({ record, opened }) => `${record.checksum} ${opened.info.triggers.join(" ")}`),
  );
}

/** By code unit, whatever the locale. */
function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
