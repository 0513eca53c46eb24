/**
 * The status document: what a node tells about itself, in `/run/psyopsos/status.json` and where its configuration says. The
 * agent writes it, the lab and people read it. It never holds a secret. Keys of later versions are left out.
 *
 * @module
 */
import * as v from "valibot";
import type { Bytes } from "../bytes.ts";
import { observedSchema } from "../config/mod.ts";
import { canonicalJson } from "../json.ts";
import { MAX_STATUS_BYTES } from "../limits.ts";
import { anyText, openMapping } from "../schema/fields.ts";
import { readJson } from "../schema/read.ts";

/** Where a node can stand. */
export const PHASES = [
  "starting",
  "waiting-identity",
  "waiting-network",
  "fetching",
  "applying",
  "configured",
  "degraded",
] as const;
/** One of {@linkcode PHASES}. */
export type Phase = typeof PHASES[number];

const problemSchema = openMapping({
  /** One word: signature, key, hash, serial, expired, type, node, schema, identity, network, unreachable, full, apply … */
  check: anyText,
  /** One line for people. */
  message: anyText,
  /** Site path of the document concerned. */
  document: v.optional(anyText),
  /** RFC 3339 time of the first occurrence in a row, and how many there were. */
  since: anyText,
  attempts: v.number(),
});

/** The schema of the document; `docs/agent.md` tells of each field. */
export const statusSchema = openMapping({
  node: v.optional(anyText),
  phase: v.picklist(PHASES, "must be a known phase"),
  /** Image version and kernel release. */
  image: openMapping({ version: anyText, kernel: anyText }),
  agent: openMapping({ version: anyText, commit: anyText, form: anyText }),
  /** Where the applied documents came from. */
  source: v.optional(v.picklist(["site", "last-good"])),
  serial: v.optional(v.number()),
  expires: v.optional(anyText),
  /** What guards against older serials: the drive's record, or only the image's floor. */
  rollbackGuard: v.optional(v.picklist(["drive", "image"])),
  /** One line when the drive had lost what guards against older serials, as the agent found it at its start. */
  guardLost: v.optional(anyText),
  /**
   * URLs of the site that did not give what another one gave in the last round, and why in one line; `how` is "behind" (an older
   * publication), "unreachable" or "refused".
   */
  lagging: v.optional(
    v.array(openMapping({ url: anyText, how: v.optional(anyText), reason: anyText })),
  ),
  /** One line where the network that is configured led to no site, and what came to help. */
  fallback: v.optional(anyText),
  problem: v.optional(problemSchema),
  /** Printed forms of the steps of the last apply; secrets never appear. */
  steps: v.array(anyText),
  /** What of each key could not be done at the last apply, a line each; none where all is as wanted. */
  keys: v.optional(v.record(anyText, v.array(anyText))),
  observed: v.optional(observedSchema),
  memory: v.optional(
    openMapping({ totalKiB: v.number(), availableKiB: v.number(), agentRssKiB: v.number() }),
  ),
  /** Seconds since the kernel started at which each phase, and each of the points between, was first reached. */
  reached: v.record(anyText, v.number()),
  updated: anyText,
});

/** Why a node is not (or not wholly) what its site says. */
export type Problem = v.InferOutput<typeof problemSchema>;
/** The document; sizes in KiB, times in RFC 3339. */
export type Status = v.InferOutput<typeof statusSchema>;
/** Names of the points in time that a status tells. */
export type Milestone = Phase | "identity" | "network" | "verified";

/** The document's text. */
export function formatStatus(status: Status): Bytes {
  return canonicalJson(status);
}

/** Reads the document. @throws {UnreadableError} */
export function parseStatus(bytes: Uint8Array): Status {
  return readJson(statusSchema, bytes, MAX_STATUS_BYTES);
}
