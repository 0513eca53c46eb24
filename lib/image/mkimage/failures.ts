/**
 * What goes wrong in a container build, by what programs say about it, and what to do. Tables: the first
 * entry that matches counts, so particular causes stand before general ones.
 *
 * @module
 */
import { EXIT, type ExitCode } from "../../errors.ts";

/** A known failure. */
export interface KnownProblem {
  /** Looked for in all that was printed, or in the last lines. */
  pattern: RegExp;
  /** Completes "Cannot …: ". `$1` is the pattern's first group. */
  what: string;
  /** What to do. */
  cure: string;
  exitCode?: ExitCode;
}

const DISK_FULL: KnownProblem = {
  pattern: /no space left on device|disk quota exceeded|write error: no space/i,
  what: "the disk of the container engine is full",
  cure:
    "deno task image --clean removes this project's caches; docker system prune those of others",
};

const NO_NETWORK: KnownProblem = {
  pattern:
    /(?:temporary failure in name resolution|could not resolve host|bad address|no such host|server misbehaving|network is unreachable|temporary error \(try again later\)|DNS: |i\/o timeout|connection timed out|could not connect|network connection aborted|failed to resolve reference|request canceled while waiting for connection|dial tcp .* connect: connection refused)/i,
  what: "the container engine reaches no network, or a server does not answer",
  cure:
    "it needs the registry for the base image, gitlab.alpinelinux.org and the package mirror once; check its proxy and DNS",
};

const WRONG_ARCH: KnownProblem = {
  pattern: /exec format error|does not match the (?:specified|detected host|expected) platform/i,
  what: "the engine's machine can't run programs of the image's architecture",
  cure:
    "build on a machine of that architecture, or register an emulator there (package qemu-user-static with binfmt-support)",
};

/** What Docker's and Podman's own programs complain about. */
export const ENGINE_PROBLEMS: readonly KnownProblem[] = [
  {
    pattern:
      /permission denied while trying to connect|connect: permission denied|dial unix .*: permission denied/i,
    what: "you may not use the engine's socket",
    cure:
      "join the group docker (sudo usermod -aG docker $USER, then log in anew), use rootless Docker or Podman, or --engine embedded",
  },
  {
    pattern:
      /cannot connect to the docker daemon|is the docker daemon running|error during connect|cannot connect to podman|unable to connect to podman|connection refused.*docker\.sock|no such file or directory.*\.sock|lookup .* on .*: no such host.*version/i,
    what: "the engine does not answer",
    cure:
      "start it (sudo systemctl start docker, or Docker Desktop, or podman machine start), check DOCKER_HOST, or use --engine embedded",
  },
  DISK_FULL,
  WRONG_ARCH,
  {
    pattern: /pull access denied|manifest unknown|manifest for .* not found|not found: manifest/i,
    what: "the registry does not have the base image of overlay/mkimage/Dockerfile",
    cure: "check the name and tag behind FROM",
  },
  {
    pattern:
      /unable to apply caps|operation not permitted.*(?:runc|crun)|(?:runc|crun).*operation not permitted/i,
    what: "the engine may not start containers on its machine",
    cure: "look at its log; a container inside of a container needs more rights",
  },
  { ...NO_NETWORK },
];

/** What mkimage.sh and the programs it calls complain about, in the last lines before a failure. */
export const BUILD_PROBLEMS: readonly KnownProblem[] = [
  DISK_FULL,
  WRONG_ARCH,
  {
    pattern: /mcopy.*(?:disk full|no free cluster)|disk full/i,
    what: "the boot loader does not fit into its 1.44 MB image",
    cure: "this is a limit of mkimage.sh; use --engine embedded",
  },
  {
    pattern: /UNTRUSTED signature|untrusted/,
    what: "a repository is signed by a key that the build does not trust",
    cure:
      "put its public key into overlay/root/etc/apk/keys, under the name that the signature gives",
  },
  {
    pattern:
      /([\w.+-]+) \(no such package\)|unable to select packages.*?\n?\s*([\w.+-]+) \(no such/,
    what: "no repository has the package $1",
    cure:
      "correct packages, kernel.flavour or mkimage in overlay/image.yaml, or give the repository that has it",
  },
  {
    pattern: /can(?:'t|not) create \/home\/build\/work.*permission denied/i,
    what: "the work folder can't be written by the builder's user",
    cure: "deno task image --clean, then again",
  },
  {
    pattern: /unable to lock database/i,
    what: "a package root in the work folder is half made",
    cure: "deno task image --clean, then again",
  },
  {
    pattern: /unable to deduce aports base checkout/i,
    what: "the builder has no aports with main/build-base",
    cure: "build the builder again: deno task image --clean",
  },
  {
    pattern: /must provide --repository/i,
    what: "mkimage.sh was given no repository",
    cure: "list one under repositories in overlay/image.yaml",
  },
  {
    pattern:
      /could not open file or uri for loading private key|private key.*(?:not found|no such file)|cp: can(?:'t|not) stat ''|no private key found/i,
    what: "the signing key can't be read in the builder",
    cure: "check that keys/abuild holds a private key and its .pub; run with --shell to look",
  },
  {
    pattern: /profile_(\w+): not found/,
    what: "mkimage.sh does not know the profile $1",
    cure: "its aports are too old or too new; look at the tag in overlay/mkimage/Dockerfile",
  },
  {
    pattern:
      /genapkovl[\w-]*\.sh(?:: |.*)(?:not the overlay|can't open|not found|permission denied)/i,
    what: "the overlay script failed",
    cure: "this is a defect in psyopsOS; run with --shell to look",
  },
  {
    pattern: /(?:volid|volume id).*(?:too long|longer than)/i,
    what: "the volume id is too long for this mkimage.sh",
    cure: "give a shorter --version",
  },
  {
    pattern: /initramfs unpacking failed|mkinitfs: .*(?:not found|failed)/i,
    what: "mkinitfs could not make the initramfs",
    cure: "check mkimage.features in overlay/image.yaml",
  },
  NO_NETWORK,
];

/** As much of a line is looked at, in characters: some patterns take the square of a line's length. */
const MAX_LINE = 1000;

/** The first entry that matches, with its `$1` filled in. */
export function findProblem(
  table: readonly KnownProblem[],
  said: string,
): Omit<KnownProblem, "pattern"> | undefined {
  const looked = said.split("\n").map((line) => line.slice(0, MAX_LINE)).join("\n");
  for (const { pattern, what, ...rest } of table) {
    const match = pattern.exec(looked);
    if (match) return { what: what.replace("$1", match[1] ?? match[2] ?? "?"), ...rest };
  }
  return undefined;
}

/** What an exit code alone says. */
export function exitProblem(code: number): Omit<KnownProblem, "pattern"> | undefined {
  switch (code) {
    case 137:
      return {
        what: "it was killed (exit code 137)",
        cure:
          "usually for want of memory: give the engine's machine at least 2 GiB, or it was stopped by hand",
      };
    case 139:
      return {
        what: "a program in the builder crashed (exit code 139)",
        cure: "run with --shell to look",
      };
    case 125:
    case 126:
    case 127:
      return {
        what: `the builder lacks a program (exit code ${code})`,
        cure: "build it again: deno task image --clean",
        exitCode: EXIT.failed,
      };
    case 99:
      return {
        what: "apk could not use its package root (exit code 99)",
        cure: "deno task image --clean, then again",
      };
    default:
      return undefined;
  }
}
