/**
 * Packages in apk format v2: gzip members for signatures (optional), control and data, back to back.
 *
 * A package is believed because a verified index lists it: the file's size, then the control member's
 * SHA-1 (C: of the index), then the data member's SHA-256 (`datahash` in .PKGINFO) are compared before
 * each is unpacked; a SHA-256 of the whole file, from a lock, comes before all. Then every path is
 * judged, and every file with its own recorded SHA-1. Refused: data without datahash, several data
 * members, device nodes, and all that entry_paths.ts refuses; and what apk takes but installs nothing or
 * half of: content with an installed size of 0, files without a recorded SHA-1. Spec: apk-package(5),
 * apk-v2(5).
 *
 * @module
 */
import { createHash } from "node:crypto";
import { type Bytes, sha256Hex, text, utf8 } from "../bytes.ts";
import { RefusedError, UserError } from "../errors.ts";
import { type GzipMember, gzipMember } from "../formats/gzip.ts";
import { readTar, type TarEntry } from "../formats/tar.ts";
import { checkEntryPaths } from "./entry_paths.ts";
import { type IndexRecord, packageFileName } from "./index.ts";
import { type PackageInfo, parsePackageInfo } from "./package_info.ts";
import { APK_TAR, malformedError, MAX_CONTROL_BYTES, splitSignatures } from "./signature.ts";

/** Names of control scripts, without the dot they have in the archive. */
export const SCRIPT_NAMES = [
  "pre-install",
  "post-install",
  "pre-upgrade",
  "post-upgrade",
  "pre-deinstall",
  "post-deinstall",
  "trigger",
] as const;

/** One of {@linkcode SCRIPT_NAMES}. */
export type ScriptName = typeof SCRIPT_NAMES[number];

/** A verified package. */
export interface OpenPackage {
  info: PackageInfo;
  /** Control scripts in the order of {@linkcode SCRIPT_NAMES}. */
  scripts: Map<ScriptName, Bytes>;
  /** What it installs, in archive order; top-level names with a dot are no part of it. */
  entries: TarEntry[];
  /** Hex SHA-256 of the whole file, for a lock. */
  sha256: string;
}

/** What the file must be; an {@linkcode IndexRecord} has it all. */
export type PackageRecord = Pick<
  IndexRecord,
  "name" | "version" | "checksum" | "size" | "installedSize"
>;

/** Options of {@linkcode openPackage}. */
export interface OpenPackageOptions {
  /** Hex SHA-256 that the whole file must have; default none is asked for. */
  sha256?: string;
}

/** Largest package file: firmware collections come to some 600 MB. */
export const MAX_PACKAGE_BYTES = 2 ** 30;
/** Most unpacked bytes of a data member. */
export const MAX_DATA_BYTES = 2 ** 31 - 2 ** 20;
/** Most entries of a package. */
export const MAX_PACKAGE_ENTRIES = 300_000;

const CHECKSUM_KEY = "APK-TOOLS.checksum.SHA1";
const SHA1 = /^[0-9a-f]{40}$/i;
/** Bytes that a tar header has for a link's target. */
const LINK_FIELD = 100;

/**
 * Verifies and reads a package that `record` of a verified index describes.
 * @throws {RefusedError} "size", "hash", "malformed" or "path", naming the package.
 */
