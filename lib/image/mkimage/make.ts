/**
 * The image engine "mkimage", from options to results: Alpine's own mkimage.sh in a container, judged, and
 * brought back as `<outDir>/<version>/` with ISO, checksums and manifest.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { agentNote } from "../../agent_build/make.ts";
import type { IndexRecord } from "../../apk/index.ts";
import type { OpenPackage } from "../../apk/package.ts";
import { openPackages } from "../../apk/repository.ts";
import type { Bytes } from "../../bytes.ts";
import type { Manifest } from "../../documents/manifest.ts";
import { UserError } from "../../errors.ts";
import type { Host } from "../../host.ts";
import { replaceFolder } from "../../replace_folder.ts";
import type { Architecture } from "../../schema/fields.ts";
import { publicName } from "../packages/choose_packages.ts";
import { checkLocked } from "../packages/image_lock.ts";
import { slotFromIso } from "../release/from_iso.ts";
import { manifestFile, manifestPackage } from "../release/manifest.ts";
import {
  DISK_IMAGE,
  formFiles,
  makeForms,
  type ReleaseForms,
  releaseName,
  SLOT_FOLDER,
  writeRelease,
} from "../release/release_forms.ts";
import { vendorOf } from "../release/sbom.ts";
import { loaderPath } from "../release/slot.ts";
import { dropWork, ensureBuilder, runBuild, stopIfAborted } from "./build.ts";
import type { ContainerEngine } from "./engine.ts";
import type { Place } from "./plan.ts";
import {
  type KnownPackages,
  knownPackages,
  type MkimageOptions,
  placeOf,
  type PreparedBuild,
} from "./prepare.ts";
import { checkFresh, checkProduct, type Product } from "./product.ts";
import { hostnameOf, mediumPackages } from "./profile.ts";
import type { Stage } from "./stages.ts";

/** Where everything lies. */
export interface MadeIso {
  version: string;
  arch: Architecture;
  dir: string;
  iso: string;
  /** The boot slot, as a folder and as one tar. */
  slotDir: string;
  slotTar: string;
  /** Undefined when the repositories, which have the boot loader, can't be read from this machine. */
  diskImage?: string;
  /** CycloneDX. */
  sbom: string;
  manifest: Manifest;
  product: Product;
  stages: Stage[];
  /** In bytes. */
  size: number;
}

/** Largest ISO that is read, in bytes. */
const MAX_ISO = 2 ** 31 - 1;

/** Options of {@linkcode makeIso} beside what was prepared. */
export interface MakeIsoOptions extends Pick<MkimageOptions, "outDir" | "onStage"> {
  /** Network of containers, default the engine's. */
  network?: string;
  signal?: AbortSignal;
}

/** Builds, judges and writes. @throws {UserError} */
export async function makeIso(
  engine: ContainerEngine,
  prepared: PreparedBuild,
  options: MakeIsoOptions,
): Promise<MadeIso> {
  const { host } = engine;
  const { signal, network } = options;
  const { plan, definition, version, epoch, arch, key, lock } = prepared;
  const onStage = options.onStage ?? (() => {});
  const known = knownPackages(prepared);
  if (lock && known) {
    checkLocked(lock, [...known.medium, ...known.boot].map((record) => ({ record })));
  }
  const loader = await openLoader(prepared, known);
  if (!loader) {
    onStage("no disk image: the repositories, which have its boot loader, can't be read");
  }
  const builder = await ensureBuilder(engine, plan, { onStage, signal, network });
  const place = placeOf(prepared, builder, known, network);
  const dir = `${options.outDir}/${version}`;
  const name = `${releaseName(definition.name, version, arch)}.iso`;
  const resultDir = `${options.outDir}/.${version}.mkimage`;
  await host.mkdir(options.outDir);
  await host.remove(resultDir);
  try {
    onStage(`running mkimage.sh (${engine.program} ${engine.version}, ${plan.names.file})`);
    const { stages, started } = await runBuild(engine, plan, {
      place,
      epoch,
      resultDir,
      onStage,
      signal,
    });
    onStage("checking the ISO");
    const product = await discardOnFailure(engine, place, async () => {
      const made = `${resultDir}/${plan.names.file}`;
      const info = await host.stat(made);
      if (info?.kind !== "file") throw await noImage(host, resultDir, plan.names.file);
      checkFresh(started, info.mtime);
      if (info.size > MAX_ISO) {
        throw new UserError("use the ISO that mkimage.sh made", `above ${MAX_ISO} bytes`);
      }
      const bytes = await host.readFile(made);
      await checkTransfer(host, `${made}.sha512`, bytes);
      return checkProduct(bytes, {
        arch,
        flavour: definition.kernel.flavour,
        volumeId: plan.names.volumeId,
        hostname: hostnameOf(definition),
        apkovl: prepared.apkovl,
        publicKey: key.publicKey,
        keyFile: `${key.name}.pub`,
        packages: mediumPackages(definition),
        microcode: arch === "x86_64" ? definition.mkimage.microcode : [],
        cmdline: prepared.cmdline,
        ...(known ? { known: known.medium } : {}),
      });
    });
    if (lock) checkLocked(lock, product.packages);
    stopIfAborted(signal);
    onStage("making slot and disk image");
    const forms = formsOf(prepared, product, loader);
    onStage("writing");
    const manifest = manifestOf(prepared, { product, name, known, loader, forms });
    const vendor = known ? vendorOf(prepared.repositoryKeys.keys()) : "alpine";
    const written = await replaceFolder(host, dir, async (aside) => {
      await host.rename(`${resultDir}/${plan.names.file}`, `${aside}/${name}`);
      await host.chmod(`${aside}/${name}`, 0o644);
      for (const kind of ["sha256", "sha512"]) {
        const sum = createHash(kind).update(product.bytes).digest("hex");
        await host.writeFile(`${aside}/${name}.${kind}`, `${sum}  ${name}\n`);
      }
      return await writeRelease(host, aside, forms, manifest, vendor);
    });
    return {
      version,
      arch,
      dir,
      iso: `${dir}/${name}`,
      slotDir: `${dir}/${SLOT_FOLDER}`,
      slotTar: `${dir}/${forms.tarName}`,
      ...(forms.disk ? { diskImage: `${dir}/${DISK_IMAGE}` } : {}),
      sbom: `${dir}/${written.sbomName}`,
      manifest: written.manifest,
      product,
      stages,
      size: product.bytes.length,
    };
  } finally {
    await host.remove(resultDir);
  }
}

