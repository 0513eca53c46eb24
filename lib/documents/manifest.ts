/**
 * `manifest.json`: what an image was made from and what came out, for people, releases and scanners of licences and
 * vulnerabilities. Only facts of the inputs: no time, host or path of the build. The image engines write it, the site build
 * reads what it needs for a release; keys that are not known are left out.
 *
 * @module
 */
import * as v from "valibot";
import { type Bytes, utf8 } from "../bytes.ts";
import {
  anyText,
  architecture,
  byteCount,
  openMapping,
  sha256,
  wholeNumber,
} from "../schema/fields.ts";
import { readJson } from "../schema/read.ts";

/** Name of the document beside the files of an image. */
export const MANIFEST = "manifest.json";
/** Largest manifest that is read, in bytes. */
export const MAX_MANIFEST_BYTES = 16 * 1024 * 1024;

/** What a package is in an image for. */
export const PACKAGE_ROLES = ["installed", "kernel", "initramfs", "loader"] as const;
/** One of {@linkcode PACKAGE_ROLES}. */
export type PackageRole = typeof PACKAGE_ROLES[number];

const fileSchema = openMapping({
  /** Relative to the manifest. */
  path: anyText,
  size: byteCount,
  sha256,
});
const packageSchema = openMapping({
  name: anyText,
  version: anyText,
  role: v.picklist(PACKAGE_ROLES),
  arch: anyText,
  origin: v.optional(anyText),
  license: anyText,
  description: anyText,
  url: anyText,
  repository: anyText,
  /** As in the index: "Q1" and base64 of the control part's SHA-1. */
  checksum: anyText,
  /** Of the package file; absent when only mkimage.sh had it in its hands. */
  sha256: v.optional(sha256),
  size: byteCount,
});
const agentSchema = openMapping({
  version: anyText,
  commit: anyText,
  form: anyText,
  /** Others' work that a compiled one brings with it. */
  contains: v.optional(v.array(openMapping({ name: anyText, version: anyText, purl: anyText }))),
});
const schema = openMapping({
  /** Form of this document. */
  manifest: v.literal(1, "must be 1"),
  name: anyText,
  version: anyText,
  arch: architecture,
  engine: anyText,
  epoch: wholeNumber(0, 2 ** 40),
  kernel: anyText,
  cmdline: anyText,
  /** What the node's agent was made from, and its form. */
  agent: v.optional(agentSchema),
  /** Packages in the order of installation, then those that are only taken apart. */
  packages: v.array(packageSchema),
  /** Scripts that run on the node because they were not understood. */
  deferredScripts: v.array(openMapping({ package: anyText, phase: anyText })),
  /** The root file system; absent where it is put together at boot (engine mkimage). */
  rootfs: v.optional(openMapping({ size: byteCount, sha256 })),
  files: v.array(fileSchema),
});

/** One package that an image has something of. */
export type ManifestPackage = v.InferOutput<typeof packageSchema>;
/** One file of the result. */
export type ManifestFile = v.InferOutput<typeof fileSchema>;
/** The agent, which comes from no package. */
export type AgentNote = v.InferOutput<typeof agentSchema>;
/** The document. */
export type Manifest = v.InferOutput<typeof schema>;

/** The document's text. */
export function formatManifest(manifest: Manifest): Bytes {
  return utf8(`${JSON.stringify(manifest, null, 2)}\n`);
}

/** Reads the document. @throws {UnreadableError} */
export function parseManifest(bytes: Uint8Array): Manifest {
  return readJson(schema, bytes, MAX_MANIFEST_BYTES);
}