export function openPackage(
  bytes: Bytes,
  record: PackageRecord,
  options: OpenPackageOptions = {},
): OpenPackage {
  const what = packageFileName(record);
  const refuse = (check: string, state: string) =>
    new RefusedError(check, `trust ${what}`, state, { document: what });
  if (bytes.length !== record.size || bytes.length > MAX_PACKAGE_BYTES) {
    throw refuse("size", `it has ${bytes.length} bytes, the index says ${record.size}`);
  }
  const sha256 = sha256Hex(bytes);
  if (options.sha256 !== undefined && sha256 !== options.sha256) {
    throw refuse("hash", "its SHA-256 is not the one in the lock");
  }
  const malformed = <T>(read: () => T): T => {
    try {
      return read();
    } catch (cause) {
      throw malformedError(what, cause);
    }
  };

  const { bodyOffset } = splitSignatures(bytes, what);
  const control = malformed(() => gzipMember(bytes, bodyOffset, MAX_CONTROL_BYTES));
  if (checksumOf(bytes, control) !== record.checksum) {
    throw refuse("hash", "its control part is not the one in the index");
  }
  const controlEntries = malformed(() => readTar(control.data, { ...APK_TAR, maxEntries: 1000 }));
  const info = malformed(() => {
    const file = controlEntries.find(({ path }) => path === ".PKGINFO")?.data;
    if (!file) throw new UserError(`read ${what}`, "it holds no .PKGINFO");
    return parsePackageInfo(text(file));
  });
  if (info.name !== record.name || info.version !== record.version) {
    throw refuse("malformed", `it calls itself ${info.name}-${info.version}`);
  }

  const dataOffset = control.offset + control.length;
  const data = bytes.subarray(dataOffset);
  // A package without content may end after its control part.
  if (data.length > 0 && info.dataHash === undefined) {
    throw refuse("hash", "its .PKGINFO has no datahash");
  }
  if (info.dataHash !== undefined && sha256Hex(data) !== info.dataHash) {
    throw refuse("hash", "its data part does not have the recorded SHA-256");
  }
  const entries = data.length === 0 ? [] : malformed(() => {
    const member = gzipMember(bytes, dataOffset, MAX_DATA_BYTES);
    if (member.length !== data.length) {
      throw new UserError(`read ${what}`, "it has more than one data part");
    }
    return readTar(member.data, { ...APK_TAR, maxEntries: MAX_PACKAGE_ENTRIES });
  });
  const installed = entries.filter(({ path }) => !isMetadata(path));
  checkEntryPaths(installed, what);
  for (const entry of installed) {
    if (entry.kind === "file" && !SHA1.test(entry.pax?.[CHECKSUM_KEY] ?? "")) {
      throw refuse(
        "hash",
        `the file ${entry.path} has no recorded SHA-1: apk would not install it`,
      );
    }
    if (!hasRecordedChecksum(entry)) {
      throw refuse("hash", `the file ${entry.path} does not have its recorded SHA-1`);
    }
  }
  const scripts = scriptsOf(controlEntries);
  if (record.installedSize === 0 && (installed.length > 0 || scripts.size > 0)) {
    throw refuse(
      "malformed",
      "it brings files or scripts, but its size is 0 (I: of the index): apk would install none of them",
    );
  }
  return { info, scripts, entries: installed, sha256 };
}

/** The `Q1…` checksum of a control member as an index records it. */
function checksumOf(bytes: Bytes, { offset, length }: GzipMember): string {
  const member = bytes.subarray(offset, offset + length);
  return `Q1${createHash("sha1").update(member).digest("base64")}`;
}

/** Top-level names with a dot belong to the package manager and are never installed. */
function isMetadata(path: string): boolean {
  return /^\.(?!\.?(?:\/|$))/.test(path);
}

/**
 * Whether a file's content (a symbolic link's target) has the SHA-1 recorded with it, if one is. abuild makes that
 * of a target out of the tar header, which has room for 100 bytes.
 */
function hasRecordedChecksum({ kind, data, linkTarget, pax }: TarEntry): boolean {
  const recorded = pax?.[CHECKSUM_KEY]?.toLowerCase();
  if (recorded === undefined) return true;
  const hasIt = (content: Uint8Array) =>
    createHash("sha1").update(content).digest("hex") === recorded;
  if (kind === "file") return hasIt(data!);
  if (kind !== "symlink") return true;
  const target = utf8(linkTarget!);
  return hasIt(target) || hasIt(target.subarray(0, LINK_FIELD));
}

function scriptsOf(control: readonly TarEntry[]): Map<ScriptName, Bytes> {
  const scripts = new Map<ScriptName, Bytes>();
  for (const name of SCRIPT_NAMES) {
    const data = control.find(({ path, kind }) => kind === "file" && path === `.${name}`)?.data;
    if (data) scripts.set(name, data);
  }
  return scripts;
}
