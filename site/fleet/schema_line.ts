/**
 * The line at the top of a fleet's file by which editors find its schema.
 *
 * @module
 */

/** Folder of the editors' schemas, below the nodes directory. */
export const SCHEMA_FOLDER = ".schema";

/** Kinds of files of a fleet. */
export const FILE_KINDS = ["global", "tag", "node", "os-update"] as const;
/** One of {@linkcode FILE_KINDS}. */
export type FileKind = typeof FILE_KINDS[number];

/** Kind of the file at `path` below the nodes directory. */
export function fileKind(path: string): FileKind {
  if (path === "global.yaml") return "global";
  if (path === "os-update.yaml") return "os-update";
  return path.startsWith("tags/") ? "tag" : "node";
}

/** The first line of a new file at `path` below the nodes directory, as the YAML language server reads it. */
export function schemaLine(path: string): string {
  const up = "../".repeat(path.split("/").length - 1);
  return `# yaml-language-server: $schema=${up}${SCHEMA_FOLDER}/${fileKind(path)}.json\n`;
}
