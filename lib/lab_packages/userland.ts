/**
 * The lab's packages other than kernels and deno, drafted out of downloaded Debian packages.
 *
 * @module
 */
import { text } from "../bytes.ts";
import { UserError } from "../errors.ts";
import type { Host } from "../host.ts";
import { baselayout } from "./packages/baselayout.ts";
import { busybox, busyboxProgram } from "./packages/busybox.ts";
import { caCertificates } from "./packages/ca_certificates.ts";
import { doas } from "./packages/doas.ts";
import { library, neededLibraries, withLibraries } from "./packages/library.ts";
import { nftables } from "./packages/nftables.ts";
import { ethtool, iproute2Minimal } from "./packages/network_tools.ts";
import { openrc } from "./packages/openrc.ts";
import { openssh } from "./packages/openssh.ts";
import { type Draft, OWN_BUILDDATE } from "./packages/recipe.ts";
import { cryptsetup, e2fsprogs, wipefs } from "./packages/storage.ts";
import { tzdata } from "./packages/tzdata.ts";
import { systemdBoot } from "./packages/systemd_boot.ts";
import { type Deb, type DebContent, readDeb } from "./debian.ts";
import { readTree } from "./tree.ts";

/** Debian packages whose files become apks; libraries follow from what their programs need. */
export const USERLAND = [
  "busybox-static",
  "ca-certificates",
  "cryptsetup-bin",
  "e2fsprogs",
  "ethtool",
  "iproute2",
  "libpam-modules",
  "nftables",
  "opendoas",
  "openrc",
  "openssh-client",
  "openssh-server",
  "openssh-sftp-server",
  "systemd-boot-efi",
  "tzdata",
  "util-linux",
] as const;

/** What {@linkcode userlandDrafts} works on. */
export interface UserlandSources {
  /** Folder of downloaded Debian packages. */
  debDir: string;
  debs: ReadonlyMap<string, Deb>;
  /** Folder for a program that has to be run once. */
  scratchDir: string;
  /** Folder of the literal trees. */
  treesDir: string;
  /** Debian packages that may hold libraries. */
  libraryNames: readonly string[];
  /** `so:` names that deno needs. */
  denoNeeds: readonly string[];
}

/** Everything but kernels and deno. @throws {UserError} when a Debian package has another shape. */
export async function userlandDrafts(
  host: Host,
  { debDir, debs, scratchDir, treesDir, libraryNames, denoNeeds }: UserlandSources,
): Promise<Draft[]> {
  const content = (name: string) => readDeb(host, debDir, debs.get(name)!);
  const tree = (name: string) => readTree(host, `${treesDir}/${name}`, OWN_BUILDDATE);
  const box = await content("busybox-static");
  const drafts = [
    baselayout(await tree("alpine-baselayout")),
    ...busybox(box, await applets(host, scratchDir, box), await tree("busybox-openrc")),
    caCertificates(await content("ca-certificates")),
    cryptsetup(await content("cryptsetup-bin")),
    doas(await content("opendoas"), await content("libpam-modules"), await tree("doas")),
    e2fsprogs(await content("e2fsprogs")),
    nftables(await content("nftables")),
    openrc(await content("openrc"), await tree("openrc")),
    ...openssh({
      server: await content("openssh-server"),
      client: await content("openssh-client"),
      sftp: await content("openssh-sftp-server"),
      tree: await tree("openssh-server"),
    }),
    ethtool(await content("ethtool")),
    iproute2Minimal(await content("iproute2")),
    systemdBoot(await content("systemd-boot-efi")),
    tzdata(await content("tzdata")),
    wipefs(await content("util-linux")),
  ].map(withLibraries);
  const libraries: Draft[] = [];
  for (const name of libraryNames) libraries.push(library(await content(name)));
  return [...drafts, ...neededLibraries(drafts, denoNeeds, libraries)];
}

/** What `busybox --list-full` prints: only the program knows. */
async function applets(
  host: Host,
  scratchDir: string,
  content: DebContent,
): Promise<string> {
  const path = `${scratchDir}/busybox`;
  await host.writeFile(path, busyboxProgram(content).data ?? "", { mode: 0o755 });
  const result = await host.run([path, "--list-full"]);
  await host.remove(path);
  if (result.code !== 0) {
    throw new UserError("build package busybox", "Debian's busybox does not list its applets");
  }
  return text(result.stdout);
}
