/**
 * doas out of Debian's opendoas. Debian's asks PAM, so the modules that its rules name come along; Alpine's reads shadow itself.
 *
 * @module
 */
import type { TarEntry } from "../../formats/tar.ts";
import type { DebContent } from "../debian.ts";
import { directory, type Draft, fromDeb } from "./recipe.ts";

/** Modules of PAM that `etc/pam.d/doas` names. */
const MODULE = /^(?:usr\/)?lib\/[a-z0-9_]+-linux-gnu\/security(?:\/pam_(?:unix|permit)\.so)?$/;

/** The package, out of Debian's `doas`, `modules` of PAM and the `tree` of files that are the lab's own. */
export function doas(doas: DebContent, modules: DebContent, tree: readonly TarEntry[]): Draft {
  const found = modules.entries.filter(({ path }) => MODULE.test(path));
  return fromDeb(
    doas,
    { name: "doas", description: "OpenBSD's doas", license: "ISC" },
    (path) => path === "usr/bin/doas" ? path : undefined,
    [...found, directory("etc/pam.d"), ...tree],
  );
}
