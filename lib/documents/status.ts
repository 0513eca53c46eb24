/**
 * What a node tells about itself: the one-line messages on its console and its status document.
 * The agent writes both, the lab and people read them. Neither ever holds a secret.
 *
 * @module
 */

/** Where a node stands. */
export type Phase =
  | "starting"
  | "waiting-identity"
  | "waiting-network"
  | "fetching"
  | "applying"
  | "configured"
  | "degraded";

/** Why a node is not (or not wholly) what its site says. */
export interface Problem {
  /** One word: signature, key, hash, serial, expired, type, node, schema, identity, network, unreachable, full, apply … */
  check: string;
  /** One line for people. */
  message: string;
  /** Site path of the document concerned. */
  document?: string;
  /** RFC 3339 time of the first occurrence in a row, and how many there were. */
  since: string;
  attempts: number;
}

/**
 * Stands for the SHA-256 of what only the node may know (a private file that is as demanded, a private script's output): the
 * hash of a short secret gives the secret away.
 */
export const PRIVATE_DIGEST = "private";

/** What the node really is, read back after applying. Hashes are of SHA-256, or {@linkcode PRIVATE_DIGEST}. */
export interface Observed {
  hostname: string;
  users: { name: string; uid: number; groups: string[]; sshKeys: string[] }[];
  files: { path: string; sha256: string; mode: string; owner: string; group: string }[];
  scripts: { name: string; exitCode: number; outputSha256: string }[];
}

/** The status document, `/run/psyopsos/status.json` on the node; sizes in KiB, times in RFC 3339. */
export interface Status {
  node?: string;
  phase: Phase;
  /** Image version and kernel release. */
  image: { version: string; kernel: string };
  agent: { version: string; commit: string; form: string };
  /** Where the applied documents came from. */
  source?: "site" | "last-good";
  serial?: number;
  expires?: string;
  /** What guards against older serials: the drive's record, or only the image's floor. */
  rollbackGuard?: "drive" | "image";
  problem?: Problem;
  /** Printed forms of the steps of the last apply; secrets never appear. */
  steps: string[];
  observed?: Observed;
  memory?: { totalKiB: number; availableKiB: number; agentRssKiB: number };
  /** Seconds since the kernel started at which each phase was first reached. */
  reached: Partial<Record<Phase | "identity" | "network" | "verified", number>>;
  updated: string;
}
