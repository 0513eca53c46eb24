/**
 * What the agent has made in this boot where the configuration told it to, and what was there before: so that it can be
 * undone when it is no longer told, but not where somebody else has changed it since.
 *
 * A record is written before the thing is made: an agent that is killed in between has forgotten nothing. Records are in RAM
 * and root's alone. Of a file's content they hold a digest under a key of the node's own, so that nobody who reads one can
 * guess a short secret by it.
 *
 * @module
 */
import { createHmac } from "node:crypto";
import * as v from "valibot";
import { equal, sha256Hex, utf8 } from "../../lib/bytes.ts";
import type { Host, RegularFile } from "../../lib/host.ts";
import { canonicalJson } from "../../lib/json.ts";
import { deriveIds } from "../identity/derived.ts";
import type { Identity } from "../identity/read.ts";
import { splitPath } from "../system/install_file.ts";
import { MADE_DIR } from "../system/paths.ts";

/** Longest file that is kept to be put back, in bytes. */
export const MAX_KEPT_BYTES = 1024 * 1024;
/** Most bytes that are kept in all. */
const MAX_ALL_KEPT_BYTES = 16 * 1024 * 1024;

const formSchema = v.object({
  kind: v.picklist(["file", "directory", "symlink", "other"]),
  /** Of files and directories. */
  mode: v.optional(v.number()),
  uid: v.optional(v.number()),
  gid: v.optional(v.number()),
  /** Of a file, in bytes. */
  size: v.optional(v.number()),
  /** Of a file's content. */
  digest: v.optional(v.string()),
  /** Of a link. */
  target: v.optional(v.string()),
});
/** What a thing at a path is, as far as anybody can change it. */
export type Form = v.InferOutput<typeof formSchema>;

const madeSchema = v.object({
  /** What the configuration wanted; "parent": a directory on the way to that. */
  what: v.picklist(["file", "directory", "link", "parent"]),
  /** As the configuration says it; of a parent the path without links. */
  path: v.string(),
  /** What the agent has made of it, or was about to make: the newest, and the one before. */
  forms: v.array(formSchema),
  /** What was there before; "lost" where that was not kept, absent where there was nothing. */
  before: v.optional(v.union([formSchema, v.literal("lost")])),
  /** Whether it has held in this boot what nobody but the node may know. */
  isSecret: v.optional(v.boolean()),
});
/** One thing that the agent has made. */
export type Made = v.InferOutput<typeof madeSchema>;

/** The key of digests: secret, and the same for as long as the node has its identity. */
export function digestKey(identity: Identity): Uint8Array {
  return deriveIds(identity).digestKey;
}

/** The form that a file is given. */
export function fileForm(
  data: Uint8Array,
  { mode, uid, gid }: { mode: number; uid: number; gid: number },
  key: Uint8Array,
): Form {
  const digest = createHmac("sha256", key).update(data).digest("hex");
  return { kind: "file", mode, uid, gid, size: data.length, digest };
}

/** What is at `place` now, whose path holds no link before its last part; undefined for nothing. */
export async function formAt(
  host: Host,
  place: string,
  key: Uint8Array,
  maxBytes: number,
): Promise<Form | undefined> {
  const found = await host.readRegular(place, maxBytes);
  return found && await formOf(host, place, found, key);
}

async function formOf(
  host: Host,
  place: string,
  { info, data }: RegularFile,
  key: Uint8Array,
): Promise<Form> {
  const { kind, mode, uid, gid, size } = info;
  if (kind === "file") return data ? fileForm(data, info, key) : { kind, mode, uid, gid, size };
  if (kind === "directory") return { kind, mode, uid, gid };
  return kind === "symlink" ? { kind, target: await host.readLink(place) } : { kind: "other" };
}

/** Whether the agent has made `form` of a thing. */
export function isOurs({ forms }: Made, form: Form): boolean {
  return forms.some((one) => equal(canonicalJson(one), canonicalJson(form)));
}

/** Longest content of a file's forms, in bytes. */
export function longestOf({ forms }: Made): number {
  return Math.max(0, ...forms.map(({ size = 0 }) => size));
}

