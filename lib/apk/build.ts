/**
 * Writes apk v2 packages and indexes, as abuild does: three gzip members (signature, control, data),
 * RSA-SHA256 signatures, a PAX SHA-1 record per file, the same bytes for the same input.
 * Refused: device nodes, extended attributes, paths that apk would not install.
 * Spec: apk-package(5) and apk-v2(5) of apk-tools.
 *
 * @module
 */
import { createHash, createSign } from "node:crypto";
import { type Bytes, concat, sha256Hex, text, utf8 } from "../bytes.ts";
import { UserError } from "../errors.ts";
import { gzip, gzipMembers } from "../formats/gzip.ts";
import { readTar, safePath, type TarEntry, writeTar } from "../formats/tar.ts";

/** What signs packages and the index. */
export interface ApkSigningKey {
  /** File name of the public key in /etc/apk/keys, e.g. "lab-1a2b3c4d.rsa.pub". */
  name: string;
  /** RSA private key, PEM. */
  privateKey: string;
}

/** The facts of a package; lists become one line per item, or one line where apk wants that. */
export interface ApkInfo {
  name: string;
  version: string;
  description: string;
  url: string;
  license: string;
  arch: string;
  /** Name of the source package; default the package's own name. */
  origin?: string;
  /** Build time in seconds since 1970. */
  builddate: number;
  packager?: string;
  maintainer?: string;
  depends?: readonly string[];
  provides?: readonly string[];
  replaces?: readonly string[];
  providerPriority?: number;
  /** Directory globs, e.g. "/bin". */
  triggers?: readonly string[];
  installIf?: readonly string[];
}

/** Control scripts by apk's names without the dot. */
export type ApkScripts = Partial<Record<ApkScriptName, string>>;

/** Names that apk runs. */
export type ApkScriptName =
  | "pre-install"
  | "post-install"
  | "pre-upgrade"
  | "post-upgrade"
  | "pre-deinstall"
  | "post-deinstall"
  | "trigger";

/** Input of {@linkcode buildPackage}. */
export interface ApkSource {
  info: ApkInfo;
  scripts?: ApkScripts;
  /** Any order; missing parent directories are added as root's with mode 0755. */
  entries: readonly TarEntry[];
  key: ApkSigningKey;
  /** zlib level of the data member, default 9. */
  level?: number;
}

/** A package and its paragraph of APKINDEX. */
export interface BuiltPackage {
  bytes: Bytes;
  record: string;
}

/** The package as a file. @throws {UserError} for entries or facts that no package can hold. */
export function buildPackage(source: ApkSource): Bytes {
  return buildPackageAndRecord(source).bytes;
}

/** As {@linkcode buildPackage}, with the index paragraph, which costs a second unpacking otherwise. */
export function buildPackageAndRecord(source: ApkSource): BuiltPackage {
  const entries = dataEntries(source.info, source.entries);
  const data = gzip(writeTar(entries.map(withChecksum)), source.level ?? 9);
  const size = installedSize(entries, source.scripts);
  const pkginfo = renderPkginfo(source.info, size, sha256Hex(data));
  const control = gzip(writeTar(controlEntries(pkginfo, source), { end: false }));
  const bytes = concat([
    signatureMember(control, source.key, source.info.builddate),
    control,
    data,
  ]);
  return { bytes, record: renderRecord(pkginfo, control, bytes.length) };
}

/** The APKINDEX paragraph of a package file, unpacking it. @throws {UserError} when it is none. */
export function indexRecord(apk: Uint8Array): string {
  const [, control] = gzipMembers(apk);
  const entry = control && readTar(control.data).find(({ path }) => path === ".PKGINFO");
  if (!control || !entry?.data) {
    throw new UserError("index package", "it has no .PKGINFO in its second member");
  }
  const member = apk.subarray(control.offset, control.offset + control.length);
  return renderRecord(text(entry.data), member, apk.length);
}

/**
 * A signed APKINDEX.tar.gz of package files or of records made by this module; sorted by name, so the
 * order of the input does not matter.
 */
export function buildIndex(
  packages: readonly (Uint8Array | string)[],
  key: ApkSigningKey,
  options: { description?: string; mtime?: number } = {},
): Bytes {
  const records = packages.map((item) => typeof item === "string" ? item : indexRecord(item));
  const byName = (record: string) => /^P:(.*)$/m.exec(record)?.[1] ?? "";
  records.sort((a, b) => compare(byName(a), byName(b)) || compare(a, b));
  const file = (path: string, content: string): TarEntry => ({
    ...rootFile(path, options.mtime ?? 0),
    data: utf8(content),
  });
  const index = gzip(writeTar([
    file("DESCRIPTION", options.description ?? ""),
    file("APKINDEX", records.map((record) => `${record}\n`).join("")),
  ]));
  return concat([signatureMember(index, key, options.mtime ?? 0), index]);
}

/** The signature is over the compressed bytes that follow it; its tar has no end, so tars join. */
function signatureMember(signed: Uint8Array, key: ApkSigningKey, mtime: number): Bytes {
  if (!/^[^/\s]+\.pub$/.test(key.name)) {
    throw new UserError("sign package", `"${key.name}" is no key file name`);
  }
  const data = createSign("RSA-SHA256").update(signed).sign(key.privateKey);
  const entry = { ...rootFile(`.SIGN.RSA256.${key.name}`, mtime), data: new Uint8Array(data) };
  return gzip(writeTar([entry], { end: false }));
}

