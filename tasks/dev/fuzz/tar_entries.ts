/**
 * Entries of archives that root owns. For samples only.
 *
 * @module
 */
import { type Bytes, utf8 } from "../../../lib/bytes.ts";
import type { TarEntry } from "../../../lib/formats/tar.ts";

const ROOT = { mode: 0o644, uid: 0, gid: 0, mtime: 1_700_000_000 };

/** A file. */
export function tarFile(
  path: string,
  content: string | Bytes,
  more: Partial<TarEntry> = {},
): TarEntry {
  const data = typeof content === "string" ? utf8(content) : content;
  return { path, kind: "file", ...ROOT, data, ...more };
}

/** Anything that has no content. */
export function tarOther(path: string, kind: TarEntry["kind"], linkTarget?: string): TarEntry {
  return { path, kind, ...ROOT, mode: 0o755, ...(linkTarget === undefined ? {} : { linkTarget }) };
}
