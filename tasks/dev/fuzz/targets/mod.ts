/**
 * The readers of foreign bytes that `deno task fuzz` tries, by the names of its command line. Each is loaded where it is run.
 *
 * @module
 */
import type { TargetName } from "../../../lines/fuzz.ts";
import type { LoadSubject } from "../target.ts";

/** All targets. */
export const TARGETS: Readonly<Record<TargetName, LoadSubject>> = {
  sites: async () => await (await import("./sites.ts")).subject(),
  documents: async () => (await import("./documents.ts")).subject(),
  words: async () => (await import("./words.ts")).subject(),
  minisign: async () => (await import("./minisign.ts")).subject(),
  age: async () => (await import("./age.ts")).subject(),
  "age-value": async () => (await import("./age.ts")).valueSubject(),
  "age-key": async () => (await import("./age.ts")).keySubject(),
  drive: async () => (await import("./drive.ts")).subject(),
  fleet: async () => (await import("./fleet.ts")).subject(),
  tar: async () => (await import("./tar.ts")).subject(),
  gzip: async () => (await import("./gzip.ts")).subject(),
  zstd: async () => (await import("./kmod.ts")).zstdSubject(),
  cpio: async () => (await import("./cpio.ts")).subject(),
  initramfs: async () => (await import("./cpio.ts")).initramfsSubject(),
  ar: async () => (await import("./ar.ts")).subject(),
  fat: async () => (await import("./fat.ts")).subject(),
  iso9660: async () => (await import("./iso9660.ts")).subject(),
  elf: async () => (await import("./elf.ts")).subject(),
  kmod: async () => (await import("./kmod.ts")).subject(),
  "kmod-index": async () => (await import("./kmod.ts")).indexSubject(),
  apkindex: async () => (await import("./apk_index.ts")).subject(),
  apk: async () => (await import("./apk_package.ts")).subject(),
  pkginfo: async () => (await import("./apk_package.ts")).infoSubject(),
  "apk-script": async () => (await import("./apk_package.ts")).scriptSubject(),
  pem: async () => (await import("./pem.ts")).subject(),
  accounts: async () => (await import("./accounts.ts")).subject(),
  "ssh-keys": async () => (await import("./ssh_keys.ts")).subject(),
  "boot-entry": async () => (await import("./boot_entry.ts")).subject(),
  "aws-files": async () => (await import("./aws_files.ts")).subject(),
  "s3-answers": async () => (await import("./s3_answers.ts")).subject(),
  programs: async () => (await import("./programs.ts")).subject(),
  agent: async () => (await import("./agent.ts")).subject(),
  body: async () => (await import("./body.ts")).subject(),
};
