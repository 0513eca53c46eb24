/**
 * Whether a path out of an archive stays below the folder it is unpacked to. Archive readers keep
 * paths as stored, so whoever writes to disk asks here first.
 *
 * @module
 */

/**
 * True for a relative path whose every segment is a plain name: not empty, no leading or trailing
 * slash, no `.`, `..` or NUL. A symbolic link met on the way is the caller's to refuse.
 */
export function safePath(path: string): boolean {
  if (path.includes("\0")) return false;
  return path.split("/").every((name) => name !== "" && name !== "." && name !== "..");
}
