/**
 * Debian's sshd, unpacked: to install it would start it. It needs no service and no port.
 *
 * @module
 */
import { DenoHost } from "../../lib/deno_host.ts";
import { fetchDebs, readDeb, resolveDebs } from "../../lib/lab_packages/debian.ts";

const FOLDER = "build/test-tools/sshd";

/** What tests that use it need of the machine. */
export const SSHD_TOOLS = ["apt-get", "dpkg-deb"] as const;

/** Puts `sshd` and a library of its own into `dir`; LD_LIBRARY_PATH has to name that. */
export async function unpackSshd(dir: string): Promise<void> {
  const host = new DenoHost();
  const debs = await resolveDebs(host, ["openssh-server", "libwrap0"]);
  await fetchDebs(host, FOLDER, [...debs.values()]);
  for (const deb of debs.values()) {
    const { entries } = await readDeb(host, FOLDER, deb);
    for (const { path, data, linkTarget } of entries) {
      const [name] = /[^/]+$/.exec(path) ?? [""];
      if (data && /^(?:sshd|libwrap\.so\.0\.[\d.]+)$/.test(name)) {
        await host.writeFile(`${dir}/${name}`, data, { mode: 0o755 });
      } else if (linkTarget && name === "libwrap.so.0") {
        await host.symlink(linkTarget, `${dir}/${name}`);
      }
    }
  }
}
