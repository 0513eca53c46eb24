/**
 * What is mounted where, by `/proc/self/mountinfo`: reading that never waits for a file system, as looking at one may.
 *
 * @module
 */
import { UserError } from "../../lib/errors.ts";
import type { Host } from "../../lib/host.ts";
import { outputOf, run } from "./programs.ts";

const MOUNTINFO = "/proc/self/mountinfo";

/** Types of file systems that wait for another machine or for a program. */
const REMOTE =
  /^(?:nfs4?|cifs|smb3?|9p|ceph|afs|autofs|fuse|fuse\..*|glusterfs|ncpfs|coda|orangefs)$/;

/** One mount. */
export interface Mount {
  /** Where it is. */
  point: string;
  /** The part of its file system that shows there; "/" for all of it. */
  root: string;
  type: string;
  /** What was given as the thing to mount, e.g. /dev/vdb. */
  source: string;
}

/** Mounts in the order in which they were made; what is not of the form is left out (see proc_pid_mountinfo(5)). */
export function parseMountinfo(text: string): Mount[] {
  return text.split("\n").flatMap((line) => {
    const [front = "", back = ""] = line.split(" - ");
    const [, , , root, point] = front.split(" ");
    const [type, source] = back.split(" ");
    if (root === undefined || point === undefined || !type || source === undefined) return [];
    return [{ point: unescaped(point), root: unescaped(root), type, source: unescaped(source) }];
  });
}

/** Blanks and backslashes are there as octal numbers. */
function unescaped(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal) => String.fromCharCode(parseInt(octal, 8)));
}

/** What is mounted at `point` and not covered by another mount there; undefined for nothing. */
export function mountedAt(mounts: readonly Mount[], point: string): Mount | undefined {
  return mounts.findLast((one) => one.point === point);
}

/** All mounts. @throws {UserError} */
export async function readMounts(host: Host): Promise<Mount[]> {
  const result = await run(host, ["cat", MOUNTINFO]);
  const mounts = result.code === 0 ? parseMountinfo(outputOf(result)) : [];
  if (mounts.length > 0) return mounts;
  throw new UserError("see what is mounted", `${MOUNTINFO} can't be read`);
}

/** A path where the agent neither looks nor writes. */
export class BarredError extends UserError {
  constructor(
    path: string,
    state: string, /** Whether it is in a mount of another machine's. */
    readonly remote: boolean,
  ) {
    super(`reach ${path}`, state);
  }
}

/**
 * Why nothing is looked at or written at `path`: it lies in a mount over the network, or where something of `points` is to be
 * mounted and is not. Undefined where neither is so.
 */
export function barrierAt(
  path: string,
  mounts: readonly Mount[],
  points: readonly string[],
): BarredError | undefined {
  const covers = (point: string) => path === point || point === "/" || path.startsWith(`${point}/`);
  const around = mounts.findLast(({ point }) => covers(point) && isNearest(point, path, mounts));
  if (around && REMOTE.test(around.type)) {
    return new BarredError(path, `it is in the network mount ${around.point}`, true);
  }
  const absent = points.find((point) =>
    path.startsWith(`${point}/`) && mountedAt(mounts, point) === undefined
  );
  if (absent === undefined) return undefined;
  return new BarredError(path, `it waits for ${absent}, where nothing is mounted`, false);
}

/** Whether no mount between `point` and `path` covers that. */
function isNearest(point: string, path: string, mounts: readonly Mount[]): boolean {
  return !mounts.some((one) =>
    one.point.length > point.length && (path === one.point || path.startsWith(`${one.point}/`))
  );
}
