/**
 * Mounting and unmounting.
 *
 * @module
 */
import { complaintOf } from "../../lib/complaint.ts";
import type { WantedMount } from "../../lib/config/storage.ts";
import { UserError } from "../../lib/errors.ts";
import type { Host } from "../../lib/host.ts";
import { STORAGE } from "../system/paths.ts";
import { run, runOk } from "../system/programs.ts";
import { findFirmWay } from "../system/way.ts";
import { changeStorageRecord } from "./record.ts";

/** The program's exit code for a mount that is still being tried. */
const STILL_TRYING = 3;

/**
 * Sees to it that a directory is at `path`. One that is made for it is nobody's to write in: what lies there is hidden later.
 *
 * @throws {UserError} where something else is there, or a link leads elsewhere.
 */
export async function makeMountPoint(host: Host, path: string): Promise<void> {
  const doing = `mount something at ${path}`;
  const place = await findFirmWay(host, path, { doing });
  const kind = place === path ? (await host.stat(place))?.kind : "symlink";
  if (kind === "directory") return;
  if (kind === undefined) return await host.placeDirectory(path, { mode: 0, uid: 0, gid: 0 });
  throw new UserError(doing, `${kind === "symlink" ? "a link" : "a file"} is in the way`);
}

/** Mounts `source` at `point`. @throws {UserError} */
export async function mountOn(
  host: Host,
  doing: string,
  point: string,
  kind: readonly string[],
  options: readonly string[],
  source: string,
): Promise<void> {
  const words = options.length > 0 ? ["-o", options.join(",")] : [];
  await runOk(host, doing, ["mount", ...kind, ...words, source, point]);
}

/** Mounts what is no volume. @throws {UserError} also where it is over the network and goes on being tried. */
export async function mountOther(
  host: Host,
  doing: string,
  mount: WantedMount,
  wanted: string,
): Promise<void> {
  const { path, options } = mount;
  await makeMountPoint(host, path);
  const note = () => changeStorageRecord(host, ({ mounts }) => void (mounts[path] = { wanted }));
  if (mount.bind !== undefined) {
    const source = await sourceOf(host, doing, mount.bind);
    await note();
    await mountOn(host, doing, path, [], ["bind"], source);
    // The kernel takes other options of such a mount once it is there.
    if (options.length > 0) {
      await runOk(host, doing, ["mount", "-o", ["remount", "bind", ...options].join(","), path]);
    }
    return;
  }
  await note();
  const words = options.length > 0 ? ["-o", options.join(",")] : [];
  const command = ["mount", "-t", mount.type, ...words, mount.device, path];
  const result = await run(host, [STORAGE, "later", path, ...command]);
  if (result.code === STILL_TRYING) {
    throw new UserError(doing, `${mount.device} has not answered yet; it goes on being tried`);
  }
  if (result.code !== 0) throw new UserError(doing, complaintOf(result));
}

/** The directory that shows in a second place; made where it is missing. */
async function sourceOf(host: Host, doing: string, path: string): Promise<string> {
  const place = await findFirmWay(host, path, { doing, followLast: true });
  const kind = (await host.stat(place))?.kind;
  if (kind === undefined) await host.placeDirectory(place, { mode: 0o755, uid: 0, gid: 0 });
  else if (kind !== "directory") throw new UserError(doing, `${path} is no directory`);
  return place;
}

/** Unmounts what is at `point`. @throws {UserError} where something uses it. */
export async function unmount(host: Host, doing: string, point: string): Promise<void> {
  const result = await run(host, ["umount", point]);
  if (result.code === 0) return;
  throw new UserError(
    doing,
    `it stays until the next boot, or until nothing uses it (${complaintOf(result)})`,
  );
}
