/**
 * The identity drive as a file system: found by its label, mounted read-only with nothing executable on it, writable only
 * for the moment in which the record is kept.
 *
 * Supported: ext4 on a whole device or a partition (a label of FAT has room for 11 characters, ours has 13). A drive may be pulled and put in again at any time.
 *
 * @module
 */
import { complaintOf } from "../../lib/complaint.ts";
import { DRIVE_LABEL, NAME_FILE, parseNodeName } from "../../lib/documents/drive.ts";
import type { Host } from "../../lib/host.ts";
import { AgentError } from "../report/problem.ts";
import { IDENTITY_DIR, RUN_DIR } from "../system/paths.ts";
import { outputOf, run } from "../system/programs.ts";

const SAFE = "nosuid,nodev,noexec";

/** How it is tried, in order. */
const TRIES = [
  { options: SAFE },
  // A journal left dirty on a write-protected drive can't be replayed: it is read as it stands.
  { options: `${SAFE},noload`, readOnly: true },
] as const;

/** The device that bears the label; undefined when there is none (yet). */
export async function findDrive(host: Host): Promise<string | undefined> {
  const result = await run(host, ["findfs", `LABEL=${DRIVE_LABEL}`]);
  const device = outputOf(result).trim();
  return result.code === 0 && device.startsWith("/dev/") ? device : undefined;
}

/**
 * Mounts `device` at {@linkcode IDENTITY_DIR}.
 *
 * @throws {AgentError} "identity" when it is no ext4 that can be read.
 */
export async function mountDrive(
  host: Host,
  device: string,
  access: "ro" | "rw" = "ro",
): Promise<void> {
  await host.mkdir(RUN_DIR, { mode: 0o700 });
  await host.chmod(RUN_DIR, 0o700);
  await host.mkdir(IDENTITY_DIR, { mode: 0o700 });
  let complaint = "";
  for (const way of TRIES) {
    if (access === "rw" && "readOnly" in way) continue;
    const options = `${access},${way.options}`;
    const result = await run(host, ["mount", "-t", "ext4", "-o", options, device, IDENTITY_DIR]);
    if (result.code === 0) return;
    complaint ||= complaintOf(result);
  }
  throw new AgentError("identity", `mount the identity drive ${device}`, complaint);
}

/** Takes the drive out of the file tree; one that is not there is no error. */
export async function unmountDrive(host: Host): Promise<void> {
  await run(host, ["umount", "-l", IDENTITY_DIR], { output: "null" });
}

/**
 * Runs `write` while the drive is writable. A drive that was pulled and put in again since is found anew.
 *
 * @param node Name of the node whose drive it must still be; another one is never written to.
 * @throws {AgentError} "state" when it can't be made writable or is another one; what `write` throws.
 */
export async function whileWritable<T>(
  host: Host,
  node: string,
  write: () => Promise<T>,
): Promise<T> {
  const remount = (access: "ro" | "rw") =>
    run(host, ["mount", "-o", `remount,${access},${SAFE}`, IDENTITY_DIR]);
  const remounted = await remount("rw");
  if (remounted.code !== 0) {
    const device = await findDrive(host);
    const gone = new AgentError(
      "state",
      "write to the identity drive",
      device ? complaintOf(remounted) : "it is not there",
    );
    if (!device) throw gone;
    await unmountDrive(host);
    try {
      await mountDrive(host, device, "rw");
    } catch {
      await mountDrive(host, device).catch(() => {});
      throw gone;
    }
  }
  try {
    if (await nodeOnDrive(host) !== node) {
      throw new AgentError("state", "write to the identity drive", "it is another node's");
    }
    return await write();
  } finally {
    await remount("ro");
  }
}

/** Name of the node whose drive is mounted; undefined where none is, or it can't be read. */
export async function nodeOnDrive(host: Host): Promise<string | undefined> {
  try {
    return parseNodeName(await host.readTextFile(`${IDENTITY_DIR}/${NAME_FILE}`));
  } catch {
    return undefined;
  }
}
