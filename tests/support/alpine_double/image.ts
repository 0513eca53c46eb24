/**
 * A bootable image as the engine mkimage makes it, without Alpine: the parts that are psyopsOS's own (overlay, boot slot,
 * disk image, the service that mounts modules) are the real ones; kernel, packages and initramfs are the lab's.
 *
 * @module
 */
import { worldWithAgent } from "../../../lib/agent_build/forms.ts";
import { makeAgent } from "../../../lib/agent_build/make.ts";
import { packageFileName } from "../../../lib/apk/index.ts";
import { openPackages } from "../../../lib/apk/repository.ts";
import { type Bytes, concat } from "../../../lib/bytes.ts";
import { gzip } from "../../../lib/formats/gzip.ts";
import type { IsoEntry, IsoImage } from "../../../lib/formats/iso9660.ts";
import type { Host } from "../../../lib/host.ts";
import { parseDefinition } from "../../../lib/image/definition.ts";
import { makeApkovl } from "../../../lib/image/mkimage/apkovl.ts";
import { hostnameOf } from "../../../lib/image/mkimage/profile.ts";
import { choosePackages } from "../../../lib/image/packages/choose_packages.ts";
import { openSources } from "../../../lib/image/packages/sources.ts";
import { slotFromIso } from "../../../lib/image/release/from_iso.ts";
import { makeForms, SLOT_FOLDER } from "../../../lib/image/release/release_forms.ts";
import { loaderPath } from "../../../lib/image/release/slot.ts";
import { bootArchive } from "../../../lib/image/root/initrd.ts";
import { takeKernel } from "../../../lib/image/root/kernel.ts";
import { readOverlay } from "../../../lib/image/root/overlay.ts";
import type { LabImage } from "../../../lib/lab/image.ts";
import { labGlibc } from "../../../lib/lab_packages/glibc.ts";
import { openLabPackages } from "../../../lib/lab_packages/open.ts";

const ARCH = "x86_64";
const EPOCH = 1_700_000_000;
const VERSION = "1.0-iso";
const CACHE = "build/lab";

/** Makes it in `dir`. */
export async function makeIsoImage(host: Host, dir: string): Promise<LabImage> {
  const deno = { path: Deno.execPath(), version: Deno.version.deno };
  const written = parseDefinition(await host.readTextFile("overlay/image.yaml"));
  const { definition: lab, repositories } = await openSources(host, written, {
    root: ".",
    packages: "lab",
    lab: openLabPackages,
    arch: ARCH,
    cacheDir: CACHE,
    deno,
  });
  const agent = await makeAgent(host, {
    root: ".",
    form: "bundle",
    arch: ARCH,
    deno: deno.path,
    commit: "lab",
    glibc: labGlibc({ cacheDir: `${CACHE}/packages` }),
  });
  const definition = { ...lab, packages: worldWithAgent(lab.packages, agent) };
  const chosen = choosePackages(definition, repositories, ARCH);
  const apart = chosen.filter(({ role }) => role !== "installed");
  const opened = await openPackages(repositories, apart.map(({ record }) => record));
  const fileOf = (role: string, path: string) =>
    opened[apart.findIndex((one) => one.role === role)]!.entries.find((one) => one.path === path)!
      .data!;
  const kernel = takeKernel(opened[apart.findIndex(({ role }) => role === "kernel")]!, {
    flavour: "virt",
    modules: "all",
  });
  const files = new Map<string, Bytes>([
    ["boot/vmlinuz-virt", kernel.vmlinuz],
    [
      "boot/initramfs-virt",
      gzip(
        bootArchive({
          busybox: fileOf("initramfs", "bin/busybox.static"),
          init: await host.readFile("tests/support/alpine_double/init"),
          modules: kernel.bootModules,
          squashfs: new Uint8Array(),
        }),
        1,
      ),
    ],
    ["boot/modloop-virt", await modloop(host, `${dir}/modloop`, kernel.files)],
    [
      `${hostnameOf(definition)}.apkovl.tar.gz`,
      makeApkovl({
        definition,
        overlay: await readOverlay(host, "overlay/root", definition.permissions),
        agent: agent.files,
        keys: new Map(),
        repositories: [],
        facts: { version: VERSION, arch: ARCH, epoch: EPOCH, engine: "mkimage" },
        cmdline: definition.cmdline,
      }),
    ],
  ]);
  const folder = `${repositories[0]!.name}/${ARCH}`;
  files.set(`apks/${ARCH}/APKINDEX.tar.gz`, await host.readFile(`${folder}/APKINDEX.tar.gz`));
  for (const { record, role } of chosen) {
    if (role !== "installed") continue;
    const name = packageFileName(record);
    files.set(`apks/${ARCH}/${name}`, await host.readFile(`${folder}/${name}`));
  }
  const slot = slotFromIso({
    ...isoOf(files),
    version: VERSION,
    arch: ARCH,
    epoch: EPOCH,
    kernel: kernel.release,
    flavour: "virt",
    hostname: hostnameOf(definition),
    microcode: [],
    modules: definition.mkimage.modules,
    cmdline: definition.cmdline,
    service: await host.readFile("overlay/mkimage/psyopsos-modloop"),
  });
  const forms = makeForms(slot, {
    name: definition.name,
    sizeMiB: definition.disk.sizeMiB,
    loader: fileOf("loader", loaderPath(ARCH)),
  });
  const disk = forms.disk!;
  await host.mkdir(`${dir}/${SLOT_FOLDER}`);
  await host.writeExtents(`${dir}/disk.img`, disk.size, disk.extents);
  const { cmdline, initrd } = slot.document;
  const archives = initrd.map((name) => slot.files.get(name)!);
  await host.writeFile(`${dir}/vmlinuz`, kernel.vmlinuz);
  await host.writeFile(`${dir}/initrd`, concat(archives));
  return {
    version: VERSION,
    diskImage: `${dir}/disk.img`,
    kernel: `${dir}/vmlinuz`,
    initrd: `${dir}/initrd`,
    cmdline,
    packages: "lab",
    reused: false,
    sizes: { kernel: kernel.vmlinuz.length, initrd: 0, squashfs: 0, disk: disk.size },
  };
}

/** The kernel's modules as update-kernel packs them. */
async function modloop(
  host: Host,
  dir: string,
  files: ReadonlyMap<string, Bytes>,
): Promise<Bytes> {
  await host.remove(dir);
  for (const [path, data] of files) {
    const to = `${dir}/tree/${path.replace(/^lib\//, "")}`;
    await Deno.mkdir(to.slice(0, to.lastIndexOf("/")), { recursive: true });
    await Deno.writeFile(to, data);
  }
  const out = `${dir}/modloop`;
  const { code, stderr } = await host.run(
    ["mksquashfs", `${dir}/tree`, out, "-quiet", "-no-progress", "-comp", "zstd"]
      .concat("-Xcompression-level", "1", "-all-root"),
  );
  if (code !== 0) throw new Error(new TextDecoder().decode(stderr));
  const bytes = await host.readFile(out);
  await host.remove(dir);
  return bytes;
}

/** What the reader of ISO images gives for these files. */
function isoOf(files: ReadonlyMap<string, Bytes>): { iso: IsoImage; bytes: Bytes } {
  const entries = new Map<string, IsoEntry>();
  let offset = 0;
  for (const [path, { length }] of files) {
    entries.set(path, { kind: "file", size: length, offset });
    offset += length;
  }
  const iso = { volumeId: "stand-in", systemId: "LINUX", entries, boot: [] };
  return { iso, bytes: concat([...files.values()]) };
}
