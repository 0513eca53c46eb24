/**
 * APKINDEX.tar.gz (apk format v2): which packages a repository has. `[signatures] gzip(tar)` with the
 * files DESCRIPTION and APKINDEX; records of `letter:value` lines, one empty line between records.
 *
 * The signature is verified before anything is unpacked. Refused: checksums other than `Q1…` (SHA-1),
 * names and versions that could leave the repository's folder, repeated single values. Unknown small letters
 * are ignored, an unknown capital one makes the package uninstallable, as in apk. Spec: apk-index(5).
 *
 * @module
 */
import { decodeBase64 } from "@std/encoding/base64";
import { encodeHex } from "@std/encoding/hex";
import { type Bytes, text } from "../bytes.ts";
import { RefusedError, UserError } from "../errors.ts";
import { gunzip } from "../formats/gzip.ts";
import { readTar } from "../formats/tar.ts";
import { printable } from "../visible.ts";
import {
  APK_TAR,
  type KeyFiles,
  malformedError,
  type Signer,
  verifySignedGzip,
} from "./signature.ts";

/** One package of an index. Letters of the format in brackets. */
export interface IndexRecord {
  /** [C] "Q1" and base64 of the SHA-1 of the package's control member. */
  checksum: string;
  /** [P] */
  name: string;
  /** [V] */
  version: string;
  /** [A] Architecture, also the folder of the package in its repository; "noarch" possible. */
  arch: string;
  /** [S] Bytes of the .apk file. */
  size: number;
  /** [I] Bytes when installed; 0 marks a package without content. */
  installedSize: number;
  /** [T] */
  description: string;
  /** [U] */
  url: string;
  /** [L] */
  license: string;
  /** [o] Source package. */
  origin?: string;
  /** [m] */
  maintainer?: string;
  /** [t] Seconds since 1970. */
  buildTime?: number;
  /** [c] */
  commit?: string;
  /** [k] Rank among providers of a name; 0 when absent. */
  providerPriority: number;
  /** [D] As written, see dependency.ts. */
  depends: readonly string[];
  /** [p] As written. */
  provides: readonly string[];
  /** [i] As written. */
  installIf: readonly string[];
  /** Why it can't be installed, whoever asks. */
  uninstallable?: string;
}

/** A verified index. */
export interface IndexFile extends Signer {
  /** The repository's own text about itself, often a release name. */
  description: string;
  records: IndexRecord[];
}

/** Most bytes of an index file. */
export const MAX_INDEX_BYTES = 64 * 2 ** 20;
/** Most bytes it may unpack to. */
export const MAX_INDEX_UNPACKED = 256 * 2 ** 20;
/** Most records. */
export const MAX_RECORDS = 500_000;
/** Longest line, in characters. */
export const MAX_LINE = 1 << 20;
/** Longest name of a package's file: what a file system takes. */
const MAX_FILE_NAME = 255;

const KNOWN = new Set("CPVASITULomtckDpi");
const LISTS = new Set("Dpi");
const NAME = /^[A-Za-z0-9_][A-Za-z0-9_.+-]*$/;
const VERSION = /^[A-Za-z0-9][A-Za-z0-9_.~+-]*$/;
const ARCH = /^[a-z0-9_]+$/;
const CHECKSUM = /^Q1[A-Za-z0-9+/]{27}=$/;

/** Verifies and reads an index file. @throws {RefusedError} before anything unsigned is believed. */
export function openIndex(bytes: Bytes, keys: KeyFiles, what = "APKINDEX.tar.gz"): IndexFile {
  if (bytes.length > MAX_INDEX_BYTES) {
    throw new RefusedError("size", `read ${what}`, `it is above ${MAX_INDEX_BYTES} bytes`);
  }
  const { body, keyFile, type } = verifySignedGzip(bytes, keys, what);
  try {
    const entries = readTar(gunzip(body, { maxBytes: MAX_INDEX_UNPACKED }), APK_TAR);
    const file = (name: string) => entries.find(({ path }) => path === name)?.data;
    const index = file("APKINDEX");
    if (!index) throw new UserError(`read ${what}`, "it holds no APKINDEX");
    const description = text(file("DESCRIPTION") ?? new Uint8Array()).trim();
    return { keyFile, type, description, records: parseIndex(text(index)) };
  } catch (cause) {
    throw malformedError(what, cause);
  }
}

