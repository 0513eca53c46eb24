/**
 * The identity drive: a small ext4 file system, label `psyops-secret`, that says who a node is. Made without root, by
 * mke2fs and debugfs; all files belong to root, secrets are readable by root only.
 *
 * @module
 */
import { complaintOf, linesOf } from "../complaint.ts";
import { DRIVE_LABEL, type DriveFile, STATE_DIRECTORY } from "../documents/drive.ts";
import { EXIT, UserError } from "../errors.ts";
import { type Host, NO_PROGRAM, type RunResult } from "../host.ts";
import { printable } from "../visible.ts";

/** Size of the file system in bytes. */
export const DRIVE_BYTES = 16 * 1024 * 1024;
/** What {@linkcode makeIdentityDrive} needs. */
export interface DriveOptions {
  /** The image file; replaced when it exists, readable by its owner only. */
  path: string;
  files: ReadonlyMap<string, DriveFile>;
  /** File system UUID; default random. */
  uuid?: string;
  /** Time of all files, seconds since 1970; default now. */
  epoch?: number;
}

/**
 * Makes the image of an identity drive. The same options (with `uuid` and `epoch`) give the same bytes.
 *
 * @throws {UserError} when mke2fs is missing or fails.
 */
export async function makeIdentityDrive(host: Host, options: DriveOptions): Promise<void> {
  const { path, files } = options;
  const uuid = options.uuid ?? crypto.randomUUID();
  const epoch = options.epoch ?? Math.floor(host.now().getTime() / 1000);
  const aside = `${path}.tmp-${crypto.randomUUID().slice(0, 8)}`;
  const tree = `${aside}.d`;
  // The tools stamp what they write; sbin is not on everyone's PATH.
  const env = {
    E2FSPROGS_FAKE_TIME: String(epoch),
    PATH: `${host.env("PATH") ?? "/usr/bin:/bin"}:/usr/sbin:/sbin`,
  };
  try {
    await host.mkdir(tree, { mode: 0o700 });
    for (const [name, { data, mode }] of files) {
      await host.writeFile(`${tree}/${name}`, data, { mode });
    }
    await host.mkdir(`${tree}/${STATE_DIRECTORY}`, { mode: 0o700 });
    // Made before mke2fs writes to it, so that it is never readable by others.
    await host.writeExtents(aside, DRIVE_BYTES, [], { mode: 0o600 });
    await runTool(
      host,
      [
        ["mke2fs", "-q", "-F", "-t", "ext4", "-b", "1024", "-m", "0", "-L", DRIVE_LABEL],
        ["-U", uuid, "-E", `root_owner=0:0,hash_seed=${uuid}`, "-d", tree, aside],
      ].flat(),
      { env },
    );
    const script = ownerScript([...files.keys()], epoch);
    const { stderr } = await runTool(host, ["debugfs", "-w", "-f", "-", aside], {
      env,
      stdin: script,
    });
    // debugfs succeeds whatever happens; all it says beyond its version is a complaint.
    const complaint = linesOf(stderr).find((line) => !/^debugfs \d/.test(line));
    if (complaint !== undefined) {
      throw new UserError("make the identity drive", `debugfs says "${printable(complaint, 300)}"`);
    }
    await host.rename(aside, path);
  } finally {
    await host.remove(tree);
    await host.remove(aside);
  }
}

/** debugfs commands: mke2fs copies owners and times of whoever runs it. */
function ownerScript(names: readonly string[], epoch: number): string {
  const lines: string[] = [];
  for (const name of [...names, STATE_DIRECTORY, "lost+found", ""]) {
    for (const field of ["uid", "gid"]) lines.push(`set_inode_field /${name} ${field} 0`);
    for (const field of ["atime", "ctime", "mtime", "crtime"]) {
      lines.push(`set_inode_field /${name} ${field} @${epoch}`);
    }
  }
  return `${lines.join("\n")}\n`;
}

async function runTool(
  host: Host,
  command: readonly string[],
  options: { env: Record<string, string>; stdin?: string },
): Promise<RunResult> {
  const result = await host.run(command, options);
  if (result.code === NO_PROGRAM) {
    throw new UserError("make the identity drive", `${command[0]} is missing`, {
      exitCode: EXIT.missing,
      hint: "it is in the package e2fsprogs",
    });
  }
  if (result.code !== 0) {
    throw new UserError("make the identity drive", `${command[0]} failed: ${complaintOf(result)}`);
  }
  return result;
}
