/**
 * Making and checking file systems.
 *
 * @module
 */
import { complaintOf } from "../../lib/complaint.ts";
import type { WantedVolume } from "../../lib/config/storage.ts";
import { UserError } from "../../lib/errors.ts";
import type { Host } from "../../lib/host.ts";
import { run, runOk } from "../system/programs.ts";
import { MIB_SECTORS } from "./devices.ts";

/** How long making or checking may take, in milliseconds. Checks that are due to nothing but a dirty journal take seconds. */
export const LONG_MS = 600_000;

const BLOCK = 4096;
const SECTOR = 512;
const MIB = 1024 * 1024;
/** The smallest file systems, in MiB: their makers explain it by their usage text, or not at all. */
const LEAST = { ext4: 16, xfs: 300, btrfs: 256 } as const;

/** Bits of e2fsck's exit code for what it has repaired by itself. */
const REPAIRED = 3;

/**
 * Makes a file system on a device of `sectors` that holds nothing; its last MiB is left out.
 *
 * @throws {UserError}
 */
export async function makeFileSystem(
  host: Host,
  doing: string,
  { filesystem, label }: Pick<WantedVolume, "filesystem" | "label">,
  { path, sectors }: { path: string; sectors: number },
): Promise<void> {
  const bytes = Math.floor((sectors - MIB_SECTORS) * SECTOR / BLOCK) * BLOCK;
  if (bytes < LEAST[filesystem] * MIB) {
    throw new UserError(
      doing,
      `${filesystem} needs ${LEAST[filesystem] + 1} MiB, it has ${Math.floor(bytes / MIB) + 1}`,
    );
  }
  const command = {
    ext4: ["mkfs.ext4", "-q", "-F", "-L", label, path, `${bytes / 1024}k`],
    xfs: ["mkfs.xfs", "-q", "-f", "-L", label, "-d", `size=${bytes}`, path],
    btrfs: ["mkfs.btrfs", "-q", "-f", "-L", label, "-b", `${bytes}`, path],
  }[filesystem];
  await runOk(host, doing, command, { timeoutMs: LONG_MS });
}

/**
 * Checks a file system that is to be mounted, and repairs what can be repaired without a question. xfs and btrfs do so when they
 * are mounted.
 *
 * @throws {UserError} where it is damaged beyond that; nothing is changed then.
 */
export async function checkFileSystem(
  host: Host,
  doing: string,
  filesystem: WantedVolume["filesystem"],
  path: string,
): Promise<void> {
  if (filesystem !== "ext4") return;
  const result = await run(host, ["e2fsck", "-p", path], { timeoutMs: LONG_MS });
  if (result.ended) {
    throw new UserError(doing, `checking ${path} takes too long: run e2fsck -p ${path} by hand`);
  }
  if ((result.code & ~REPAIRED) === 0) return;
  const said = result.stderr.length > 0 ? complaintOf(result) : `exit code ${result.code}`;
  throw new UserError(
    doing,
    `${path} is damaged (${said}): run e2fsck ${path} by hand, it is not made anew`,
  );
}