/** Records of an APKINDEX text, in its order. @throws {UserError} that names the line. */
export function parseIndex(index: string): IndexRecord[] {
  const records: IndexRecord[] = [];
  let fields = new Map<string, string>();
  let first = 1;
  const end = () => {
    if (fields.size === 0) return;
    if (records.length >= MAX_RECORDS) {
      throw new UserError("read the index", `more than ${MAX_RECORDS} records`);
    }
    records.push(recordOf(fields, first));
    fields = new Map();
  };
  let number = 0;
  for (const line of lines(index)) {
    number++;
    if (line === "") {
      end();
      first = number + 1;
      continue;
    }
    const bad = (why: string) => new UserError("read the index", `line ${number} ${why}`);
    if (line.length > MAX_LINE) throw bad(`is longer than ${MAX_LINE} characters`);
    if (line[1] !== ":" || !/[A-Za-z]/.test(line[0]!)) throw bad("is not of the form letter:value");
    const before = fields.get(line[0]!);
    // apk itself writes a list on one line, and reads it from several.
    if (before !== undefined && !LISTS.has(line[0]!)) {
      throw bad(`repeats ${line[0]}: in the same record`);
    }
    fields.set(line[0]!, before === undefined ? line.slice(2) : `${before} ${line.slice(2)}`);
  }
  end();
  return records;
}

/** Name of the package's file, without a folder. */
export function packageFileName(record: Pick<IndexRecord, "name" | "version">): string {
  return `${record.name}-${record.version}.apk`;
}

/** The SHA-1 in a `Q1…` checksum, in hex. */
export function checksumHex(checksum: string): string {
  return encodeHex(decodeBase64(checksum.slice(2)));
}

function* lines(whole: string): Generator<string> {
  let at = 0;
  while (at < whole.length) {
    const end = whole.indexOf("\n", at);
    yield whole.slice(at, end < 0 ? undefined : end);
    if (end < 0) return;
    at = end + 1;
  }
}

function recordOf(fields: ReadonlyMap<string, string>, line: number): IndexRecord {
  const bad = (why: string) => new UserError("read the index", `record at line ${line} ${why}`);
  const shaped = (letter: string, shape: RegExp, otherwise?: string) => {
    const value = fields.get(letter) ?? otherwise;
    if (value === undefined) throw bad(`has no ${letter}:`);
    if (!shape.test(value)) throw bad(`has the malformed value ${letter}:${printable(value, 200)}`);
    return value;
  };
  const count = (letter: string) => {
    const value = Number(shaped(letter, /^[0-9]{1,16}$/, "0"));
    if (!Number.isSafeInteger(value)) throw bad(`has a number out of range in ${letter}:`);
    return value;
  };
  const list = (letter: string) => (fields.get(letter) ?? "").split(/\s+/).filter((item) => item);
  const record: IndexRecord = {
    checksum: shaped("C", CHECKSUM),
    name: shaped("P", NAME),
    version: shaped("V", VERSION),
    arch: shaped("A", ARCH, "noarch"),
    size: count("S"),
    installedSize: count("I"),
    description: fields.get("T") ?? "",
    url: fields.get("U") ?? "",
    license: fields.get("L") ?? "",
    providerPriority: count("k"),
    depends: list("D"),
    provides: list("p"),
    installIf: list("i"),
  };
  if (packageFileName(record).length > MAX_FILE_NAME) {
    throw bad(`has a name and version above ${MAX_FILE_NAME} characters`);
  }
  if (fields.has("o")) record.origin = fields.get("o")!;
  if (fields.has("m")) record.maintainer = fields.get("m")!;
  if (fields.has("t")) record.buildTime = count("t");
  if (fields.has("c")) record.commit = fields.get("c")!;
  for (const letter of fields.keys()) {
    if (letter >= "A" && letter <= "Z" && !KNOWN.has(letter)) {
      record.uninstallable = `its index record has the unknown field ${letter}:`;
    }
  }
  return record;
}
