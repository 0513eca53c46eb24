/**
 * Packages and indexes made by hand for the tests of the readers: each part can be made wrong on its own,
 * which the real writer would refuse to do.
 */
import { createHash, generateKeyPairSync, sign } from "node:crypto";
import { type Bytes, concat, sha256Hex, utf8 } from "../../../lib/bytes.ts";
import { gzip } from "../../../lib/formats/gzip.ts";
import { type TarEntry, writeTar } from "../../../lib/formats/tar.ts";
import type { IndexRecord } from "../../../lib/apk/index.ts";
import type { KeyFiles } from "../../../lib/apk/signature.ts";

/** A signing key of the tests. */
export interface TestKey {
  file: string;
  privatePem: string;
  publicPem: string;
}

/** A fresh RSA key; making one takes a while, so tests share. */
export function makeKey(file: string, bits = 2048): TestKey {
  const pair = generateKeyPairSync("rsa", {
    modulusLength: bits,
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
  });
  return { file, privatePem: pair.privateKey, publicPem: pair.publicKey };
}

let shared: TestKey | undefined;

/** The key that most tests use. */
export function testKey(): TestKey {
  return shared ??= makeKey("test-1.rsa.pub");
}

/** Trusts these keys. */
export function trust(...keys: TestKey[]): KeyFiles {
  return new Map(keys.map(({ file, publicPem }) => [file, publicPem]));
}

/** A tar entry of a regular file. */
export function file(path: string, data: string | Bytes, mode = 0o644): TarEntry {
  const bytes = typeof data === "string" ? utf8(data) : data;
  return { path, kind: "file", mode, uid: 0, gid: 0, mtime: 0, data: bytes };
}

/** A tar entry of another kind. */
export function entry(path: string, kind: TarEntry["kind"], linkTarget?: string): TarEntry {
  const plain = { path, kind, mode: 0o755, uid: 0, gid: 0, mtime: 0 };
  return linkTarget === undefined ? plain : { ...plain, linkTarget };
}

const DIGESTS: Record<string, string> = { RSA: "sha1", RSA256: "sha256", RSA512: "sha512" };

/** The signature member over `signed`. */
export function signatureMember(signed: Uint8Array, key: TestKey, type = "RSA256"): Bytes {
  const signature = new Uint8Array(sign(DIGESTS[type] ?? "sha256", signed, key.privatePem));
  return gzip(writeTar([file(`.SIGN.${type}.${key.file}`, signature)], { end: false }));
}

/** A signed index file. */
export function signedIndex(records: readonly IndexRecord[], key = testKey(), type = "RSA"): Bytes {
  const body = gzip(writeTar([
    file("DESCRIPTION", "a test repository"),
    file("APKINDEX", indexText(records)),
  ]));
  return concat([signatureMember(body, key, type), body]);
}

/** The text of an index. */
export function indexText(records: readonly IndexRecord[]): string {
  return records.map((r) =>
    [
      `C:${r.checksum}`,
      `P:${r.name}`,
      `V:${r.version}`,
      `A:${r.arch}`,
      `S:${r.size}`,
      `I:${r.installedSize}`,
      `T:${r.description}`,
      `U:${r.url}`,
      `L:${r.license}`,
      ...r.providerPriority > 0 ? [`k:${r.providerPriority}`] : [],
      ...r.depends.length > 0 ? [`D:${r.depends.join(" ")}`] : [],
      ...r.provides.length > 0 ? [`p:${r.provides.join(" ")}`] : [],
      ...r.installIf.length > 0 ? [`i:${r.installIf.join(" ")}`] : [],
    ].join("\n") + "\n"
  ).join("\n");
}

/** What a test wants of a package. */
export interface PackageWish {
  name?: string;
  version?: string;
  entries?: TarEntry[];
  control?: TarEntry[];
  /** Whether the entries stay as they are: without the folders and SHA-1 records that abuild adds. */
  bare?: boolean;
  /** More `.PKGINFO` lines. */
  lines?: string[];
  /** Instead of the true hash; empty for none at all. */
  dataHash?: string;
  /** Instead of the data member. */
  data?: Bytes;
  key?: TestKey;
}

/** A package file with the index record that describes it. */
export function makePackage(wish: PackageWish = {}): { bytes: Bytes; record: IndexRecord } {
  const { name = "hello", version = "1.0-r0", entries = [], control = [], lines = [] } = wish;
  const data = wish.data ?? gzip(writeTar(wish.bare ? entries : asAbuild(entries)));
  const dataHash = wish.dataHash ?? sha256Hex(data);
  const info = [
    "# made by hand",
    `pkgname = ${name}`,
    `pkgver = ${version}`,
    "pkgdesc = a test package",
    "arch = x86_64",
    "size = 1",
    ...lines,
    ...dataHash === "" ? [] : [`datahash = ${dataHash}`],
  ];
  const member = gzip(writeTar([file(".PKGINFO", `${info.join("\n")}\n`), ...control], {
    end: false,
  }));
  const front = wish.key ? [signatureMember(member, wish.key)] : [];
  const bytes = concat([...front, member, data]);
  const checksum = `Q1${createHash("sha1").update(member).digest("base64")}`;
  return { bytes, record: { ...record(`${name}-${version}`), checksum, size: bytes.length } };
}

/** The entries with all folders in front and the SHA-1 of each content. */
function asAbuild(entries: readonly TarEntry[]): TarEntry[] {
  const there = new Set(entries.map(({ path }) => path));
  const folders: TarEntry[] = [];
  for (const { path } of entries) {
    for (const { index } of path.matchAll(/(?<=[^/.])\//g)) {
      const folder = path.slice(0, index);
      if (!there.has(folder)) folders.push(entry(folder, "directory"));
      there.add(folder);
    }
  }
  return [
    ...folders,
    ...entries.map((one) => {
      const content = one.data ?? (one.kind === "symlink" ? one.linkTarget : undefined);
      if (content === undefined || one.pax) return one;
      const sum = createHash("sha1").update(content).digest("hex");
      return { ...one, pax: { "APK-TOOLS.checksum.SHA1": sum } };
    }),
  ];
}

/** A record as short as it gets, from `name-version`; the rest is given or empty. */
export function record(id: string, rest: Partial<IndexRecord> = {}): IndexRecord {
  const match = /^(.+?)-([0-9].*)$/.exec(id);
  if (!match) throw new Error(`no name-version: ${id}`);
  return {
    checksum: `Q1${createHash("sha1").update(id).digest("base64")}`,
    name: match[1]!,
    version: match[2]!,
    arch: "x86_64",
    size: 1,
    installedSize: 1,
    description: "",
    url: "",
    license: "",
    providerPriority: 0,
    depends: [],
    provides: [],
    installIf: [],
    ...rest,
  };
}
