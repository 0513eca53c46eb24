/**
 * In which order files of a site go to where it is published, and how they are served. Pure.
 *
 * Nodes learn which publication is current from a single file, timestamp.json; every file that it leads to has a hash
 * or a version in its name. So new content can lie beside the old until replacing timestamp.json switches to it, in one
 * step. The copies under plain names, which are for people, follow after that. Wherever the upload is interrupted,
 * nodes find the old publication or the new one, whole.
 *
 * @module
 */
import { RELEASES_PATH } from "../../lib/documents/os_update.ts";
import { TIMESTAMP_PATH, VERSIONED_FOLDERS } from "../../lib/trust/freshness.ts";

/** The page whose arrival says that all before it is there too. */
export const LAST_PATH = "index.html";

/** A file to be uploaded. */
export interface WantedFile {
  path: string;
  size: number;
  /** The target has a file of this name already, with other content. */
  replaces: boolean;
}

/** Files that may go at the same time; all of a stage are there before the next begins. */
export interface Stage {
  name: "content" | "timestamp" | "copies" | "page";
  files: WantedFile[];
}

const TYPES: Record<string, string> = {
  css: "text/css; charset=utf-8",
  html: "text/html; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  json: "application/json",
  minisig: "text/plain; charset=utf-8",
  png: "image/png",
  svg: "image/svg+xml",
  txt: "text/plain; charset=utf-8",
  zst: "application/zstd",
  gz: "application/gzip",
};
const YEAR_SECONDS = 31_536_000;

/** The stages of an upload, in order; stages without files are left out. */
export function uploadStages(files: Iterable<WantedFile>): Stage[] {
  const stages: Stage[] = [
    { name: "content", files: [] },
    { name: "timestamp", files: [] },
    { name: "copies", files: [] },
    { name: "page", files: [] },
  ];
  const [content, timestamp, copies, page] = stages as [Stage, Stage, Stage, Stage];
  for (const file of [...files].sort((a, b) => a.path < b.path ? -1 : 1)) {
    if (file.path === TIMESTAMP_PATH) timestamp.files.push(file);
    else if (file.path === LAST_PATH) page.files.push(file);
    // Replacing a file that the old publication may need would break it.
    else if (isHashed(file.path) || (isContent(file.path) && !file.replaces)) {
      content.files.push(file);
    } else copies.files.push(file);
  }
  return stages.filter(({ files }) => files.length > 0);
}

/** Media type of a file. */
export function contentTypeOf(path: string): string {
  const name = path.slice(path.lastIndexOf("/") + 1);
  const ending = name.includes(".") ? name.slice(name.lastIndexOf(".") + 1) : "";
  return TYPES[ending] ?? "application/octet-stream";
}

/** How long caches may keep a file: for good what has its hash or version in its name, else not without asking. */
export function cacheControlOf(path: string): string {
  const named = isHashed(path) || (isRelease(path) && !path.endsWith(".minisig"));
  return named ? `public, max-age=${YEAR_SECONDS}, immutable` : "no-cache";
}

/** Whether the hash of a file's content is part of its name. */
export function isHashed(path: string): boolean {
  return VERSIONED_FOLDERS.some((folder) => path.startsWith(`${folder}/`));
}

/** Whether nodes may need a file for what timestamp.json says. */
function isContent(path: string): boolean {
  return isHashed(path) || isRelease(path) || path.startsWith("psyopsOS/root/");
}

function isRelease(path: string): boolean {
  return path.startsWith(`${RELEASES_PATH}/`);
}
