/**
 * Boot menu entries of the Boot Loader Specification, type 1, and systemd-boot's loader.conf: text in,
 * text out. Whoever writes entries and whoever reads them use this, so they can't disagree.
 * Spec: UAPI.1 Boot Loader Specification; systemd, "Automatic Boot Assessment" (tries in file names).
 *
 * @module
 */
import * as v from "valibot";
import { UserError } from "../errors.ts";
import { imageVersion } from "../schema/fields.ts";
import { printable } from "../visible.ts";

/** One entry file. Paths start at the root of the EFI system partition, with "/". */
export interface BootEntry {
  title: string;
  /** Entries with the same sort key are ordered by version, newest first. */
  sortKey?: string;
  version?: string;
  linux: string;
  /** Loaded in this order. */
  initrd: readonly string[];
  /** Kernel command line. */
  options?: string;
  /** Lines that this code does not know, kept in their order. */
  other?: readonly (readonly [key: string, value: string])[];
}

/** An entry's file name: `ID.conf` is good, `ID+LEFT-DONE.conf` is on trial. */
export interface EntryName {
  id: string;
  /** Boots left until systemd-boot prefers other entries; undefined once blessed. */
  left?: number;
  /** Boots tried so far; only with `left`. */
  done?: number;
}

/** What systemd-boot's loader.conf may say here. */
export interface LoaderConfig {
  /** Seconds the menu is shown; 0 boots at once. */
  timeout: number;
  /** Whether the command line may be edited in the menu: anyone at the console would be root. */
  editor?: boolean;
  /** File name pattern of the entry to prefer; default the best by sort key and version. */
  default?: string;
  /** E.g. "max", "keep" or "auto". */
  consoleMode?: string;
}

/** Folder of the entries on the EFI system partition. */
export const ENTRIES_DIR = "loader/entries";
/** Largest entry file that is read. */
export const MAX_ENTRY_BYTES = 64 * 1024;
/** Largest number in a file name. */
const MAX_COUNT = 999;

/** What boot code sorts psyopsOS's entries by. */
export const SORT_KEY = "psyopsos";

/** The slot of an OS version on the EFI system partition, e.g. "psyopsos/1.2.3". */
export function slotDir(version: string): string {
  checkVersion(version);
  return `psyopsos/${version}`;
}

/** Id of a slot's entry, e.g. "psyopsos-1.2.3". */
export function slotEntryId(version: string): string {
  checkVersion(version);
  return `psyopsos-${version}`;
}

/** The entry of a slot whose files are `vmlinuz` and `initrd` (names within the slot, in order). */
export function slotEntry(
  version: string,
  { initrd, options }: { initrd: readonly string[]; options: string },
): BootEntry {
  const dir = `/${slotDir(version)}`;
  return {
    title: `psyopsOS ${version}`,
    sortKey: SORT_KEY,
    version,
    linux: `${dir}/vmlinuz`,
    initrd: initrd.map((name) => `${dir}/${name}`),
    options,
  };
}

/** Text of an entry file. @throws {UserError} for values a line can't hold. */
export function renderEntry(entry: BootEntry): string {
  const lines: [string, string][] = [["title", entry.title]];
  if (entry.sortKey !== undefined) lines.push(["sort-key", entry.sortKey]);
  if (entry.version !== undefined) lines.push(["version", entry.version]);
  lines.push(["linux", entry.linux]);
  for (const path of entry.initrd) lines.push(["initrd", path]);
  if (entry.options) lines.push(["options", entry.options]);
  for (const [key, value] of entry.other ?? []) lines.push([key, value]);
  for (const [key, value] of lines) {
    if (!/^[a-z][a-z-]*$/.test(key)) throw badLine(key, "is no key");
    if (value.trim() !== value || value === "") throw badLine(key, "is empty or has outer spaces");
    // deno-lint-ignore no-control-regex -- they are what is refused
    if (/[\x00-\x1f\x7f]/.test(value)) throw badLine(key, "holds a control character");
  }
  for (const path of [entry.linux, ...entry.initrd]) {
    if (!/^\/[^\s\\]+$/.test(path)) throw badLine("linux/initrd", `path ${path} is not absolute`);
  }
  return lines.map(([key, value]) => `${key} ${value}\n`).join("");
}

