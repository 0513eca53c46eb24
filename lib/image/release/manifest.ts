/**
 * `manifest.json`: what an image was made from and what came out, for people, releases and scanners of
 * licences and vulnerabilities. Only facts of the inputs: no time, host or path of the build.
 *
 * @module
 */
import type { IndexRecord } from "../../apk/index.ts";
import type { OpenPackage } from "../../apk/package.ts";
import { type Bytes, sha256Hex } from "../../bytes.ts";
import type { DeferredScript } from "../root/scripts.ts";

/** What a package is in an image for. */
export type PackageRole = "installed" | "kernel" | "initramfs" | "loader";

/** One package that an image has something of. */
export interface ManifestPackage {
  name: string;
  version: string;
  role: PackageRole;
  arch: string;
  origin?: string;
  license: string;
  description: string;
  url: string;
  repository: string;
  /** As in the index: "Q1" and base64 of the control part's SHA-1. */
  checksum: string;
  /** Hex SHA-256 of the package file; absent when only mkimage.sh had it in its hands. */
  sha256?: string;
  size: number;
}

/** One file of the result. */
export interface ManifestFile {
  /** Relative to the manifest. */
  path: string;
  size: number;
  sha256: string;
}

/** The agent, which comes from no package. */
export interface AgentNote {
  version: string;
  commit: string;
  form: string;
  /** Others' work that a compiled one brings with it. */
  contains?: { name: string; version: string; purl: string }[];
}

/** The document. */
export interface Manifest {
  manifest: 1;
  name: string;
  version: string;
  arch: string;
  engine: string;
  epoch: number;
  kernel: string;
  cmdline: string;
  /** What the node's agent was made from, and its form. */
  agent?: AgentNote;
  /** Packages in the order of installation, then those that are only taken apart. */
  packages: ManifestPackage[];
  /** Scripts that run on the node because they were not understood. */
  deferredScripts: { package: string; phase: string }[];
  /** The root file system; absent where it is put together at boot (engine mkimage). */
  rootfs?: { size: number; sha256: string };
  files: ManifestFile[];
}

/** The manifest's line about a package. */
export function manifestPackage(
  record: IndexRecord,
  opened: Pick<OpenPackage, "sha256"> | undefined,
  repository: string,
  role: PackageRole,
): ManifestPackage {
  return {
    name: record.name,
    version: record.version,
    role,
    arch: record.arch,
    ...(record.origin === undefined ? {} : { origin: record.origin }),
    license: record.license,
    description: record.description,
    url: record.url,
    repository,
    checksum: record.checksum,
    ...(opened === undefined ? {} : { sha256: opened.sha256 }),
    size: record.size,
  };
}

/** The manifest's line about a file. */
export function manifestFile(path: string, data: Bytes): ManifestFile {
  return { path, size: data.length, sha256: sha256Hex(data) };
}

/** What is told of a script that is left to the node. */
export function manifestScript({ package: name, phase }: DeferredScript) {
  return { package: name, phase };
}