function controlEntries(pkginfo: string, { info, scripts }: ApkSource): TarEntry[] {
  const entries: TarEntry[] = [{ ...rootFile(".PKGINFO", info.builddate), data: utf8(pkginfo) }];
  for (const [name, script] of Object.entries(scripts ?? {}).sort(([a], [b]) => compare(a, b))) {
    const file = rootFile(`.${name}`, info.builddate);
    entries.push({ ...file, mode: 0o755, data: utf8(script) });
  }
  return entries;
}

/** Sorted entries with all parents; apk can't install a file whose directory has no entry. */
function dataEntries(info: ApkInfo, given: readonly TarEntry[]): TarEntry[] {
  const bad = (path: string, why: string) => {
    throw new UserError(`build package ${info.name}`, `${JSON.stringify(path)} ${why}`);
  };
  const byPath = new Map<string, TarEntry>();
  for (const entry of given) {
    if (!safePath(entry.path)) bad(entry.path, "is no path below the root");
    if (entry.path.startsWith(".")) bad(entry.path, "would be read as metadata");
    if (entry.kind === "char" || entry.kind === "block" || entry.kind === "fifo") {
      bad(entry.path, `is a ${entry.kind} node`);
    }
    if (byPath.has(entry.path)) bad(entry.path, "is there twice");
    byPath.set(entry.path, entry);
  }
  for (const path of [...byPath.keys()]) {
    for (let at = path.lastIndexOf("/"); at > 0; at = path.lastIndexOf("/", at - 1)) {
      const parent = path.slice(0, at);
      const there = byPath.get(parent);
      if (there && there.kind !== "directory") bad(path, `lies below a ${there.kind}`);
      if (there) break;
      byPath.set(parent, {
        ...rootFile(parent, info.builddate),
        kind: "directory",
        mode: 0o755,
        data: undefined,
      });
    }
  }
  const sorted = [...byPath.values()].sort((a, b) => compare(a.path, b.path));
  const seen = new Set<string>();
  for (const entry of sorted) {
    if (entry.kind === "hardlink" && !seen.has(entry.linkTarget ?? "")) {
      bad(entry.path, "is a hard link to a file that does not come before it");
    }
    if (entry.kind === "file") seen.add(entry.path);
  }
  return sorted;
}

function withChecksum(entry: TarEntry): TarEntry {
  const named = { ...entry, uname: entry.uname ?? "root", gname: entry.gname ?? "root" };
  const content = entry.kind === "file"
    ? entry.data
    : entry.kind === "symlink"
    ? utf8(entry.linkTarget ?? "")
    : undefined;
  if (!content) return { ...named, pax: undefined };
  const sum = createHash("sha1").update(content).digest("hex");
  return { ...named, pax: { "APK-TOOLS.checksum.SHA1": sum } };
}

/** Zero would say "virtual package" and apk would neither unpack it nor run its scripts. */
function installedSize(entries: readonly TarEntry[], scripts: ApkScripts = {}): number {
  let size = 0;
  for (const entry of entries) size += entry.data?.length ?? 0;
  return size === 0 && (entries.length > 0 || Object.keys(scripts).length > 0) ? 1 : size;
}

function renderPkginfo(info: ApkInfo, size: number, datahash: string): string {
  const lines = ["# Generated by psyopsOS"];
  const add = (key: string, value: string | number | undefined) => {
    if (value === undefined || value === "") return;
    if (/[\n\r\0]/.test(String(value))) {
      throw new UserError(`build package ${info.name}`, `${key} has more than one line`);
    }
    lines.push(`${key} = ${value}`);
  };
  add("pkgname", info.name);
  add("pkgver", info.version);
  add("pkgdesc", info.description);
  add("url", info.url);
  add("builddate", info.builddate);
  add("packager", info.packager ?? "psyopsOS");
  add("size", size);
  add("arch", info.arch);
  add("origin", info.origin ?? info.name);
  add("maintainer", info.maintainer);
  add("provider_priority", info.providerPriority);
  add("license", info.license);
  for (const item of info.replaces ?? []) add("replaces", item);
  for (const item of info.depends ?? []) add("depend", item);
  for (const item of info.provides ?? []) add("provides", item);
  add("triggers", info.triggers?.join(" "));
  add("install_if", info.installIf?.join(" "));
  add("datahash", datahash);
  return `${lines.join("\n")}\n`;
}

/** Index letters in the order in which apk writes them, each with its key in .PKGINFO. */
const LETTERS = [
  ["P", "pkgname"],
  ["V", "pkgver"],
  ["A", "arch"],
  ["S", ""],
  ["I", "size"],
  ["T", "pkgdesc"],
  ["U", "url"],
  ["L", "license"],
  ["o", "origin"],
  ["m", "maintainer"],
  ["t", "builddate"],
  ["c", "commit"],
  ["k", "provider_priority"],
  ["D", "depend"],
  ["p", "provides"],
  ["i", "install_if"],
] as const;

function renderRecord(pkginfo: string, control: Uint8Array, fileSize: number): string {
  const values = new Map<string, string[]>();
  for (const line of pkginfo.split("\n")) {
    const at = line.indexOf(" = ");
    if (at < 0 || line.startsWith("#")) continue;
    const key = line.slice(0, at);
    values.set(key, [...values.get(key) ?? [], line.slice(at + 3)]);
  }
  const lines = [`C:Q1${createHash("sha1").update(control).digest("base64")}`];
  for (const [letter, key] of LETTERS) {
    const value = letter === "S" ? String(fileSize) : values.get(key)?.join(" ");
    if (value !== undefined) lines.push(`${letter}:${value}`);
  }
  return `${lines.join("\n")}\n`;
}

function rootFile(path: string, mtime: number): TarEntry {
  return { path, kind: "file", mode: 0o644, uid: 0, gid: 0, uname: "root", gname: "root", mtime };
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
