/**
 * `psyopsOS/os-update.json`: which OS releases there are, which of them the nodes of a channel should run, and when each
 * node may take it. No server counts the nodes: who goes first follows from their names ({@linkcode rolloutPosition}).
 *
 * Supported: the keys below and no others. Messages name the place and the rule, never the value.
 *
 * @module
 */
import * as v from "valibot";
import { sha256, text, utf8 } from "../bytes.ts";
import { RefusedError } from "../errors.ts";
import { isInstant } from "../instant.ts";
import { isSitePath } from "../trust/comment.ts";
import { OS_UPDATE_PATH } from "../trust/freshness.ts";
import { NODE_NAME } from "./names.ts";

export { OS_UPDATE_PATH };
/** What the files of releases are below. */
export const RELEASES_PATH = "psyopsOS/os";

/** Longest document that is read, in bytes. */
const MAX_BYTES = 1024 * 1024;
/** Most entries of any list or mapping. */
const MAX_ENTRIES = 1024;

const object = "must be a mapping";
const matching = (pattern: RegExp, rule: string) => v.pipe(v.string(rule), v.regex(pattern, rule));
const between = (min: number, max: number) =>
  v.pipe(
    v.number(`must be ${min} to ${max}`),
    v.minValue(min, `must be ${min} to ${max}`),
    v.maxValue(max, `must be ${min} to ${max}`),
  );
const whole = (min: number, max: number) =>
  v.pipe(between(min, max), v.integer("must be a whole number"));
const listOf = <const Item extends v.GenericSchema>(item: Item) =>
  v.pipe(
    v.array(item, "must be a list"),
    v.maxLength(MAX_ENTRIES, `must have at most ${MAX_ENTRIES} entries`),
  );
const dictionary = <
  const Key extends v.GenericSchema<string, string>,
  const Value extends v.GenericSchema,
>(key: Key, value: Value) =>
  v.pipe(
    v.record(key, value, object),
    v.maxEntries(MAX_ENTRIES, `must have at most ${MAX_ENTRIES} entries`),
  );

