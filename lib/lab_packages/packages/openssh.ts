/**
 * openssh-keygen, openssh-sftp-server and openssh-server out of Debian's OpenSSH, with a service and a
 * configuration for OpenRC.
 *
 * @module
 */
import type { TarEntry } from "../../formats/tar.ts";
import type { DebContent } from "../debian.ts";
import { apkVersion } from "../version.ts";
import { below, directory, type Draft, fromDeb, symlink } from "./recipe.ts";

const LICENSE = "SSH-OpenSSH";

/** As Alpine's: the account that sshd drops its privileges to, under Alpine's number. */
const PRE_INSTALL = `#!/bin/sh

addgroup -S -g 22 sshd 2>/dev/null
adduser -S -D -H -h /dev/null -s /sbin/nologin -u 22 -G sshd -g sshd sshd 2>/dev/null

exit 0
`;

/** Debian's three packages and the tree of files that are the lab's own. */
export interface OpensshSources {
  server: DebContent;
  client: DebContent;
  sftp: DebContent;
  tree: readonly TarEntry[];
}

/** The packages. */
export function openssh({ server, client, sftp, tree }: OpensshSources): Draft[] {
  const version = apkVersion(server.deb.version);
  return [
    fromDeb(
      client,
      { name: "openssh-keygen", description: "OpenSSH's key tool", license: LICENSE },
      below("usr/bin/ssh-keygen"),
    ),
    fromDeb(
      sftp,
      { name: "openssh-sftp-server", description: "OpenSSH's sftp server", license: LICENSE },
      below("usr/lib/openssh/sftp-server"),
      // Where configurations written for Alpine look for it.
      [symlink("usr/lib/ssh/sftp-server", "../openssh/sftp-server")],
    ),
    {
      ...fromDeb(
        server,
        {
          name: "openssh-server",
          description: "OpenSSH server",
          license: LICENSE,
          depends: [`openssh-keygen=${version}`],
        },
        below("usr/sbin/sshd", "etc/ssh/moduli"),
        [directory("etc/ssh/sshd_config.d"), ...tree],
      ),
      scripts: { "pre-install": PRE_INSTALL },
    },
  ];
}
