/**
 * openrc: Debian's, without what belongs to Debian's init, and with the services that Alpine's package
 * has and Debian's lacks (written for the lab).
 *
 * @module
 */
import { text, utf8 } from "../../bytes.ts";
import type { TarEntry } from "../../formats/tar.ts";
import type { DebContent } from "../debian.ts";
import { directory, type Draft, file, fromDeb, type Pick } from "./recipe.ts";

/** Scripts of Debian's init, a template for a getty that is not there, a link into nowhere. */
const LEFT_OUT = [
  "etc/init.d/rc",
  "etc/init.d/rcS",
  "etc/init.d/agetty",
  "etc/runlevels/nonetwork/local",
];

/**
 * How Debian's build asks whether /proc is mounted: it compares what two programs see there, but in
 * busybox's shell md5sum is no program of its own, so the answer would always be "cruft in /proc".
 */
const PROC_TEST = '[ "$(VAR=a md5sum $f)" = "$(VAR=b md5sum $f)" ]';
const PROC_TEST_BY_MOUNTS = "! mountinfo -q /proc";

/** Debian's build looks for a description of another init's kind in every service; Alpine's doesn't. */
const LSB_TEST = 'lsbh=$(lsb2rcconf "$RC_SERVICE")';

const pick: Pick = (path) =>
  path.startsWith("usr/share") || LEFT_OUT.includes(path) ? undefined : path;

/** The package; `services` is the tree of scripts to add. */
export function openrc(content: DebContent, services: readonly TarEntry[]): Draft {
  const entries = content.entries.map((entry) =>
    /^lib\/rc\/sh\/[^/]+\.sh$/.test(entry.path) && entry.data
      ? {
        ...entry,
        data: utf8(
          text(entry.data).replace(PROC_TEST, PROC_TEST_BY_MOUNTS).replace(LSB_TEST, "lsbh="),
        ),
      }
      : entry
  );
  return fromDeb(
    { ...content, entries },
    {
      name: "openrc",
      description: "Dependency based init system with the services of the psyopsOS lab",
      license: "BSD-2-Clause",
      depends: ["/bin/sh"],
    },
    pick,
    [
      // Debian's build looks for these and complains when they are missing.
      file("etc/insserv.conf", new Uint8Array()),
      directory("etc/insserv.conf.d"),
      ...services,
    ],
  );
}