/** The package with the boot loader, before minutes are spent. */
async function openLoader(
  { opened, lock }: PreparedBuild,
  known: KnownPackages | undefined,
): Promise<OpenPackage | undefined> {
  if (!opened || !known) return undefined;
  const sha256 = new Map(lock?.packages.map((one) => [one.name, one.sha256]));
  const [found] = await openPackages(opened, [known.loader], { sha256 });
  return found;
}

/** The slot, made of the ISO that was judged. */
function formsOf(
  prepared: PreparedBuild,
  { iso, bytes, kernelRelease }: Product,
  loader: OpenPackage | undefined,
): ReleaseForms {
  const { definition, version, arch, epoch, cmdline } = prepared;
  const slot = slotFromIso({
    iso,
    bytes,
    version,
    arch,
    epoch,
    kernel: kernelRelease,
    flavour: definition.kernel.flavour,
    hostname: hostnameOf(definition),
    microcode: arch === "x86_64" ? definition.mkimage.microcode : [],
    modules: definition.mkimage.modules,
    cmdline,
    service: prepared.modulesService,
  });
  const path = loaderPath(arch);
  const program = loader?.entries.find((one) => one.path === path)?.data;
  if (loader && !program) {
    throw new UserError("make a disk image", `${loader.info.name} has no /${path}`);
  }
  return makeForms(slot, {
    name: definition.name,
    sizeMiB: definition.disk.sizeMiB,
    ...(program ? { loader: program } : {}),
  });
}

/** Runs `judge`; when it refuses what was made, its caches are no good either. */
async function discardOnFailure<T>(
  engine: ContainerEngine,
  place: Place,
  judge: () => Promise<T>,
): Promise<T> {
  try {
    return await judge();
  } catch (error) {
    await dropWork(engine, place);
    throw error;
  }
}

async function noImage(host: Host, folder: string, expected: string): Promise<UserError> {
  const others = (await host.readDir(folder)).filter((name) => name.endsWith(".iso"));
  const hint = others.length > 0
    ? `it made ${others.join(", ")}: its aports name images otherwise`
    : "its profile may be for another architecture, or its aports of another age: look with --shell";
  return new UserError(
    "find the ISO",
    `mkimage.sh ended well but wrote no ${expected}`,
    { hint },
  );
}

/** The builder wrote the sum before the file came over. */
async function checkTransfer(host: Host, path: string, bytes: Bytes): Promise<void> {
  if (!await host.stat(path)) return;
  const [sum] = (await host.readTextFile(path)).split(/\s/);
  if (sum === createHash("sha512").update(bytes).digest("hex")) return;
  throw new UserError("use the ISO that mkimage.sh made", "it was damaged on its way here", {
    hint: "run it again; if it stays so, look at the disks of both machines",
  });
}

/** What a manifest is made of beside the build. */
interface Made {
  product: Product;
  /** Of the ISO. */
  name: string;
  known: KnownPackages | undefined;
  loader: OpenPackage | undefined;
  forms: ReleaseForms;
}

function manifestOf(
  { definition, version, arch, epoch, cmdline, agent }: PreparedBuild,
  { product: { bytes, packages, kernelRelease }, name, known, loader, forms }: Made,
): Manifest {
  const homes = new Map(
    [...known?.home ?? []].map(([record, from]) => [`${record.name} ${record.checksum}`, from]),
  );
  const home = (record: IndexRecord) => {
    const from = homes.get(`${record.name} ${record.checksum}`);
    return from === undefined ? "" : publicName(from);
  };
  return {
    manifest: 1,
    name: definition.name,
    version,
    arch,
    engine: "mkimage",
    epoch,
    kernel: kernelRelease,
    cmdline,
    agent: agentNote(agent),
    packages: [
      ...packages.map((one) => manifestPackage(one.record, one, home(one.record), "installed")),
      ...(known?.boot ?? []).map((record) =>
        manifestPackage(record, undefined, home(record), "kernel")
      ),
      ...(known && loader
        ? [manifestPackage(known.loader, loader, home(known.loader), "loader")]
        : []),
    ],
    deferredScripts: [],
    files: [manifestFile(name, bytes), ...formFiles(forms)],
  };
}
