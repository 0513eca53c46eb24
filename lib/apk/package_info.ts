/**
 * The `.PKGINFO` of a package: `key = value` lines. Of the keys that may repeat, `depend`, `provides`
 * and `replaces` hold one item a line, `install_if` and `triggers` one list on one line.
 * Unknown keys are ignored, as apk does. Spec: apk-package(5).
 *
 * @module
 */
import { UserError } from "../errors.ts";
import { printable } from "../visible.ts";

/** What a package says about itself. */
export interface PackageInfo {
  name: string;
  version: string;
  description: string;
  url: string;
  license: string;
  arch: string;
  /** Bytes when installed. */
  size: number;
  origin?: string;
  maintainer?: string;
  packager?: string;
  commit?: string;
  /** Seconds since 1970. */
  buildDate?: number;
  providerPriority: number;
  /** Rank when two packages own one file. */
  replacesPriority: number;
  depends: string[];
  provides: string[];
  /** Packages whose files this one may overwrite. */
  replaces: string[];
  installIf: string[];
  /** Globs of directories whose change runs the trigger script. */
  triggers: string[];
  /** Hex SHA-256 of the compressed data member. */
  dataHash?: string;
}

/** Longest `.PKGINFO`, in characters: firmware packages list tens of thousands of provides. */
export const MAX_PKGINFO = 8 * 2 ** 20;

/** Reads a `.PKGINFO`. @throws {UserError} that names the line. */
export function parsePackageInfo(pkginfo: string): PackageInfo {
  if (pkginfo.length > MAX_PKGINFO) {
    throw new UserError("read .PKGINFO", `longer than ${MAX_PKGINFO} characters`);
  }
  const values = new Map<string, string[]>();
  for (const [i, line] of pkginfo.split("\n").entries()) {
    if (line.trim() === "" || line.startsWith("#")) continue;
    // Not by one pattern for the line: that takes the square of its length over many blanks.
    const equals = line.indexOf("=");
    const key = line.slice(0, Math.max(0, equals)).trimEnd();
    if (!/^[A-Za-z_]+$/.test(key)) {
      throw new UserError("read .PKGINFO", `line ${i + 1} is not "key = value"`);
    }
    const value = line.slice(equals + 1).trim();
    const before = values.get(key);
    if (before) before.push(value);
    else values.set(key, [value]);
  }
  const all = (key: string) => values.get(key) ?? [];
  const one = (key: string) => {
    if (all(key).length > 1) throw new UserError("read .PKGINFO", `${key} is given twice`);
    return all(key)[0];
  };
  const required = (key: string) => {
    const value = one(key);
    if (!value) throw new UserError("read .PKGINFO", `${key} is missing`);
    return value;
  };
  const count = (key: string) => {
    const value = one(key);
    if (value === undefined) return undefined;
    if (!/^[0-9]{1,15}$/.test(value)) {
      throw new UserError("read .PKGINFO", `${key} is no number: ${printable(value, 40)}`);
    }
    return Number(value);
  };
  const words = (key: string) => all(key).flatMap((line) => line.split(/\s+/)).filter((w) => w);
  const info: PackageInfo = {
    name: required("pkgname"),
    version: required("pkgver"),
    description: one("pkgdesc") ?? "",
    url: one("url") ?? "",
    license: one("license") ?? "",
    arch: one("arch") ?? "noarch",
    size: count("size") ?? 0,
    providerPriority: count("provider_priority") ?? 0,
    replacesPriority: count("replaces_priority") ?? 0,
    depends: words("depend"),
    provides: words("provides"),
    replaces: words("replaces"),
    installIf: words("install_if"),
    triggers: words("triggers"),
  };
  const buildDate = count("builddate");
  if (buildDate !== undefined) info.buildDate = buildDate;
  for (const key of ["origin", "maintainer", "packager", "commit"] as const) {
    const value = one(key);
    if (value) info[key] = value;
  }
  const dataHash = one("datahash");
  if (dataHash !== undefined) {
    if (!/^[0-9a-f]{64}$/.test(dataHash)) {
      throw new UserError("read .PKGINFO", "datahash is not 64 hex digits");
    }
    info.dataHash = dataHash;
  }
  return info;
}
