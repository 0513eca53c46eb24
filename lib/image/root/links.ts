/**
 * Links that packages' own programs would make when installed: busybox's applets, bbsuid's, and the
 * services of each runlevel. What a package brings itself is never replaced.
 *
 * @module
 */
import { nearest } from "../../nearest.ts";
import { UserError } from "../../errors.ts";
import { type Runlevel, RUNLEVELS } from "../definition.ts";
import { type RootTree, symlink } from "./tree.ts";

/** Lists of applet paths, one per program of /bin. */
const PATHS_FOLDER = "etc/busybox-paths.d/";

/** What bbsuid makes when run with --install; the list is inside the program. */
const BBSUID_LINKS = [
  "bin/mount",
  "bin/su",
  "bin/umount",
  "usr/bin/crontab",
  "usr/bin/passwd",
  "usr/bin/traceroute",
  "usr/bin/traceroute6",
  "usr/bin/vlock",
];

/** Applet links for every list in etc/busybox-paths.d, then bbsuid's in place of busybox's. Returns how many. */
export function linkApplets(tree: RootTree, epoch: number): number {
  let count = 0;
  const lists = [...tree.nodes.keys()].filter((path) =>
    path.startsWith(PATHS_FOLDER) && tree.nodes.get(path)!.kind === "file"
  ).sort();
  for (const list of lists) {
    const program = list.slice(PATHS_FOLDER.length);
    if (tree.follow(`bin/${program}`)?.kind !== "file") {
      throw new UserError(`link the applets of /${list}`, `/bin/${program} is missing`);
    }
    for (const line of tree.text(list).split("\n")) {
      const path = line.trim().replace(/^\/+/, "");
      if (path === "" || tree.get(path)) continue;
      tree.place(path, symlink(`/bin/${program}`, "busybox", epoch));
      count++;
    }
  }
  if (tree.get("bin/bbsuid")) {
    for (const path of BBSUID_LINKS) {
      const there = tree.get(path);
      if (there && there.from !== "busybox") continue;
      tree.place(path, symlink("/bin/bbsuid", "busybox", epoch));
      count++;
    }
  }
  return count;
}

/** Links of services into runlevels. @throws {UserError} naming a service that no package has. */
export function linkServices(
  tree: RootTree,
  services: Readonly<Record<Runlevel, readonly string[]>>,
  epoch: number,
): void {
  const folder = "etc/init.d/";
  const known = [...tree.nodes.keys()].filter((path) => path.startsWith(folder))
    .map((path) => path.slice(folder.length));
  for (const level of RUNLEVELS) {
    for (const service of services[level]) {
      const script = tree.follow(folder + service);
      if (script?.kind !== "file" || !(script.mode & 0o100)) {
        const near = nearest(service, known);
        throw new UserError(
          `start ${service} in runlevel ${level}`,
          `the image has no executable /${folder}${service}${
            near && near !== service ? `, did you mean ${near}?` : ""
          }`,
        );
      }
      tree.place(
        `etc/runlevels/${level}/${service}`,
        symlink(`/${folder}${service}`, "engine", epoch),
      );
    }
  }
}
