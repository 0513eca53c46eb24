/**
 * The programs of the system that tasks run, and how to get them: as root on Debian or Ubuntu the missing packages are
 * installed, anyone else gets one line to copy. Nothing is installed that is there already.
 *
 * @module
 */
import { text } from "../bytes.ts";
import { EXIT, UserError } from "../errors.ts";
import type { Host } from "../host.ts";

/** Something a task needs from the system: a program by name, or a file by its absolute path. */
export interface Need {
  /** Any one of these will do. */
  anyOf: readonly string[];
  /** The Debian package that gives it; of names between "|" the first that this release has. */
  package: string;
}

const need = (name: string, ...anyOf: string[]): Need => ({ package: name, anyOf });

/** What the image engine and identity drives run. */
export const BUILD_NEEDS: readonly Need[] = [
  need("squashfs-tools", "mksquashfs"),
  need("e2fsprogs", "mke2fs"),
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
  need("minisign", "minisign"),
  need("age", "age"),
  need("openssh-client", "ssh-keygen"),
  need("mtools", "mdir"),
  need("dosfstools", "fsck.vfat"),
  need("gdisk", "sgdisk"),
  need("fdisk", "sfdisk"),
  need("cpio", "cpio"),
  need("kmod", "depmod"),
  need("openssl", "openssl"),
  need("busybox-static", "busybox"),
  need("gnupg", "gpg"),
  need("chromium", "chromium"),
  need("fonts-dejavu-core", "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"),
  need("xorriso", "xorriso"),
  need("dash", "dash"),
  need("shellcheck", "shellcheck"),
  need("docker.io", "dockerd"),
  need("docker-cli|docker.io", "docker"),
];

/** Options of {@linkcode ensurePackages}. */
export interface EnsureOptions {
  /** Packages of which not the program but only apt's lists are needed (the lab repository downloads them). */
  aptLists?: boolean;
  /** Told in one line what is being installed. */
  onStage?: (line: string) => void;
}

const FOLDERS = [
  "/usr/local/sbin",
  "/usr/local/bin",
  "/usr/sbin",
  "/usr/bin",
  "/sbin",
  "/bin",
];

/** Installing QEMU with its libraries takes about a minute; a slow mirror is given ten. */
const INSTALL_TIMEOUT_MS = 600_000;

/** Full path of a program on PATH or in the system's folders, undefined when it is missing. */
export async function findProgram(host: Host, name: string): Promise<string | undefined> {
  if (name.startsWith("/")) return await host.stat(name) ? name : undefined;
  const folders = [...(host.env("PATH") ?? "").split(":").filter(Boolean), ...FOLDERS];
  for (const folder of new Set(folders)) {
    if (await host.stat(`${folder}/${name}`)) return `${folder}/${name}`;
  }
  return undefined;
}

/** The Debian packages whose programs are missing, in the order of `needs`. */
export async function missingPackages(host: Host, needs: readonly Need[]): Promise<string[]> {
  const missing: string[] = [];
  for (const { anyOf, package: name } of needs) {
    const found = await Promise.all(anyOf.map((one) => findProgram(host, one)));
    if (!found.some(Boolean)) missing.push(name);
  }
  return missing;
}

/**
 * Makes sure that everything in `needs` is there.
 *
 * @throws {UserError} with `EXIT.missing` and a line to copy when it may not or can't install.
 */
export async function ensurePackages(
  host: Host,
  needs: readonly Need[],
  options: EnsureOptions = {},
): Promise<void> {
  const wanted = await missingPackages(host, needs);
  let missing = wanted.map((name) => name.split("|").at(-1)!);
  const listsMissing = options.aptLists === true && !await haveLists(host);
  if (missing.length === 0 && !listsMissing) return;
  const isRoot = text((await host.run(["id", "-u"])).stdout).trim() === "0";
  const hasApt = await findProgram(host, "apt-get") !== undefined;
  if (!isRoot || !hasApt) throw namesThem(missing, hasApt);
  options.onStage?.(
    missing.length > 0
      ? `installing ${missing.join(" ")}`
      : "reading the package lists (apt-get update)",
  );
  if (listsMissing || !await haveLists(host)) await apt(host, ["update"]);
  if (missing.length === 0) return;
  missing = await Promise.all(wanted.map((name) => firstKnown(host, name.split("|"))));
  const install = ["install", "--no-install-recommends", ...new Set(missing)];
  const first = await tryApt(host, install);
  if (first === undefined) return;
  // Lists that are older than the mirror name packages that are gone: read them again, once.
  await apt(host, ["update"]);
  await apt(host, install);
}

function namesThem(missing: readonly string[], hasApt: boolean): UserError {
  const what = missing.length > 0 ? `${missing.join(", ")} missing` : "apt has no package lists";
  return new UserError("go on", what, {
    exitCode: EXIT.missing,
    hint: hasApt
      ? `sudo apt-get update${
        missing.length > 0
          ? ` && sudo apt-get install -y --no-install-recommends ${missing.join(" ")}`
          : ""
      }`
      : `install what Debian packs as: ${missing.join(" ")}`,
  });
}

/** The first package that apt knows; the last when it knows none. */
async function firstKnown(host: Host, names: readonly string[]): Promise<string> {
  for (const name of names.slice(0, -1)) {
    if ((await host.run(["apt-cache", "show", name])).code === 0) return name;
  }
  return names.at(-1)!;
}

async function haveLists(host: Host): Promise<boolean> {
  const names = await host.readDir("/var/lib/apt/lists");
  return names.some((name) => /_Packages(\.\w+)?$/.test(name));
}

/** Runs apt-get; undefined on success, else its last line of complaint. */
async function tryApt(host: Host, args: readonly string[]): Promise<string | undefined> {
  const result = await host.run(["apt-get", "-y", "-q", ...args], {
    env: { DEBIAN_FRONTEND: "noninteractive", LC_ALL: "C.UTF-8" },
    timeoutMs: INSTALL_TIMEOUT_MS,
  });
  if (result.code === 0) return undefined;
  const lines = text(result.stderr).trim().split("\n");
  return lines.findLast((line) => line.startsWith("E:")) ?? lines.at(-1) ?? `exit ${result.code}`;
}

async function apt(host: Host, args: readonly string[]): Promise<void> {
  const complaint = await tryApt(host, args);
  if (complaint === undefined) return;
  throw new UserError(`run apt-get ${args.join(" ")}`, complaint, {
    exitCode: EXIT.missing,
  });
}
