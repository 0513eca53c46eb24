/**
 * The image engine "mkimage", from options to results: Alpine's own mkimage.sh in a container, judged, and
 * brought back as `<outDir>/<version>/` with ISO, checksums and manifest.
 *
 * @module
 */
import { createHash } from "node:crypto";
import type { IndexRecord } from "../../apk/index.ts";
import type { Bytes } from "../../bytes.ts";
import { UserError } from "../../errors.ts";
import type { Host } from "../../host.ts";
import { type Manifest, manifestFile, manifestPackage } from "../manifest.ts";
import { checkLocked } from "../image_lock.ts";
import { replaceFolder } from "../replace_folder.ts";
import { dropWork, ensureBuilder, runBuild, stopIfAborted } from "./build.ts";
import type { ContainerEngine } from "./engine.ts";
import type { Place } from "./plan.ts";
import { checkFresh, checkProduct, type Product } from "./product.ts";
import { hostnameOf, mediumPackages } from "./profile.ts";
import type { Stage } from "./stages.ts";
import {
  type KnownPackages,
  knownPackages,
  type MkimageOptions,
  placeOf,
  type PreparedBuild,
} from "./prepare.ts";

/** Where everything lies. */
export interface MadeIso {
  version: string;
  arch: string;
  dir: string;
  iso: string;
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
  const builder = await ensureBuilder(engine, plan, { onStage, signal, network });
  const place = placeOf(prepared, builder, known, network);
  const dir = `${options.outDir}/${version}`;
  const name = `${definition.name.toLowerCase()}-${version}-${arch}.iso`;
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
        throw new UserError(`Cannot use the ISO that mkimage.sh made: above ${MAX_ISO} bytes`);
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
    onStage("writing");
    const manifest = manifestOf(prepared, product, name, known);
    await replaceFolder(host, dir, async (aside) => {
      await host.rename(`${resultDir}/${plan.names.file}`, `${aside}/${name}`);
      await host.chmod(`${aside}/${name}`, 0o644);
      for (const kind of ["sha256", "sha512"]) {
        const sum = createHash(kind).update(product.bytes).digest("hex");
        await host.writeFile(`${aside}/${name}.${kind}`, `${sum}  ${name}\n`);
      }
      await host.writeFile(`${aside}/manifest.json`, `${JSON.stringify(manifest, null, 2)}\n`);
    });
    const size = product.bytes.length;
    return { version, arch, dir, iso: `${dir}/${name}`, manifest, product, stages, size };
  } finally {
    await host.remove(resultDir);
  }
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
    `Cannot find the ISO: mkimage.sh ended well but wrote no ${expected}`,
    { hint },
  );
}

/** The builder wrote the sum before the file came over. */
async function checkTransfer(host: Host, path: string, bytes: Bytes): Promise<void> {
  if (!await host.stat(path)) return;
  const [sum] = (await host.readTextFile(path)).split(/\s/);
  if (sum === createHash("sha512").update(bytes).digest("hex")) return;
  throw new UserError("Cannot use the ISO that mkimage.sh made: it was damaged on its way here", {
    hint: "run it again; if it stays so, look at the disks of both machines",
  });
}

function manifestOf(
  { definition, version, arch, epoch, cmdline, agent }: PreparedBuild,
  { bytes, packages, kernelRelease }: Product,
  name: string,
  known: KnownPackages | undefined,
): Manifest {
  const homes = new Map(
    [...known?.home ?? []].map(([record, from]) => [`${record.name} ${record.checksum}`, from]),
  );
  const home = (record: IndexRecord) => homes.get(`${record.name} ${record.checksum}`) ?? "";
  return {
    manifest: 1,
    name: definition.name,
    version,
    arch,
    engine: "mkimage",
    epoch,
    kernel: kernelRelease,
    cmdline,
    agent: { version: agent.version, commit: agent.commit, form: agent.form },
    packages: [
      ...packages.map((one) => manifestPackage(one.record, one, home(one.record), "installed")),
      ...(known?.boot ?? []).map((record) =>
        manifestPackage(record, undefined, home(record), "kernel")
      ),
    ],
    deferredScripts: [],
    files: [manifestFile(name, bytes)],
  };
}