/** The entry in `text`. @throws {UserError} when it has no kernel or is too large. */
export function parseEntry(text: string): BootEntry {
  if (text.length > MAX_ENTRY_BYTES) throw new UserError("read boot entry", "too large");
  const single = new Map<string, string>();
  const initrd: string[] = [];
  const options: string[] = [];
  const other: [string, string][] = [];
  for (const line of text.split(/\r?\n/)) {
    // The blanks at the end not by the pattern: that takes the square of a line's length.
    const match = /^\s*([^\s#]\S*)\s+(.*)$/s.exec(line);
    if (!match) continue;
    const key = match[1]!, value = match[2]!.trimEnd();
    if (key === "initrd") initrd.push(value);
    else if (key === "options") options.push(value);
    else if (["title", "sort-key", "version", "linux"].includes(key)) single.set(key, value);
    else other.push([key, value]);
  }
  const linux = single.get("linux");
  if (!linux) throw new UserError("read boot entry", "it has no linux line");
  const entry: BootEntry = { title: single.get("title") ?? "", linux, initrd };
  const sortKey = single.get("sort-key");
  const version = single.get("version");
  if (sortKey !== undefined) entry.sortKey = sortKey;
  if (version !== undefined) entry.version = version;
  // Several options lines are joined, as systemd-boot does.
  if (options.length > 0) entry.options = options.join(" ");
  if (other.length > 0) entry.other = other;
  return entry;
}

/** The parts of an entry's file name; undefined when it is none (systemd-boot ignores it too). */
export function parseEntryName(fileName: string): EntryName | undefined {
  const match = /^([A-Za-z0-9._+-]+?)(?:\+(\d{1,3})(?:-(\d{1,3}))?)?\.conf$/.exec(fileName);
  if (!match) return undefined;
  const [, id, left, done] = match;
  if (left === undefined) return { id: id! };
  return { id: id!, left: Number(left), done: Number(done ?? 0) };
}

/** File name of an entry, e.g. `psyopsos-1.2.3+3.conf`. @throws {UserError} */
export function formatEntryName({ id, left, done = 0 }: EntryName): string {
  const back = parseEntryName(`${id}.conf`);
  if (!back || back.id !== id) {
    throw new UserError("name boot entry", `${JSON.stringify(printable(id, 80))} is no proper id`);
  }
  for (const count of [left ?? 0, done]) {
    if (!Number.isInteger(count) || count < 0 || count > MAX_COUNT) {
      throw new UserError("name boot entry", `${count} is no number of tries`);
    }
  }
  if (left === undefined) return `${id}.conf`;
  return done === 0 ? `${id}+${left}.conf` : `${id}+${left}-${done}.conf`;
}

/** The file name a slot has once it has proved healthy: without counters. */
export function blessedName(fileName: string): string {
  const name = parseEntryName(fileName);
  if (!name) throw new UserError(`bless ${JSON.stringify(fileName)}`, "it is no boot entry");
  return formatEntryName({ id: name.id });
}

/** What the tries in a file name say: blessed, still on trial, or given up by systemd-boot. */
export function entryState(name: EntryName): "good" | "trying" | "bad" {
  if (name.left === undefined) return "good";
  return name.left > 0 ? "trying" : "bad";
}

/** Text of `loader/loader.conf`. */
export function renderLoaderConfig(config: LoaderConfig): string {
  if (!Number.isInteger(config.timeout) || config.timeout < 0) {
    throw badLine("timeout", `is ${config.timeout}`);
  }
  const lines = [`timeout ${config.timeout}`, `editor ${config.editor ? "yes" : "no"}`];
  for (const [key, value] of [["default", config.default], ["console-mode", config.consoleMode]]) {
    if (value === undefined) continue;
    if (!/^[!-~]+$/.test(value)) throw badLine(key!, "holds a space or is empty");
    lines.push(`${key} ${value}`);
  }
  return lines.join("\n") + "\n";
}

function badLine(key: string, why: string): UserError {
  return new UserError("render boot entry", `${key} ${why}`);
}

/** Longest kernel command line that x86 takes. */
export const MAX_CMDLINE = 2047;

/** What is wrong with the version of an image, which names a folder and a file on FAT. */
export function versionProblem(version: string): string | undefined {
  if (v.is(imageVersion, version)) return undefined;
  return "a version is up to 64 letters, digits and . _ -, begins with a letter or digit and does not end with a dot";
}

/** @throws {UserError} for what {@linkcode versionProblem} has a word for. */
export function checkVersion(version: string): void {
  const problem = versionProblem(version);
  if (problem) {
    throw new UserError(`name an image ${JSON.stringify(printable(version, 80))}`, problem);
  }
}
