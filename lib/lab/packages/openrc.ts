/**
 * openrc: Debian's, without what belongs to Debian's init, and with the services that Alpine's package
 * has and Debian's lacks (written for the lab).
 *
 * @module
 */
import type { TarEntry } from "../../formats/tar.ts";
import type { DebContent } from "../repository_debian.ts";
import { directory, type Draft, file, fromDeb, type Pick } from "./recipe.ts";

/** Scripts of Debian's init, a template for a getty that is not there, a link into nowhere. */
const LEFT_OUT = [
  "etc/init.d/rc",
  "etc/init.d/rcS",
  "etc/init.d/agetty",
  "etc/runlevels/nonetwork/local",
];

const pick: Pick = (path) =>
  path.startsWith("usr/share") || LEFT_OUT.includes(path) ? undefined : path;

/** The package; `services` is the tree of scripts to add. */
export function openrc(content: DebContent, services: readonly TarEntry[]): Draft {
  return fromDeb(
    content,
    {
      name: "openrc",
      description: "Dependency based init system with the services of the psyopsOS lab",
      license: "BSD-2-Clause",
      depends: ["/bin/sh"],
    },
    pick,
    [
      // Debian's build reads these for every service and complains when they are missing.
      file("etc/insserv.conf", new Uint8Array()),
      directory("etc/insserv.conf.d"),
      ...services,
    ],
  );
}
