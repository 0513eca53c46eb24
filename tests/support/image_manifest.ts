/** Manifests of images that tests make up, written as the engines write them. */
import { type Bytes, sha256Hex, utf8 } from "../../lib/bytes.ts";
import {
  formatManifest,
  type Manifest,
  type ManifestPackage,
} from "../../lib/documents/manifest.ts";

/** A manifest of an image that has `files` beside it, by name; `facts` say otherwise. */
export function imageManifest(
  files: Readonly<Record<string, string | Uint8Array>>,
  facts: Partial<Manifest> = {},
): Bytes {
  return formatManifest({
    manifest: 1,
    name: "psyopsos",
    version: "1.0",
    arch: "x86_64",
    engine: "embedded",
    epoch: 1_700_000_000,
    kernel: "6.18.1-0-lts",
    cmdline: "panic=10",
    packages: [],
    deferredScripts: [],
    files: Object.entries(files).map(([path, content]) => {
      const data = typeof content === "string" ? utf8(content) : content;
      return { path, size: data.length, sha256: sha256Hex(data) };
    }),
    ...facts,
  });
}

/** A package of an image, of which tests want the name. */
export function imagePackage(
  name: string,
  role: ManifestPackage["role"] = "installed",
): ManifestPackage {
  const words = { license: "", description: "", url: "", repository: "", checksum: "" };
  return { name, role, version: "1", arch: "x86_64", ...words, size: 1 };
}
