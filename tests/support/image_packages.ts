/**
 * Packages made up for tests of the image engine: as if they had been opened and verified.
 */
import type { IndexRecord } from "../../lib/apk/index.ts";
import type { OpenPackage, ScriptName } from "../../lib/apk/package.ts";
import { type Bytes, utf8 } from "../../lib/bytes.ts";
import type { TarEntry } from "../../lib/formats/tar.ts";
import type { InstalledPackage } from "../../lib/image/root/apk_db.ts";

/** A regular file of root's. */
export function fileEntry(path: string, data: string | Bytes = "", mode = 0o644): TarEntry {
  const bytes = typeof data === "string" ? utf8(data) : data;
  return { ...ROOT, path, kind: "file", mode, data: bytes };
}

/** A directory of root's. */
export function dirEntry(path: string, mode = 0o755): TarEntry {
  return { ...ROOT, path, kind: "directory", mode };
}

/** A symbolic link. */
export function linkEntry(path: string, linkTarget: string): TarEntry {
  return { ...ROOT, path, kind: "symlink", mode: 0o777, linkTarget };
}

const ROOT = { uid: 0, gid: 0, uname: "root", gname: "root", mtime: 1000 };

/** What a made-up package may say. */
export interface FakePackage {
  version?: string;
  entries?: TarEntry[];
  scripts?: Partial<Record<ScriptName, string>>;
  origin?: string;
  replaces?: string[];
  replacesPriority?: number;
  triggers?: string[];
  depends?: string[];
}

/** A package as the engine gets it. */
export function fakePackage(name: string, facts: FakePackage = {}): InstalledPackage {
  const { version = "1-r0", origin, depends = [] } = facts;
  const both = {
    name,
    version,
    description: `The ${name}`,
    url: "https://x.example",
    license: "MIT",
  };
  const record: IndexRecord = {
    ...both,
    checksum: "Q1AAAAAAAAAAAAAAAAAAAAAAAAAAA=",
    arch: "x86_64",
    size: 10,
    installedSize: 20,
    origin,
    providerPriority: 0,
    depends,
    provides: [],
    installIf: [],
  };
  const opened: OpenPackage = {
    info: {
      ...both,
      arch: "x86_64",
      size: 20,
      origin,
      providerPriority: 0,
      replacesPriority: facts.replacesPriority ?? 0,
      depends,
      provides: [],
      replaces: facts.replaces ?? [],
      installIf: [],
      triggers: facts.triggers ?? [],
    },
    scripts: new Map(
      Object.entries(facts.scripts ?? {}).map(([key, value]) => [key as ScriptName, utf8(value)]),
    ),
    entries: facts.entries ?? [],
    sha256: "0".repeat(64),
  };
  return { record, opened };
}

/** As little as an image needs: accounts, an init. */
export function basePackages(): InstalledPackage[] {
  return [
    fakePackage("alpine-baselayout", {
      entries: [
        dirEntry("etc"),
        fileEntry(
          "etc/passwd",
          "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n",
        ),
        fileEntry("etc/group", "root:x:0:root\nshadow:x:42:\nnogroup:x:65533:\n"),
        {
          ...fileEntry("etc/shadow", "root:::0:::::\nnobody:!::0:::::\n", 0o640),
          // The builder's number, which means nothing here.
          gid: 188,
          gname: "shadow",
        },
        dirEntry("tmp", 0o1777),
        dirEntry("root", 0o700),
      ],
    }),
    fakePackage("busybox", {
      entries: [
        dirEntry("bin"),
        fileEntry("bin/busybox", "ELF", 0o755),
        fileEntry("etc/busybox-paths.d/busybox", "bin/sh\nbin/mount\nsbin/init\nusr/bin/env\n"),
      ],
    }),
  ];
}