/** Records that something is about to get a form, with what is there, and the directories that are made on the way. */
export async function noteMade(
  host: Host,
  { what, path, place, form, key, isSecret = false }: Pick<Made, "what" | "path" | "isSecret"> & {
    /** `path` without links before its last part. */
    place: string;
    form: Form;
    key: Uint8Array;
  },
): Promise<void> {
  await host.mkdir(MADE_DIR, { mode: 0o700 });
  await noteParents(host, place);
  const known = await readOne(host, recordFile({ what, path }));
  const found = await host.readRegular(place, known ? longestOf(known) : MAX_KEPT_BYTES);
  const now = found && await formOf(host, place, found, key);
  const stays = known && now && isOurs(known, now) && !isOurs({ ...known, forms: [form] }, now);
  const before = known
    ? known.before
    : found && now && await keep(host, { what, path }, found, now);
  await write(host, {
    what,
    path,
    forms: stays ? [form, now] : [form],
    ...before === undefined ? {} : { before },
    ...isSecret || known?.isSecret ? { isSecret: true } : {},
  });
}

/** Keeps what was at a path before the agent came. */
async function keep(
  host: Host,
  made: Pick<Made, "what" | "path">,
  { info, data }: RegularFile,
  form: Form,
): Promise<Form | "lost"> {
  if (form.kind === "other") return "lost";
  if (info.kind !== "file") return form;
  const { mode, uid, gid } = info;
  if (!data || await keptBytes(host) + data.length > MAX_ALL_KEPT_BYTES) return "lost";
  await host.writeFile(keptFile(made), data, { mode: 0o600 });
  return { kind: "file", mode, uid, gid };
}

async function keptBytes(host: Host): Promise<number> {
  const kept = (await host.readDir(MADE_DIR)).filter((name) => name.endsWith(KEPT_END));
  const infos = await Promise.all(kept.map((name) => host.stat(`${MADE_DIR}/${name}`)));
  return infos.reduce((sum, info) => sum + (info?.size ?? 0), 0);
}

/** Records the directories above `place` that are missing, and will be made. */
async function noteParents(host: Host, place: string): Promise<void> {
  for (let { directory: at } = splitPath(place); at !== "/"; at = splitPath(at).directory) {
    if (await host.stat(at)) return;
    await write(host, { what: "parent", path: at, forms: [] });
  }
}

/** Content of the file that was at a path before the agent came; undefined where it is kept no more. */
export async function keptContent(host: Host, made: Made): Promise<Uint8Array | undefined> {
  const file = keptFile(made);
  return await host.stat(file) ? await host.readFile(file) : undefined;
}

/** Forgets that the agent has made something. */
export async function forgetMade(host: Host, made: Made): Promise<void> {
  // A record whose content is gone could not be undone; content without a record is written over, or gone with the boot.
  await host.remove(recordFile(made));
  await host.remove(keptFile(made));
}

/** All that the agent has made in this boot, by path. */
export async function readMade(host: Host): Promise<Made[]> {
  const names = (await host.readDir(MADE_DIR)).filter((name) => name.endsWith(RECORD_END));
  const all: Made[] = [];
  for (const name of names) {
    const made = await readOne(host, `${MADE_DIR}/${name}`);
    if (made) all.push(made);
  }
  return all.sort((a, b) => a.path < b.path ? -1 : 1);
}

const RECORD_END = ".json";
const KEPT_END = ".before";

function recordFile(made: Pick<Made, "what" | "path">): string {
  return `${MADE_DIR}/${nameOf(made)}${RECORD_END}`;
}

function keptFile(made: Pick<Made, "what" | "path">): string {
  return `${MADE_DIR}/${nameOf(made)}${KEPT_END}`;
}

/** A name for any path, however long. */
function nameOf({ what, path }: Pick<Made, "what" | "path">): string {
  return `${what}-${sha256Hex(utf8(path)).slice(0, 32)}`;
}

async function readOne(host: Host, file: string): Promise<Made | undefined> {
  if (!await host.stat(file)) return undefined;
  try {
    return v.parse(madeSchema, JSON.parse(await host.readTextFile(file)));
  } catch {
    // Never written in part. What is not ours to read is taken for what nobody knows of.
    return undefined;
  }
}

function write(host: Host, made: Made): Promise<void> {
  return host.writeFile(recordFile(made), canonicalJson(made), { mode: 0o600, sync: false });
}
