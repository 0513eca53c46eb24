/**
 * busybox, busybox-static, busybox-binsh and busybox-openrc, all of Debian's static busybox.
 *
 * @module
 */
import { utf8 } from "../../bytes.ts";
import { UserError } from "../../errors.ts";
import type { TarEntry } from "../../formats/tar.ts";
import type { DebContent } from "../debian.ts";
import { apkVersion } from "../version.ts";
import { type Draft, file, fromDeb, OWN_BUILDDATE, symlink } from "./recipe.ts";

const LICENSE = "GPL-2.0-only";
/** Applets that would pass for programs which an apk system does not have, and a link in the root. */
const LEFT_OUT = ["usr/bin/dpkg", "usr/bin/dpkg-deb", "usr/bin/rpm", "linuxrc", "bin/busybox"];

/** The program in Debian's package; it lists its applets itself, so it has to be run once. */
export function busyboxProgram(content: DebContent): TarEntry {
  const entry = content.entries.find(({ path }) => /^(usr\/)?bin\/busybox$/.test(path));
  if (!entry?.data) {
    throw new UserError("build package busybox", "Debian's has no bin/busybox");
  }
  return entry;
}

/** The packages; `applets` is what `busybox --list-full` prints, `service` the tree of init scripts. */
export function busybox(
  content: DebContent,
  applets: string,
  service: readonly TarEntry[],
): Draft[] {
  const program = busyboxProgram(content);
  const paths = applets.split("\n").filter((path) => path !== "" && !LEFT_OUT.includes(path));
  const version = apkVersion(content.deb.version);
  return [
    fromDeb(
      content,
      {
        name: "busybox",
        description: "Size optimized toolbox of many common UNIX utilities",
        license: LICENSE,
      },
      (path) => path === program.path ? "bin/busybox" : undefined,
      [file("etc/busybox-paths.d/busybox", utf8(paths.map((path) => `${path}\n`).join("")))],
    ),
    fromDeb(
      content,
      { name: "busybox-static", description: "Statically linked busybox", license: LICENSE },
      (path) => path === program.path ? "bin/busybox.static" : undefined,
    ),
    fromDeb(
      content,
      {
        name: "busybox-binsh",
        description: "busybox ash as /bin/sh",
        license: LICENSE,
        depends: [`busybox=${version}`],
        provides: ["/bin/sh", "cmd:sh"],
        providerPriority: 100,
      },
      () => undefined,
      [symlink("bin/sh", "/bin/busybox")],
    ),
    {
      info: {
        name: "busybox-openrc",
        version,
        description: "OpenRC services of the psyopsOS lab for busybox",
        url: content.homepage,
        license: "MIT",
        origin: content.source,
        builddate: OWN_BUILDDATE,
        depends: ["openrc"],
        installIf: [`busybox=${version}`, "openrc"],
      },
      entries: [...service],
    },
  ];
}
