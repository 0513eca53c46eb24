/**
 * Literal trees in the checkout as archive entries: git keeps the execute bit, everything else is
 * root's with the usual mode.
 *
 * @module
 */
import { UserError } from "../errors.ts";
import type { TarEntry } from "../formats/tar.ts";
import type { Host } from "../host.ts";

/** All files and directories below `dir`, sorted, with `mtime` in seconds. */
export async function readTree(host: Host, dir: string, mtime: number): Promise<TarEntry[]> {
  const entries: TarEntry[] = [];
  const walk = async (below: string) => {
    for (const name of await host.readDir(below === "" ? dir : `${dir}/${below}`)) {
      const path = below === "" ? name : `${below}/${name}`;
      const info = await host.stat(`${dir}/${path}`);
      const owner = { path, uid: 0, gid: 0, mtime };
      if (info?.kind === "directory") {
        entries.push({ ...owner, kind: "directory", mode: 0o755 });
        await walk(path);
      } else if (info?.kind === "file") {
        const mode = info.mode & 0o100 ? 0o755 : 0o644;
        entries.push({ ...owner, kind: "file", mode, data: await host.readFile(`${dir}/${path}`) });
      } else {
        throw new UserError(`read ${dir}/${path}`, "it is no file or directory");
      }
    }
  };
  await walk("");
  return entries;
}
