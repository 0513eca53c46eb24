/**
 * alpine-baselayout for the lab: the directories and first files of a root, written for psyopsOS.
 *
 * @module
 */
import type { TarEntry } from "../../formats/tar.ts";
import { directory, type Draft, OWN_BUILDDATE, symlink } from "./recipe.ts";

/** Raise the revision when the tree beside this file changes. */
const VERSION = "3.7.2-r0";

const DIRECTORIES = [
  "bin boot dev etc/conf.d etc/init.d etc/modules-load.d etc/profile.d etc/runlevels/boot",
  "etc/runlevels/default etc/runlevels/nonetwork etc/runlevels/shutdown etc/runlevels/sysinit",
  "etc/sysctl.d home lib/modules media mnt opt proc run sbin srv sys usr/bin usr/lib usr/local/bin",
  "usr/local/sbin usr/sbin usr/share var/cache var/lib var/local var/log var/mail var/opt var/spool",
].join(" ").split(" ");

/** The package out of its literal `tree`. */
export function baselayout(tree: readonly TarEntry[]): Draft {
  return {
    info: {
      name: "alpine-baselayout",
      version: VERSION,
      description: "Base directories and files of the psyopsOS lab, in Alpine's layout",
      url: "https://github.com/mrled/psyops",
      license: "MIT",
      builddate: OWN_BUILDDATE,
      depends: ["/bin/sh"],
      provides: [`alpine-baselayout-data=${VERSION}`],
    },
    entries: [
      ...DIRECTORIES.map((path) => directory(path)),
      directory("root", 0o700),
      directory("tmp", 0o1777),
      directory("var/empty", 0o555),
      directory("var/tmp", 0o1777),
      symlink("etc/mtab", "../proc/mounts"),
      symlink("var/lock", "../run/lock"),
      symlink("var/run", "../run"),
      ...tree.map((entry) =>
        entry.path === "etc/shadow" ? { ...entry, mode: 0o640, gid: 42, gname: "shadow" } : entry
      ),
    ],
  };
}
