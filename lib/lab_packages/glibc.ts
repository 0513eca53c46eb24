/**
 * glibc for a compiled agent in the lab: from the Debian packages that the lab's own image is made of, so that the two
 * agree whatever Debian's newest is. apt checks them against Debian's signed lists.
 *
 * @module
 */
import type { GlibcSource } from "../agent_build/glibc.ts";
import type { TarEntry } from "../formats/tar.ts";
import { fetchDebs, readDeb, resolveDebs } from "./debian.ts";

/** The machine's own libc6 and libgcc-s1; `cacheDir` is that of the lab repository. */
export function labGlibc({ cacheDir }: { cacheDir: string }): GlibcSource {
  return async (host) => {
    const dir = `${cacheDir}/debs`;
    const debs = [...(await resolveDebs(host, ["libc6", "libgcc-s1"])).values()];
    await fetchDebs(host, dir, debs);
    const entries: TarEntry[] = [];
    for (const deb of debs) entries.push(...(await readDeb(host, dir, deb)).entries);
    return { packages: debs.map(({ name, version }) => ({ name, version })), entries };
  };
}
