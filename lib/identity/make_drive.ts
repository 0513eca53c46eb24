/**
 * The identity drive: a small ext4 file system, label `psyops-secret`, that says who a node is. Made without root, by
 * mke2fs and debugfs; all files belong to root, secrets are readable by root only.
 *
 * @module
 */
import { type Bytes, utf8 } from "../bytes.ts";
import { EXIT, UserError } from "../errors.ts";
import type { Host, RunResult } from "../host.ts";

/** Label by which a node finds its drive. */
export const DRIVE_LABEL = "psyops-secret";
/** Size of the file system in bytes. */
export const DRIVE_BYTES = 16 * 1024 * 1024;
/** Directory on the drive where the node keeps what it must not forget. */
export const STATE_DIRECTORY = "state";

const SECRET_MODE = 0o600;
const PUBLIC_MODE = 0o644;

/** A network without DHCP. */
export interface StaticNetwork {
  /** Default: the first interface with a link. */
  interface?: string;
  /** Address with prefix length, e.g. "192.0.2.10/24". */
  address: string;
  gateway?: string;
  dns?: string[];
}

/** Who a node is. */
export interface Identity {
  name: string;
  /** Text of an age identity file; secret. */
  ageIdentity: string;
  /** Text of the minisign public key file that the node pins. */
  minisignKey: string;
  /** Text of the private SSH host key file; secret. */
  sshHostKey: string;
  /** Public line of the SSH host key. */
  sshHostKeyPublic: string;
  /** Base URLs of the site, tried in this order. */
  sites: readonly string[];
  network?: StaticNetwork;
}

/** One file of the drive. */
export interface DriveFile {
  data: Bytes;
  mode: number;
}

/** The files of a drive by name. */
export function driveFiles(identity: Identity): Map<string, DriveFile> {
  const files = new Map<string, DriveFile>();
  const add = (name: string, data: string, mode = PUBLIC_MODE) =>
    files.set(name, { data: utf8(data), mode });
  add("nodename", `${identity.name}\n`);
  add("age.key", identity.ageIdentity, SECRET_MODE);
  add("minisign.pubkey", identity.minisignKey);
  add("ssh_host_ed25519_key", identity.sshHostKey, SECRET_MODE);
  add("ssh_host_ed25519_key.pub", `${identity.sshHostKeyPublic}\n`);
  add(
    "site",
    ["# Where this node finds its site: base URLs, tried in this order.", ...identity.sites, ""]
      .join("\n"),
  );
  if (identity.network) {
    add("network.json", `${JSON.stringify(identity.network, null, 2)}\n`);
  }
  return files;
}

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
    await host.writeExtents(aside, DRIVE_BYTES, [], { mode: SECRET_MODE });
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
    const complaint = new TextDecoder().decode(stderr).split("\n")
      .find((line) => line.trim() !== "" && !/^debugfs \d/.test(line));
    if (complaint !== undefined) {
      throw new UserError(`Cannot make the identity drive: debugfs said: ${complaint.trim()}`);
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
  const said = new TextDecoder().decode(result.stderr).trim().split("\n").at(-1) ?? "";
  if (result.code === 127) {
    throw new UserError(`Cannot make the identity drive: ${command[0]} is missing`, {
      exitCode: EXIT.missing,
      hint: "it is in the package e2fsprogs",
    });
  }
  if (result.code !== 0) {
    throw new UserError(
      `Cannot make the identity drive: ${command[0]} failed with code ${result.code}: ${said}`,
    );
  }
  return result;
}