const instant = v.pipe(
  v.string("must be a UTC time in quotes, e.g. 2026-11-22T20:00:00Z"),
  v.check(isInstant, "must be a UTC time, e.g. 2026-11-22T20:00:00Z"),
);
const version = matching(
  /^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9_-])?$/,
  "must be a version in quotes: up to 64 of A-Z, a-z, 0-9, ., _ and -",
);
const arch = v.picklist(["x86_64", "aarch64"], "must be x86_64 or aarch64");
const channelName = matching(
  /^[a-z0-9][a-z0-9_-]{0,62}$/,
  "must be a channel name: up to 63 of a-z, 0-9, _ and -",
);
const window = v.strictObject({
  days: v.optional(
    listOf(
      v.picklist(["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "must be a day, e.g. mon"),
    ),
  ),
  from: matching(
    /^(?:[01]\d|2[0-3]):[0-5]\d$/,
    'must be a time of day in quotes, e.g. "02:00"',
  ),
  minutes: whole(10, 1440),
  zone: v.optional(
    v.pipe(v.string("must be a time zone"), v.check(isZone, "must be a time zone, e.g. UTC")),
  ),
}, object);
const rollout = {
  start: v.optional(instant),
  waves: v.optional(v.pipe(
    listOf(
      v.strictObject({ afterHours: whole(0, 8760), percent: between(0, 100) }, object),
    ),
    v.check((given) => isRising(given), "must rise from wave to wave, in hours and in percent"),
  )),
  canaries: v.optional(listOf(matching(NODE_NAME, "must be a node name"))),
  windows: v.optional(listOf(window)),
  minimum: v.optional(version),
  allowDowngrade: v.optional(v.boolean("must be true or false")),
};
const START_RULE = "must have start, since a wave comes later than at once";

/** The schema of {@linkcode UpdatePolicy}. */
export const updatePolicySchema = v.strictObject({
  channels: dictionary(
    channelName,
    v.pipe(
      v.strictObject({ version: v.optional(version), ...rollout }, object),
      v.check((given) => hasStart(given), START_RULE),
    ),
  ),
}, object);

const documentSchema = v.strictObject({
  releases: listOf(
    v.strictObject({
      version,
      arch,
      kernel: matching(/^[\x21-\x7e]{1,128}$/, "must be a kernel release"),
      built: instant,
      files: listOf(
        v.strictObject({
          kind: v.picklist(["slot", "iso", "disk", "sbom", "manifest"], "must be a known kind"),
          path: v.pipe(
            v.string("must be a path"),
            v.check(isReleasePath, `must be a path below ${RELEASES_PATH}`),
          ),
          size: whole(1, Number.MAX_SAFE_INTEGER),
          sha256: matching(/^[0-9a-f]{64}$/, "must be a SHA-256 in hex"),
        }, object),
      ),
    }, object),
  ),
  channels: dictionary(
    channelName,
    v.pipe(
      v.strictObject({ versions: dictionary(arch, version), ...rollout }, object),
      v.check((given) => hasStart(given), START_RULE),
    ),
  ),
}, object);

/**
 * What the nodes read. A node of a channel takes the version for its architecture once it may: `waves` say that so many
 * percent of the nodes may go so many hours after `start` (no waves: all at once); `canaries` may go at `start` always.
 * `windows` are the times of the week at which nodes may restart; `zone` is UTC and `days` are all unless given. A node
 * that runs a version below `minimum` must take that one first. An older version than the running one is taken only with
 * `allowDowngrade`.
 */
export type OsUpdate = v.InferOutput<typeof documentSchema>;
/** One version for one architecture. `built` is the time that its sources bear. */
export type Release = OsUpdate["releases"][number];
/** One file of a release; nodes install the one of kind "slot". */
export type ReleaseFile = Release["files"][number];
/** What an administrator writes of channels; one without a version has the newest release. */
export type UpdatePolicy = v.InferOutput<typeof updatePolicySchema>;

/** Reads the document. @throws {RefusedError} "schema"; also when a channel names what can't be installed. */
export function parseOsUpdate(bytes: Uint8Array): OsUpdate {
  if (bytes.length > MAX_BYTES) throw refused(`is over ${MAX_BYTES} bytes`);
  let value: unknown;
  try {
    value = JSON.parse(text(bytes));
  } catch {
    throw refused("is not JSON in UTF-8");
  }
  const result = v.safeParse(documentSchema, value, { abortEarly: true });
  if (!result.success) {
    const [issue] = result.issues;
    const unknown = issue.type === "strict_object" && issue.expected === "never";
    const rule = unknown ? "unknown key" : issue.message;
    throw refused(`${v.getDotPath(issue) ?? "the document"}: ${rule}`);
  }
  const problem = contradiction(result.output);
  if (problem !== undefined) throw refused(problem);
  return result.output;
}

/** What is wrong in a document whose parts are right; undefined when nothing is. */
export function contradiction({ releases, channels }: OsUpdate): string | undefined {
  const known = new Set<string>();
  const slots = new Set<string>();
  for (const { version, arch, files } of releases) {
    const name = `${version} for ${arch}`;
    if (known.has(name)) return `${name} is listed twice`;
    known.add(name);
    if (files.some(({ kind }) => kind === "slot")) slots.add(name);
  }
  for (const [channel, { versions }] of Object.entries(channels)) {
    for (const [arch, version] of Object.entries(versions)) {
      const name = `${version} for ${arch}`;
      if (!slots.has(name)) return `channel ${channel} names ${name}, which has no boot slot`;
    }
  }
  return undefined;
}

/**
 * Where a node stands in the queue for a version, 0 to 100 (exclusive), evenly spread and another for each version:
 * the first 32 bits of SHA-256 of "<version> <node>". It may go once a wave with a greater `percent` is open.
 */
export function rolloutPosition(node: string, version: string): number {
  const hash = sha256(utf8(`${version} ${node}`));
  return new DataView(hash.buffer).getUint32(0) / 2 ** 32 * 100;
}

function refused(state: string): RefusedError {
  return new RefusedError("schema", `Cannot read ${OS_UPDATE_PATH}: ${state}`, {
    document: OS_UPDATE_PATH,
  });
}

function isReleasePath(path: string): boolean {
  return path.startsWith(`${RELEASES_PATH}/`) && isSitePath(path);
}

function isZone(zone: string): boolean {
  try {
    new Intl.DateTimeFormat("en", { timeZone: zone });
    return true;
  } catch {
    return false;
  }
}

function isRising(waves: readonly { afterHours: number; percent: number }[]): boolean {
  return waves.every((wave, i) => {
    const before = waves[i - 1];
    return !before || (wave.afterHours > before.afterHours && wave.percent > before.percent);
  });
}

function hasStart(
  { start, waves = [] }: { start?: string; waves?: readonly { afterHours: number }[] },
): boolean {
  return start !== undefined || waves.every(({ afterHours }) => afterHours === 0);
}
