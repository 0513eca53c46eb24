/**
 * What the page for people says of nodes and releases, as plain texts. The build writes them into the page; the page's
 * script makes them again from verified documents and compares. So both take them from here.
 *
 * @module
 */
import { decodeBase64, encodeBase64 } from "@std/encoding/base64";
import { sha256, utf8 } from "../../lib/bytes.ts";
import type { OsUpdate, ReleaseFile } from "../../lib/documents/os_update.ts";
import { type NodeDocument, SITE_PATHS } from "../../lib/documents/site.ts";

/** The serial and time that a document's signature bears. */
export interface Signed {
  serial?: number;
  issued?: string;
}

/** Cells of a node's row, in their order. */
export interface NodeRow {
  name: string;
  /** Where its public document is. */
  link: string;
  notes: string;
  tags: string;
  key: string;
  ssh: string;
  changed: string;
  serial: string;
}

/** Cells of a release's row, in their order. */
export interface ReleaseRow {
  version: string;
  arch: string;
  channels: string;
  kernel: string;
  built: string;
  files: string;
  /** Where the files are, in their order. */
  links: string;
}

/** Recipients up to this length are shown whole, so that they can be compared with the node's file. */
const SHOWN_RECIPIENT = 62;
/** Most characters of a node's notes. */
const SHOWN_NOTES = 120;

/** A node's row from its public document. */
export function nodeRow(document: NodeDocument, signed: Signed): NodeRow {
  const { name, notes, tags, recipient, sshHostKey } = document;
  return {
    name,
    link: SITE_PATHS.node(name),
    notes: firstLine(notes ?? ""),
    tags: tags.join(", "),
    key: recipientText(recipient),
    ssh: sshHostKey === undefined ? "" : sshFingerprint(sshHostKey),
    changed: signed.issued === undefined ? "" : timeText(signed.issued),
    serial: signed.serial === undefined ? "" : `serial ${signed.serial}`,
  };
}

/** The rows of all releases, newest first. */
export function releaseRows({ releases, channels }: OsUpdate): ReleaseRow[] {
  return releases.map(({ version, arch, kernel, built, files }) => ({
    version,
    arch,
    channels: Object.keys(channels).filter((name) => channels[name]!.versions[arch] === version)
      .sort().join(", "),
    kernel,
    built: timeText(built),
    files: files.map(fileText).join(", "),
    links: files.map(({ path }) => path).join(" "),
  })).reverse();
}

const KINDS: Record<ReleaseFile["kind"], string> = {
  slot: "boot slot",
  iso: "ISO",
  disk: "disk image",
  sbom: "SBOM",
  manifest: "manifest",
};

/** "boot slot 89.3 MiB". */
export function fileText({ kind, size }: ReleaseFile): string {
  const [unit, divisor] = size < 2 ** 20 ? ["KiB", 2 ** 10] : ["MiB", 2 ** 20];
  return `${KINDS[kind]} ${(size / (divisor as number)).toFixed(1)} ${unit}`;
}

/** "2026-11-22 20:00 UTC" of "2026-11-22T20:00:00Z". */
export function timeText(instant: string): string {
  return `${instant.slice(0, 10)} ${instant.slice(11, 16)} UTC`;
}

/** A short recipient as it is; of a long (post-quantum) one its kind and the SHA-256 of its text. */
export function recipientText(recipient: string): string {
  if (recipient.length <= SHOWN_RECIPIENT) return recipient;
  const kind = recipient.slice(0, recipient.lastIndexOf("1"));
  return `${kind} SHA256:${fingerprint(utf8(recipient))}`;
}

/** `SHA256:…` of a public key line, as `ssh-keygen -l` shows it; "" for a line without a key. */
export function sshFingerprint(line: string): string {
  const blob = line.split(" ")[1] ?? "";
  try {
    return `SHA256:${fingerprint(decodeBase64(blob))}`;
  } catch {
    return "";
  }
}

function fingerprint(data: Uint8Array): string {
  return encodeBase64(sha256(data)).replaceAll("=", "");
}

function firstLine(notes: string): string {
  const [line = "", ...rest] = notes.trim().split("\n");
  const points = [...line];
  if (points.length > SHOWN_NOTES) return `${points.slice(0, SHOWN_NOTES).join("")}…`;
  return rest.length > 0 ? `${line.trimEnd()} …` : line;
}
