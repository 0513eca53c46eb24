/**
 * Lines of an image's manifest, from what the engines have in their hands.
 *
 * @module
 */
import type { IndexRecord } from "../../apk/index.ts";
import type { OpenPackage } from "../../apk/package.ts";
import { type Bytes, sha256Hex } from "../../bytes.ts";
import type { ManifestFile, ManifestPackage, PackageRole } from "../../documents/manifest.ts";
import type { DeferredScript } from "../root/scripts.ts";

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
