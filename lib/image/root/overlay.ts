/**
 * `overlay/root`, the literal files that go into every image. Git keeps only the executable bit, and a
 * checkout depends on the umask, so modes come from that bit and from image.yaml's `permissions`.
 *
 * @module
 */
import { nearest } from "../../nearest.ts";
import { UserError } from "../../errors.ts";
import type { Bytes } from "../../bytes.ts";
import type { Host } from "../../host.ts";
import type { ImageDefinition } from "../definition.ts";

/** A file to place into the image, path without leading slash. */
export interface OverlayFile {
  path: string;
  kind: "file" | "directory" | "symlink";
  mode: number;
  owner: string;
  group: string;
  data?: Bytes;
  target?: string;
}

/** Most files of an overlay, and most bytes of one. */
const MAX_FILES = 10_000;
const MAX_BYTES = 64 * 2 ** 20;

/** Reads a folder as an overlay, sorted by path. @throws {UserError} */
export async function readOverlay(
  host: Host,
  folder: string,
  permissions: ImageDefinition["permissions"] = {},
): Promise<OverlayFile[]> {
  const files: OverlayFile[] = [];
  const walk = async (path: string): Promise<void> => {
    for (const name of await host.readDir(path === "" ? folder : `${folder}/${path}`)) {
      if (name === ".gitkeep") continue;
      const here = path === "" ? name : `${path}/${name}`;
      files.push(await readFile(host, folder, here));
      if (files.length > MAX_FILES) {
        throw new UserError(`use ${folder}`, `more than ${MAX_FILES} files`);
      }
      if (files.at(-1)!.kind === "directory") await walk(here);
    }
  };
  await walk("");
  files.sort((a, b) => a.path < b.path ? -1 : 1);
  const known = files.map(({ path }) => path);
  for (const [path, { mode, owner, group }] of Object.entries(permissions)) {
    const file = files.find((candidate) => candidate.path === path);
    if (!file) {
      const near = nearest(path, known);
      throw new UserError(
        `set permissions of ${path}`,
        `${folder} has no such file${near ? `, did you mean ${near}?` : ""}`,
      );
    }
    file.mode = parseInt(mode, 8);
    file.owner = owner ?? file.owner;
    file.group = group ?? file.group;
  }
  return files;
}

async function readFile(host: Host, folder: string, path: string): Promise<OverlayFile> {
  const full = `${folder}/${path}`;
  const info = await host.stat(full);
  const common = { path, owner: "root", group: "root" };
  switch (info?.kind) {
    case "directory":
      return { ...common, kind: "directory", mode: 0o755 };
    case "symlink":
      return { ...common, kind: "symlink", mode: 0o777, target: await host.readLink(full) };
    case "file": {
      if (info.size > MAX_BYTES) {
        throw new UserError(`use ${full}`, `above ${MAX_BYTES} bytes`);
      }
      const mode = info.mode & 0o100 ? 0o755 : 0o644;
      return { ...common, kind: "file", mode, data: await host.readFile(full) };
    }
    default:
      throw new UserError(`use ${full}`, `it is a ${info?.kind ?? "missing"} file`);
  }
}
