/**
 * The embedded image engine: packages → root file system → boot slot → disk image, with nothing but this
 * program and `mksquashfs`. The same inputs give the same bytes, whatever the clock, user or machine.
 *
 * @module
 */
import type { OpenPackage } from "../apk/package.ts";
import { openPackages, type Repository } from "../apk/repository.ts";
import { type Bytes, sha256Hex, utf8 } from "../bytes.ts";
import { formatImageFacts, IMAGE_FACTS_PATH } from "../documents/image_facts.ts";
import type { AgentNote, Manifest, PackageRole } from "../documents/manifest.ts";
import { UserError } from "../errors.ts";
import type { Host } from "../host.ts";
import { replaceFolder } from "../replace_folder.ts";
import type { Architecture } from "../schema/fields.ts";
import { type ImageDefinition, kernelCmdline } from "./definition.ts";
import { choosePackages } from "./packages/choose_packages.ts";
import { manifestPackage, manifestScript } from "./release/manifest.ts";
import { DISK_IMAGE, formFiles, makeForms, writeRelease } from "./release/release_forms.ts";
import { vendorOf } from "./release/sbom.ts";
import { loaderPath, makeSlot } from "./release/slot.ts";
import { assemble } from "./root/assemble.ts";
import { bootArchive, rootfsArchive } from "./root/initrd.ts";
import { takeKernel } from "./root/kernel.ts";
import { type OverlayFile, readOverlay } from "./root/overlay.ts";
import { makeRootfs } from "./root/rootfs.ts";

/** What {@linkcode buildImage} needs. */
export interface BuildImageOptions {
  definition: ImageDefinition;
  /** Opened, in order of precedence. */
  repositories: readonly Repository[];
  /** Hex SHA-256 that package files must have, by package name, from a lock. */
  sha256?: ReadonlyMap<string, string>;
  /** Lines of the image's /etc/apk/repositories; default the definition's URLs. */
  repositoryLines?: readonly string[];
  /** For its /etc/apk/keys beside those of the overlay, PEM by file name. */
  keys?: ReadonlyMap<string, string>;
  /** Files of the agent, path without leading slash. */
  agent: ReadonlyMap<string, { data: Bytes; mode: number }>;
  /** Of these files, for the manifest. */
  agentFacts?: AgentNote;
  /** The folder with `root/` and `boot/init`. */
  overlayDir: string;
  /** Names the slot; letters, digits and `. _ -`. */
  version: string;
  /** Seconds since 1970; no time in the image is later, and a node's clock is never before it. */
  epoch: number;
  /** Architecture as Alpine calls it, default "x86_64". */
  arch?: Architecture;
  /** The result lies in `<outDir>/<version>/`, which is replaced as a whole. */
  outDir: string;
  /** Keeps file systems between builds. */
  cacheDir: string;
  /** Appended to the definition's kernel command line. */
  cmdlineExtra?: string;
  /** Told in one line what is being done. */
  onStage?: (line: string) => void;
}

/** Where everything lies; the paths start with `outDir`. */
export interface BuiltImage {
  version: string;
  arch: Architecture;
  dir: string;
  /** Kernel, archives and slot.json, as in `psyopsos/<version>/` on the partition. */
  slotDir: string;
  slotTar: string;
  diskImage: string;
  /** CycloneDX. */
  sbom: string;
  manifest: Manifest;
  /** For booting without firmware. */
  kernel: string;
  initrd: string[];
  cmdline: string;
  /** In bytes; `disk` is the nominal size of a sparse file. */
  sizes: { kernel: number; initrd: number; squashfs: number; disk: number };
  /** Whether the root file system came from the cache. */
  rootfsCached: boolean;
}

