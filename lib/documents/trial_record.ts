/**
 * What a node remembers of the settings that could cut it off from its site, one record for each subject: what was confirmed
 * last, for the start of the next boot, and what was tried and refused, so that no boot tries it again. It is kept on the
 * identity drive, below `state/`, root's alone: texts may hold secrets.
 *
 * @module
 */
import * as v from "valibot";
import type { Bytes } from "../bytes.ts";
import { UserError } from "../errors.ts";
import { canonicalJson } from "../json.ts";
import { anyText, openMapping, sha256 } from "../schema/fields.ts";
import { readJson } from "../schema/read.ts";

/** What is tried before it is kept. */
export const TRIAL_SUBJECTS = ["network", "firewall", "ssh"] as const;
/** One of {@linkcode TRIAL_SUBJECTS}. */
export type TrialSubject = typeof TRIAL_SUBJECTS[number];

/** Longest record, in bytes. */
export const MAX_TRIAL_RECORD = 1024 * 1024;

/** Name of a subject's record below `state/` on the drive. */
export function trialRecordName(subject: TrialSubject): string {
  return `trial-${subject}.json`;
}

const recordSchema = openMapping({
  version: v.literal(1, "must be 1"),
  /** The setting that held when the site answered last: its digest, and its text as the next boot reads it. */
  confirmed: v.optional(openMapping({ digest: sha256, text: anyText })),
  /** The setting that did not hold, until another one is wanted; one line says why. */
  refused: v.optional(openMapping({ digest: sha256, reason: anyText })),
});

/** What is remembered of one subject. */
export type TrialRecord = Omit<v.InferOutput<typeof recordSchema>, "version">;

/**
 * The bytes of a record.
 *
 * @throws {UserError} when it would be longer than {@linkcode MAX_TRIAL_RECORD}.
 */
export function formatTrialRecord(record: TrialRecord): Bytes {
  const bytes = canonicalJson({ ...record, version: 1 });
  if (bytes.length > MAX_TRIAL_RECORD) {
    throw new UserError("keep a setting", `its record is longer than ${MAX_TRIAL_RECORD} bytes`);
  }
  return bytes;
}

/** Reads a record; fields of later versions are left out. @throws {UnreadableError} for anything else. */
export function parseTrialRecord(bytes: Uint8Array): TrialRecord {
  const { version: _, ...record } = readJson(recordSchema, bytes, MAX_TRIAL_RECORD);
  return record;
}
