/**
 * The image that the lab boots: packages from the Alpine mirror or from the lab repository, the agent as it now is, the
 * embedded engine. Nothing is built when nothing that goes into it has changed.
 *
 * @module
 */
import { worldWithAgent } from "../agent_build/forms.ts";
import { agentNote, type BuiltAgent, makeAgent } from "../agent_build/make.ts";
import { concat, sha256Hex, text, utf8 } from "../bytes.ts";
import type { Host } from "../host.ts";
import { type ImageDefinition, parseDefinition } from "../image/definition.ts";
import { buildImage } from "../image/embedded.ts";
import { openSources } from "../image/packages/sources.ts";
import { canonicalJson } from "../json.ts";
import { labGlibc } from "../lab_packages/glibc.ts";
import { openLabPackages } from "../lab_packages/open.ts";
import { sourceDigest } from "../sources.ts";

/** The lock of what images are made of, in the work folder: `task image` and the lab share the packages there. */
export const IMAGE_LOCK = ".image.lock";

/** Where packages come from. */
export const PACKAGE_SOURCES = ["auto", "mirror", "lab"] as const;
/** One of {@linkcode PACKAGE_SOURCES}. */
export type PackageSource = typeof PACKAGE_SOURCES[number];

/** Options of {@linkcode makeLabImage}. */
export interface LabImageOptions {
  /** Folder that keeps packages and images between runs. */
  dir: string;
  packages: PackageSource;
  /** "virt" is small and knows no USB; "lts" is the kernel for hardware. Default virt. */
  flavour?: "virt" | "lts";
  /** Build though nothing has changed. */
  rebuild?: boolean;
  /** Default: the agent as it now is, bundled. */
  agent?: BuiltAgent;
  /** The deno that runs this: it makes the agent's bundle, and may go into the image. */
  deno: { path: string; version: string };
  onStage?: (line: string) => void;
}

/** An image that can be booted. */
export interface LabImage {
  version: string;
  /** Raw disk image. */
  diskImage: string;
  /** For booting without firmware: kernel, one file with all initrds, command line. */
  kernel: string;
  initrd: string;
  cmdline: string;
  packages: "mirror" | "lab";
  reused: boolean;
  /** In bytes. */
  sizes: { kernel: number; initrd: number; squashfs: number; disk: number };
}

const ARCH = "x86_64";
const OVERLAY = "overlay";
/** Sources that decide what an image holds: all that the engine imports, folder by folder. */
export const BUILDERS: readonly string[] = [
  "lib/agent_build",
  "lib/apk",
  "lib/documents",
  "lib/cli",
  "lib/formats",
  "lib/image",
  "lib/kmod",
  "lib/schema",
];

/** Makes the image, or finds it when nothing has changed. */
export async function makeLabImage(host: Host, options: LabImageOptions): Promise<LabImage> {
  const { dir, flavour = "virt", onStage: stage = () => {} } = options;
  const definition = await readDefinition(host, flavour);
  const source = await openSources(host, definition, {
    root: ".",
    packages: options.packages,
    arch: ARCH,
    cacheDir: dir,
    deno: options.deno,
    lab: openLabPackages,
    onStage: stage,
  });
  const { repositories, definition: used } = source;
  const packages = source.kind === "mirror" ? "mirror" : "lab";
  const agent = options.agent ?? await makeAgent(host, {
    root: ".",
    form: "bundle",
    arch: ARCH,
    deno: options.deno.path,
    // Named after what it holds, not after the commit: a commit that changes nothing in it changes nothing here.
    commit: "lab",
    glibc: labGlibc({ cacheDir: `${dir}/packages` }),
    onStage: stage,
  });
  const withAgent = { ...used, packages: worldWithAgent(used.packages, agent) };
  const epoch = await epochOf(host);
  const index = repositories.map(({ records }) => records.map(({ checksum }) => checksum));
  const key = sha256Hex(concat([
    canonicalJson({ packages, used: withAgent, epoch, index }),
    ...[...agent.files.values()].map(({ data }) => data),
    utf8(await sourceDigest(host, "./", [OVERLAY, ...BUILDERS])),
  ]));
  // One of each kind is kept.
  const kind = options.agent ? `-${agent.form}-${agent.version}` : "";
  const imageDir = `${dir}/image-${flavour}${kind}`;
  const known = options.rebuild ? undefined : await readKnown(host, imageDir, key);
  if (known) {
    stage("the image is as it was: nothing to build");
    return { ...known, reused: true };
  }
  const version = `0.0.0-lab.${key.slice(0, 8)}`;
  const built = await buildImage(host, {
    definition: withAgent,
    repositories,
    repositoryLines: source.lines,
    keys: source.keys,
    agent: agent.files,
    agentFacts: agentNote(agent),
    overlayDir: OVERLAY,
    version,
    epoch,
    arch: ARCH,
    outDir: imageDir,
    cacheDir: `${dir}/image-cache`,
    onStage: stage,
  });
  // The firmware's way takes several archives, QEMU's own takes one.
  const initrd = `${built.dir}/initrd`;
  const archives = await Promise.all(built.initrd.map((path) => host.readFile(path)));
  await host.writeFile(initrd, concat(archives));
  const { diskImage, kernel, cmdline, sizes } = built;
  const image: LabImage = {
    version,
    diskImage,
    kernel,
    initrd,
    cmdline,
    packages,
    reused: false,
    sizes,
  };
  await host.writeFile(`${imageDir}/lab.json`, canonicalJson({ key, image }));
  for (const name of await host.readDir(imageDir)) {
    if (name !== version && name !== "lab.json") await host.remove(`${imageDir}/${name}`);
  }
  return image;
}

async function readDefinition(host: Host, flavour: string): Promise<ImageDefinition> {
  const file = `${OVERLAY}/image.yaml`;
  const definition = parseDefinition(await host.readTextFile(file), file);
  return { ...definition, kernel: { ...definition.kernel, flavour } };
}

/**
 * The image's time: the day of the newest commit, so that one day's work shares images; outside of git no time at all.
 */
async function epochOf(host: Host): Promise<number> {
  const result = await host.run(["git", "log", "-1", "--format=%ct"]);
  const seconds = result.code === 0 ? Number(text(result.stdout).trim()) : 0;
  return seconds - seconds % 86_400;
}

async function readKnown(host: Host, dir: string, key: string): Promise<LabImage | undefined> {
  const note = `${dir}/lab.json`;
  if (!await host.stat(note)) return undefined;
  const known = JSON.parse(await host.readTextFile(note)) as { key: string; image: LabImage };
  if (known.key !== key) return undefined;
  const { diskImage, kernel, initrd } = known.image;
  for (const path of [diskImage, kernel, initrd]) if (!await host.stat(path)) return undefined;
  return known.image;
}