/** Builds the image. @throws {UserError} with what is missing or wrong. */
export async function buildImage(host: Host, options: BuildImageOptions): Promise<BuiltImage> {
  const { definition, version, epoch, overlayDir, arch = "x86_64" } = options;
  const stage = options.onStage ?? (() => {});
  const cmdline = kernelCmdline(definition, options.cmdlineExtra);
  if (!Number.isSafeInteger(epoch) || epoch < 0 || epoch >= 2 ** 32) {
    throw new UserError(`build an image for the time ${epoch}`, "not seconds since 1970");
  }

  stage("choosing packages");
  const { repositories, sha256 } = options;
  const chosen = choosePackages(definition, repositories, arch);
  stage(`opening ${chosen.length} packages`);
  const records = chosen.map(({ record }) => record);
  const opened = await openPackages(repositories, records, { ...(sha256 ? { sha256 } : {}) });
  const packages = chosen.map((one, i) => ({ ...one, opened: opened[i]! }));
  const taken = (role: PackageRole) => packages.find((one) => one.role === role)!.opened;
  const installed = packages.filter(({ role }) => role === "installed");

  stage("assembling the root file system");
  const kernel = takeKernel(taken("kernel"), definition.kernel);
  const overlay = await readOverlay(host, `${overlayDir}/root`, definition.permissions);
  const facts = {
    version,
    arch,
    epoch,
    engine: "embedded",
    kernel: kernel.release,
    ntp: definition.ntp,
  };
  const root = assemble({
    packages: installed,
    world: definition.packages,
    arch,
    repositories: options.repositoryLines ?? definition.repositories.map(({ url }) => url),
    accounts: definition.accounts,
    services: definition.services,
    privileged: definition.privileged,
    overlay: [...overlay, ...agentFiles(options.agent)],
    extra: new Map([
      ...kernel.files,
      ...[...options.keys ?? []].map(([name, pem]) => [`etc/apk/keys/${name}`, utf8(pem)] as const),
      [IMAGE_FACTS_PATH, formatImageFacts(facts)],
    ]),
    epoch,
  });
  stage(`packing the root file system (zstd level ${definition.squashfs.level})`);
  const { squashfs, cached } = await makeRootfs(host, root.tree, {
    level: definition.squashfs.level,
    epoch,
    cacheDir: options.cacheDir,
  });

  stage("making slot and disk image");
  const boot = bootArchive({
    busybox: fileOf(taken("initramfs"), "bin/busybox.static"),
    init: await host.readFile(`${overlayDir}/boot/init`),
    modules: kernel.bootModules,
    squashfs,
  });
  const slot = makeSlot({
    version,
    arch,
    kernel: kernel.release,
    epoch,
    cmdline,
    vmlinuz: kernel.vmlinuz,
    archives: new Map([
      ["initrd-boot.cpio", boot],
      ["initrd-rootfs.cpio", rootfsArchive(squashfs)],
    ]),
  });
  const loader = fileOf(taken("loader"), loaderPath(arch));
  const { name, disk: { sizeMiB } } = definition;
  const forms = makeForms(slot, { name, loader, sizeMiB });
  const manifest: Manifest = {
    manifest: 1,
    name,
    version,
    arch,
    engine: "embedded",
    epoch,
    kernel: kernel.release,
    cmdline,
    ...(options.agentFacts ? { agent: options.agentFacts } : {}),
    packages: packages.map(({ record, opened, role, repository }) =>
      manifestPackage(record, opened, repository, role)
    ),
    deferredScripts: root.deferred.map(manifestScript),
    rootfs: { size: squashfs.length, sha256: sha256Hex(squashfs) },
    files: formFiles(forms),
  };

  stage("writing");
  const dir = `${options.outDir}/${version}`;
  const vendor = vendorOf(options.keys?.keys() ?? []);
  const written = await replaceFolder(
    host,
    dir,
    (aside) => writeRelease(host, aside, forms, manifest, vendor),
  );
  const archives = slot.document.initrd;
  return {
    version,
    arch,
    dir,
    slotDir: `${dir}/slot`,
    slotTar: `${dir}/${forms.tarName}`,
    diskImage: `${dir}/${DISK_IMAGE}`,
    sbom: `${dir}/${written.sbomName}`,
    manifest: written.manifest,
    kernel: `${dir}/slot/vmlinuz`,
    initrd: archives.map((archive) => `${dir}/slot/${archive}`),
    cmdline,
    sizes: {
      kernel: kernel.vmlinuz.length,
      initrd: archives.reduce((sum, archive) => sum + slot.files.get(archive)!.length, 0),
      squashfs: squashfs.length,
      disk: forms.disk!.size,
    },
    rootfsCached: cached,
  };
}

/** A file of a package that is taken apart. */
function fileOf({ info, entries }: OpenPackage, path: string): Bytes {
  const entry = entries.find((one) => one.path === path && one.kind === "file");
  if (!entry) throw new UserError("build the image", `${info.name} has no /${path}`);
  return entry.data!;
}

function agentFiles(agent: BuildImageOptions["agent"]): OverlayFile[] {
  return [...agent].map(([path, { data, mode }]): OverlayFile => ({
    path: path.replace(/^\/+/, ""),
    kind: "file",
    mode,
    owner: "root",
    group: "root",
    data,
  })).sort((a, b) => a.path < b.path ? -1 : 1);
}
