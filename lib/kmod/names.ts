/**
 * Names of kernel modules and aliases: `-` and `_` are the same in them, and aliases may be patterns (glob.ts).
 *
 * @module
 */

/** File name endings of modules, compressed ones included. */
const MODULE_FILE = /\.ko(\.(gz|xz|zst))?$/;

/** Whether `path` is that of a kernel module. */
export function isModulePath(path: string): boolean {
  return MODULE_FILE.test(path);
}

/** A module's name with underscores, as the kernel shows it. */
export function moduleName(name: string): string {
  return name.replaceAll("-", "_");
}

/** The name of the module in the file `path`: up to the first dot. */
export function pathModuleName(path: string): string {
  return moduleName(path.slice(path.lastIndexOf("/") + 1).split(".", 1)[0]!);
}

/** An alias with underscores outside of brackets; undefined when its brackets do not match. */
export function normalAlias(alias: string): string | undefined {
  const parts = alias.match(/\[[^\]]*\]|[^[\]]+|[[\]]/g) ?? [];
  if (parts.some((part) => part === "[" || part === "]")) return undefined;
  return parts.map((part) => part.startsWith("[") ? part : moduleName(part)).join("");
}
