/**
 * The forms in which an image is released, whichever engine made it: the boot slot as a folder and as one
 * tar, a disk image with that slot, the list of what is inside for scanners, and the manifest.
 *
 * @module
 */
import { type Bytes, utf8 } from "../../bytes.ts";
import {
  formatManifest,
  MANIFEST,
  type Manifest,
  type ManifestFile,
} from "../../documents/manifest.ts";
import type { Host } from "../../host.ts";
import { type DiskImage, diskImage } from "./disk.ts";
import { manifestFile } from "./manifest.ts";
import { makeSbom, type SbomVendor } from "./sbom.ts";
import { espFiles, type Slot, slotTar } from "./slot.ts";

/** Names in a release's folder. */
export const SLOT_FOLDER = "slot", DISK_IMAGE = "disk.img";

/** An image's slot in all its forms, in memory. */
export interface ReleaseForms {
  slot: Slot;
  tar: Bytes;
  /** File name of `tar`. */
  tarName: string;
  /** Absent without a boot loader. */
  disk?: DiskImage;
}

/** Options of {@linkcode makeForms}. */
export interface FormOptions {
  /** Of the image, e.g. "psyopsOS". */
  name: string;
  /** The boot loader's program; without it there is no disk image. */
  loader?: Bytes;
  /** Least size of the disk image in MiB; it is larger when three such slots need more. */
  sizeMiB: number;
}

const MIB = 2 ** 20;

/** Begin of a release's file names, e.g. "psyopsos-1.2.3-x86_64". */
export function releaseName(name: string, version: string, arch: string): string {
  return `${name.toLowerCase()}-${version}-${arch}`;
}

/** @throws {UserError} when the slot does not fit or can't be named. */
export function makeForms(slot: Slot, { name, loader, sizeMiB }: FormOptions): ReleaseForms {
  const { version, arch, epoch } = slot.document;
  const forms: ReleaseForms = {
    slot,
    tar: slotTar(slot),
    tarName: `${releaseName(name, version, arch)}.slot.tar`,
  };
  if (!loader) return forms;
  const files = espFiles(slot, loader);
  const bytes = [...files.values()].reduce((sum, { length }) => sum + length, 0);
  const disk = diskImage({
    files,
    label: "PSYOPSOS",
    // The running slot, the one being written, and one more; left out, the size follows from the files.
    ...(3 * bytes < (sizeMiB - 2) * MIB ? { sizeMiB } : {}),
    seed: `${name}/${version}/${arch}`,
    epoch,
  });
  return { ...forms, disk };
}

/** What the manifest says of them. The disk image's bytes follow from the slot and are not listed. */
export function formFiles({ slot, tar, tarName }: ReleaseForms): ManifestFile[] {
  return [
    ...[...slot.files].map(([name, data]) => manifestFile(`${SLOT_FOLDER}/${name}`, data)),
    manifestFile(tarName, tar),
  ];
}

/**
 * Writes everything into a folder.
 * @returns the manifest, which now lists the SBOM, and the SBOM's file name.
 */
export async function writeRelease(
  host: Host,
  folder: string,
  forms: ReleaseForms,
  manifest: Manifest,
  vendor: SbomVendor,
): Promise<{ manifest: Manifest; sbomName: string }> {
  const { slot, tar, tarName, disk } = forms;
  await host.mkdir(`${folder}/${SLOT_FOLDER}`);
  for (const [name, data] of slot.files) {
    await host.writeFile(`${folder}/${SLOT_FOLDER}/${name}`, data);
  }
  await host.writeFile(`${folder}/${tarName}`, tar);
  if (disk) await host.writeExtents(`${folder}/${DISK_IMAGE}`, disk.size, disk.extents);
  const sbomName = `${releaseName(manifest.name, manifest.version, manifest.arch)}.cdx.json`;
  const sbom = json(makeSbom(manifest, vendor));
  await host.writeFile(`${folder}/${sbomName}`, sbom);
  const listed = { ...manifest, files: [...manifest.files, manifestFile(sbomName, sbom)] };
  await host.writeFile(`${folder}/${MANIFEST}`, formatManifest(listed));
  return { manifest: listed, sbomName };
}

function json(value: unknown): Bytes {
  return utf8(`${JSON.stringify(value, null, 2)}\n`);
}
