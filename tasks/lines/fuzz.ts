/**
 * The command line of `deno task fuzz`.
 *
 * @module
 */
import { object } from "@optique/core/constructs";
import type { InferValue } from "@optique/core/parser";
import { number, on, someOf, value } from "../../lib/cli/options.ts";
import type { Program } from "../../lib/cli/program.ts";

/** How long, unless a number of cases is given. */
export const DEFAULT_SECONDS = 60;
/** A reader without a sign of life for so long is stopped, in seconds. */
export const SILENCE_SECONDS = 10;
/** A reader that takes more memory is stopped, in MiB. */
export const MAX_MEMORY_MIB = 512;

/** What each target reads, and its share of all cases: readers that cost less get more. */
export const FUZZ_TARGETS = {
  sites: { what: "whole signed sites, as a node verifies them", share: 16 },
  documents: { what: "our JSON documents of sites, images, drives and locks", share: 6 },
  words: { what: "trusted comments and console messages", share: 5 },
  minisign: { what: "minisign keys and signatures", share: 4 },
  age: { what: "age files", share: 2 },
  "age-value": { what: "armored age values", share: 2 },
  "age-key": { what: "age identities and recipients", share: 2 },
  drive: { what: "identity drives", share: 3 },
  fleet: { what: "the YAML of fleets and images", share: 1 },
  tar: { what: "tar archives", share: 8 },
  gzip: { what: "gzip files", share: 4 },
  zstd: { what: "zstd frames", share: 4 },
  cpio: { what: "cpio archives", share: 5 },
  initramfs: { what: "packed and plain initramfs archives", share: 4 },
  ar: { what: "ar archives", share: 5 },
  fat: { what: "FAT12 and FAT16 images", share: 3 },
  iso9660: { what: "ISO 9660 images", share: 3 },
  elf: { what: "ELF programs and libraries", share: 5 },
  kmod: { what: "kernel modules", share: 3 },
  "kmod-index": { what: "indexes of kernel modules", share: 3 },
  apkindex: { what: "package indexes", share: 3 },
  apk: { what: "packages", share: 2 },
  pkginfo: { what: ".PKGINFO texts", share: 3 },
  "apk-script": { what: "packages' install scripts", share: 3 },
  pem: { what: "public keys in PEM", share: 2 },
  accounts: { what: "passwd, group and shadow", share: 3 },
  "ssh-keys": { what: "lines of authorized_keys", share: 4 },
  "boot-entry": { what: "boot menu entries", share: 4 },
  "aws-files": { what: "AWS configuration files", share: 2 },
  "s3-answers": { what: "answers of S3 servers", share: 1 },
  programs: { what: "what other programs print", share: 3 },
  agent: { what: "time servers' answers, and what a node's programs print", share: 3 },
  body: { what: "bodies that come in small parts", share: 1 },
} as const satisfies Readonly<Record<string, { what: string; share: number }>>;

/** Name of a target. */
export type TargetName = keyof typeof FUZZ_TARGETS;

/** All names. */
export const TARGET_NAMES = Object.keys(FUZZ_TARGETS) as TargetName[];

const parser = object({
  target: someOf("target", TARGET_NAMES, "only this reader"),
  cases: number("cases", { from: 1 }, "end after so many cases of all targets together"),
  seconds: number(
    "seconds",
    { from: 1 },
    `begin nothing new after so long, default ${DEFAULT_SECONDS} unless --cases is given`,
  ),
  seed: number("seed", { to: 2 ** 32 - 1 }, "what all changes come from, default the time"),
  case: number("case", {}, "run this one case of one target again: --target T --seed N --case K"),
  out: value("out", "DIR", "where inputs that show a fault are kept", { default: "build/fuzz" }),
  json: on("json", "print the result as JSON, progress on standard error"),
});

const total = Object.values(FUZZ_TARGETS).reduce((sum, { share }) => sum + share, 0);
const width = Math.max(...TARGET_NAMES.map((name) => name.length));
const targetLines = Object.entries(FUZZ_TARGETS).map(([name, { what, share }]) =>
  ` ${name.padEnd(width)}  ${(100 * share / total).toFixed(1).padStart(4)} %  ${what}`
);

/** The program. */
export const program: Program<InferValue<typeof parser>> = {
  name: "deno task fuzz",
  summary:
    "Change whatever is read of others in every way they can: readers must refuse or be right.",
  parser,
  notes: [
    `Targets, with their share of the cases:\n${targetLines.join("\n")}`,
    "Inputs are changed by what they mean (numbers at the edges and below zero, parts left out, repeated, put elsewhere, odd " +
    "and long names, sums and signatures made right again) and by bytes (flips, cuts, splices).",
    `Each target runs in processes of its own, which may read the project and nothing else, as many at once as there are
processors. One that gives no sign of life for ${SILENCE_SECONDS} s or takes more than ${MAX_MEMORY_MIB} MiB is stopped.`,
    "Faults are: any error that is no refusal, believing what is not so, no end, growth, a crash, long messages, anything " +
    "printed. Each is told with the line that repeats it. Exit code 0 only without a fault.",
    "Network: none.",
  ],
};
