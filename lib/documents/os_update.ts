/**
 * `psyopsOS/os-update.json`: which OS releases there are, which of them the nodes of a channel should run, and when each
 * node may take it. No server counts the nodes: who goes first follows from their names ({@linkcode rolloutPosition}).
 *
 * Nodes leave out keys that they don't know, so that a release can be announced to agents older than what announces it; in
 * the administrator's file an unknown key is refused.
 *
 * @module
 */
import * as v from "valibot";
import { sha256 as hashOf, utf8 } from "../bytes.ts";
import {
  architecture,
  boolean,
  dictionary,
  imageVersion,
  instant,
  listOf,
  mapping,
  matching,
  numberBetween,
  oneOf,
  openMapping,
  sha256,
  timeZone,
  wholeNumber,
} from "../schema/fields.ts";
import { readDocument, unreadable } from "../schema/read.ts";
import { timeZoneProblem } from "../schema/time_zone.ts";
import { described } from "../schema/words.ts";
import { isSitePath } from "../trust/comment.ts";
import { OS_UPDATE_PATH } from "../trust/freshness.ts";
import { NODE_NAME } from "./names.ts";

export { OS_UPDATE_PATH };
/** What the files of releases are below. */
export const RELEASES_PATH = "psyopsOS/os";

/** Longest document that is read, in bytes. */
const MAX_BYTES = 1024 * 1024;

const channelName = matching(
  /^[a-z0-9][a-z0-9_-]{0,62}$/,
  "a channel name: up to 63 of a-z, 0-9, _ and -",
);
const DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"] as const;
const windowEntries = {
  days: v.optional(
    described(
      listOf(oneOf(DAYS)),
      "Days of the week on which it opens.",
      { default: "all" },
    ),
  ),
  from: described(
    matching(/^(?:[01]\d|2[0-3]):[0-5]\d$/, 'a time of day in quotes, e.g. "02:00"'),
    "When it opens.",
  ),
  minutes: described(wholeNumber(10, 1440), "How long it is open.", { unit: "minutes" }),
  zone: v.optional(
    described(timeZone, "Time zone of `days` and `from`.", {
      default: "UTC",
      desk: timeZoneProblem,
    }),
  ),
};
const waveEntries = {
  afterHours: described(wholeNumber(0, 8760), "Hours after `start`.", { unit: "hours" }),
  percent: described(numberBetween(0, 100), "Share of the nodes that may go by then."),
};

interface Wave {
  afterHours: number;
  percent: number;
}

/** What a channel says beside its versions. */
const rollout = <
  const WaveSchema extends v.GenericSchema<unknown, Wave>,
  const WindowSchema extends v.GenericSchema,
>(wave: WaveSchema, window: WindowSchema) => ({
  start: v.optional(described(instant, "When the rollout begins.", { default: "at once" })),
  waves: v.optional(described(
    v.pipe(
      listOf(wave),
      v.check((given) => isRising(given), "must rise from wave to wave, in hours and in percent"),
    ),
    "How the rollout spreads over the nodes.",
    { default: "all nodes at once" },
  )),
  canaries: v.optional(
    described(
      listOf(matching(NODE_NAME, "a node name")),
      "Nodes that may go at `start`, whatever the waves say.",
    ),
  ),
  windows: v.optional(
    described(listOf(window), "Times of the week at which nodes may restart.", {
      default: "always",
    }),
  ),
  minimum: v.optional(
    described(imageVersion, "A node that runs an older version must take this one first."),
  ),
  allowDowngrade: v.optional(
    described(
      boolean,
      "Whether nodes may take a version that is older than theirs.",
      { default: "false" },
    ),
  ),
});
const START_RULE = "must have start, since a wave comes later than at once";

/** The schema of {@linkcode UpdatePolicy}: written by people, so that an unknown key is a mistake. */
export const updatePolicySchema = mapping({
  channels: described(
    dictionary(
      channelName,
      v.pipe(
        mapping({
          version: v.optional(
            described(imageVersion, "The release that its nodes run.", { default: "the newest" }),
          ),
          ...rollout(mapping(waveEntries), mapping(windowEntries)),
        }),
        v.check((given) => hasStart(given), START_RULE),
      ),
    ),
    "Channels of releases, by name.",
  ),
});

/** The schema of {@linkcode OsUpdate}: read by agents older than its writer, which leave out what they don't know. */
const documentSchema = openMapping({
  releases: listOf(
    openMapping({
      version: imageVersion,
      arch: architecture,
      kernel: matching(/^[\x21-\x7e]{1,128}$/, "a kernel release"),
      built: instant,
      files: listOf(
        openMapping({
          kind: matching(/^[a-z][a-z0-9-]{0,31}$/, "a kind of file"),
          path: v.pipe(
            v.string("must be a path"),
            v.check(isReleasePath, `must be a path below ${RELEASES_PATH}`),
          ),
          size: wholeNumber(1, Number.MAX_SAFE_INTEGER),
          sha256,
        }),
      ),
    }),
  ),
  channels: dictionary(
    channelName,
    v.pipe(
      openMapping({
        versions: dictionary(architecture, imageVersion),
        ...rollout(openMapping(waveEntries), openMapping(windowEntries)),
      }),
      v.check((given) => hasStart(given), START_RULE),
    ),
  ),
});

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
  const document = readDocument(documentSchema, bytes, OS_UPDATE_PATH, MAX_BYTES);
  const problem = contradiction(document);
  if (problem !== undefined) throw unreadable(OS_UPDATE_PATH, problem);
  return document;
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
 * A node's place in the queue for a version, from 0 (included) to 100 (excluded): the first 32 bits of SHA-256 of
 * "<version> <node>". Places are evenly spread and differ from version to version. The node may update once a wave with
 * a greater `percent` is open.
 */
export function rolloutPosition(node: string, version: string): number {
  const hash = hashOf(utf8(`${version} ${node}`));
  return new DataView(hash.buffer).getUint32(0) / 2 ** 32 * 100;
}

function isReleasePath(path: string): boolean {
  return path.startsWith(`${RELEASES_PATH}/`) && isSitePath(path);
}

function isRising(waves: readonly Wave[]): boolean {
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
