/**
 * The programs of the system that tasks run, in the versions they need.
 *
 * @module
 */
import { linesOf } from "../complaint.ts";
import type { Host } from "../host.ts";

/** Something a task needs from the system: a program by name, or a file by its absolute path. */
export interface Need {
  /** Any one of these will do. */
  anyOf: readonly string[];
  /** The Debian package that gives it; of names between "|" the first that this release has. */
  package: string;
  /** Where the name alone says too little. */
  version?: VersionNeed;
}

/** What a program must tell of itself. */
export interface VersionNeed {
  /** How it is asked. */
  args: readonly string[];
  /** Finds its version in what it prints; another program of the same name prints something else. */
  pattern: RegExp;
  /** Numbers with dots between. */
  least: string;
}

/** A need that is not met. */
export interface Missing {
  need: Need;
  /** "mksquashfs is missing", "minisign 0.10 is needed, here is 0.8". */
  state: string;
}

const need = (name: string, ...anyOf: string[]): Need => ({ package: name, anyOf });

const versioned = (name: string, program: string, ...version: [string, RegExp, string]): Need => ({
  ...need(name, program),
  version: { args: [version[0]], pattern: version[1], least: version[2] },
});

/** What the image engine and identity drives run. */
export const BUILD_NEEDS: readonly Need[] = [
  // Zstandard came with 4.4.
  versioned("squashfs-tools", "mksquashfs", "-version", /^mksquashfs version ([\d.]+)/, "4.4"),
  // Filling a file system from a folder came with 1.43; busybox has an mke2fs that can't.
  versioned("e2fsprogs", "mke2fs", "-V", /^mke2fs ([\d.]+)/, "1.43"),
];

/** What the lab runs beside. */
export const LAB_NEEDS: readonly Need[] = [
  ...BUILD_NEEDS,
  need("qemu-system-x86", "qemu-system-x86_64"),
  need("ovmf", "/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_CODE.fd"),
];

/** The foreign programs that judge psyopsOS's own formats in tests. */
export const TEST_NEEDS: readonly Need[] = [
  ...LAB_NEEDS,
  // Signatures over a hash, which is what we make, are its default since 0.10.
  versioned("minisign", "minisign", "-v", /^minisign ([\d.]+)/, "0.10"),
  need("age", "age"),
  need("openssh-client", "ssh-keygen"),
  need("mtools", "mdir"),
  need("dosfstools", "fsck.vfat"),
  need("gdisk", "sgdisk"),
  need("fdisk", "sfdisk"),
  need("cpio", "cpio"),
  need("kmod", "depmod"),
  versioned("openssl", "openssl", "version", /^OpenSSL ([\d.]+)/, "1.1"),
  need("gnupg", "gpg"),
  need("chromium", "chromium"),
  need("fonts-dejavu-core", "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"),
  need("xorriso", "xorriso"),
  need("dash", "dash"),
  need("shellcheck", "shellcheck"),
  need("opendoas", "doas"),
  need("cryptsetup-bin", "cryptsetup"),
  need("xfsprogs", "mkfs.xfs"),
  need("btrfs-progs", "mkfs.btrfs"),
  need("nftables", "nft"),
  need("python3-botocore", "/usr/lib/python3/dist-packages/botocore/session.py"),
  need("docker.io", "dockerd"),
  need("docker-cli|docker.io", "docker"),
];

const FOLDERS = [
  "/usr/local/sbin",
  "/usr/local/bin",
  "/usr/sbin",
  "/usr/bin",
  "/sbin",
  "/bin",
];

/** Full path of a program on PATH or in the system's folders, undefined when it is missing. */
export async function findProgram(host: Host, name: string): Promise<string | undefined> {
  if (name.startsWith("/")) return await host.stat(name) ? name : undefined;
  const folders = [...(host.env("PATH") ?? "").split(":").filter(Boolean), ...FOLDERS];
  for (const folder of new Set(folders)) {
    if (await host.stat(`${folder}/${name}`)) return `${folder}/${name}`;
  }
  return undefined;
}

/** What of `needs` is not there, or not in the version that is needed, in their order. */
export async function missingNeeds(host: Host, needs: readonly Need[]): Promise<Missing[]> {
  const missing: Missing[] = [];
  for (const need of needs) {
    const found = await Promise.all(need.anyOf.map((one) => findProgram(host, one)));
    const path = found.find((one) => one !== undefined);
    const state = path === undefined
      ? `${need.anyOf.join(" or ")} is missing`
      : await versionProblem(host, path, need);
    if (state !== undefined) missing.push({ need, state });
  }
  return missing;
}

async function versionProblem(
  host: Host,
  path: string,
  { anyOf: [name], version, package: from }: Need,
): Promise<string | undefined> {
  if (!version) return undefined;
  const { stdout, stderr } = await host.run([path, ...version.args], { timeoutMs: 10_000 });
  const there = version.pattern.exec([...linesOf(stdout), ...linesOf(stderr)].join("\n"))?.[1];
  const needed = `${name} ${version.least} or later is needed`;
  if (there === undefined) return `${needed}, ${path} is not that of ${from.split("|").at(-1)}`;
  return isOlder(there, version.least) ? `${needed}, ${path} is ${there}` : undefined;
}

/** Whether version `a` comes before `b`; both are numbers with dots between. */
function isOlder(a: string, b: string): boolean {
  const [left, right] = [a, b].map((version) => version.split(".").map(Number));
  for (const [i, most] of right!.entries()) {
    const difference = (left![i] ?? 0) - most;
    if (difference !== 0) return difference < 0;
  }
  return false;
}
