/**
 * The files of glibc that a glibc program needs on a system without one. Debian's loader looks for libraries in folders that
 * bear the architecture's name, so they live beside musl and take nobody's place.
 *
 * They come from two Debian packages whose versions and hashes stand here, or from packages that the caller has checked.
 *
 * @module
 */
import { get } from "../apk/repository_http.ts";
import { type Bytes, sha256Hex } from "../bytes.ts";
import { errorText, EXIT, UserError } from "../errors.ts";
import { arMember } from "../formats/ar.ts";
import { elfDynamic } from "../formats/elf_dynamic.ts";
import { readTar, type TarEntry } from "../formats/tar.ts";
import type { Host } from "../host.ts";
import type { Architecture } from "../schema/fields.ts";
import type { ImageFile } from "./bundle.ts";
import { glibcMinor, type ProgramFacts } from "./program.ts";

/** A Debian package of one exact version. */
export interface PinnedDeb {
  /** Path below `pool/` of a Debian mirror. */
  path: string;
  size: number;
  sha256: string;
}

/** Debian 12's. `apt-get download --print-uris libc6 libgcc-s1` shows the newest: take both numbers from there. */
export const GLIBC_DEBS: Partial<Record<Architecture, readonly PinnedDeb[]>> = {
  x86_64: [
    {
      path: "main/g/glibc/libc6_2.36-9+deb12u14_amd64.deb",
      size: 2759320,
      sha256: "ba4f88f73dbc3ae9055f3c20f4523bfdbaf1ad13ff95e258924f77d20b4fbedf",
    },
    {
      path: "main/g/gcc-12/libgcc-s1_12.2.0-14+deb12u1_amd64.deb",
      size: 49856,
      sha256: "3016e62cb4b7cd8038822870601f5ed131befe942774d0f745622cc77d8a88f7",
    },
  ],
};

/** Where pinned packages stay: ordinary mirrors drop a version when the next one comes. */
export const DEBIAN_MIRRORS: readonly string[] = [
  "https://snapshot.debian.org/archive/debian/20261120T000000Z",
];

/** Debian's folder of libraries. */
const FOLDERS: Record<Architecture, string> = {
  x86_64: "x86_64-linux-gnu",
  aarch64: "aarch64-linux-gnu",
};
/** How long a mirror may be silent, in milliseconds. */
const SILENCE_MS = 10_000;

/** Packages with what is in them. */
export interface GlibcPackages {
  packages: { name: string; version: string }[];
  entries: readonly TarEntry[];
}
/** Where the packages come from. */
export type GlibcSource = (host: Host, arch: Architecture) => Promise<GlibcPackages>;

/** Options of {@linkcode pinnedGlibc}. */
export interface PinnedOptions {
  /** Keeps the packages. */
  cacheDir: string;
  debs?: typeof GLIBC_DEBS;
  mirrors?: readonly string[];
}

/** The packages named in this file: kept ones, else downloaded; nothing counts before its hash is right. */
export function pinnedGlibc(
  { cacheDir, debs = GLIBC_DEBS, mirrors = DEBIAN_MIRRORS }: PinnedOptions,
): GlibcSource {
  return async (host, arch) => {
    const wanted = debs[arch];
    if (!wanted) throw new UserError(`get glibc for ${arch}`, "no package is pinned for it");
    const entries: TarEntry[] = [];
    const packages: GlibcPackages["packages"] = [];
    for (const deb of wanted) {
      const fileName = deb.path.split("/").at(-1)!;
      const [name = "", version = ""] = fileName.split("_");
      packages.push({ name, version });
      const file = `${cacheDir}/${fileName}`;
      let bytes = await host.stat(file) ? await host.readFile(file) : undefined;
      if (!bytes || sha256Hex(bytes) !== deb.sha256) {
        bytes = await download(host, deb, mirrors);
        await host.mkdir(cacheDir);
        await host.writeFile(file, bytes);
      }
      entries.push(...await debEntries(host, file, bytes));
    }
    return { packages, entries };
  };
}

async function download(host: Host, deb: PinnedDeb, mirrors: readonly string[]): Promise<Bytes> {
  const failures: string[] = [];
  for (const mirror of mirrors) {
    const url = `${mirror}/pool/${deb.path.split("/").map(encodeURIComponent).join("/")}`;
    try {
      const { body } = await get(host, url, { maxBytes: deb.size, silenceMs: SILENCE_MS });
      if (sha256Hex(body) === deb.sha256) return body;
      failures.push(`Cannot take ${url}: it is not the pinned file`);
    } catch (error) {
      failures.push(errorText(error));
    }
  }
  const name = deb.path.split("/").at(-1);
  throw new UserError(`get ${name}`, "no mirror gives it", { hint: failures.join("\n  ") });
}

/** Unpacks a Debian package: with dpkg-deb where it is, else with xz. */
async function debEntries(host: Host, file: string, deb: Bytes): Promise<TarEntry[]> {
  const unpacked = await host.run(["dpkg-deb", "--fsys-tarfile", file]);
  if (unpacked.code === 0) return readTar(unpacked.stdout);
  const data = arMember(deb, "data.tar.xz");
  if (!data) throw new UserError(`unpack ${file}`, "it has no data.tar.xz");
  const tar = await host.run(["xz", "--decompress", "--stdout"], { stdin: data });
  if (tar.code === 0) return readTar(tar.stdout);
  throw new UserError(`unpack ${file}`, "neither dpkg-deb nor xz can do it", {
    exitCode: EXIT.missing,
    hint: "install xz (Debian: apt-get install xz-utils)",
  });
}

/**
 * What `program` needs of `entries`, by path in the image: its loader, its libraries and theirs, and the packages'
 * licences.
 *
 * @throws {UserError} when a library is missing or the program needs a newer glibc.
 */
export function glibcFiles(
  program: ProgramFacts,
  entries: readonly TarEntry[],
  arch: Architecture,
): Map<string, ImageFile> {
  const libraries = new Map(
    entries.filter(({ kind, path }) => kind === "file" && path.includes(`/${FOLDERS[arch]}/`))
      .map(({ path, data }) => [path.split("/").at(-1)!, data!]),
  );
  const find = (name: string): Bytes => {
    const found = libraries.get(name);
    if (!found) throw new UserError("complete the agent", `no package has ${name}`);
    return found;
  };
  const loader = program.interpreter.split("/").at(-1)!;
  const files = new Map([
    [program.interpreter.slice(1), { data: find(loader), mode: 0o755 }],
  ]);
  const queue = [...program.needed];
  const seen = new Set([loader]);
  for (let name = queue.shift(); name !== undefined; name = queue.shift()) {
    if (seen.has(name)) continue;
    seen.add(name);
    const data = find(name);
    files.set(`usr/lib/${FOLDERS[arch]}/${name}`, { data, mode: 0o755 });
    queue.push(...elfDynamic(data)?.needed ?? []);
  }
  const available = glibcMinor(find("libc.so.6"));
  if (program.glibcMinor > available) {
    throw new UserError(
      "complete the agent",
      `it needs glibc 2.${program.glibcMinor}, the package has 2.${available}`,
    );
  }
  for (const { path, kind, data } of entries) {
    if (kind === "file" && /^usr\/share\/doc\/[^/]+\/copyright$/.test(path)) {
      files.set(path, { data: data!, mode: 0o644 });
    }
  }
  return files;
}
